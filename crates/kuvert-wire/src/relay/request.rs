//! What a client asks of a relay.
//!
//! ```text
//! kind  1 Post   2 OpenMailbox   3 Attach   4 Fetch   5 Confirm   6 CloseMailbox (mailbox 32)
//!       7 Publish   8 Stock   9 FetchBundle (account 32)   10 Ping (nothing)
//! ```

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::num::NonZeroU32;

use super::{Attach, Confirm, Fetch, HEAD_LEN, OpenMailbox, Post, Publish, StockQuery};
use crate::codec::{Decode, DecodeError, Encode, Reader};
use crate::id::{AccountId, MailboxId};

/// Ties a reply to its request: 4 bytes, chosen by the client, never zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(NonZeroU32);

impl RequestId {
    /// The first one to use on a connection.
    pub const FIRST: Self = Self(NonZeroU32::MIN);

    /// The id with this number; `None` for zero, which marks events.
    #[must_use]
    pub const fn new(number: u32) -> Option<Self> {
        match NonZeroU32::new(number) {
            Some(number) => Some(Self(number)),
            None => None,
        }
    }

    /// The number.
    #[must_use]
    pub const fn number(self) -> u32 {
        self.0.get()
    }

    /// The one to use next: counts up, and starts again at 1.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.checked_add(1).unwrap_or(NonZeroU32::MIN))
    }
}

/// One message of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientMessage {
    /// Which request this is.
    pub id: RequestId,
    /// The request.
    pub request: RelayRequest,
}

impl Encode for ClientMessage {
    fn encode_into(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.id.number().to_be_bytes());
        self.request.encode_into(out);
    }

    fn encoded_len(&self) -> usize {
        HEAD_LEN - 1 + self.request.encoded_len()
    }
}

impl Decode for ClientMessage {
    fn decode_from(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let id = RequestId::new(reader.u32()?);
        let id = id.ok_or(DecodeError::Invalid { what: "request id" })?; // REL-1
        RelayRequest::decode_from(reader).map(|request| Self { id, request })
    }
}

/// A request; each has exactly one reply.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RelayRequest {
    /// Put an envelope into a mailbox → `Done`.
    Post(Post),
    /// Make a mailbox, or change its tokens → `Done`.
    OpenMailbox(OpenMailbox),
    /// Read mailboxes on this connection → `Done`; all of them or none.
    Attach(Attach),
    /// What has arrived → `Messages`.
    Fetch(Fetch),
    /// Erase what is safely stored → `Done`.
    Confirm(Confirm),
    /// Erase an attached mailbox and all in it → `Done`.
    CloseMailbox(MailboxId),
    /// Publish prekeys → `Done`.
    Publish(Box<Publish>),
    /// How many one-time prekeys are left → `Stock`.
    Stock(StockQuery),
    /// Someone's prekeys → `Bundle`.
    FetchBundle(AccountId),
    /// Nothing → `Done`.
    Ping,
}

impl RelayRequest {
    const fn kind(&self) -> u8 {
        match self {
            Self::Post(_) => 1,
            Self::OpenMailbox(_) => 2,
            Self::Attach(_) => 3,
            Self::Fetch(_) => 4,
            Self::Confirm(_) => 5,
            Self::CloseMailbox(_) => 6,
            Self::Publish(_) => 7,
            Self::Stock(_) => 8,
            Self::FetchBundle(_) => 9,
            Self::Ping => 10,
        }
    }

    fn fields(&self) -> Option<&dyn Encode> {
        Some(match self {
            Self::Post(post) => post,
            Self::OpenMailbox(open) => open,
            Self::Attach(attach) => attach,
            Self::Fetch(fetch) => fetch,
            Self::Confirm(confirm) => confirm,
            Self::CloseMailbox(mailbox) => mailbox,
            Self::Publish(publish) => publish.as_ref(),
            Self::Stock(query) => query,
            Self::FetchBundle(account) => account,
            Self::Ping => return None,
        })
    }
}

impl Encode for RelayRequest {
    fn encode_into(&self, out: &mut Vec<u8>) {
        out.push(self.kind());
        if let Some(fields) = self.fields() {
            fields.encode_into(out);
        }
    }

    fn encoded_len(&self) -> usize {
        1 + self.fields().map_or(0, Encode::encoded_len)
    }
}

impl Decode for RelayRequest {
    fn decode_from(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(match reader.u8()? {
            1 => Self::Post(Post::decode_from(reader)?),
            2 => Self::OpenMailbox(OpenMailbox::decode_from(reader)?),
            3 => Self::Attach(Attach::decode_from(reader)?),
            4 => Self::Fetch(Fetch::decode_from(reader)?),
            5 => Self::Confirm(Confirm::decode_from(reader)?),
            6 => Self::CloseMailbox(MailboxId::decode_from(reader)?),
            7 => Self::Publish(Box::new(Publish::decode_from(reader)?)),
            8 => Self::Stock(StockQuery::decode_from(reader)?),
            9 => Self::FetchBundle(AccountId::decode_from(reader)?),
            10 => Self::Ping,
            _ => {
                return Err(DecodeError::Unknown { what: "request kind" });
            } // REL-2
        })
    }
}
