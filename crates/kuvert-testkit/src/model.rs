//! What a session must do, as plainly as it can be said: no keys, no cryptography, only who sent what
//! in which place, and what is therefore still to be opened.
//!
//! ```text
//! writer   chain c, number n: c grows with the first message after one of a new chain of the other's
//! reader   one current chain with its next number, five old ones, and the places that were passed over
//! ```
//! A letter opens once, in whatever order letters arrive, and is then a duplicate; it is lost for good
//! only when its chain is older than the five that are kept. Slow and simple on purpose: a set for
//! what the ratchet derives. Real devices are held against it, letter by letter.
//!
//! It knows one session that was answered, fewer than 1,000 letters that are passed over, and less
//! than the 30 days after which keys of letters passed over are thrown away.
//!
//! # Spec
//!
//! `spec/04-ratchet.md`, "Receiving" and "Skipped message keys".

use std::collections::{BTreeSet, VecDeque};

use kuvert_core::ProtocolError;
use kuvert_core::limits::{MAX_OLD_CHAINS, MAX_SEEN};

use crate::Side;

/// The place of a letter among all of its writer's: chain, number in it, and the length of the chain
/// before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[expect(clippy::exhaustive_structs, reason = "it is all that a header says about order")]
pub struct Place {
    /// The writer's chain.
    pub chain: u32,
    /// The letter's number in it.
    pub number: u32,
    /// How many letters the chain before had.
    pub previous: u32,
}

/// Both sides of one session.
#[derive(Clone, Debug)]
pub struct Session {
    sides: [Half; 2],
}

#[derive(Clone, Debug, Default)]
struct Half {
    /// The last place that was written to.
    last: Place,
    /// The next letter begins a chain.
    turns: bool,
    /// The other's chain, and the next number in it.
    current: (u32, u32),
    /// The other's old chains, oldest first.
    kept: VecDeque<u32>,
    /// Places of the other's that were passed over and can still be opened.
    skipped: BTreeSet<(u32, u32)>,
    /// What was opened lately, oldest first.
    seen: VecDeque<(u32, u32)>,
}

impl Session {
    /// A session in which each side has sent one letter and received one, Bob last.
    #[must_use]
    pub fn answered() -> Self {
        let half = || Half { current: (0, 1), seen: VecDeque::from([(0, 0)]), ..Half::default() };
        Self { sides: [Half { turns: true, ..half() }, half()] }
    }

    /// `from` writes a letter.
    pub fn write(&mut self, from: Side) -> Place {
        let half = &mut self.sides[from as usize];
        let Place { chain, number, previous } = half.last;
        half.last = match std::mem::take(&mut half.turns) {
            true => Place { chain: chain + 1, number: 0, previous: number + 1 },
            false => Place { chain, number: number + 1, previous },
        };
        half.last
    }

    /// A letter of the other's in this place comes to `to`.
    ///
    /// # Errors
    ///
    /// `Duplicate` if it was opened before or its key is gone; `Undecryptable` if its chain is, and
    /// it was not among the last that were opened.
    pub fn read(&mut self, to: Side, place: Place) -> Result<(), ProtocolError> {
        let half = &mut self.sides[to as usize];
        let at = (place.chain, place.number);
        if place.chain > half.current.0 {
            half.turn(place);
        }
        let opens = if place.chain == half.current.0 && place.number >= half.current.1 {
            half.skip_to(place.number);
            half.current.1 += 1;
            true
        } else {
            half.skipped.remove(&at)
        };
        if opens {
            half.note(at);
            return Ok(());
        }
        let is_known = place.chain == half.current.0 || half.kept.contains(&place.chain);
        Err(match is_known || half.seen.contains(&at) {
            true => ProtocolError::Duplicate,
            false => ProtocolError::Undecryptable,
        })
    }
}

impl Half {
    /// The other has begun a chain: the rest of the one before is passed over, and ours ends as well.
    fn turn(&mut self, place: Place) {
        self.skip_to(place.previous);
        self.kept.push_back(self.current.0);
        if self.kept.len() > MAX_OLD_CHAINS {
            let oldest = self.kept.pop_front();
            self.skipped.retain(|(chain, _)| Some(*chain) != oldest);
        }
        self.current = (place.chain, 0);
        self.turns = true;
    }

    fn skip_to(&mut self, number: u32) {
        let (chain, next) = self.current;
        self.skipped.extend((next..number).map(|number| (chain, number)));
        self.current.1 = next.max(number);
    }

    fn note(&mut self, at: (u32, u32)) {
        self.seen.push_back(at);
        if self.seen.len() > MAX_SEEN {
            self.seen.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_open_once_in_any_order() {
        let mut session = Session::answered();
        let places = [(), (), ()].map(|()| session.write(Side::Alice));
        assert_eq!(session.read(Side::Bob, places[2]), Ok(()));
        assert_eq!(session.read(Side::Bob, places[2]), Err(ProtocolError::Duplicate));
        assert_eq!(session.read(Side::Bob, places[0]), Ok(()));
        assert_eq!(session.read(Side::Bob, places[1]), Ok(()));
        assert_eq!(session.read(Side::Bob, places[1]), Err(ProtocolError::Duplicate));
    }

    #[test]
    fn a_letter_outlives_five_chains() {
        let mut session = Session::answered();
        let mut turn = |count| {
            let mut late = Vec::new();
            for _ in 0..count {
                late.push(session.write(Side::Alice));
                let letter = session.write(Side::Alice);
                session.read(Side::Bob, letter).unwrap();
                let answer = session.write(Side::Bob);
                session.read(Side::Alice, answer).unwrap();
            }
            (session.clone(), late)
        };
        let (mut after, late) = turn(MAX_OLD_CHAINS + 2);
        assert_eq!(after.read(Side::Bob, late[1]), Ok(()));
        assert_eq!(after.read(Side::Bob, late[0]), Err(ProtocolError::Undecryptable));
    }
}
