//! Carriers of opaque Kuvert envelopes: what a device needs from the network, and two things that give it.
//!
//! [`Transport`] posts envelopes to mailboxes and brings what arrives in one's own; [`Directory`] publishes and finds
//! prekeys. [`Loopback`] does both inside one process, for tests and demonstrations; [`RelayClient`] does both over
//! WebSocket with any number of relays. Envelopes are sealed before they come here and opened after they leave: of the
//! project's crates this one imports `kuvert-wire` alone.
//!
//! ```
//! use std::time::Duration;
//!
//! use kuvert_transport::{LoopbackHub, MailboxCursor, MailboxOwner, Route, Transport, TransportError};
//! use kuvert_wire::PostId;
//!
//! async fn carry(hub: &LoopbackHub, bobs_mailbox: MailboxOwner) -> Result<(), TransportError> {
//!     let (alice, bob) = (hub.endpoint(), hub.endpoint());
//!     let mailbox = bobs_mailbox.mailbox();
//!     bob.open(&bobs_mailbox, &[]).await?; // anyone who knows its name may post to it
//!     bob.attach(&[MailboxCursor { owner: bobs_mailbox, after: 0 }]).await?;
//!
//!     let route = Route { relay: hub.url().clone(), mailbox, token: None };
//!     alice.post(&route, PostId::from_bytes([7; 16]), b"sealed").await?;
//!
//!     let delivered = bob.next(Duration::from_secs(1)).await?.expect("it has arrived");
//!     assert_eq!(delivered.envelope.as_bytes(), b"sealed");
//!     bob.confirm(&mailbox, delivered.position).await // it is stored here, and erased there
//! }
//! # use ed25519_dalek::{Signer, SigningKey};
//! # use kuvert_wire::{MailboxKey, Signature};
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), TransportError> {
//! #     let key = SigningKey::from_bytes(&[1; 32]);
//! #     let public = MailboxKey::from_bytes(key.verifying_key().to_bytes());
//! #     let sign = move |message: &[u8]| Signature::from_bytes(key.sign(message).to_bytes());
//! #     let hub = LoopbackHub::new("wss://relay.example".parse().expect("a relay's URL"));
//! #     carry(&hub, MailboxOwner::new(public, sign)).await
//! # }
//! ```
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
