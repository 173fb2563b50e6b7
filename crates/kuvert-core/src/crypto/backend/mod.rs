//! X25519, Ed25519 and ChaCha20-Poly1305 by one of several implementations.
//!
//! | module | crates | when |
//! |---|---|---|
//! | [`portable`] | dalek, RustCrypto | always |
//! | `edwards` | dalek | X25519 in `portable`, where the processor has AVX2 |
//! | `short` | libcrux | the AEAD of short texts in `portable` |
//! | `fast` | graviola | feature `fast`, x86-64 or aarch64, and a processor that has what it needs |
//!
//! All give the same bytes and refuse the same inputs: tests compare them, and all published vectors
//! run with either. Nothing outside `crypto` can tell which one works.

#[cfg(all(target_arch = "x86_64", not(kuvert_null_crypto)))]
mod edwards;
#[cfg(all(
    feature = "fast",
    not(kuvert_null_crypto),
    any(target_arch = "x86_64", target_arch = "aarch64")
))]
mod fast;
#[cfg_attr(
    kuvert_null_crypto,
    expect(clippy::useless_conversion, reason = "the stand-ins take plain arrays")
)]
mod portable;
#[cfg(not(kuvert_null_crypto))]
mod short;
#[cfg(not(kuvert_null_crypto))]
mod small_order;
#[cfg(not(kuvert_null_crypto))]
mod stack;
#[cfg(all(
    test,
    feature = "fast",
    not(kuvert_null_crypto),
    any(target_arch = "x86_64", target_arch = "aarch64")
))]
mod tests;

#[cfg(not(all(
    feature = "fast",
    not(kuvert_null_crypto),
    any(target_arch = "x86_64", target_arch = "aarch64")
)))]
use portable as fast;

use super::aead::{NONCE_LEN, TAG_LEN};
use crate::secret::Secret;

/// X25519 with the base point.
pub(super) fn x25519_base(secret: &Secret<32>) -> [u8; 32] {
    if fast::IS_FAST && fast::is_supported() {
        return fast::x25519_base(secret);
    }
    portable::x25519_base(secret)
}

/// X25519 with `their` public key; `None` if the result is zero.
pub(super) fn x25519(secret: &Secret<32>, their: &[u8; 32]) -> Option<Secret<32>> {
    if fast::IS_FAST && fast::is_supported() {
        return fast::x25519(secret, their);
    }
    portable::x25519(secret, their)
}

/// Encrypts `text` where it is; the tag.
pub(super) fn seal(
    key: &Secret<32>,
    nonce: &[u8; NONCE_LEN],
    ad: &[u8],
    text: &mut [u8],
) -> [u8; TAG_LEN] {
    if fast::IS_FAST && fast::is_supported() {
        return fast::seal(key, nonce, ad, text);
    }
    portable::seal(key, nonce, ad, text)
}

/// Opens `text` into `out`, which is as long. If the tag is wrong, `out` is zero and the result false.
pub(super) fn open(
    key: &Secret<32>,
    nonce: &[u8; NONCE_LEN],
    ad: &[u8],
    (text, tag): (&[u8], &[u8; TAG_LEN]),
    out: &mut [u8],
) -> bool {
    if fast::IS_FAST && fast::is_supported() {
        return fast::open(key, nonce, ad, (text, tag), out);
    }
    portable::open(key, nonce, ad, (text, tag), out)
}

/// Verifies strictly: no key and no commitment of small order or in a second spelling, no scalar that
/// is not reduced, the equation without cofactor. The key is known to be canonical.
pub(super) fn verify(public: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> bool {
    if fast::IS_FAST && fast::is_supported() {
        return fast::verify(public, message, signature);
    }
    portable::verify(public, message, signature)
}

/// An Ed25519 private key made ready for signing.
pub(super) enum SigningKey {
    Portable(portable::SigningKey),
    Fast(fast::SigningKey),
}

impl SigningKey {
    pub(super) fn from_seed(seed: &Secret<32>) -> Self {
        if fast::IS_FAST && fast::is_supported() {
            return Self::Fast(fast::SigningKey::from_seed(seed));
        }
        Self::Portable(portable::SigningKey::from_seed(seed))
    }

    pub(super) fn public(&self) -> [u8; 32] {
        match self {
            Self::Portable(key) => key.public(),
            Self::Fast(key) => key.public(),
        }
    }

    pub(super) fn sign(&self, parts: &[&[u8]]) -> [u8; 64] {
        match self {
            Self::Portable(key) => key.sign(parts),
            Self::Fast(key) => key.sign(parts),
        }
    }
}
