//! What has been received lately: tells a message that comes twice from two messages in one place.
//!
//! A device makes one message for each number of a chain and saves that before it sends. So two
//! authentic headers that differ and name the same place were made from one state used twice: an old
//! copy was put back, or somebody holds a copy. The network cannot make such headers, it can only
//! bring one again.
//!
//! ```text
//! count u8 (≤ 64) × (chain u32 | number u32 | first 4 bytes of the header's tag)
//! ```
//!
//! # Spec
//!
//! `spec/04-ratchet.md`, "Receiving"; checks RAT-7 and RAT-10.

use alloc::sync::Arc;
use alloc::vec::Vec;

use kuvert_wire::envelope::TAG_LEN;
use kuvert_wire::{DecodeError, Reader};

use crate::limits::MAX_SEEN;

/// The messages received last, oldest first, as they are stored.
///
/// States that are copies of each other share them: sending leaves them as they are.
#[derive(Clone, Default)]
pub(super) struct Seen(Arc<Places>);

#[derive(Clone)]
struct Places {
    all: [Place; MAX_SEEN],
    count: usize,
}

/// Chain, number and mark.
type Place = [u8; 12];

impl Default for Places {
    fn default() -> Self {
        Self { all: [[0; 12]; MAX_SEEN], count: 0 }
    }
}

impl Places {
    fn as_slice(&self) -> &[Place] {
        &self.all[..self.count]
    }

    fn push(&mut self, place: Place) {
        if self.count == MAX_SEEN {
            self.all.copy_within(1.., 0);
            self.count -= 1;
        }
        self.all[self.count] = place;
        self.count += 1;
    }
}

impl Seen {
    /// Notes a message whose body has opened.
    pub(super) fn note(&mut self, chain: u32, number: u32, sealed_header: &[u8]) {
        let new = place(chain, number, mark_of(sealed_header));
        Arc::make_mut(&mut self.0).push(new);
    }

    /// Whether another message than this one was received in its place.
    pub(super) fn contradicts(&self, chain: u32, number: u32, sealed_header: &[u8]) -> bool {
        let this = place(chain, number, mark_of(sealed_header));
        self.0.as_slice().iter().any(|place| place[..8] == this[..8] && *place != this)
    }

    /// Whether this message was received lately, in whatever chain.
    pub(super) fn has(&self, sealed_header: &[u8]) -> bool {
        let mark = mark_of(sealed_header);
        self.0.as_slice().iter().any(|place| place[8..] == mark)
    }

    pub(super) fn encode_into(&self, out: &mut Vec<u8>) {
        let places = self.0.as_slice();
        out.push(u8::try_from(places.len()).expect("at most 64 are kept"));
        out.extend_from_slice(places.as_flattened());
    }

    pub(super) fn encoded_len(&self) -> usize {
        1 + self.0.as_slice().as_flattened().len()
    }

    pub(super) fn decode_from(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let count = usize::from(reader.u8()?);
        if count > MAX_SEEN {
            return Err(DecodeError::TooLong { what: "received messages", limit: MAX_SEEN });
        }
        let mut places = Places::default();
        for _ in 0..count {
            places.push(reader.array()?);
        }
        Ok(Self(Arc::new(places)))
    }
}

fn place(chain: u32, number: u32, mark: [u8; 4]) -> Place {
    let ([a, b, c, d], [e, f, g, h], [i, j, k, l]) =
        (chain.to_be_bytes(), number.to_be_bytes(), mark);
    [a, b, c, d, e, f, g, h, i, j, k, l]
}

/// Part of the header's tag. Headers have random nonces, so two of them differ here; one that comes
/// again is the same byte for byte.
fn mark_of(sealed_header: &[u8]) -> [u8; 4] {
    let tag = sealed_header.last_chunk::<TAG_LEN>();
    tag.map_or([0; 4], |[a, b, c, d, ..]| [*a, *b, *c, *d])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_message_in_a_known_place_contradicts() {
        let mut seen = Seen::default();
        seen.note(1, 7, &[1; 195]);
        assert!(!seen.contradicts(1, 7, &[1; 195]), "the same one again");
        assert!(!seen.contradicts(1, 8, &[2; 195]), "another place");
        assert!(!seen.contradicts(2, 7, &[2; 195]), "another chain");
        assert!(seen.contradicts(1, 7, &[2; 195]));
    }

    #[test]
    fn the_newest_are_kept_and_come_back() {
        let mut seen = Seen::default();
        (0..100).for_each(|number| seen.note(0, number, &[1; 195]));
        let mut bytes = Vec::new();
        seen.encode_into(&mut bytes);
        assert_eq!(bytes.len(), 1 + 12 * MAX_SEEN);
        let mut reader = Reader::new(&bytes);
        let again = Seen::decode_from(&mut reader).expect("its own bytes");
        reader.finish().expect("all of them");
        assert!(again.contradicts(0, 36, &[2; 195]) && !again.contradicts(0, 35, &[2; 195]));
    }

    #[test]
    fn more_than_the_limit_is_refused() {
        let bytes = [&[65][..], &[0; 65 * 12]].concat();
        assert!(Seen::decode_from(&mut Reader::new(&bytes)).is_err());
    }
}
