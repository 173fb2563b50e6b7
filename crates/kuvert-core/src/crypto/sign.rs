//! `Sig(sk, s, x) = Ed25519(sk, L(s) || x)`, checked with strict verification only.
//!
//! Strict: no key and no commitment of small order, no non-canonical key, scalar or point, and the
//! equation without cofactor. Looser rules let one signature be valid for several keys or messages,
//! and let two correct implementations disagree.
//!
//! # Spec
//!
//! `spec/00-conventions.md`, "Primitives".

use alloc::vec::Vec;
use core::fmt;

use kuvert_wire::Signature;
use rand_core::CryptoRng;

use super::BadSignature;
use super::backend::{self, SigningKey};
use super::kdf::Label;
use crate::secret::Secret;

/// An Ed25519 private key, kept expanded where it wipes itself; stored as its 32-byte seed.
pub(crate) struct SigningSecret {
    seed: Secret<32>,
    key: SigningKey,
}

impl SigningSecret {
    /// A fresh key.
    pub(crate) fn generate<R: CryptoRng + ?Sized>(rng: &mut R) -> Self {
        Self::from_seed(&Secret::random(rng))
    }

    /// The key with this seed.
    pub(crate) fn from_seed(seed: &Secret<32>) -> Self {
        Self { seed: seed.share(), key: SigningKey::from_seed(seed) }
    }

    /// The seed, for sealed storage.
    pub(crate) const fn seed(&self) -> &Secret<32> {
        &self.seed
    }

    /// The public key.
    pub(crate) fn public(&self) -> [u8; 32] {
        self.key.public()
    }

    /// Signs `L(label)` and the parts, in order.
    pub(crate) fn sign(&self, label: Label<'_>, parts: &[&[u8]]) -> Signature {
        self.sign_bytes(&[&[label.bytes()], parts].concat())
    }

    /// Signs bytes that begin with a label of their own, as relay requests do.
    pub(crate) fn sign_bytes(&self, parts: &[&[u8]]) -> Signature {
        Signature::from_bytes(self.key.sign(parts))
    }
}

impl fmt::Debug for SigningSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed: _, key: _ } = self;
        f.write_str("SigningSecret(32 bytes)")
    }
}

/// Checks a signature over `L(label)` and the parts, strictly.
///
/// # Errors
///
/// [`BadSignature`] whatever is wrong: key, signature or message.
pub(crate) fn verify(
    public: &[u8; 32],
    label: Label<'_>,
    parts: &[&[u8]],
    signature: &Signature,
) -> Result<(), BadSignature> {
    let mut message = Vec::with_capacity(
        label.bytes().len() + parts.iter().map(|part| part.len()).sum::<usize>(),
    );
    message.extend_from_slice(label.bytes());
    parts.iter().for_each(|part| message.extend_from_slice(part));
    verify_bytes(public, &message, signature)
}

/// Checks a signature over bytes that begin with a label of their own, strictly.
///
/// # Errors
///
/// [`BadSignature`] whatever is wrong.
pub(crate) fn verify_bytes(
    public: &[u8; 32],
    message: &[u8],
    signature: &Signature,
) -> Result<(), BadSignature> {
    if !is_canonical(public) {
        return Err(BadSignature);
    }
    match backend::verify(public, message, signature.as_bytes()) {
        true => Ok(()),
        false => Err(BadSignature),
    }
}

/// Whether the key's y-coordinate is below 2^255 − 19. Decompression reduces it silently, so that
/// one point would have two names.
fn is_canonical(public: &[u8; 32]) -> bool {
    let [low, middle @ .., high] = public;
    *low < 0xed || middle.iter().any(|&byte| byte != 0xff) || high & 0x7f != 0x7f
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;

    fn key() -> SigningSecret {
        SigningSecret::from_seed(&Secret::copied_from(&[0xab; 32]))
    }

    #[test]
    fn parts_and_label_are_signed_as_one_message() {
        let signature = key().sign(Label::FRANK, &[b"tea", b" at four"]);
        let whole = [Label::FRANK.bytes(), b"tea at four"].concat();
        assert_eq!(verify_bytes(&key().public(), &whole, &signature), Ok(()));
        assert_eq!(verify(&key().public(), Label::FRANK, &[b"tea at four"], &signature), Ok(()));
        assert_eq!(key().sign_bytes(&[&whole]), signature);
    }

    #[test]
    fn another_key_label_message_or_signature_is_refused() {
        let (public, signature) = (key().public(), key().sign(Label::FRANK, &[b"tea"]));
        let other = SigningSecret::from_seed(&Secret::copied_from(&[1; 32])).public();
        let refused = |public: &[u8; 32], label, message: &[u8], signature: &Signature| {
            assert_eq!(verify(public, label, &[message], signature), Err(BadSignature));
        };
        refused(&other, Label::FRANK, b"tea", &signature);
        refused(&public, Label::TR_HEAD, b"tea", &signature);
        refused(&public, Label::FRANK, b"ten", &signature);
        for place in 0..64 {
            let mut bytes = *signature.as_bytes();
            bytes[place] ^= 1;
            refused(&public, Label::FRANK, b"tea", &Signature::from_bytes(bytes));
        }
    }

    #[test]
    fn only_reduced_coordinates_are_canonical() {
        let mut prime = [0xff; 32];
        (prime[0], prime[31]) = (0xed, 0x7f);
        assert!(!is_canonical(&prime));
        assert!(!is_canonical(&[0xff; 32]), "the sign bit does not matter");
        for (place, byte) in [(0, 0xec), (7, 0xfe), (30, 0), (31, 0x3f), (31, 0xbf)] {
            let mut below = prime;
            below[place] = byte;
            assert!(is_canonical(&below), "byte {place} = {byte}");
        }
        assert!(is_canonical(&key().public()));
    }

    #[test]
    fn debug_has_no_key_bytes() {
        assert_eq!(format!("{:?}", key()), "SigningSecret(32 bytes)");
    }
}
