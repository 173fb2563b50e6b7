//! The trait that publishes and finds prekeys.

use std::future::Future;

use kuvert_wire::{AccountId, DeviceCert, MediumPrekey, OneTimePrekey, PrekeyBundle, RelayUrl};

use crate::{MailboxOwner, TransportError};

/// The public prekeys of one device, to be published together.
#[derive(Clone, Debug)]
pub struct Publication {
    /// The device's certificate, 177 bytes.
    pub cert: DeviceCert,
    /// The medium-term prekey, 1,684 bytes; also handed out when one-time prekeys have run out.
    pub medium: MediumPrekey,
    /// One-time prekeys to add to those on the relay, 1,668 bytes each; may be empty.
    pub one_time: Vec<OneTimePrekey>,
}

/// A directory of prekeys: one's own are published at the home relay, others' are fetched from theirs.
///
/// `device` is the owner of the device's front door: its key is the device key of the certificate.
///
/// A directory is not trusted. It cannot make keys for an account id, and the caller verifies every bundle against the
/// id it asked for; it can only withhold.
///
/// # Spec
///
/// `spec/02-prekeys.md`, `spec/08-relay.md`.
pub trait Directory: Send + Sync {
    /// Publishes prekeys: replaces certificate and medium prekey, adds the one-time prekeys, opens the front door.
    ///
    /// May be repeated: a one-time prekey that the relay has or had is not added again. Another device of the account
    /// takes its place if its certificate was issued later; the stock is then empty at first.
    ///
    /// # Errors
    ///
    /// Any [`TransportError`]; `NotOwner` if a newer device holds the account. On error some of the one-time prekeys may
    /// have been published.
    fn publish(
        &self,
        device: &MailboxOwner,
        publication: &Publication,
    ) -> impl Future<Output = Result<(), TransportError>> + Send;

    /// How many one-time prekeys of this device the relay still has; 0 if it has published nothing.
    ///
    /// # Errors
    ///
    /// Any [`TransportError`].
    fn stock(
        &self,
        device: &MailboxOwner,
    ) -> impl Future<Output = Result<u16, TransportError>> + Send;

    /// Fetches a prekey bundle of `account` from `relay`. Not verified: that is the caller's next step.
    ///
    /// Each one-time prekey is handed out once; when there is none, or too many were asked for, the bundle has the
    /// medium prekey alone.
    ///
    /// # Errors
    ///
    /// Any [`TransportError`]; `NotFound` if the relay does not know the account.
    fn fetch_bundle(
        &self,
        relay: &RelayUrl,
        account: &AccountId,
    ) -> impl Future<Output = Result<PrekeyBundle, TransportError>> + Send;
}
