//! graviola: formally verified assembly for the curves, a Poly1305 without fixed cost for short texts.
//!
//! It needs instructions that all x86-64 processors since 2013 or so have, and nearly all of aarch64;
//! it panics without them, so they are asked for first ([`is_supported`]).

extern crate std;

use alloc::boxed::Box;

use graviola::aead::ChaCha20Poly1305;
use graviola::key_agreement::x25519::{PublicKey, StaticPrivateKey};
use graviola::signing::eddsa::{Ed25519SigningKey, Ed25519VerifyingKey};

use super::{portable, small_order};
use crate::crypto::aead::{NONCE_LEN, TAG_LEN};
use crate::secret::Secret;

pub(super) const IS_FAST: bool = true;

/// Whether the processor has what graviola asserts. The answers are cached by the standard library.
#[cfg(target_arch = "x86_64")]
pub(super) fn is_supported() -> bool {
    use std::arch::is_x86_feature_detected as has;
    has!("adx") && has!("aes") && has!("avx") && has!("avx2") && has!("bmi1") && has!("pclmulqdq")
}

/// Whether the processor has what graviola asserts. The answers are cached by the standard library.
#[cfg(target_arch = "aarch64")]
pub(super) fn is_supported() -> bool {
    use std::arch::is_aarch64_feature_detected as has;
    has!("neon") && has!("aes") && has!("pmull") && has!("sha2")
}

pub(super) fn x25519_base(secret: &Secret<32>) -> [u8; 32] {
    StaticPrivateKey::from_array(secret.expose()).public_key().as_bytes()
}

pub(super) fn x25519(secret: &Secret<32>, their: &[u8; 32]) -> Option<Secret<32>> {
    let shared = StaticPrivateKey::from_array(secret.expose())
        .diffie_hellman(&PublicKey::from_array(their))
        .ok()?; // only zero is refused
    Some(Secret::copied_from(&shared.0))
}

/// Longer texts are for the portable implementation: its vector Poly1305 costs more than a microsecond
/// to begin with and is faster from some 6 KiB on. On aarch64 its Poly1305 has no such cost, and its
/// ChaCha20 is vector code, which graviola's is not.
const LONGEST_TEXT: usize = if cfg!(target_arch = "x86_64") { 4096 } else { 0 };

pub(super) fn seal(
    key: &Secret<32>,
    nonce: &[u8; NONCE_LEN],
    ad: &[u8],
    text: &mut [u8],
) -> [u8; TAG_LEN] {
    if text.len() > LONGEST_TEXT {
        return portable::seal(key, nonce, ad, text);
    }
    let mut tag = [0; TAG_LEN];
    ChaCha20Poly1305::new(*key.expose()).encrypt(nonce, ad, text, &mut tag);
    tag
}

pub(super) fn open(
    key: &Secret<32>,
    nonce: &[u8; NONCE_LEN],
    ad: &[u8],
    (text, tag): (&[u8], &[u8; TAG_LEN]),
    out: &mut [u8],
) -> bool {
    if text.len() > LONGEST_TEXT || text.len() != out.len() {
        return portable::open(key, nonce, ad, (text, tag), out);
    }
    out.copy_from_slice(text);
    ChaCha20Poly1305::new(*key.expose()).decrypt(nonce, ad, out, tag).is_ok()
}

/// graviola refuses scalars that are not reduced, and keys and commitments in a second spelling; what
/// is missing to strictness are points of small order.
pub(super) fn verify(public: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> bool {
    if small_order::has(public) || small_order::has(&signature[..32]) {
        return false;
    }
    Ed25519VerifyingKey::from_bytes(public).is_ok_and(|key| key.verify(signature, message).is_ok())
}

/// Expanded, in a box that wipes itself.
pub(in crate::crypto) struct SigningKey(Box<Ed25519SigningKey>);

impl SigningKey {
    pub(super) fn from_seed(seed: &Secret<32>) -> Self {
        let key = Ed25519SigningKey::from_bytes(seed.expose());
        Self(Box::new(key.expect("a seed has 32 bytes")))
    }

    pub(super) fn public(&self) -> [u8; 32] {
        self.0.public_key().as_bytes()
    }

    pub(super) fn sign(&self, parts: &[&[u8]]) -> [u8; 64] {
        match parts {
            [message] => self.0.sign(message),
            parts => self.0.sign(&parts.concat()),
        }
    }
}
