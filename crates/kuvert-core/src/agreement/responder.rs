//! The responder's side.

use kuvert_wire::{Decode, DeviceCert, Encode, InitPrefix};

use super::schedule::{FirstSecrets, FirstStage, SecondSecrets, Th1Input};
use super::{AgreementError, SessionSecrets};
use crate::crypto::BadKey;
use crate::identity::{IdentityKeyPair, VerifiedCert};
use crate::prekey::{MediumPrekeyPair, OneTimePrekeyPair};

/// What a responder has after the handshake, and must not keep before the message has opened too.
#[derive(Debug)]
pub(crate) struct Responded {
    /// What the session starts from.
    pub(crate) secrets: SessionSecrets,
    /// Who began it: to be compared with what is pinned.
    pub(crate) their: VerifiedCert,
}

/// Answers a first message, given the prekeys that its prefix names.
///
/// # Errors
///
/// - [`AgreementError::UnknownPrekey`]: these are not the prekeys that the prefix names.
/// - [`AgreementError::BadKey`]: a Diffie-Hellman result is zero.
/// - [`AgreementError::Unauthentic`]: the certificate does not open.
/// - [`AgreementError::Decode`], [`AgreementError::Cert`]: it opens and is no good certificate.
/// - [`AgreementError::OwnAccount`]: it is one of our own account.
///
/// # Spec
///
/// `spec/03-agreement.md`; checks AGR-2 to AGR-6 and IDN-6.
pub(crate) fn respond(
    our: &IdentityKeyPair,
    medium: &MediumPrekeyPair,
    one_time: Option<&OneTimePrekeyPair>,
    prefix: &InitPrefix,
) -> Result<Responded, AgreementError> {
    if prefix.medium_id != medium.id() {
        return Err(AgreementError::UnknownPrekey); // AGR-2
    }
    if prefix.one_time_id != one_time.map(OneTimePrekeyPair::id) {
        return Err(AgreementError::UnknownPrekey); // AGR-3
    }
    let first = first_secrets(our, medium, one_time, prefix)?;
    let stage = first_stage(our, medium, one_time, prefix, first);
    let cert = stage.open_cert(&prefix.sealed_cert)?;
    let their = verified(our, &cert)?;
    let second = second_secrets(our, medium, &their)?;
    Ok(Responded { secrets: stage.finish(&prefix.sealed_cert, &cert, second), their })
}

fn first_secrets(
    our: &IdentityKeyPair,
    medium: &MediumPrekeyPair,
    one_time: Option<&OneTimePrekeyPair>,
    prefix: &InitPrefix,
) -> Result<FirstSecrets, BadKey> {
    let (ek, ct) = (prefix.ephemeral_key.as_bytes(), &prefix.kem_ciphertext);
    Ok(FirstSecrets {
        dh2: our.identity.agree(ek)?,
        dh3: medium.agree(ek)?,
        dh4: one_time.map(|one_time| one_time.agree(ek)).transpose()?,
        ss: match one_time {
            Some(one_time) => one_time.decapsulate(ct),
            None => medium.decapsulate(ct),
        },
    })
}

fn first_stage(
    our: &IdentityKeyPair,
    medium: &MediumPrekeyPair,
    one_time: Option<&OneTimePrekeyPair>,
    prefix: &InitPrefix,
    secrets: FirstSecrets,
) -> FirstStage {
    let one_time = one_time.map(|one_time| one_time.public().encode());
    let transcript = Th1Input {
        cert_b: &our.cert().cert().encode(),
        medium: &medium.public().encode(),
        one_time: one_time.as_deref(),
        ephemeral_key: prefix.ephemeral_key.as_bytes(),
        kem_ciphertext: &prefix.kem_ciphertext,
    };
    FirstStage::derive(&transcript, secrets)
}

fn verified(our: &IdentityKeyPair, cert: &[u8]) -> Result<VerifiedCert, AgreementError> {
    let cert = DeviceCert::decode(cert)?;
    let their = VerifiedCert::verify(cert)?; // AGR-6
    if their.account_key() == our.cert().account_key() {
        return Err(AgreementError::OwnAccount); // IDN-6
    }
    Ok(their)
}

fn second_secrets(
    our: &IdentityKeyPair,
    medium: &MediumPrekeyPair,
    their: &VerifiedCert,
) -> Result<SecondSecrets, BadKey> {
    let identity_key = their.cert().identity_key.as_bytes();
    Ok(SecondSecrets { dh1: medium.agree(identity_key)?, dh5: our.identity.agree(identity_key)? })
}
