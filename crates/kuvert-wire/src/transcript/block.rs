//! The block: what a logged frame carries behind its body, so that the receiver can build its leaf.

use alloc::vec::Vec;
use core::fmt;

use super::{HeadClaim, Salt, TreeHash};
use crate::codec::{Decode, DecodeError, Encode, Reader};

/// What makes a head authentic, 64 bytes: a signature, or a MAC and 32 zero bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct HeadAuth([u8; 64]);

impl HeadAuth {
    /// Length in bytes.
    pub const LEN: usize = 64;

    /// Wraps the bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 64]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 64] {
        &self.0
    }
}

impl fmt::Debug for HeadAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HeadAuth(64 bytes)")
    }
}

/// A head as it travels: conversation and speaker are known to whom it is for. 152 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SealedHead {
    /// What is said.
    pub claim: HeadClaim,
    /// That its speaker says so.
    pub auth: HeadAuth,
}

impl SealedHead {
    /// Length in bytes.
    pub const LEN: usize = HeadClaim::LEN + HeadAuth::LEN;
}

impl Encode for SealedHead {
    fn encode_into(&self, out: &mut Vec<u8>) {
        self.claim.encode_into(out);
        out.extend_from_slice(self.auth.as_bytes());
    }

    fn encoded_len(&self) -> usize {
        Self::LEN
    }
}

impl Decode for SealedHead {
    fn decode_from(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            claim: HeadClaim::decode_from(reader)?,
            auth: HeadAuth::from_bytes(reader.array()?),
        })
    }
}

/// The place of a message in its sender's log. 81 bytes, or 233 with a head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    /// Its number in the log.
    pub seq: u64,
    /// How many of the receiver's leaves the sender knew.
    pub seen: u64,
    /// Hash of the last of them.
    pub seen_hash: TreeHash,
    /// From which the salts of the message's parts are derived.
    pub salt: Salt,
    /// What the sender says about both logs, this message included.
    pub head: Option<SealedHead>,
}

impl Block {
    /// Length in bytes without a head.
    pub const LEN: usize = 81;
    /// Length in bytes with a head: the most that a frame has to leave room for.
    pub const MAX_LEN: usize = Self::LEN + SealedHead::LEN;
}

impl Encode for Block {
    fn encode_into(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.seq.to_be_bytes());
        out.extend_from_slice(&self.seen.to_be_bytes());
        self.seen_hash.encode_into(out);
        out.extend_from_slice(self.salt.as_bytes());
        out.push(u8::from(self.head.is_some()));
        if let Some(head) = &self.head {
            head.encode_into(out);
        }
    }

    fn encoded_len(&self) -> usize {
        Self::LEN + self.head.map_or(0, |_| SealedHead::LEN)
    }
}

impl Decode for Block {
    fn decode_from(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let seq = reader.u64()?;
        let seen = reader.u64()?;
        let seen_hash = TreeHash::decode_from(reader)?;
        let salt = Salt::from_bytes(reader.array()?);
        let has_head = reader.flag("has_head")?; // TRA-5
        let head = has_head.then(|| SealedHead::decode_from(reader)).transpose()?;
        Ok(Self { seq, seen, seen_hash, salt, head })
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;

    fn bytes(has_head: u8) -> Vec<u8> {
        let mut bytes: Vec<u8> = (0..=232).collect();
        bytes[80] = has_head;
        bytes.truncate(if has_head == 0 { Block::LEN } else { Block::MAX_LEN });
        bytes
    }

    #[test]
    fn blocks_round_trip_with_and_without_a_head() {
        assert_eq!((Block::LEN, Block::MAX_LEN), (81, 233));
        for has_head in [0, 1] {
            let bytes = bytes(has_head);
            let block = Block::decode(&bytes).expect("well-formed");
            assert_eq!(block.head.is_some(), has_head == 1);
            assert_eq!(block.encoded_len(), bytes.len());
            assert_eq!(block.encode(), bytes);
            assert!((0..bytes.len()).all(|len| Block::decode(&bytes[..len]).is_err()));
        }
    }

    /// TRA-5
    #[test]
    fn has_head_is_zero_or_one() {
        let refused = Err(DecodeError::Unknown { what: "has_head" });
        assert_eq!(Block::decode(&bytes(2)), refused);
    }

    #[test]
    fn debug_does_not_show_the_salt() {
        let block = Block::decode(&bytes(0)).expect("well-formed");
        assert!(format!("{block:?}").contains("salt: Salt(32 bytes)"));
    }
}
