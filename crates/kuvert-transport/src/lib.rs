//! Carriers of opaque Kuvert envelopes: what a device needs from the network, and two things that give it.
//!
//! [`Transport`] posts envelopes to mailboxes and brings what arrives in one's own; [`Directory`] publishes and finds
//! prekeys. [`Loopback`] does both inside one process, for tests and demonstrations; [`RelayClient`] does both over
//! WebSocket with any number of relays. Envelopes are sealed before they come here and opened after they leave: of the
//! project's crates this one imports `kuvert-wire` alone.
//!
//! Authors of other transports check theirs with `transport_suite!` (feature `suite`).
//!
//! # Spec
//!
//! `spec/08-relay.md`.

mod backoff;
mod clock;
mod directory;
mod error;
mod loopback;
mod mutex;
mod owner;
#[cfg(feature = "websocket")]
mod relay;
#[cfg(feature = "suite")]
pub mod suite;
mod transport;

pub use backoff::Backoff;
pub use directory::{Directory, Publication};
pub use error::{Advice, Outage, TransportError};
pub use kuvert_wire::relay::{Refusal, SealedEnvelope};
pub use loopback::{Faults, Loopback, LoopbackHub};
pub use owner::MailboxOwner;
#[cfg(feature = "websocket")]
pub use relay::{RelayClient, Timing};
pub use transport::{Delivered, MailboxCursor, Profile, Route, Transport};
