//! Who is who: account, device and identity keys, and the certificate that ties them together.
//!
//! ```text
//! DeviceCert.sig = Sig(account_sk, "sig device", the 113 bytes before it)
//! device_id      = HL("device-id", sig_pk || dh_pk)[0..16]
//! account_id     = HL("account-id", account_pk)
//! mailbox_id     = HL("mailbox-id", mailbox_pk)        token_id = HL("token-id", token)
//! ```
//! Ids are always computed, never believed. This module checks certificates; what is pinned, and
//! what happens when a peer's account key changes, is the session's business.
//!
//! # Spec
//!
//! `spec/01-identity.md`.

use alloc::vec::Vec;

use kuvert_wire::{
    AccountId, AccountKey, Decode, DecodeError, DeliveryToken, DeviceCert, DeviceId, DeviceKey,
    Encode, IdentityKey, MailboxId, MailboxKey, Reader, Signature, Timestamp,
};
use rand_core::CryptoRng;

use crate::crypto::dh::{self, DhSecret};
use crate::crypto::kdf::{Label, hash};
use crate::crypto::sign::{self, SigningSecret};
use crate::error::ProtocolError;
use crate::secret::Secret;

/// Version of the device list that a new account's first device belongs to.
const FIRST_LIST_VERSION: u64 = 1;

/// The name of an account, 32 bytes.
#[must_use]
pub fn account_id(account: &AccountKey) -> AccountId {
    AccountId::from_bytes(hash(Label::ACCOUNT_ID, &[account.as_bytes()]))
}

/// The name of the device in a certificate, 16 bytes.
#[must_use]
pub fn device_id(cert: &DeviceCert) -> DeviceId {
    device_id_of(&cert.device_key, &cert.identity_key)
}

/// The name of the device with these two keys, 16 bytes.
pub(crate) fn device_id_of(device: &DeviceKey, identity: &IdentityKey) -> DeviceId {
    let digest = hash(Label::DEVICE_ID, &[device.as_bytes(), identity.as_bytes()]);
    let [id, _] = halves(&digest);
    DeviceId::from_bytes(id)
}

/// The name of a mailbox at a relay, 32 bytes.
#[must_use]
pub fn mailbox_id(key: &MailboxKey) -> MailboxId {
    MailboxId::from_bytes(hash(Label::MAILBOX_ID, &[key.as_bytes()]))
}

/// What a relay knows of a delivery token, 32 bytes.
#[must_use]
pub fn token_id(token: &DeliveryToken) -> [u8; 32] {
    hash(Label::TOKEN_ID, &[token.as_bytes()])
}

fn halves(digest: &[u8; 32]) -> [[u8; 16]; 2] {
    core::array::from_fn(|half| core::array::from_fn(|i| digest[16 * half + i]))
}

/// A certificate that has been checked: its keys belong to its account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedCert {
    cert: DeviceCert,
    device_id: DeviceId,
}

impl VerifiedCert {
    /// Checks a certificate, 177 bytes, as received.
    ///
    /// # Errors
    ///
    /// - [`CertError::BadSignature`]: the account key has not signed it.
    /// - [`CertError::BadKey`]: its identity key is a point of small order.
    ///
    /// # Spec
    ///
    /// `spec/01-identity.md`; checks IDN-1 and IDN-4.
    pub fn verify(cert: DeviceCert) -> Result<Self, CertError> {
        let (account, signature) = (cert.account_key.as_bytes(), &cert.signature);
        sign::verify(account, Label::SIG_DEVICE, &[&cert.signed_bytes()], signature)
            .map_err(|_| CertError::BadSignature)?; // IDN-1
        if dh::is_small_order(cert.identity_key.as_bytes()) {
            return Err(CertError::BadKey); // IDN-4
        }
        Ok(Self::of_ours(cert))
    }

    /// One that this device has made itself, or has just verified.
    fn of_ours(cert: DeviceCert) -> Self {
        Self { device_id: device_id(&cert), cert }
    }

    /// The certificate.
    #[must_use]
    pub const fn cert(&self) -> &DeviceCert {
        &self.cert
    }

    /// The account it belongs to.
    #[must_use]
    pub const fn account_key(&self) -> &AccountKey {
        &self.cert.account_key
    }

    /// The name of that account.
    #[must_use]
    pub fn account_id(&self) -> AccountId {
        account_id(&self.cert.account_key)
    }

    /// The device's computed name.
    #[must_use]
    pub const fn device_id(&self) -> &DeviceId {
        &self.device_id
    }
}

/// Why a certificate is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CertError {
    /// The account key has not signed it.
    #[error("the account key has not signed this certificate")]
    BadSignature,
    /// Its identity key is a point of small order.
    #[error("unacceptable identity key in the certificate")]
    BadKey,
}

impl From<CertError> for ProtocolError {
    fn from(error: CertError) -> Self {
        match error {
            CertError::BadSignature => Self::BadSignature,
            CertError::BadKey => Self::BadKey,
        }
    }
}

/// All secrets that make a device what it is, and its certificate.
///
/// Signing keys are seeds here and are made ready when something is signed, which is rare: loading
/// computes nothing. What is signed with is made from the seed alone, so that a record in which the
/// public key is another one makes bad signatures and gives no key away.
#[derive(Debug)]
pub(crate) struct IdentityKeyPair {
    account: Secret<32>,
    device: Secret<32>,
    /// IK.
    pub(crate) identity: DhSecret,
    cert: VerifiedCert,
}

impl IdentityKeyPair {
    /// A new account and its first device.
    pub(crate) fn generate<R: CryptoRng + ?Sized>(now: Timestamp, rng: &mut R) -> Self {
        let account = SigningSecret::generate(rng);
        let device = SigningSecret::generate(rng);
        let identity = DhSecret::generate(rng);
        Self::certified(&account, &device, identity, now)
    }

    fn certified(
        account: &SigningSecret,
        device: &SigningSecret,
        identity: DhSecret,
        now: Timestamp,
    ) -> Self {
        let cert = issue(account, device, &identity, now);
        Self { account: account.seed().share(), device: device.seed().share(), identity, cert }
    }

    /// Certifies devices.
    #[cfg(test)]
    pub(crate) fn account(&self) -> SigningSecret {
        SigningSecret::from_seed(&self.account)
    }

    /// Signs prekeys and relay requests.
    pub(crate) fn device(&self) -> SigningSecret {
        SigningSecret::from_seed(&self.device)
    }

    /// A device whose certificate names `claimed` and is signed by `account`, whoever that is.
    #[cfg(test)]
    pub(crate) fn certified_by<R: CryptoRng + ?Sized>(
        account: &SigningSecret,
        claimed: AccountKey,
        rng: &mut R,
    ) -> Self {
        let mut pair = Self::generate(Timestamp::default(), rng);
        let cert = &mut pair.cert.cert;
        cert.account_key = claimed;
        cert.signature = account.sign(Label::SIG_DEVICE, &[&cert.signed_bytes()]);
        pair
    }

    /// One more device of the same account.
    #[cfg(test)]
    pub(crate) fn another_device<R: CryptoRng + ?Sized>(
        of: &Self,
        now: Timestamp,
        rng: &mut R,
    ) -> Self {
        let (device, identity) = (SigningSecret::generate(rng), DhSecret::generate(rng));
        Self::certified(&of.account(), &device, identity, now)
    }

    /// The device's own certificate.
    pub(crate) const fn cert(&self) -> &VerifiedCert {
        &self.cert
    }

    /// The device's own name.
    pub(crate) const fn device_id(&self) -> &DeviceId {
        &self.cert.device_id
    }

    /// Three seeds of 32 bytes and the certificate, 273 bytes, for sealed storage.
    pub(crate) fn encode_into(&self, out: &mut Vec<u8>) {
        // First: growing midway would leave secrets behind in the old allocation.
        out.reserve(3 * 32 + DeviceCert::LEN);
        out.extend_from_slice(self.account.expose());
        out.extend_from_slice(self.device.expose());
        out.extend_from_slice(self.identity.secret().expose());
        self.cert.cert.encode_into(out);
    }

    /// Reads what [`IdentityKeyPair::encode_into`] wrote. That the public keys and the signature are
    /// those of the seeds is not computed again.
    ///
    /// # Errors
    ///
    /// A [`DecodeError`] for bytes of another form.
    pub(crate) fn decode_from(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let mut secret = || Ok(Secret::copied_from(reader.array_ref()?));
        let (account, device, identity) = (secret()?, secret()?, secret()?);
        let cert = VerifiedCert::of_ours(DeviceCert::decode_from(reader)?);
        let identity = DhSecret::from_stored(identity, *cert.cert.identity_key.as_bytes());
        Ok(Self { account, device, identity, cert })
    }
}

fn issue(
    account: &SigningSecret,
    device: &SigningSecret,
    identity: &DhSecret,
    issued: Timestamp,
) -> VerifiedCert {
    let mut cert = DeviceCert {
        account_key: AccountKey::from_bytes(account.public()),
        device_key: DeviceKey::from_bytes(device.public()),
        identity_key: IdentityKey::from_bytes(*identity.public()),
        issued,
        list_version: FIRST_LIST_VERSION,
        signature: Signature::from_bytes([0; Signature::LEN]),
    };
    cert.signature = account.sign(Label::SIG_DEVICE, &[&cert.signed_bytes()]);
    VerifiedCert::of_ours(cert)
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use rand_chacha::ChaCha20Rng;
    use rand_chacha::rand_core::SeedableRng;

    use super::*;

    fn pair() -> IdentityKeyPair {
        IdentityKeyPair::generate(Timestamp::from_millis(1_000), &mut ChaCha20Rng::seed_from_u64(1))
    }

    /// Computed by another implementation of SHA-256, over the length of the label, the label and the key.
    #[test]
    fn a_relay_knows_mailboxes_and_tokens_by_these_hashes() {
        let mailbox = mailbox_id(&MailboxKey::from_bytes([1; 32]));
        assert_eq!(
            hex::encode(mailbox.as_bytes()),
            "bbd073b492fbae03584ae1bd1e462cf545b80b259a368b0be192ce99b7e6cfd6"
        );
        assert_eq!(
            hex::encode(token_id(&DeliveryToken::from_bytes([2; 16]))),
            "f1c41dcac63611020c2ed9b836332dcea1c00a081ab2471a0b8beecaef1c5c66"
        );
    }

    #[test]
    fn an_own_certificate_verifies() {
        let cert = pair().cert().cert().clone();
        let verified = VerifiedCert::verify(cert.clone()).unwrap();
        assert_eq!(verified.cert(), &cert);
        assert_eq!(verified.device_id(), &device_id(&cert));
        assert_eq!(verified.account_id(), account_id(&cert.account_key));
    }

    /// IDN-1
    #[test]
    fn a_certificate_with_any_byte_changed_is_refused() {
        let bytes = pair().cert().cert().encode();
        for place in 1..bytes.len() {
            let mut bad = bytes.clone();
            bad[place] ^= 1;
            let cert = DeviceCert::decode(&bad).unwrap();
            assert_eq!(VerifiedCert::verify(cert), Err(CertError::BadSignature), "byte {place}");
        }
    }

    /// IDN-4
    #[test]
    fn an_identity_key_of_small_order_is_refused() {
        let pair = pair();
        let mut cert = pair.cert().cert().clone();
        cert.identity_key = IdentityKey::from_bytes([0; 32]);
        cert.signature = pair.account().sign(Label::SIG_DEVICE, &[&cert.signed_bytes()]);
        assert_eq!(VerifiedCert::verify(cert), Err(CertError::BadKey));
    }

    #[test]
    fn secrets_survive_storage() {
        let mut stored = Vec::new();
        pair().encode_into(&mut stored);
        assert_eq!(stored.len(), 96 + DeviceCert::LEN);
        let loaded = IdentityKeyPair::decode_from(&mut Reader::new(&stored)).unwrap();
        assert_eq!(loaded.cert(), pair().cert());
        let mut again = Vec::new();
        loaded.encode_into(&mut again);
        assert_eq!(again, stored);
    }

    #[test]
    fn a_public_key_that_is_not_that_of_its_seed_is_not_signed_with() {
        let mut stored = Vec::new();
        pair().encode_into(&mut stored);
        let device_key_at = stored.len() - DeviceCert::LEN + 1 + 32;
        stored[device_key_at] ^= 8;
        let loaded = IdentityKeyPair::decode_from(&mut Reader::new(&stored)).unwrap();
        assert_ne!(loaded.cert(), pair().cert());
        assert_ne!(loaded.cert().cert().device_key, pair().cert().cert().device_key);
        assert_eq!(loaded.device().sign_bytes(&[b"x"]), pair().device().sign_bytes(&[b"x"]));
    }

    #[test]
    fn debug_has_no_secrets() {
        let (pair, text) = (pair(), format!("{:?}", pair()));
        for secret in [&pair.account, &pair.device, pair.identity.secret()].map(Secret::expose) {
            assert!(!text.contains(&hex::encode(&secret[..4])));
            assert!(!text.contains(&format!("{:?}", &secret[..4])[1..15]));
        }
    }
}
