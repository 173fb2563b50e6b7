//! Formats and identifiers of the Kuvert protocol: what travels, byte for byte.
//!
//! Everything that is signed, hashed, authenticated or sent has exactly one encoding, written and read here. The crate
//! holds no secrets and does no cryptography: the relay and the transports import it alone, so that they cannot decrypt
//! is a fact about their dependencies.
//!
//! Numbers are big-endian. Decoders are strict: exact lengths, no trailing bytes, no unknown version, kind, type or flag;
//! every length is bounded before anything is allocated.
//!
//! # Spec
//!
//! `spec/00-conventions.md`; each module names its own chapter.
#![no_std]

extern crate alloc;

pub mod address;
pub mod bundle;
pub mod codec;
pub mod envelope;
pub mod frame;
pub mod header;
pub mod id;
pub mod key;
pub mod label;
pub mod padding;
pub mod relay;
pub mod transcript;

pub use address::{Address, AddressError, RelayUrl};
pub use bundle::{DeviceCert, MediumPrekey, OneTimePrekey, PrekeyBundle};
pub use codec::{Decode, DecodeError, Encode, Reader};
pub use envelope::{Envelope, InitPrefix, Kind, SessionMessage};
pub use frame::{Control, Frame, FrameRef, FrameType, Receipt};
pub use header::{Fragment, Header, PqFields, PqKind};
pub use id::{
    AccountId, DeliveryToken, DeviceId, InitId, MailboxId, MessageId, PostId, PrekeyId, SessionId,
    Timestamp,
};
pub use key::{
    AccountKey, DeviceKey, EphemeralKey, IdentityKey, KemPrekey, MailboxKey, PrekeyPublic,
    RatchetPublicKey, Signature,
};
