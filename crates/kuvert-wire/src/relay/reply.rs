//! What a relay answers.
//!
//! ```text
//! kind  1 Done (nothing)   2 Messages   3 Bundle (1862 / 3530)   4 Stock (one_time u16)   5 Refused
//! Messages = more u8 (0/1) | count u16 ≤ 64 | count × Delivered
//! Refused  = reason u8 | retry_after_ms u32
//! reason   1 NotFound   2 NotOwner   3 BadSignature   4 RateLimited   5 MailboxFull   6 TooMany
//!          7 Malformed   8 Unavailable
//! ```

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::{Delivered, List, MAX_FETCH};
use crate::bundle::PrekeyBundle;
use crate::codec::{Decode, DecodeError, Encode, Reader};

/// The answer to one request.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RelayReply {
    /// Done, and durable.
    Done,
    /// What has arrived.
    Messages(Messages),
    /// Someone's prekeys.
    Bundle(Box<PrekeyBundle>),
    /// One-time prekeys left.
    Stock {
        /// How many.
        one_time: u16,
    },
    /// Not done; nothing has changed.
    Refused(Refused),
}

impl RelayReply {
    const fn kind(&self) -> u8 {
        match self {
            Self::Done => 1,
            Self::Messages(_) => 2,
            Self::Bundle(_) => 3,
            Self::Stock { .. } => 4,
            Self::Refused(_) => 5,
        }
    }
}

impl Encode for RelayReply {
    fn encode_into(&self, out: &mut Vec<u8>) {
        out.push(self.kind());
        match self {
            Self::Done => {}
            Self::Messages(messages) => messages.encode_into(out),
            Self::Bundle(bundle) => bundle.encode_into(out),
            Self::Stock { one_time } => out.extend_from_slice(&one_time.to_be_bytes()),
            Self::Refused(refused) => refused.encode_into(out),
        }
    }

    fn encoded_len(&self) -> usize {
        1 + match self {
            Self::Done => 0,
            Self::Messages(messages) => messages.encoded_len(),
            Self::Bundle(bundle) => bundle.encoded_len(),
            Self::Stock { .. } => 2,
            Self::Refused(refused) => refused.encoded_len(),
        }
    }
}

impl Decode for RelayReply {
    fn decode_from(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(match reader.u8()? {
            1 => Self::Done,
            2 => Self::Messages(Messages::decode_from(reader)?),
            3 => Self::Bundle(Box::new(PrekeyBundle::decode_from(reader)?)),
            4 => Self::Stock { one_time: reader.u16()? },
            5 => Self::Refused(Refused::decode_from(reader)?),
            _ => return Err(DecodeError::Unknown { what: "reply kind" }), // REL-2
        })
    }
}

/// Envelopes of all attached mailboxes, in the order in which they arrived at the relay.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Messages {
    /// More is waiting: fetch again.
    pub more: bool,
    /// The envelopes.
    pub items: List<Delivered, MAX_FETCH>,
}

impl Encode for Messages {
    fn encode_into(&self, out: &mut Vec<u8>) {
        out.push(u8::from(self.more));
        self.items.encode_into(out);
    }

    fn encoded_len(&self) -> usize {
        1 + self.items.encoded_len()
    }
}

impl Decode for Messages {
    fn decode_from(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { more: reader.flag("more")?, items: List::decode_from(reader)? })
    }
}

/// A request that was not done. 5 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Why, as far as a stranger may know.
    pub reason: Refusal,
    /// When trying again may help, in milliseconds; 0 when waiting changes nothing.
    pub retry_after_ms: u32,
}

impl Encode for Refused {
    fn encode_into(&self, out: &mut Vec<u8>) {
        out.push(self.reason.code());
        out.extend_from_slice(&self.retry_after_ms.to_be_bytes());
    }

    fn encoded_len(&self) -> usize {
        5
    }
}

impl Decode for Refused {
    fn decode_from(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let reason = Refusal::from_code(reader.u8()?);
        let reason = reason.ok_or(DecodeError::Unknown { what: "refusal" })?; // REL-2
        Ok(Self { reason, retry_after_ms: reader.u32()? })
    }
}

/// Why a relay refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// There is no such mailbox or account, or the token does not open the mailbox: which one is not told.
    #[error("no such mailbox or account, or not with this token")]
    NotFound,
    /// The mailbox is not attached on this connection, or a newer device holds the account.
    #[error("not the owner")]
    NotOwner,
    /// A signature does not verify for this connection.
    #[error("a signature does not verify")]
    BadSignature,
    /// Too fast: try again later.
    #[error("too many requests")]
    RateLimited,
    /// The mailbox holds as much as it may: try again when its owner has been there.
    #[error("the mailbox is full")]
    MailboxFull,
    /// A limit of the relay on how many of something one client may have.
    #[error("over a limit of the relay")]
    TooMany,
    /// Well-formed, but its parts contradict each other.
    #[error("the request contradicts itself")]
    Malformed,
    /// The relay cannot do it now.
    #[error("the relay cannot do this now")]
    Unavailable,
}

impl Refusal {
    const ALL: [Self; 8] = [
        Self::NotFound,
        Self::NotOwner,
        Self::BadSignature,
        Self::RateLimited,
        Self::MailboxFull,
        Self::TooMany,
        Self::Malformed,
        Self::Unavailable,
    ];

    /// The byte on the wire.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::NotFound => 1,
            Self::NotOwner => 2,
            Self::BadSignature => 3,
            Self::RateLimited => 4,
            Self::MailboxFull => 5,
            Self::TooMany => 6,
            Self::Malformed => 7,
            Self::Unavailable => 8,
        }
    }

    fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|refusal| refusal.code() == code)
    }
}
