//! What a relay adds to an envelope, so that its message can be reported, and what may go with a report.
//!
//! ```text
//! Franked       (65) = from 32 | tag 33
//! Answer (169 or more) = leaf 169 | [Frame]
//! ```

use alloc::vec::Vec;

use crate::codec::{Decode, DecodeError, Encode, Reader};
use crate::frame::Frame;
use crate::transcript::{FrankingTag, Leaf};

/// From whom a relay took an envelope, and that it did. 65 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Franked {
    /// `HL("token-id", token)` of the token that it was posted with; zeros where the mailbox asks for none.
    pub from: [u8; 32],
    /// Over the envelope's franking commitment, the mailbox, `from`, and when the relay received it.
    pub tag: FrankingTag,
}

impl Franked {
    /// Length in bytes.
    pub const LEN: usize = 32 + FrankingTag::LEN;
    /// What stands for the sender where a mailbox asks for no token.
    pub const FROM_ANYONE: [u8; 32] = [0; 32];
}

impl Encode for Franked {
    fn encode_into(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.from);
        self.tag.encode_into(out);
    }

    fn encoded_len(&self) -> usize {
        Self::LEN
    }
}

impl Decode for Franked {
    fn decode_from(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { from: reader.array()?, tag: FrankingTag::decode_from(reader)? })
    }
}

/// A message of the one who reports, to go with a report: no relay has tagged it for them, but what the reported sender
/// wrote names its leaf as seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The message's place in the log of the one who reports.
    pub leaf: Leaf,
    /// The message as it was sent, with its block; `None` when its content is erased or not shown.
    pub frame: Option<Frame>,
}

impl Encode for Answer {
    fn encode_into(&self, out: &mut Vec<u8>) {
        self.leaf.encode_into(out);
        if let Some(frame) = &self.frame {
            frame.encode_into(out);
        }
    }

    fn encoded_len(&self) -> usize {
        Leaf::LEN + self.frame.as_ref().map_or(0, Encode::encoded_len)
    }
}

impl Decode for Answer {
    fn decode_from(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let leaf = Leaf::decode_from(reader)?;
        let has_frame = reader.remaining() > 0;
        let frame = has_frame.then(|| Frame::decode_from(reader)).transpose()?;
        Ok(Self { leaf, frame })
    }
}
