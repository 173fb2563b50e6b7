//! dalek and RustCrypto, and libcrux for short texts: every target, no assembly, no standard library.

use alloc::boxed::Box;

use chacha20poly1305::aead::inout::InOutBuf;
#[cfg(not(kuvert_null_crypto))]
use chacha20poly1305::{AeadInOut, ChaCha20Poly1305, KeyInit};
#[cfg(not(kuvert_null_crypto))]
use ed25519_dalek::{
    Signature, SigningKey as DalekKey, Verifier as _, VerifyingKey,
    ed25519::signature::MultipartSigner,
};
#[cfg(not(kuvert_null_crypto))]
use x25519_dalek::{PublicKey, StaticSecret};

#[cfg(all(target_arch = "x86_64", not(kuvert_null_crypto)))]
use super::edwards;
#[cfg(not(kuvert_null_crypto))]
use super::{short, small_order};
use crate::crypto::aead::{NONCE_LEN, TAG_LEN};
#[cfg(kuvert_null_crypto)]
use crate::crypto::null::{
    ChaCha20Poly1305, PublicKey, Signature, SigningKey as DalekKey, StaticSecret, VerifyingKey,
};
use crate::secret::Secret;

#[cfg(not(all(
    feature = "fast",
    not(kuvert_null_crypto),
    any(target_arch = "x86_64", target_arch = "aarch64")
)))]
pub(super) const IS_FAST: bool = false;

#[cfg(not(all(
    feature = "fast",
    not(kuvert_null_crypto),
    any(target_arch = "x86_64", target_arch = "aarch64")
)))]
pub(super) const fn is_supported() -> bool {
    false
}

pub(super) fn x25519_base(secret: &Secret<32>) -> [u8; 32] {
    *PublicKey::from(&dalek(secret)).as_bytes()
}

pub(super) fn x25519(secret: &Secret<32>, their: &[u8; 32]) -> Option<Secret<32>> {
    #[cfg(all(target_arch = "x86_64", not(kuvert_null_crypto)))]
    if let Some(shared) = edwards::x25519(secret, their) {
        return (!shared.ct_eq(&Secret::zero_filled(|_| ()))).then_some(shared);
    }
    let shared = dalek(secret).diffie_hellman(&PublicKey::from(*their));
    shared.was_contributory().then(|| Secret::copied_from(shared.as_bytes()))
}

/// The primitive's own type; it wipes itself.
fn dalek(secret: &Secret<32>) -> StaticSecret {
    StaticSecret::from(*secret.expose())
}

pub(super) fn seal(
    key: &Secret<32>,
    nonce: &[u8; NONCE_LEN],
    ad: &[u8],
    text: &mut [u8],
) -> [u8; TAG_LEN] {
    #[cfg(not(kuvert_null_crypto))]
    if text.len() <= short::LONGEST_TEXT {
        return short::seal(key, nonce, ad, text);
    }
    let tag = cipher(key).encrypt_inout_detached(nonce.into(), ad, InOutBuf::from(text));
    tag.expect("everything sealed is far below the 256 GiB limit").into()
}

pub(super) fn open(
    key: &Secret<32>,
    nonce: &[u8; NONCE_LEN],
    ad: &[u8],
    (text, tag): (&[u8], &[u8; TAG_LEN]),
    out: &mut [u8],
) -> bool {
    #[cfg(not(kuvert_null_crypto))]
    if text.len() <= short::LONGEST_TEXT {
        return short::open(key, nonce, ad, (text, tag), out);
    }
    let is_open = InOutBuf::new(text, out).is_ok_and(|buffers| {
        cipher(key).decrypt_inout_detached(nonce.into(), ad, buffers, tag.into()).is_ok()
    });
    if !is_open {
        out.fill(0);
    }
    is_open
}

fn cipher(key: &Secret<32>) -> ChaCha20Poly1305 {
    ChaCha20Poly1305::new(key.expose().into())
}

pub(super) fn verify(public: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> bool {
    let signature = Signature::from_bytes(signature);
    VerifyingKey::from_bytes(public).is_ok_and(|key| is_verified(&key, message, &signature))
}

/// What dalek's strict verification does, but that the commitment is not decompressed to see whether it is of
/// small order: it equals the compressed result of the equation, which is canonical, or is refused anyway.
#[cfg(not(kuvert_null_crypto))]
fn is_verified(key: &VerifyingKey, message: &[u8], signature: &Signature) -> bool {
    !key.is_weak()
        && !small_order::has(signature.r_bytes())
        && key.verify(message, signature).is_ok()
}

#[cfg(kuvert_null_crypto)]
fn is_verified(key: &VerifyingKey, message: &[u8], signature: &Signature) -> bool {
    key.verify(message, signature).is_ok()
}

/// Expanded, in a box that wipes itself.
pub(in crate::crypto) struct SigningKey(Box<DalekKey>);

impl SigningKey {
    pub(super) fn from_seed(seed: &Secret<32>) -> Self {
        Self(Box::new(DalekKey::from_bytes(seed.expose())))
    }

    pub(super) fn public(&self) -> [u8; 32] {
        self.0.verifying_key().to_bytes()
    }

    pub(super) fn sign(&self, parts: &[&[u8]]) -> [u8; 64] {
        self.0.multipart_sign(parts).to_bytes()
    }
}

#[cfg(all(test, not(kuvert_null_crypto)))]
mod tests {
    use alloc::vec::Vec;

    use super::*;
    use crate::crypto::dh;

    /// All points of small order and all second spellings, as key and as commitment, with the scalars that
    /// make the equation hold by chance or by cofactor, and with a good signature's parts.
    #[test]
    fn verification_is_as_strict_as_dalek_s() {
        let key = SigningKey::from_seed(&Secret::copied_from(&[7; 32]));
        let good = key.sign(&[b"tea"]);
        let spelled_twice = (0xec..=0xff).map(dh::near_prime).flat_map(|mut point| {
            let plain = point;
            point[31] |= 0x80;
            [plain, point]
        });
        let mut points: Vec<[u8; 32]> = small_order::ALL.into_iter().chain(spelled_twice).collect();
        points.extend([key.public(), *good.first_chunk().unwrap()]);
        let (mut accepted, mut loosely) = (0, 0);
        for (public, commitment) in points.iter().flat_map(|a| points.iter().map(move |r| (a, r))) {
            for scalar in [[0; 32], *good.last_chunk().unwrap()] {
                let bytes: [u8; 64] = [*commitment, scalar].concat().try_into().unwrap();
                let signature = Signature::from_bytes(&bytes);
                let theirs = VerifyingKey::from_bytes(public);
                let strictly =
                    theirs.is_ok_and(|key| key.verify_strict(b"tea", &signature).is_ok());
                assert_eq!(verify(public, b"tea", &bytes), strictly, "{public:x?} {bytes:x?}");
                accepted += usize::from(strictly);
                loosely += usize::from(
                    VerifyingKey::from_bytes(public)
                        .is_ok_and(|key| key.verify(b"tea", &signature).is_ok()),
                );
            }
        }
        assert_eq!(accepted, 1);
        assert!(loosely > 8, "{loosely}: nothing was there to be strict about");
    }
}
