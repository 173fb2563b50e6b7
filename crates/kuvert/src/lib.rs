//! End-to-end encrypted conversations over anything that carries bytes.
//!
//! A [`Client`] is one account on one device. It keeps everything in a sealed [`Store`], talks through
//! a [`Carrier`] such as a [`Relay`], and gives [`Event`]s. What it sends is safe on disk before it
//! leaves, is delivered once and in order, also over crashes; what it shows was authenticated by the
//! session it came in.
//!
//! ```no_run
//! use kuvert::{Address, Client, Event, Relay, Result, SqliteStore};
//!
//! # async fn tea_at_four(passphrase: &str, bobs_address: &Address, read_aloud: &str) -> Result<()> {
//! let store = SqliteStore::create("alice.kuvert", passphrase)?; // sealed at rest
//! let relay = Relay::connect("wss://relay.example").await?;
//! let mut alice = Client::create_account(store, relay, "alice").await?; // and its first device
//! alice.publish_prekeys().await?; // kept topped up from here on
//! let bob = alice.start_session(bobs_address).await?; // fetches and checks his prekey bundle
//! alice.send(bob, "Tea at four?").await?;
//! while let Some(event) = alice.next_event().await? {
//!     match event {
//!         Event::Message(message) => println!("{}: {}", message.sender(), message.text()?),
//!         Event::IdentityChanged(peer) => println!("{peer} has a new identity key: verify again"),
//!         _ => {} // new events break nobody
//!     }
//! }
//! if let Some(matched) = alice.safety_number(bob)?.compare(read_aloud) {
//!     alice.mark_verified(bob, matched)?; // only `compare` makes the proof
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # Spec
//!
//! `spec/05-messages.md`, `spec/08-relay.md`; the records that a client keeps are listed in
//! `record/mod.rs`.

mod carrier;
mod client;
mod error;
mod event;
mod name;
mod random;
mod record;
mod surroundings;
mod transcript;

#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
mod readme {}

pub use kuvert_core::ProtocolError;
pub use kuvert_core::prekey::BundleError;
pub use kuvert_core::safety_number::{SafetyNumber, SafetyNumberMatch};
pub use kuvert_core::transcript::{Finding, SwitchState as TranscriptState};
pub use kuvert_store::{MemoryStore, Part, Rollback, SqliteStore, Store, StoreError};
pub use kuvert_transport::{Advice as TransportAdvice, RelayClient, TransportError};
pub use kuvert_wire::transcript::{
    Consent, ConsentStep, Mode as TranscriptMode, PolicyId, Reason as RedactionReason,
};
pub use kuvert_wire::{AccountId, Address, AddressError, DeviceId, MessageId, RelayUrl, Timestamp};

pub use carrier::{Carrier, Relay};
pub use client::{AbuseReport, Client, Contact, ErasurePolicy, MAX_TEXT_BYTES, Status};
pub use error::Error;
pub use event::{
    Delivery, DeliveryState, Entry, Event, HistoryEntry, IdentityChange, Message, NotOpened,
    NotText, Notice, Sender, Sent, StateRollback,
};
pub use name::{MAX_NAME_CHARS, NameError, Petname};
#[cfg(feature = "hazmat")]
pub use surroundings::Surroundings;
#[cfg(not(feature = "hazmat"))]
pub(crate) use surroundings::Surroundings;
pub use transcript::{Exported, TranscriptChange, TranscriptNews};

/// Files that prove what was said: checked without a home, an account or a network.
pub mod transcripts {
    pub use kuvert_core::identity::account_id;
    pub use kuvert_core::transcript::Evidence;
    pub use kuvert_core::transcript::render;
    pub use kuvert_core::transcript::{
        ContentState, Refused, Report, Side, Signer, VerifiedItem, VerifiedTranscript, Verifier,
        verify,
    };
}

/// What operations of a client return.
pub type Result<T, E = Error> = core::result::Result<T, E>;
