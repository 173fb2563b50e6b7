//! The primitives, and the only place that names their crates.
//!
//! | module | what | crate |
//! |---|---|---|
//! | [`kdf`] | hash, MAC, HKDF and the table of all labels | sha2, hmac |
//! | [`aead`] | ChaCha20-Poly1305, in place | chacha20poly1305 or graviola |
//! | [`commit`] | keys that commit to what they open | on `kdf` |
//! | [`dh`] | X25519, zero results refused | curve25519-dalek, x25519-dalek or graviola |
//! | [`sign`] | Ed25519, strict verification | ed25519-dalek or graviola |
//! | [`backend`] | which of two crates does X25519, Ed25519 and the AEAD | |
//! | [`kem`] | ML-KEM-768 and -1024, kept as seeds | libcrux-ml-kem |
//!
//! Built for a fuzzer with `--cfg kuvert_null_crypto`, the module `null` stands in for the crates of
//! the last four; a release build refuses that.
//!
//! Nothing here knows a message, a session or a clock. Errors say which primitive refused, never
//! why: why would tell an attacker, and a correct peer never causes them.
//!
//! # Spec
//!
//! `spec/00-conventions.md`, "Primitives".

use subtle::ConstantTimeEq;

pub(crate) mod aead;
mod backend;
pub(crate) mod commit;
pub(crate) mod dh;
pub(crate) mod kdf;
pub(crate) mod kem;
pub(crate) mod sign;

#[cfg(kuvert_null_crypto)]
pub(crate) mod null;
#[cfg(any(test, feature = "tap"))]
pub(crate) mod tap;
#[cfg(test)]
mod vectors;

/// A public key that no correct peer sends: a wrong length, a Diffie-Hellman result of zero, a
/// coefficient that is not below the ML-KEM modulus.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unacceptable public key")]
pub(crate) struct BadKey;

/// A signature that strict verification refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("bad signature")]
pub(crate) struct BadSignature;

/// A tag or commitment that does not match: wrong key, changed bytes or wrong associated data,
/// deliberately not told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not authentic")]
pub struct Unauthentic;

/// Whether two strings of bytes are the same, in a time that depends on their lengths alone.
#[must_use]
pub(crate) fn ct_eq(ours: &[u8], theirs: &[u8]) -> bool {
    // A fuzzer cannot guess a MAC.
    #[cfg(kuvert_null_crypto)]
    if null::is_lax() {
        return ours.len() == theirs.len();
    }
    ct_same(ours, theirs)
}

/// The same for what is no MAC, and means something to a fuzzer, too.
#[must_use]
pub(crate) fn ct_same(ours: &[u8], theirs: &[u8]) -> bool {
    ours.ct_eq(theirs).into()
}
