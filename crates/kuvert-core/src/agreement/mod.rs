//! The handshake: from identities and prekeys to the secrets of a session.
//!
//! ```text
//! DH1 = IK_A·MP_B   DH2 = EK·IK_B   DH3 = EK·MP_B   DH4 = EK·OT_B or 0^32   DH5 = IK_A·IK_B
//! (CT, SS) = Encaps(ek of the one-time prekey, or of the medium one)
//! ```
//! [`initiate`] needs a [`VerifiedBundle`] and gives the prefix of every message until the peer has
//! answered; [`respond`] needs that prefix and the prekeys it names. Both are pure functions of what
//! they are given and change nothing: a responder erases its one-time prekey, and writes any state,
//! only after the session message that came with the prefix has opened too. Until then the sender
//! has proved nothing. All secrets on the way are wiped when the functions return.
//!
//! # Spec
//!
//! `spec/03-agreement.md`.
//!
//! [`VerifiedBundle`]: crate::prekey::VerifiedBundle

mod initiator;
mod responder;
mod schedule;

use kuvert_wire::{DecodeError, InitId, InitPrefix, SessionId};

pub(crate) use initiator::initiate;
pub(crate) use responder::{Responded, respond};
#[cfg(any(test, feature = "hazmat"))]
pub(crate) use schedule::{FirstSecrets, SecondSecrets, Th1Input, schedule_with};

use crate::crypto::kdf::{Label, hash};
use crate::crypto::{BadKey, Unauthentic};
use crate::error::ProtocolError;
use crate::identity::CertError;
use crate::secret::Secret;

/// What a session starts from. Each secret is used once, for the purpose in its name.
#[derive(Debug)]
pub(crate) struct SessionSecrets {
    /// The first root key (RK).
    pub(crate) root: Secret<32>,
    /// The initiator's first sending chain.
    pub(crate) chain_i: Secret<32>,
    /// The header key of that chain.
    pub(crate) hdr_i: Secret<32>,
    /// The header key of the initiator's next chain.
    pub(crate) hdr_i_next: Secret<32>,
    /// The header key of the responder's first chain.
    pub(crate) hdr_r: Secret<32>,
    /// Where the post-quantum ratchet starts (`pqs_0`).
    pub(crate) pq_0: Secret<32>,
    /// The session's name, known to its two devices only.
    pub(crate) session_id: SessionId,
}

/// The name of a handshake's first flight: `HL("kx-replay", EK || CT)`, 32 bytes.
pub(crate) fn init_id(prefix: &InitPrefix) -> InitId {
    let parts: [&[u8]; 2] = [prefix.ephemeral_key.as_bytes(), &*prefix.kem_ciphertext];
    InitId::from_bytes(hash(Label::KX_REPLAY, &parts))
}

/// Why there is no session. Nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum AgreementError {
    /// The prefix names other prekeys than those given.
    #[error("the prekeys named in the first message are not held any more")]
    UnknownPrekey,
    /// A Diffie-Hellman result of zero.
    #[error(transparent)]
    BadKey(#[from] BadKey),
    /// The peer is this account itself.
    #[error("a session with the own account")]
    OwnAccount,
    /// The initiator's certificate does not open: a key or the transcript differs.
    #[error(transparent)]
    Unauthentic(#[from] Unauthentic),
    /// It opens to something that is no certificate.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// The certificate is refused.
    #[error(transparent)]
    Cert(#[from] CertError),
}

impl From<AgreementError> for ProtocolError {
    fn from(error: AgreementError) -> Self {
        match error {
            AgreementError::UnknownPrekey => Self::UnknownPrekey,
            AgreementError::BadKey(_) | AgreementError::OwnAccount => Self::BadKey,
            AgreementError::Unauthentic(_) => Self::Undecryptable,
            AgreementError::Decode(error) => error.into(),
            AgreementError::Cert(error) => error.into(),
        }
    }
}

#[cfg(test)]
mod tests;
