//! What a client and a relay say to each other: requests, replies, events, and the proofs of ownership.
//!
//! Both sides talk over one WebSocket (path [`PATH`]), each binary message holding exactly one of
//!
//! ```text
//! ClientMessage = request_id u32 (not 0) | kind u8 | fields        one RelayRequest
//! ServerMessage = request_id u32 (not 0) | kind u8 | fields        one RelayReply to that request
//!               | 0 u32                  | kind u8 | fields        one RelayEvent
//! ```
//!
//! The first message is the relay's [`Hello`] with a fresh nonce; signatures on this connection cover it (see [`proof`]),
//! so that none of them is worth anything on another one. Requests may be sent without waiting for earlier replies; the
//! reply carries the request's id. What an envelope holds is not looked at here.
//!
//! # Spec
//!
//! `spec/08-relay.md`.

mod directory;
mod event;
mod franked;
mod list;
mod mailbox;
pub mod proof;
mod reply;
mod request;

pub use directory::{Publish, StockQuery};
pub use event::{Hello, RelayEvent, ServerMessage};
pub use franked::{Answer, Franked};
pub use list::{List, TooMany};
pub use mailbox::{
    Attach, Attachment, Confirm, Delivered, Fetch, OpenMailbox, Post, SealedEnvelope,
};
pub use reply::{Messages, Refusal, Refused, RelayReply};
pub use request::{ClientMessage, RelayRequest, RequestId};

use crate::bundle::{DeviceCert, MediumPrekey, OneTimePrekey};
use crate::id::bytes_newtype;
use crate::key::Signature;

/// Where the relay answers WebSocket requests.
pub const PATH: &str = "/v1";
/// The only version of this conversation.
pub const VERSION: u8 = 1;
/// Token ids a mailbox can have: one for each contact that may post, and one spare while they are renewed.
pub const MAX_TOKENS: usize = 64;
/// Mailboxes in one [`Attach`]. A client with more attaches in several requests.
pub const MAX_ATTACH: usize = 256;
/// One-time prekeys in one [`Publish`]: a whole stock.
pub const MAX_PUBLISH: usize = 100;
/// Envelopes in one [`Messages`].
pub const MAX_FETCH: usize = 64;
/// Encoded bytes of all envelopes of one [`Messages`], with their heads: at least three of the largest. More would let
/// a thousand slow readers pin more of the relay's memory.
pub const MAX_FETCH_BYTES: usize = 256 * 1024;

/// Bytes of every message in front of its fields: id and kind.
pub const HEAD_LEN: usize = 4 + 1;
/// The longest message of a client in bytes: a [`Publish`] with a whole stock.
pub const MAX_CLIENT_MESSAGE: usize = HEAD_LEN
    + DeviceCert::LEN
    + MediumPrekey::LEN
    + 2
    + MAX_PUBLISH * OneTimePrekey::LEN
    + Signature::LEN;
/// The longest message of a relay in bytes: a full [`Messages`].
pub const MAX_SERVER_MESSAGE: usize = HEAD_LEN + 1 + 2 + MAX_FETCH_BYTES;

bytes_newtype!(
    /// The connection's nonce, 32 random bytes chosen by the relay. Every proof on the connection covers it.
    Nonce, 32);
bytes_newtype!(
    /// What a relay knows of a delivery token, 32 bytes: `HL("token-id", token)`.
    TokenId, 32);

#[cfg(test)]
mod tests;
