//! What happens to transcripts, told beside the messages.

use alloc::boxed::Box;
use alloc::vec::Vec;

use kuvert_wire::transcript::Mode;
use kuvert_wire::{Decode, DecodeError, Encode, Reader};

use crate::transcript::Finding;

/// Something about the transcript with a peer.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TranscriptEvent {
    /// The peer would like one in this mode. It runs once a person here has said so too.
    Asked(Mode),
    /// It runs from now on: both have said so.
    Started(Mode),
    /// It does not run any more, or will not.
    Stopped,
    /// The peer writes a transcript of what it sends, and none runs here: one side has forgotten.
    NotRunning,
    /// Something does not fit.
    Finding(Box<Finding>),
}

impl Encode for TranscriptEvent {
    fn encode_into(&self, out: &mut Vec<u8>) {
        match self {
            Self::Asked(mode) => out.extend_from_slice(&[1, mode.code()]),
            Self::Started(mode) => out.extend_from_slice(&[2, mode.code()]),
            Self::Stopped => out.push(3),
            Self::NotRunning => out.push(4),
            Self::Finding(finding) => {
                out.push(5);
                finding.encode_into(out);
            }
        }
    }

    fn encoded_len(&self) -> usize {
        1 + match self {
            Self::Asked(_) | Self::Started(_) => 1,
            Self::Stopped | Self::NotRunning => 0,
            Self::Finding(finding) => finding.encoded_len(),
        }
    }
}

impl Decode for TranscriptEvent {
    fn decode_from(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(match reader.u8()? {
            1 => Self::Asked(Mode::from_code(reader.u8()?)?),
            2 => Self::Started(Mode::from_code(reader.u8()?)?),
            3 => Self::Stopped,
            4 => Self::NotRunning,
            5 => Self::Finding(Box::new(Finding::decode_from(reader)?)),
            _ => return Err(DecodeError::Unknown { what: "event of a transcript" }),
        })
    }
}
