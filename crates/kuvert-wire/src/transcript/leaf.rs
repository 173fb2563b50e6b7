//! Leaves and heads: what a log's tree is built over, and what is said about it.

use alloc::vec::Vec;

use super::{ConversationId, PartCommitment, TreeHash};
use crate::codec::{Decode, DecodeError, Encode, Reader};
use crate::id::{DeviceId, Timestamp};

/// The only version of leaves.
const LEAF_VERSION: u8 = 1;

/// One entry of a log, as it is hashed. 169 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leaf {
    /// The conversation.
    pub conversation: ConversationId,
    /// Whose log it is in: the sender's.
    pub device: DeviceId,
    /// Its number in this log, from 0.
    pub seq: u64,
    /// Hash of the leaf before; [`TreeHash::NONE`] for the first.
    pub prev: TreeHash,
    /// How many of the other log's leaves the sender knew.
    pub seen: u64,
    /// Hash of the last of them; [`TreeHash::NONE`] if none.
    pub seen_hash: TreeHash,
    /// When the sender says it was sent.
    pub time: Timestamp,
    /// The commitment to the message's parts.
    pub cm: PartCommitment,
}

impl Leaf {
    /// Length in bytes.
    pub const LEN: usize = 169;
}

impl Encode for Leaf {
    fn encode_into(&self, out: &mut Vec<u8>) {
        out.push(LEAF_VERSION);
        self.conversation.encode_into(out);
        self.device.encode_into(out);
        out.extend_from_slice(&self.seq.to_be_bytes());
        self.prev.encode_into(out);
        out.extend_from_slice(&self.seen.to_be_bytes());
        self.seen_hash.encode_into(out);
        self.time.encode_into(out);
        self.cm.encode_into(out);
    }

    fn encoded_len(&self) -> usize {
        Self::LEN
    }
}

impl Decode for Leaf {
    fn decode_from(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let version = reader.u8()?;
        if version != LEAF_VERSION {
            return Err(DecodeError::UnsupportedVersion { found: version.into() }); // TRA-1
        }
        Ok(Self {
            conversation: ConversationId::decode_from(reader)?,
            device: DeviceId::decode_from(reader)?,
            seq: reader.u64()?,
            prev: TreeHash::decode_from(reader)?,
            seen: reader.u64()?,
            seen_hash: TreeHash::decode_from(reader)?,
            time: Timestamp::decode_from(reader)?,
            cm: PartCommitment::decode_from(reader)?,
        })
    }
}

/// The first `size` leaves of a log, by their root. 40 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TreeHead {
    /// Number of leaves.
    pub size: u64,
    /// Root of the tree over them.
    pub root: TreeHash,
}

impl Encode for TreeHead {
    fn encode_into(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.size.to_be_bytes());
        self.root.encode_into(out);
    }

    fn encoded_len(&self) -> usize {
        40
    }
}

impl Decode for TreeHead {
    fn decode_from(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { size: reader.u64()?, root: TreeHash::decode_from(reader)? })
    }
}

/// "This I said, this I received": both logs as one side has them. 88 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeadClaim {
    /// The speaker's own log.
    pub own: TreeHead,
    /// The other log, as far as the speaker has it without a gap.
    pub peer: TreeHead,
    /// When the speaker says this was.
    pub time: Timestamp,
}

impl HeadClaim {
    /// Length in bytes.
    pub const LEN: usize = 88;
}

impl Encode for HeadClaim {
    fn encode_into(&self, out: &mut Vec<u8>) {
        self.own.encode_into(out);
        self.peer.encode_into(out);
        self.time.encode_into(out);
    }

    fn encoded_len(&self) -> usize {
        Self::LEN
    }
}

impl Decode for HeadClaim {
    fn decode_from(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            own: TreeHead::decode_from(reader)?,
            peer: TreeHead::decode_from(reader)?,
            time: Timestamp::decode_from(reader)?,
        })
    }
}

/// A claim with its conversation and speaker: what is signed. 136 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// The conversation.
    pub conversation: ConversationId,
    /// Who says so.
    pub device: DeviceId,
    /// What is said.
    pub claim: HeadClaim,
}

impl Head {
    /// Length in bytes.
    pub const LEN: usize = 136;
}

impl Encode for Head {
    fn encode_into(&self, out: &mut Vec<u8>) {
        self.conversation.encode_into(out);
        self.device.encode_into(out);
        self.claim.encode_into(out);
    }

    fn encoded_len(&self) -> usize {
        Self::LEN
    }
}

impl Decode for Head {
    fn decode_from(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            conversation: ConversationId::decode_from(reader)?,
            device: DeviceId::decode_from(reader)?,
            claim: HeadClaim::decode_from(reader)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_round_trip_at_their_lengths() {
        let mut bytes: Vec<u8> = (0..=168).collect();
        bytes[0] = LEAF_VERSION;
        assert_eq!(Leaf::decode(&bytes).map(|leaf| leaf.encode()), Ok(bytes.clone()));
        assert_eq!(Head::decode(&bytes[..136]).map(|head| head.encode()), Ok(bytes[..136].into()));
        let claim = HeadClaim::decode(&bytes[..HeadClaim::LEN]).expect("of its length");
        assert_eq!(claim.encode(), bytes[..88]);
        assert_eq!([claim.own.encode(), claim.peer.encode()].concat(), bytes[..80]);
        assert!((0..Leaf::LEN).all(|len| Leaf::decode(&bytes[..len]).is_err()));
        assert!((0..Head::LEN).all(|len| Head::decode(&bytes[..len]).is_err()));
    }

    /// TRA-1
    #[test]
    fn another_version_of_leaves_is_refused() {
        let refused = Err(DecodeError::UnsupportedVersion { found: 2 });
        assert_eq!(Leaf::decode(&[2; Leaf::LEN]), refused);
    }
}
