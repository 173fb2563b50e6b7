//! What comes of an envelope: not only opened or refused.
//!
//! # Spec
//!
//! `spec/05-messages.md`, "Outcomes".

use alloc::vec::Vec;

use kuvert_wire::{AccountKey, Decode, DecodeError, DeviceId, Encode, Reader, Timestamp};

use super::content::Received;
use super::transcripts::TranscriptEvent;
use crate::error::ProtocolError;

/// One thing that came of an envelope.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// It was opened, and this is what it says.
    Message(Received),
    /// It was opened before. Nothing has changed.
    AlreadyReceived,
    /// It cannot be opened yet. It waits in the store, and is tried again when something has changed.
    Pending {
        /// Why it cannot be opened now.
        cause: ProtocolError,
        /// When it is given up.
        deadline: Timestamp,
        /// Whose it is: its header says so, or the mailbox that it was found in.
        peer: DeviceId,
    },
    /// The session with this peer does not work. It will be replaced by a new one.
    HealingStarted {
        /// Whose session it is.
        peer: DeviceId,
        /// When the new one is due.
        not_before: Timestamp,
    },
    /// A new session has taken the place of one that did not work, and both sides have it.
    Healed {
        /// Whose session it is.
        peer: DeviceId,
    },
    /// A device that is not the known one speaks for a known account. What it sent waits, and nothing
    /// is sent to this account until a person has answered.
    IdentityChanged {
        /// The device that is new.
        peer: DeviceId,
        /// The account that it speaks for.
        account: AccountKey,
    },
    /// Two messages of the peer's stand in one place: an old copy of its state is in use, by accident
    /// or by somebody else.
    CloneSuspected {
        /// Whose state it is.
        peer: DeviceId,
    },
    /// Something about the transcript with a peer.
    Transcript {
        /// With whom.
        peer: DeviceId,
        /// What.
        event: TranscriptEvent,
    },
    /// It is dropped.
    Rejected {
        /// Why. Whose move it is says [`ProtocolError::advice`].
        cause: ProtocolError,
        /// Whose it seems to be, if anything says so.
        peer: Option<DeviceId>,
    },
}

/// All that came of one envelope, in order: one thing at least, a dozen at most.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcomes(Vec<Outcome>);

impl Outcomes {
    pub(super) const fn of(outcomes: Vec<Outcome>) -> Self {
        Self(outcomes)
    }

    /// Looks at them in order.
    pub fn iter(&self) -> core::slice::Iter<'_, Outcome> {
        self.0.iter()
    }

    /// The message, if one was opened.
    #[must_use]
    pub fn message(&self) -> Option<&Received> {
        self.0.iter().find_map(|outcome| match outcome {
            Outcome::Message(received) => Some(received),
            _ => None,
        })
    }
}

impl IntoIterator for Outcomes {
    type Item = Outcome;
    type IntoIter = alloc::vec::IntoIter<Outcome>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a> IntoIterator for &'a Outcomes {
    type Item = &'a Outcome;
    type IntoIter = core::slice::Iter<'a, Outcome>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl Encode for Outcomes {
    fn encode_into(&self, out: &mut Vec<u8>) {
        out.push(u8::try_from(self.0.len()).expect("at most a dozen"));
        self.0.iter().for_each(|outcome| outcome.encode_into(out));
    }

    fn encoded_len(&self) -> usize {
        1 + self.0.iter().map(Encode::encoded_len).sum::<usize>()
    }
}

impl Decode for Outcomes {
    fn decode_from(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let count = reader.u8()?;
        (0..count).map(|_| Outcome::decode_from(reader)).collect::<Result<_, _>>().map(Self)
    }
}

impl Encode for Outcome {
    fn encode_into(&self, out: &mut Vec<u8>) {
        match self {
            Self::Message(received) => {
                let len = u32::try_from(received.encoded_len()).unwrap_or(u32::MAX);
                out.push(1);
                out.extend_from_slice(&len.to_be_bytes());
                received.encode_into(out);
            }
            Self::AlreadyReceived => out.push(2),
            Self::Pending { cause, deadline, peer } => {
                out.extend_from_slice(&[3, cause.code()]);
                deadline.encode_into(out);
                peer.encode_into(out);
            }
            Self::HealingStarted { peer, not_before } => {
                out.push(4);
                peer.encode_into(out);
                not_before.encode_into(out);
            }
            Self::Healed { peer } => {
                out.push(5);
                peer.encode_into(out);
            }
            Self::IdentityChanged { peer, account } => {
                out.push(6);
                peer.encode_into(out);
                account.encode_into(out);
            }
            Self::CloneSuspected { peer } => {
                out.push(7);
                peer.encode_into(out);
            }
            Self::Transcript { peer, event } => {
                out.push(9);
                peer.encode_into(out);
                event.encode_into(out);
            }
            Self::Rejected { cause, peer } => {
                out.extend_from_slice(&[8, cause.code(), u8::from(peer.is_some())]);
                if let Some(peer) = peer {
                    peer.encode_into(out);
                }
            }
        }
    }

    fn encoded_len(&self) -> usize {
        1 + match self {
            Self::Message(received) => 4 + received.encoded_len(),
            Self::AlreadyReceived => 0,
            Self::Pending { .. } => 1 + 8 + DeviceId::LEN,
            Self::HealingStarted { .. } => DeviceId::LEN + 8,
            Self::Healed { .. } | Self::CloneSuspected { .. } => DeviceId::LEN,
            Self::IdentityChanged { .. } => DeviceId::LEN + AccountKey::LEN,
            Self::Transcript { event, .. } => DeviceId::LEN + event.encoded_len(),
            Self::Rejected { peer, .. } => 2 + peer.map_or(0, |_| DeviceId::LEN),
        }
    }
}

impl Decode for Outcome {
    fn decode_from(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(match reader.u8()? {
            1 => {
                let len = usize::try_from(reader.u32()?).unwrap_or(usize::MAX);
                Self::Message(Received::decode(reader.take(len)?)?)
            }
            2 => Self::AlreadyReceived,
            3 => Self::Pending {
                cause: decode_cause(reader)?,
                deadline: Timestamp::decode_from(reader)?,
                peer: DeviceId::decode_from(reader)?,
            },
            4 => Self::HealingStarted {
                peer: DeviceId::decode_from(reader)?,
                not_before: Timestamp::decode_from(reader)?,
            },
            5 => Self::Healed { peer: DeviceId::decode_from(reader)? },
            6 => Self::IdentityChanged {
                peer: DeviceId::decode_from(reader)?,
                account: AccountKey::decode_from(reader)?,
            },
            7 => Self::CloneSuspected { peer: DeviceId::decode_from(reader)? },
            8 => {
                let cause = decode_cause(reader)?;
                let has_peer = reader.flag("has_peer")?;
                let peer = has_peer.then(|| DeviceId::decode_from(reader)).transpose()?;
                Self::Rejected { cause, peer }
            }
            9 => Self::Transcript {
                peer: DeviceId::decode_from(reader)?,
                event: TranscriptEvent::decode_from(reader)?,
            },
            _ => return Err(DecodeError::Unknown { what: "outcome" }),
        })
    }
}

pub(super) fn decode_cause(reader: &mut Reader<'_>) -> Result<ProtocolError, DecodeError> {
    let code = reader.u8()?;
    ProtocolError::from_code(code).ok_or(DecodeError::Unknown { what: "cause" })
}

#[cfg(test)]
mod tests {
    use alloc::boxed::Box;
    use alloc::vec;

    use kuvert_wire::transcript::Mode;

    use super::*;
    use crate::transcript::Finding;

    #[test]
    fn outcomes_round_trip() {
        let peer = DeviceId::from_bytes([7; 16]);
        let at = Timestamp::from_millis(5);
        let mut all = vec![
            Outcome::AlreadyReceived,
            Outcome::HealingStarted { peer, not_before: at },
            Outcome::Healed { peer },
            Outcome::IdentityChanged { peer, account: AccountKey::from_bytes([9; 32]) },
            Outcome::CloneSuspected { peer },
            Outcome::Transcript { peer, event: TranscriptEvent::Asked(Mode::Signed) },
            Outcome::Transcript { peer, event: TranscriptEvent::Started(Mode::Deniable) },
            Outcome::Transcript { peer, event: TranscriptEvent::Stopped },
            Outcome::Transcript { peer, event: TranscriptEvent::NotRunning },
            Outcome::Transcript {
                peer,
                event: TranscriptEvent::Finding(Box::new(Finding::Lost { seq: 3 })),
            },
        ];
        for cause in ProtocolError::ALL {
            all.push(Outcome::Pending { cause, deadline: at, peer });
            all.push(Outcome::Rejected { cause, peer: None });
            all.push(Outcome::Rejected { cause, peer: Some(peer) });
        }
        let outcomes = Outcomes::of(all);
        let bytes = outcomes.encode();
        assert_eq!(bytes.len(), outcomes.encoded_len());
        assert_eq!(Outcomes::decode(&bytes), Ok(outcomes));
    }
}
