//! The Kuvert relay: mailboxes for sealed envelopes and a directory of prekeys.
//!
//! It carries what it cannot read. Of our own crates it imports `kuvert-wire` alone, so nothing that could decrypt is in
//! it. What it stores and logs is listed in `docs/what-the-relay-sees.md`, and a test compares.
//!
//! ```text
//! server (WebSocket, connections)  →  storage (one thread, group commit)  →  engine (SQLite)
//!                                        ↓ runs
//!                          mailbox · directory · sweep     rules: pure functions of rows, request and moment
//!                          limits · proof · franking       meters; signatures; tags and reports
//! ```
//!
//! The program is `kuvert-relay`; [`Relay::start`] runs one inside another process, for tests and demonstrations.
//!
//! # Spec
//!
//! `spec/08-relay.md`.

pub mod directory;
pub mod engine;
pub mod franking;
pub mod limits;
pub mod mailbox;
pub mod outcome;
pub mod proof;
pub mod server;
pub mod storage;
pub mod sweep;

// Tests outside of this crate use the same keys, under this crate's public name.
#[cfg(test)]
extern crate self as kuvert_relay;
#[cfg(test)]
#[path = "../tests/support/keys.rs"]
mod keys;

pub use limits::Limits;
pub use server::{Relay, RelayOptions, RunningRelay, StartError};
