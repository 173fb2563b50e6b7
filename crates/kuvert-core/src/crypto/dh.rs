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
use x25519_dalek::{PublicKey, StaticSecret};

use super::BadKey;
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
        let public = *PublicKey::from(&dalek(&secret)).as_bytes();
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

    /// X25519 with `their` public key.
    ///
    /// # Errors
    ///
    /// [`BadKey`] when the result is all zero: `their` key is of small order.
    pub(crate) fn agree(&self, their: &[u8; 32]) -> Result<Secret<32>, BadKey> {
        let shared = dalek(&self.secret).diffie_hellman(&PublicKey::from(*their));
        if !shared.was_contributory() {
            return Err(BadKey);
        }
        Ok(Secret::copied_from(shared.as_bytes()))
    }

    /// A second copy, for a step that works on a copy of the state and may yet be thrown away.
    pub(crate) fn duplicate(&self) -> Self {
        Self {
            secret: self.secret.duplicate(),
            public: self.public,
        }
    }
}

impl core::fmt::Debug for DhSecret {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let Self { secret, public: _ } = self;
        f.debug_tuple("DhSecret").field(secret).finish()
    }
}

/// The primitive's own type; it wipes itself.
fn dalek(secret: &Secret<32>) -> StaticSecret {
    StaticSecret::from(*secret.expose())
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;

    #[test]
    fn both_sides_agree_and_a_copy_is_the_same_key() {
        let (a, b) = (
            DhSecret::from_secret(Secret::copied_from(&[1; 32])),
            [2; 32],
        );
        let b = DhSecret::from_secret(Secret::copied_from(&b));
        let shared = a.agree(b.public()).unwrap();
        assert!(shared == b.agree(a.public()).unwrap());
        assert!(shared == a.duplicate().agree(b.public()).unwrap());
    }

    /// The seven encodings of points of order 1, 2, 4 and 8 on the curve and its twist, as in
    /// RFC 7748 §7 and the list of Curve25519's author; with and without the ignored top bit.
    #[test]
    fn points_of_small_order_are_refused() {
        let key = DhSecret::from_secret(Secret::copied_from(&[1; 32]));
        for text in [
            "0000000000000000000000000000000000000000000000000000000000000000",
            "0100000000000000000000000000000000000000000000000000000000000000",
            "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
            "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
            "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        ] {
            let mut point: [u8; 32] = hex::decode(text).unwrap().try_into().unwrap();
            assert_eq!(key.agree(&point).err(), Some(BadKey), "{text}");
            point[31] |= 0x80;
            assert_eq!(key.agree(&point).err(), Some(BadKey), "{text}, top bit set");
        }
    }

    #[test]
    fn debug_has_no_key_bytes() {
        let key = DhSecret::from_secret(Secret::copied_from(&[0xab; 32]));
        assert_eq!(format!("{key:?}"), "DhSecret(Secret(32 bytes))");
    }
}
