//! The initiator's side.

use kuvert_wire::{Encode, EphemeralKey, InitPrefix};
use rand_core::CryptoRng;

use super::schedule::{CERT_LEN, FirstSecrets, FirstStage, SecondSecrets, Th1Input};
use super::{AgreementError, SessionSecrets};
use crate::crypto::BadKey;
use crate::crypto::dh::DhSecret;
use crate::identity::IdentityKeyPair;
use crate::prekey::VerifiedBundle;
use crate::secret::Secret;

/// What an initiator has after the handshake.
#[derive(Debug)]
pub(crate) struct Initiated {
    /// What the session starts from.
    pub(crate) secrets: SessionSecrets,
    /// What goes in front of each message until the peer has answered.
    pub(crate) prefix: InitPrefix,
}

/// Begins a session with the owner of `bundle`.
///
/// # Errors
///
/// - [`AgreementError::OwnAccount`]: the bundle is one of our own account.
/// - [`AgreementError::BadKey`]: a Diffie-Hellman result is zero.
///
/// # Spec
///
/// `spec/03-agreement.md`; checks IDN-6 and AGR-4.
pub(crate) fn initiate<R: CryptoRng + ?Sized>(
    our: &IdentityKeyPair,
    bundle: &VerifiedBundle,
    rng: &mut R,
) -> Result<Initiated, AgreementError> {
    if bundle.cert().account_key() == our.cert().account_key() {
        return Err(AgreementError::OwnAccount); // IDN-6
    }
    Ok(run(our, bundle, rng)?)
}

pub(super) fn run<R: CryptoRng + ?Sized>(
    our: &IdentityKeyPair,
    bundle: &VerifiedBundle,
    rng: &mut R,
) -> Result<Initiated, BadKey> {
    let ephemeral = DhSecret::generate(rng);
    let (kem_ciphertext, ss) = bundle.kem().encapsulate(rng);
    let first = first_secrets(&ephemeral, bundle, ss)?;
    let second = second_secrets(our, bundle)?;

    let one_time = bundle.one_time().map(Encode::encode);
    let transcript = Th1Input {
        cert_b: &bundle.cert().cert().encode(),
        medium: &bundle.medium().encode(),
        one_time: one_time.as_deref(),
        ephemeral_key: ephemeral.public(),
        kem_ciphertext: &kem_ciphertext,
    };
    let stage = FirstStage::derive(&transcript, first);
    let cert = encoded_cert(our);
    let sealed_cert = stage.seal_cert(&cert);
    let prefix = InitPrefix {
        medium_id: bundle.medium().id,
        one_time_id: bundle.one_time().map(|one_time| one_time.id),
        ephemeral_key: EphemeralKey::from_bytes(*ephemeral.public()),
        kem_ciphertext,
        sealed_cert,
    };
    Ok(Initiated { secrets: stage.finish(&sealed_cert, &cert, second), prefix })
}

fn first_secrets(
    ephemeral: &DhSecret,
    bundle: &VerifiedBundle,
    ss: Secret<32>,
) -> Result<FirstSecrets, BadKey> {
    let one_time = bundle.one_time();
    Ok(FirstSecrets {
        dh2: ephemeral.agree(bundle.cert().cert().identity_key.as_bytes())?,
        dh3: ephemeral.agree(bundle.medium().x.as_bytes())?,
        dh4: one_time.map(|one_time| ephemeral.agree(one_time.x.as_bytes())).transpose()?,
        ss,
    })
}

fn second_secrets(our: &IdentityKeyPair, bundle: &VerifiedBundle) -> Result<SecondSecrets, BadKey> {
    Ok(SecondSecrets {
        dh1: our.identity.agree(bundle.medium().x.as_bytes())?,
        dh5: our.identity.agree(bundle.cert().cert().identity_key.as_bytes())?,
    })
}

fn encoded_cert(our: &IdentityKeyPair) -> [u8; CERT_LEN] {
    our.cert().cert().encode().try_into().expect("certificates have one length")
}
