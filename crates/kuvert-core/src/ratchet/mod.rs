//! The Double Ratchet with header encryption and a post-quantum ratchet in its headers.
//!
//! ```text
//! RootStep(RK, dh, mix) → RK', CK, NHK        ChainStep(CK, n) → MK, CK'
//!
//! send:     [step due: new DHs, RootStep, new chain] → ChainStep → seal header, seal body
//! receive:  find the header key → [new chain: keep the old one, RootStep] → skip to n → ChainStep → open body
//! ```
//!
//! The ratchet owns keys, counters, skipped keys and epochs of one session, and turns frames into
//! session messages and back. It knows neither peers nor the handshake. A message is opened on a
//! copy of the state: what comes out is a [`receive::Opened`] with the new state beside the frame,
//! and an error leaves nothing behind.
//!
//! # Spec
//!
//! `spec/04-ratchet.md`; checks RAT-1 to RAT-23. Sealing: `spec/05-messages.md`, MSG-1 to MSG-8.

pub(crate) mod erasure;
pub(crate) mod keys;
pub(crate) mod pq;
pub(crate) mod receive;
pub(crate) mod sealing;
mod seen;
pub(crate) mod send;
pub(crate) mod skipped;
pub(crate) mod state;
mod stored;
#[cfg(test)]
mod tests;

pub(crate) use pq::Role;
pub(crate) use state::{Ratchet, Seeds};
