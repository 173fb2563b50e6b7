//! The Kuvert protocol: session key agreement, ratcheting message encryption, sessions and devices.
//!
//! The core does no I/O, reads no clock and has no randomness of its own: bytes, `now` and an RNG go
//! in, a [`Step`] comes out. A step holds the records that change and, locked until those are
//! durable, what may then leave: **saved before released**. Any error leaves the state as it was.
//!
//! Modules import only from their left:
//!
//! ```text
//! secret → crypto → identity, prekey → agreement | ratchet | safety_number → session → device
//! ```
//!
//! Agreement ends in session secrets and the ratchet starts from them; neither knows the other.
//!
//! # Spec
//!
//! `spec/`, chapters 00 to 05.
#![no_std]

extern crate alloc;

pub(crate) mod agreement;
pub mod at_rest;
#[cfg(test)]
mod attacks;
pub(crate) mod crypto;
pub mod device;
pub mod error;
#[cfg(any(test, feature = "hazmat"))]
pub mod hazmat;
pub mod identity;
pub mod limits;
pub mod prekey;
pub(crate) mod ratchet;
pub mod record;
pub mod safety_number;
pub mod secret;
pub(crate) mod session;
pub mod step;
pub mod transcript;

/// Which key and nonce seal what: for simulators, never in a program.
#[cfg(feature = "tap")]
pub mod tap {
    pub use crate::crypto::tap::{Seen, start, stop};
}

/// How much a core without cryptography looks at tags: for fuzzers.
#[cfg(kuvert_null_crypto)]
pub mod null_crypto {
    pub use crate::crypto::null::be_strict;
}

pub use device::{
    Content, Device, LoadError, Mailbox, Outcome, Outcomes, Outgoing, PeerView, PrekeyUpload,
    Received, Reset, SessionEnd, TranscriptEvent,
};
pub use error::{Advice, ProtocolError};
pub use ratchet::state::RatchetFacts;
pub use record::{Change, Key, Record, Version};
pub use session::{Franking, Route, SessionFacts, Status};
pub use step::{Changes, Committed, Pending, Step, WrongReceipt};
