//! Entries of the peer's as they arrive, and while they wait for those before them.

use alloc::vec::Vec;

use kuvert_wire::transcript::{Block, Leaf, PartCommitment, SealedHead, TreeHash};
use kuvert_wire::{Decode, DecodeError, Encode, Reader, Timestamp};

use super::commitment::{Logged, Openings, commitment_to_all};
use super::entry::Kept;

/// A leaf of the peer's without what only its predecessor tells, and what came with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Arrived {
    /// When.
    pub(super) at: Timestamp,
    pub(super) seq: u64,
    pub(super) seen: u64,
    pub(super) seen_hash: TreeHash,
    pub(super) time: Timestamp,
    pub(super) cm: PartCommitment,
    /// Stated by a bare leaf alone.
    pub(super) prev: Option<TreeHash>,
    pub(super) kept: Option<Kept>,
    pub(super) head: Option<SealedHead>,
}

impl Arrived {
    /// A message with its block; `None` if it is of a kind that is not logged.
    pub(super) fn message(
        logged: &Logged<'_>,
        sent: Timestamp,
        block: &Block,
        now: Timestamp,
    ) -> Option<Self> {
        logged.is_loggable().then_some(())?;
        Some(Self {
            at: now,
            seq: block.seq,
            seen: block.seen,
            seen_hash: block.seen_hash,
            time: sent,
            cm: commitment_to_all(&logged.commitments(&block.salt))?,
            prev: None,
            kept: Some(Kept::new(logged, Openings::Whole(block.salt))),
            head: block.head,
        })
    }

    /// A leaf that came alone.
    pub(super) const fn bare(leaf: &Leaf, now: Timestamp) -> Self {
        Self {
            at: now,
            seq: leaf.seq,
            seen: leaf.seen,
            seen_hash: leaf.seen_hash,
            time: leaf.time,
            cm: leaf.cm,
            prev: Some(leaf.prev),
            kept: None,
            head: None,
        }
    }

    /// Whether a message says the same as the leaf that came for it.
    pub(super) fn agrees_with(&self, leaf: &Leaf) -> bool {
        (self.seq, self.seen, self.seen_hash, self.time, self.cm)
            == (leaf.seq, leaf.seen, leaf.seen_hash, leaf.time, leaf.cm)
    }

    /// Whether it says the same as another that arrived.
    pub(super) fn agrees(&self, other: &Self) -> bool {
        (self.seen, self.seen_hash, self.time, self.cm)
            == (other.seen, other.seen_hash, other.time, other.cm)
    }
}

impl Encode for Arrived {
    fn encode_into(&self, out: &mut Vec<u8>) {
        self.at.encode_into(out);
        out.extend_from_slice(&self.seq.to_be_bytes());
        out.extend_from_slice(&self.seen.to_be_bytes());
        self.seen_hash.encode_into(out);
        self.time.encode_into(out);
        self.cm.encode_into(out);
        encode_option(self.prev.as_ref(), out);
        encode_option(self.kept.as_ref(), out);
        encode_option(self.head.as_ref(), out);
    }

    fn encoded_len(&self) -> usize {
        let prev = self.prev.map_or(0, |_| TreeHash::LEN);
        let kept = self.kept.as_ref().map_or(0, Encode::encoded_len);
        let head = self.head.map_or(0, |_| SealedHead::LEN);
        4 * 8 + 2 * 32 + 3 + prev + kept + head
    }
}

impl Decode for Arrived {
    fn decode_from(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            at: Timestamp::decode_from(reader)?,
            seq: reader.u64()?,
            seen: reader.u64()?,
            seen_hash: TreeHash::decode_from(reader)?,
            time: Timestamp::decode_from(reader)?,
            cm: PartCommitment::decode_from(reader)?,
            prev: decode_option(reader)?,
            kept: decode_option(reader)?,
            head: decode_option(reader)?,
        })
    }
}

pub(super) fn encode_option<T: Encode>(value: Option<&T>, out: &mut Vec<u8>) {
    out.push(u8::from(value.is_some()));
    if let Some(value) = value {
        value.encode_into(out);
    }
}

pub(super) fn decode_option<T: Decode>(reader: &mut Reader<'_>) -> Result<Option<T>, DecodeError> {
    let is_some = reader.flag("presence")?;
    is_some.then(|| T::decode_from(reader)).transpose()
}
