//! Reports of abuse: one frame, and what the relay needs to see that it carried it.
//!
//! ```text
//! tag    (33)          = kid u8 | HM(K_kid, "frank-tag", fc || to || from || time) 32
//! report (frame + 169) = Frame | fk 32 | fc 32 | to 32 | from 32 | time u64 | tag 33
//! ```

use alloc::vec::Vec;
use core::fmt;

use crate::codec::{Decode, DecodeError, Encode, Reader};
use crate::frame::MAX_FRAME;
use crate::id::{MailboxId, Timestamp};

/// What a relay adds to an envelope that it accepts. 33 bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct FrankingTag {
    /// Which of the relay's keys made it.
    pub key_id: u8,
    /// The MAC.
    pub mac: [u8; 32],
}

impl FrankingTag {
    /// Length in bytes.
    pub const LEN: usize = 33;
}

impl fmt::Debug for FrankingTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FrankingTag(key {})", self.key_id)
    }
}

impl Encode for FrankingTag {
    fn encode_into(&self, out: &mut Vec<u8>) {
        out.push(self.key_id);
        out.extend_from_slice(&self.mac);
    }

    fn encoded_len(&self) -> usize {
        Self::LEN
    }
}

impl Decode for FrankingTag {
    fn decode_from(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { key_id: reader.u8()?, mac: reader.array()? })
    }
}

/// A report: it opens this one frame and nothing else.
#[derive(Clone, PartialEq, Eq)]
pub struct FrankingReport {
    /// The frame as it was inside the envelope, at most 65,535 bytes.
    pub frame: Vec<u8>,
    /// The frame's franking key, from its message key and salt.
    pub franking_key: [u8; 32],
    /// The commitment that stood in the envelope.
    pub commitment: [u8; 32],
    /// The mailbox it was posted to: the relay does not know whose that is.
    pub to: MailboxId,
    /// The hash of the delivery token it was posted with; zeros where anyone may post.
    pub from: [u8; 32],
    /// When the relay accepted it.
    pub time: Timestamp,
    /// That the relay did.
    pub tag: FrankingTag,
}

impl FrankingReport {
    /// Bytes behind the frame.
    pub const TAIL_LEN: usize = 169;
}

impl fmt::Debug for FrankingReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FrankingReport")
            .field("frame_len", &self.frame.len())
            .field("to", &self.to)
            .field("time", &self.time)
            .field("tag", &self.tag)
            .finish_non_exhaustive()
    }
}

impl Encode for FrankingReport {
    fn encode_into(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.frame);
        out.extend_from_slice(&self.franking_key);
        out.extend_from_slice(&self.commitment);
        self.to.encode_into(out);
        out.extend_from_slice(&self.from);
        self.time.encode_into(out);
        self.tag.encode_into(out);
    }

    fn encoded_len(&self) -> usize {
        self.frame.len() + Self::TAIL_LEN
    }
}

impl Decode for FrankingReport {
    /// Takes everything that is left: the frame is what stands before the tail.
    fn decode_from(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let frame_len = reader.remaining().saturating_sub(Self::TAIL_LEN);
        if frame_len > MAX_FRAME {
            return Err(DecodeError::TooLong { what: "frame", limit: MAX_FRAME }); // TRA-50
        }
        Ok(Self {
            frame: reader.take(frame_len)?.to_vec(),
            franking_key: reader.array()?,
            commitment: reader.array()?,
            to: MailboxId::decode_from(reader)?,
            from: reader.array()?,
            time: Timestamp::decode_from(reader)?,
            tag: FrankingTag::decode_from(reader)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;

    #[test]
    fn a_report_round_trips() {
        let bytes: Vec<u8> = (0..=255).collect();
        let report = FrankingReport::decode(&bytes).expect("long enough");
        assert_eq!(report.frame.len(), 256 - FrankingReport::TAIL_LEN);
        assert_eq!(report.encode(), bytes);
        assert_eq!(report.tag.encode(), bytes[256 - FrankingTag::LEN..]);
    }

    /// TRA-50
    #[test]
    fn a_report_is_neither_too_short_nor_too_long() {
        assert!((0..=168).all(|len| FrankingReport::decode(&[0; 168][..len]).is_err()));
        assert!(FrankingReport::decode(&vec![0; MAX_FRAME + 169]).is_ok());
        let refused = Err(DecodeError::TooLong { what: "frame", limit: MAX_FRAME });
        assert_eq!(FrankingReport::decode(&vec![0; MAX_FRAME + 170]), refused);
    }
}
