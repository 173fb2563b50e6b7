//! The private half of a prekey, and its random name.

use alloc::vec::Vec;

use kuvert_wire::{DecodeError, KemPrekey, PrekeyId, PrekeyPublic, Reader};
use rand_core::CryptoRng;

use crate::crypto::BadKey;
use crate::crypto::dh::{self, DhSecret};
use crate::crypto::kem::mlkem1024::{CT_LEN, Seed};
use crate::secret::Secret;

/// The private keys of one prekey. The public ones stand beside it, so that loading computes nothing.
#[derive(Debug)]
pub(super) struct PrekeySecrets {
    x: Secret<32>,
    kem: Seed,
}

impl PrekeySecrets {
    /// Stored length in bytes.
    pub(super) const LEN: usize = 32 + 64;

    /// A fresh pair of pairs: the secrets, and both public halves.
    pub(super) fn generate<R: CryptoRng + ?Sized>(rng: &mut R) -> (Self, PrekeyPublic, KemPrekey) {
        let x = DhSecret::generate(rng);
        let (kem, ek) = Seed::generate(rng);
        let public = PrekeyPublic::from_bytes(*x.public());
        (Self { x: x.into_secret(), kem }, public, KemPrekey::from_boxed(ek))
    }

    /// X25519 with `their` key.
    pub(super) fn agree(&self, their: &[u8; 32]) -> Result<Secret<32>, BadKey> {
        dh::agree(&self.x, their)
    }

    /// The secret in an ML-KEM ciphertext, or one that nobody knows.
    pub(super) fn decapsulate(&self, ct: &[u8; CT_LEN]) -> Secret<32> {
        self.kem.decapsulate(ct)
    }

    pub(super) fn encode_into(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.x.expose());
        out.extend_from_slice(self.kem.secret().expose());
    }

    pub(super) fn decode_from(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let x = Secret::copied_from(reader.array_ref()?);
        let kem = Seed::from_secret(Secret::copied_from(reader.array_ref()?));
        Ok(Self { x, kem })
    }
}

/// A random id. Zero, which means "none" on the wire, is drawn again.
pub(super) fn random_id<R: CryptoRng + ?Sized>(rng: &mut R) -> PrekeyId {
    loop {
        if let Some(id) = PrekeyId::new(rng.next_u32()) {
            return id;
        }
    }
}
