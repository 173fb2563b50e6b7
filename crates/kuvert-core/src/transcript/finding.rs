//! Findings: what does not fit together, as events to show and evidence to keep. Never a crash, and
//! the message is shown all the same.
//!
//! # Spec
//!
//! `spec/06-transcript.md`, "Findings".

use alloc::vec::Vec;

use kuvert_wire::transcript::{Leaf, SealedHead};
use kuvert_wire::{Decode, DecodeError, Encode, Reader};

/// Something about a running transcript that a person should know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Finding {
    /// Entries of the peer's are missing. Later ones are held back, and the missing are asked for.
    Gap {
        /// The first missing one.
        first: u64,
        /// How many.
        count: u64,
    },
    /// An entry that was held back was dropped: too many were, or for more than 30 days.
    Lost {
        /// Its number in the peer's log.
        seq: u64,
    },
    /// The peer says two things of which one excludes the other.
    Fork {
        /// About which entry or size.
        seq: u64,
        /// The statement that does not fit what was there before.
        evidence: Evidence,
    },
    /// A device has forgotten what it had said or seen: its state is an older copy.
    Rollback {
        /// Ours, or else the peer's.
        ours: bool,
    },
    /// A head that is not authentic, or not over the log that was received.
    BadHead {
        /// The head.
        head: SealedHead,
    },
}

/// What shows a fork. Leaves are the peer's word to us; two heads are proof to others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Evidence {
    /// A leaf. Its `prev` is zero where it was not part of what travelled.
    Leaf(Leaf),
    /// A head against our own log.
    Head(SealedHead),
    /// Two heads of one device.
    Heads(SealedHead, SealedHead),
}

impl Encode for Finding {
    fn encode_into(&self, out: &mut Vec<u8>) {
        match self {
            Self::Gap { first, count } => encode_numbers(1, &[*first, *count], out),
            Self::Lost { seq } => encode_numbers(2, &[*seq], out),
            Self::Fork { seq, evidence } => {
                encode_numbers(3, &[*seq], out);
                evidence.encode_into(out);
            }
            Self::Rollback { ours } => out.extend_from_slice(&[4, u8::from(*ours)]),
            Self::BadHead { head } => {
                out.push(5);
                head.encode_into(out);
            }
        }
    }

    fn encoded_len(&self) -> usize {
        1 + match self {
            Self::Gap { .. } => 16,
            Self::Lost { .. } => 8,
            Self::Fork { evidence, .. } => 8 + evidence.encoded_len(),
            Self::Rollback { .. } => 1,
            Self::BadHead { .. } => SealedHead::LEN,
        }
    }
}

fn encode_numbers(kind: u8, numbers: &[u64], out: &mut Vec<u8>) {
    out.push(kind);
    numbers.iter().for_each(|number| out.extend_from_slice(&number.to_be_bytes()));
}

impl Decode for Finding {
    fn decode_from(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match reader.u8()? {
            1 => Ok(Self::Gap { first: reader.u64()?, count: reader.u64()? }),
            2 => Ok(Self::Lost { seq: reader.u64()? }),
            3 => Ok(Self::Fork { seq: reader.u64()?, evidence: Evidence::decode_from(reader)? }),
            4 => Ok(Self::Rollback { ours: reader.flag("rollback")? }),
            5 => Ok(Self::BadHead { head: SealedHead::decode_from(reader)? }),
            _ => Err(DecodeError::Unknown { what: "finding" }),
        }
    }
}

impl Encode for Evidence {
    fn encode_into(&self, out: &mut Vec<u8>) {
        match self {
            Self::Leaf(leaf) => {
                out.push(1);
                leaf.encode_into(out);
            }
            Self::Head(head) => {
                out.push(2);
                head.encode_into(out);
            }
            Self::Heads(one, other) => {
                out.push(3);
                one.encode_into(out);
                other.encode_into(out);
            }
        }
    }

    fn encoded_len(&self) -> usize {
        1 + match self {
            Self::Leaf(_) => Leaf::LEN,
            Self::Head(_) => SealedHead::LEN,
            Self::Heads(..) => 2 * SealedHead::LEN,
        }
    }
}

impl Decode for Evidence {
    fn decode_from(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match reader.u8()? {
            1 => Leaf::decode_from(reader).map(Self::Leaf),
            2 => SealedHead::decode_from(reader).map(Self::Head),
            3 => {
                let one = SealedHead::decode_from(reader)?;
                Ok(Self::Heads(one, SealedHead::decode_from(reader)?))
            }
            _ => Err(DecodeError::Unknown { what: "evidence" }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_round_trip() {
        let bytes: Vec<u8> = (0..=168).collect();
        let leaf = Leaf::decode(&[&[1], &bytes[1..]].concat()).unwrap();
        let head = SealedHead::decode(&bytes[..SealedHead::LEN]).unwrap();
        let fork = |evidence| Finding::Fork { seq: 7, evidence };
        for finding in [
            Finding::Gap { first: 1, count: 2 },
            Finding::Lost { seq: 3 },
            fork(Evidence::Leaf(leaf)),
            fork(Evidence::Head(head)),
            fork(Evidence::Heads(head, head)),
            Finding::Rollback { ours: true },
            Finding::BadHead { head },
        ] {
            let bytes = finding.encode();
            assert_eq!(bytes.len(), finding.encoded_len());
            assert_eq!(Finding::decode(&bytes), Ok(finding));
            for len in 0..bytes.len() {
                assert!(Finding::decode(&bytes[..len]).is_err(), "{finding:?} cut to {len}");
            }
        }
    }
}
