//! A log as far as a device has to remember it while it runs.
//!
//! ```text
//! leaves   0 … base.size … … size
//!          └ frontier ┘└ trail ┘       what is before the base is known by its frontier alone
//! ```
//!
//! A new leaf costs O(log n). What a peer may yet refer to, leaves it has not seen and sizes it has
//! not stated, is answered from the trail, which is bounded: what is older is checked by later leaves
//! and heads, since each leaf and each root commits to all before it.
//!
//! # Spec
//!
//! `spec/06-transcript.md`, "Logs and trees".

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use kuvert_wire::transcript::{TreeHash, TreeHead};
use kuvert_wire::{Decode, DecodeError, Encode, Reader};

use super::tree::{Frontier, empty_root};

/// Leaf hashes kept behind the base: 4 KiB, and four times the distance of heads.
pub(crate) const MAX_TRAIL: usize = 128;

/// The tail of a log, and a frontier at both of its ends.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Log {
    frontier: Frontier,
    base: Frontier,
    trail: VecDeque<TreeHash>,
    /// The hash of the leaf before the base.
    before: Option<TreeHash>,
}

impl Log {
    pub(crate) const fn size(&self) -> u64 {
        self.frontier.size()
    }

    /// Hash of the last leaf; [`TreeHash::NONE`] for an empty log.
    pub(crate) fn last(&self) -> TreeHash {
        self.trail.back().copied().or(self.before).unwrap_or(TreeHash::NONE)
    }

    /// Appends a leaf by its hash.
    pub(crate) fn push(&mut self, leaf: TreeHash) {
        self.frontier.push(leaf);
        self.trail.push_back(leaf);
        if self.trail.len() > MAX_TRAIL {
            self.advance_base();
        }
    }

    /// All of it.
    pub(crate) fn head(&self) -> TreeHead {
        TreeHead { size: self.size(), root: self.frontier.root() }
    }

    /// The hash of the last of the first `count` leaves; `None` if it is too old or not there yet.
    pub(crate) fn last_of(&self, count: u64) -> Option<TreeHash> {
        match count.checked_sub(self.base.size())? {
            0 if count == 0 => Some(TreeHash::NONE),
            0 => self.before,
            place => self.trail.get(usize::try_from(place - 1).ok()?).copied(),
        }
    }

    /// The root over the first `size` leaves; `None` likewise.
    pub(crate) fn root_at(&self, size: u64) -> Option<TreeHash> {
        if size == 0 {
            return Some(empty_root());
        }
        let more = usize::try_from(size.checked_sub(self.base.size())?).ok()?;
        if more > self.trail.len() {
            return None;
        }
        let mut frontier = self.base.clone();
        self.trail.iter().take(more).for_each(|leaf| frontier.push(*leaf));
        Some(frontier.root())
    }

    /// Nobody will refer to fewer than the first `size` leaves any more.
    pub(crate) fn forget_before(&mut self, size: u64) {
        while self.base.size() < size.min(self.size()) {
            self.advance_base();
        }
    }

    fn advance_base(&mut self) {
        if let Some(leaf) = self.trail.pop_front() {
            self.base.push(leaf);
            self.before = Some(leaf);
        }
    }
}

impl Encode for Log {
    /// `frontier | base | has_before u8 | [before 32] | trail`, as many leaves as the sizes differ by.
    fn encode_into(&self, out: &mut Vec<u8>) {
        self.frontier.encode_into(out);
        self.base.encode_into(out);
        out.push(u8::from(self.before.is_some()));
        self.before.iter().chain(&self.trail).for_each(|leaf| leaf.encode_into(out));
    }

    fn encoded_len(&self) -> usize {
        let hashes = usize::from(self.before.is_some()) + self.trail.len();
        self.frontier.encoded_len() + self.base.encoded_len() + 1 + TreeHash::LEN * hashes
    }
}

impl Decode for Log {
    fn decode_from(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let (frontier, base) = (Frontier::decode_from(reader)?, Frontier::decode_from(reader)?);
        let has_before = reader.flag("leaf before the trail")?;
        let before = has_before.then(|| TreeHash::decode_from(reader)).transpose()?;
        let invalid = DecodeError::Invalid { what: "trail of a log" };
        let len = frontier.size().checked_sub(base.size()).ok_or(invalid)?;
        if len > MAX_TRAIL as u64 || has_before != (base.size() > 0) {
            return Err(invalid);
        }
        let trail = (0..len).map(|_| TreeHash::decode_from(reader)).collect::<Result<_, _>>()?;
        let log = Self { frontier, base, trail, before };
        if log.root_at(log.size()) == Some(log.frontier.root()) { Ok(log) } else { Err(invalid) }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tree::{Tree, hash_of_leaf};
    use super::*;

    fn log(len: u64) -> (Log, Tree) {
        let leaves: Vec<_> = (0..len).map(|i| hash_of_leaf(&i.to_be_bytes())).collect();
        let mut log = Log::default();
        leaves.iter().for_each(|leaf| log.push(*leaf));
        (log, Tree::new(leaves))
    }

    #[test]
    fn what_is_on_the_trail_is_answered_as_by_the_whole_tree() {
        let (mut log, tree) = log(100);
        assert_eq!(log.last_of(0), Some(TreeHash::NONE));
        log.forget_before(60);
        for size in 0..=101 {
            let is_kept = (60..=100).contains(&size);
            let root = tree.root(size).filter(|_| is_kept || size == 0);
            assert_eq!(log.root_at(size), root, "{size}");
            let leaf = size.checked_sub(1).map(|i| hash_of_leaf(&i.to_be_bytes()));
            assert_eq!(log.last_of(size), leaf.filter(|_| is_kept), "{size}");
        }
        assert_eq!(log.head().root, tree.root(100).unwrap());
        log.forget_before(u64::MAX);
        assert_eq!(log.last(), hash_of_leaf(&99_u64.to_be_bytes()));
    }

    #[test]
    fn the_trail_is_bounded() {
        let (log, tree) = log(1000);
        assert_eq!(log.trail.len(), MAX_TRAIL);
        assert_eq!(log.root_at(900), tree.root(900));
        assert_eq!(log.root_at(800), None);
    }

    #[test]
    fn logs_round_trip_and_a_damaged_one_is_refused() {
        for (len, forgotten) in [(0, 0), (1, 0), (1, 1), (200, 180), (37, 5)] {
            let (mut log, _) = log(len);
            log.forget_before(forgotten);
            let bytes = log.encode();
            assert_eq!(bytes.len(), log.encoded_len());
            assert_eq!(Log::decode(&bytes).as_ref(), Ok(&log));
            if len > forgotten {
                let mut bad = bytes;
                let last = bad.len() - 1;
                bad[last] ^= 1;
                assert!(Log::decode(&bad).is_err());
            }
        }
    }

    #[test]
    fn a_trail_of_another_length_is_refused() {
        let encoded = |frontier: &Frontier, base: &Frontier, before: Option<TreeHash>, len| {
            let mut bytes = [frontier.encode(), base.encode()].concat();
            bytes.push(u8::from(before.is_some()));
            before.iter().for_each(|before| before.encode_into(&mut bytes));
            (0..len).for_each(|i: u64| hash_of_leaf(&i.to_be_bytes()).encode_into(&mut bytes));
            bytes
        };
        let frontier = |len: u64| {
            let mut frontier = Frontier::default();
            (0..len).for_each(|i| frontier.push(hash_of_leaf(&i.to_be_bytes())));
            frontier
        };
        let invalid = Err(DecodeError::Invalid { what: "trail of a log" });
        let (none, three, many) = (frontier(0), frontier(3), frontier(MAX_TRAIL as u64 + 1));
        let before = Some(hash_of_leaf(&2_u64.to_be_bytes()));
        assert!(Log::decode(&encoded(&three, &none, None, 3)).is_ok());
        assert!(Log::decode(&encoded(&three, &three, before, 0)).is_ok());
        for (bytes, what) in [
            (encoded(&many, &none, None, MAX_TRAIL as u64 + 1), "too long"),
            (encoded(&none, &three, before, 0), "it begins behind its end"),
            (encoded(&three, &none, before, 3), "a leaf before the first"),
            (encoded(&three, &three, None, 0), "no leaf before the trail"),
        ] {
            assert_eq!(Log::decode(&bytes), invalid, "{what}");
        }
    }
}
