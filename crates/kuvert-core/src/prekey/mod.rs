//! Prekeys: what lets someone write first to a device that is not there.
//!
//! ```text
//! MediumPrekey.sig  = Sig(sig_sk, "sig medium-prekey",  device_id || the 1620 bytes before sig)
//! OneTimePrekey.sig = Sig(sig_sk, "sig onetime-prekey", device_id || the 1604 bytes before sig)
//! ```
//! A prekey is always a pair, X25519 and ML-KEM-1024, under one signature: there are no half-hybrid
//! combinations. Ours are key pairs; theirs come in a [`PrekeyBundle`] and are used only once that
//! has become a [`VerifiedBundle`]. When to make, publish and erase prekeys is the device's business.
//!
//! # Spec
//!
//! `spec/02-prekeys.md`.
//!
//! [`PrekeyBundle`]: kuvert_wire::PrekeyBundle

mod bundle;
mod medium;
mod one_time;
mod secrets;

pub use bundle::{BundleError, VerifiedBundle};
pub(crate) use medium::MediumPrekeyPair;
pub(crate) use one_time::OneTimePrekeyPair;

#[cfg(test)]
mod tests;
