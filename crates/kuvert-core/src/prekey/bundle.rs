//! Checking a peer's bundle before anything is computed with it.

use core::time::Duration;

use kuvert_wire::{
    AccountId, DeviceCert, DeviceKey, KemPrekey, MediumPrekey, OneTimePrekey, PrekeyBundle,
    PrekeyPublic, Signature, Timestamp,
};

use crate::crypto::dh;
use crate::crypto::kdf::Label;
use crate::crypto::kem::mlkem1024::EncapsulationKey;
use crate::crypto::sign;
use crate::error::{Advice, ProtocolError};
use crate::identity::{CertError, VerifiedCert};
use crate::limits::{CLOCK_SKEW, MEDIUM_VALIDITY};

/// A bundle that has been checked: its prekeys are those of the account asked for, are in date, and
/// are keys that an agreement may use. Only this begins a session.
#[derive(Clone, Debug)]
pub struct VerifiedBundle {
    cert: VerifiedCert,
    medium: MediumPrekey,
    one_time: Option<OneTimePrekey>,
    kem: EncapsulationKey,
}

impl VerifiedBundle {
    /// Checks a bundle as received from a directory, 1,862 or 3,530 bytes on the wire.
    ///
    /// `expected` is the account that was asked for, as its address says; `now` decides whether the
    /// medium prekey is in date, give or take 24 hours.
    ///
    /// # Errors
    ///
    /// - [`BundleError::Cert`]: the certificate is refused.
    /// - [`BundleError::IdentityChanged`]: it is a certificate of another account.
    /// - [`BundleError::BadSignature`]: the device has not signed a prekey.
    /// - [`BundleError::SameId`]: both prekeys have one id.
    /// - [`BundleError::Expired`], [`BundleError::NotYetValid`], [`BundleError::BadTerm`]: the medium
    ///   prekey's dates.
    /// - [`BundleError::BadKey`]: a key of small order, or an encapsulation key over the modulus.
    ///
    /// # Spec
    ///
    /// `spec/02-prekeys.md`; checks PRE-1, PRE-2 and PRE-6 to PRE-13, IDN-1, IDN-2 and IDN-4.
    pub fn verify(
        bundle: PrekeyBundle,
        expected: &AccountId,
        now: Timestamp,
    ) -> Result<Self, BundleError> {
        let PrekeyBundle { cert, medium, one_time } = bundle;
        let cert = VerifiedCert::verify(cert)?;
        if cert.account_id() != *expected {
            return Err(BundleError::IdentityChanged); // IDN-2
        }
        check_medium(&cert, &medium, now)?;
        let medium_ek = check_keys(&medium.x, &medium.ek)?; // PRE-10, PRE-12
        let one_time_ek = match &one_time {
            Some(one_time) => Some(check_one_time(&cert, one_time, &medium)?),
            None => None,
        };
        Ok(Self { cert, medium, one_time, kem: one_time_ek.unwrap_or(medium_ek) })
    }

    /// The device that the bundle belongs to.
    #[must_use]
    pub const fn cert(&self) -> &VerifiedCert {
        &self.cert
    }

    /// Whether there is no one-time prekey: the session will have a weak start, marked until the
    /// first round trip is complete.
    #[must_use]
    pub const fn is_weak_start(&self) -> bool {
        self.one_time.is_none()
    }

    pub(crate) const fn medium(&self) -> &MediumPrekey {
        &self.medium
    }

    pub(crate) const fn one_time(&self) -> Option<&OneTimePrekey> {
        self.one_time.as_ref()
    }

    /// What to encapsulate to: the one-time prekey's half if there is one, else the medium's.
    pub(crate) const fn kem(&self) -> &EncapsulationKey {
        &self.kem
    }
}

/// Why a bundle is refused. Nothing has been computed with its keys, and nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BundleError {
    /// The certificate is refused.
    #[error(transparent)]
    Cert(#[from] CertError),
    /// The certificate is that of another account.
    #[error("the bundle belongs to another account than the one asked for")]
    IdentityChanged,
    /// The device has not signed this prekey.
    #[error("the device has not signed its {prekey} prekey")]
    BadSignature {
        /// "medium" or "one-time".
        prekey: &'static str,
    },
    /// Both prekeys have the same id.
    #[error("both prekeys have the same id")]
    SameId,
    /// The medium prekey's time is over.
    #[error("the medium prekey expired {} hours ago", age.as_secs() / 3600)]
    Expired {
        /// How long ago.
        age: Duration,
    },
    /// The medium prekey comes from the future.
    #[error("the medium prekey was made {} hours in the future", ahead.as_secs() / 3600)]
    NotYetValid {
        /// How far in the future.
        ahead: Duration,
    },
    /// The medium prekey is meant to be valid for longer than 14 days, or ends before it begins.
    #[error("the medium prekey's term is not one of at most 14 days")]
    BadTerm,
    /// A prekey is of small order or over the modulus.
    #[error("a prekey is not an acceptable key")]
    BadKey,
}

impl BundleError {
    /// Whose move it is.
    #[must_use]
    pub fn advice(self) -> Advice {
        match self {
            // Nobody but a directory that cheats, or a person who has moved, causes these.
            Self::Cert(_) | Self::IdentityChanged | Self::BadSignature { .. } => Advice::AskUser,
            Self::SameId | Self::BadTerm | Self::BadKey => Advice::AskUser,
            // The peer renews its prekeys when it comes online again.
            Self::Expired { .. } | Self::NotYetValid { .. } => Advice::RetryLater,
        }
    }
}

impl From<BundleError> for ProtocolError {
    fn from(error: BundleError) -> Self {
        match error {
            BundleError::Cert(error) => error.into(),
            BundleError::IdentityChanged => Self::IdentityChanged,
            BundleError::BadSignature { .. } => Self::BadSignature,
            BundleError::SameId | BundleError::BadTerm => Self::Malformed,
            BundleError::Expired { .. } | BundleError::NotYetValid { .. } => Self::Expired,
            BundleError::BadKey => Self::BadKey,
        }
    }
}

fn check_medium(
    cert: &VerifiedCert,
    medium: &MediumPrekey,
    now: Timestamp,
) -> Result<(), BundleError> {
    let (label, bytes) = (Label::SIG_MEDIUM_PREKEY, medium.signed_bytes());
    verify(cert, label, &bytes, &medium.signature, "medium")?; // PRE-1
    if medium.not_after < medium.created || medium.not_after.since(medium.created) > MEDIUM_VALIDITY
    {
        return Err(BundleError::BadTerm); // PRE-9
    }
    let age = now.since(medium.not_after);
    if age > CLOCK_SKEW {
        return Err(BundleError::Expired { age }); // PRE-7
    }
    let ahead = medium.created.since(now);
    if ahead > CLOCK_SKEW {
        return Err(BundleError::NotYetValid { ahead }); // PRE-8
    }
    Ok(())
}

fn check_one_time(
    cert: &VerifiedCert,
    one_time: &OneTimePrekey,
    medium: &MediumPrekey,
) -> Result<EncapsulationKey, BundleError> {
    let (label, bytes) = (Label::SIG_ONETIME_PREKEY, one_time.signed_bytes());
    verify(cert, label, &bytes, &one_time.signature, "one-time")?; // PRE-2
    if one_time.id == medium.id {
        return Err(BundleError::SameId); // PRE-6
    }
    check_keys(&one_time.x, &one_time.ek) // PRE-11, PRE-13
}

/// A prekey's signature covers the computed device id, so that it cannot be moved to another device.
fn verify(
    cert: &VerifiedCert,
    label: Label<'_>,
    bytes: &[u8],
    signature: &Signature,
    prekey: &'static str,
) -> Result<(), BundleError> {
    let DeviceCert { device_key, .. } = cert.cert();
    let parts: [&[u8]; 2] = [cert.device_id().as_bytes(), bytes];
    sign::verify(DeviceKey::as_bytes(device_key), label, &parts, signature)
        .map_err(|_| BundleError::BadSignature { prekey })
}

fn check_keys(x: &PrekeyPublic, ek: &KemPrekey) -> Result<EncapsulationKey, BundleError> {
    if dh::is_small_order(x.as_bytes()) {
        return Err(BundleError::BadKey);
    }
    EncapsulationKey::check(ek.as_bytes()).map_err(|_| BundleError::BadKey)
}
