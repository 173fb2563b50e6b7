//! X25519 (RFC 7748).
//!
//! Public keys are used as the exact bytes received; whoever hashes a key hashes those bytes. A
//! non-canonical encoding, or one with the top bit set, is therefore another key to every transcript
//! and merely the same point to the curve, which gains an attacker nothing. What would gain
//! something is a point of small order, which makes the result known to everyone: a result of zero
//! is an error.
//!
//! # Spec
//!
//! `spec/00-conventions.md`, "Primitives".

use rand_core::CryptoRng;

use super::{BadKey, backend};
use crate::secret::Secret;

/// A Diffie-Hellman private key, 32 bytes, with its public key computed once.
pub(crate) struct DhSecret {
    secret: Secret<32>,
    public: [u8; 32],
}

impl DhSecret {
    /// A fresh key.
    pub(crate) fn generate<R: CryptoRng + ?Sized>(rng: &mut R) -> Self {
        Self::from_secret(Secret::random(rng))
    }

    /// A key whose 32 bytes were stored. Any value is a key: clamping happens on use.
    pub(crate) fn from_secret(secret: Secret<32>) -> Self {
        let public = backend::x25519_base(&secret);
        Self { secret, public }
    }

    /// A key stored with its public half, which is then not computed again.
    pub(crate) const fn from_stored(secret: Secret<32>, public: [u8; 32]) -> Self {
        Self { secret, public }
    }

    /// The public key.
    pub(crate) const fn public(&self) -> &[u8; 32] {
        &self.public
    }

    /// The private key, for sealed storage.
    pub(crate) const fn secret(&self) -> &Secret<32> {
        &self.secret
    }

    /// The private key alone, where the public one is stored beside it.
    pub(crate) fn into_secret(self) -> Secret<32> {
        self.secret
    }

    /// X25519 with `their` public key.
    ///
    /// # Errors
    ///
    /// [`BadKey`] when the result is all zero: `their` key is of small order.
    pub(crate) fn agree(&self, their: &[u8; 32]) -> Result<Secret<32>, BadKey> {
        agree(&self.secret, their)
    }
}

impl core::fmt::Debug for DhSecret {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let Self { secret, public: _ } = self;
        f.debug_tuple("DhSecret").field(secret).finish()
    }
}

/// X25519 of a private key whose public half is not needed.
///
/// # Errors
///
/// [`BadKey`] when the result is all zero: `their` key is of small order.
pub(crate) fn agree(secret: &Secret<32>, their: &[u8; 32]) -> Result<Secret<32>, BadKey> {
    backend::x25519(secret, their).ok_or(BadKey) // AGR-4
}

/// Whether every agreement with this public key would give zero.
///
/// [`agree`] refuses such a key anyway. Asking first lets a certificate or a bundle be refused before
/// anything is computed with it, and without a private key at hand.
pub(crate) fn is_small_order(public: &[u8; 32]) -> bool {
    let mut point = *public;
    point[31] &= 0x7f;
    SMALL_ORDER.contains(&point)
}

/// All encodings, top bit aside, of the points of order 1, 2, 4 and 8 on the curve and its twist:
/// 0, 1, two of order 8, p − 1, and the non-canonical p and p + 1.
pub(super) const SMALL_ORDER: [[u8; 32]; 7] = [
    little(0),
    little(1),
    [
        0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3, 0xfa, 0xf1, 0x9f, 0xc4,
        0x6a, 0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32, 0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49,
        0xb8, 0x00,
    ],
    [
        0x5f, 0x9c, 0x95, 0xbc, 0xa3, 0x50, 0x8c, 0x24, 0xb1, 0xd0, 0xb1, 0x55, 0x9c, 0x83, 0xef,
        0x5b, 0x04, 0x44, 0x5c, 0xc4, 0x58, 0x1c, 0x8e, 0x86, 0xd8, 0x22, 0x4e, 0xdd, 0xd0, 0x9f,
        0x11, 0x57,
    ],
    near_prime(0xec),
    near_prime(0xed),
    near_prime(0xee),
];

/// A small number as a coordinate.
const fn little(number: u8) -> [u8; 32] {
    let mut out = [0; 32];
    out[0] = number;
    out
}

/// 2^255 − 256 + `low`; the prime p has `low` = 0xed.
pub(super) const fn near_prime(low: u8) -> [u8; 32] {
    let mut out = [0xff; 32];
    (out[0], out[31]) = (low, 0x7f);
    out
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;

    #[test]
    fn both_sides_agree_and_a_copy_is_the_same_key() {
        let (a, b) = (DhSecret::from_secret(Secret::copied_from(&[1; 32])), [2; 32]);
        let b = DhSecret::from_secret(Secret::copied_from(&b));
        let shared = a.agree(b.public()).unwrap();
        assert!(shared == b.agree(a.public()).unwrap());
    }

    /// AGR-4
    #[test]
    fn points_of_small_order_are_refused() {
        let key = DhSecret::from_secret(Secret::copied_from(&[1; 32]));
        for mut point in SMALL_ORDER {
            assert_eq!(key.agree(&point).err(), Some(BadKey), "{point:x?}");
            point[31] |= 0x80;
            assert_eq!(key.agree(&point).err(), Some(BadKey), "{point:x?}, top bit set");
            assert!(is_small_order(&point));
        }
        assert!(!is_small_order(key.public()));
        assert!(!is_small_order(&little(2)));
        assert!(!is_small_order(&near_prime(0xeb)));
    }

    #[test]
    fn debug_has_no_key_bytes() {
        let key = DhSecret::from_secret(Secret::copied_from(&[0xab; 32]));
        assert_eq!(format!("{key:?}"), "DhSecret(Secret(32 bytes))");
    }
}
