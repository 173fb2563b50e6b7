//! libcrux: ChaCha20-Poly1305 of short texts, in portable Rust that was generated from the verified HACL*.
//!
//! `RustCrypto`'s vector Poly1305 costs more than a microsecond before it has read a byte, which is most of a short
//! message; this one has no such cost and is slower from some 900 bytes on. It leaves its key schedule on
//! the stack, where `RustCrypto`'s wipes it, so the stack below the caller is written over afterwards.

use libcrux_chacha20poly1305::{decrypt_detached, encrypt_detached};

use super::stack;
use crate::crypto::aead::{NONCE_LEN, TAG_LEN};
use crate::secret::Secret;

/// Longer texts are for the vector implementation.
pub(super) const LONGEST_TEXT: usize = 512;

/// Encrypts a text of at most [`LONGEST_TEXT`] bytes where it is; the tag.
pub(super) fn seal(
    key: &Secret<32>,
    nonce: &[u8; NONCE_LEN],
    ad: &[u8],
    text: &mut [u8],
) -> [u8; TAG_LEN] {
    let (mut sealed, mut tag) = ([0; LONGEST_TEXT], [0; TAG_LEN]);
    let sealed = &mut sealed[..text.len()];
    encrypt(key, nonce, ad, text, (sealed, &mut tag));
    stack::wipe::<STACK_WORDS>();
    text.copy_from_slice(sealed);
    tag
}

/// Opens a text of at most [`LONGEST_TEXT`] bytes into `out`, which is as long. If the tag is wrong, `out`
/// is zero and the result false.
pub(super) fn open(
    key: &Secret<32>,
    nonce: &[u8; NONCE_LEN],
    ad: &[u8],
    (text, tag): (&[u8], &[u8; TAG_LEN]),
    out: &mut [u8],
) -> bool {
    let is_open = out.len() == text.len() && decrypt(key, nonce, ad, (text, tag), out);
    stack::wipe::<STACK_WORDS>();
    if !is_open {
        out.fill(0);
    }
    is_open
}

#[inline(never)]
fn encrypt(
    key: &Secret<32>,
    nonce: &[u8; NONCE_LEN],
    ad: &[u8],
    text: &[u8],
    (sealed, tag): (&mut [u8], &mut [u8; TAG_LEN]),
) {
    encrypt_detached(key.expose(), text, sealed, tag, ad, nonce)
        .expect("everything sealed is far below the 4 GiB limit");
}

#[inline(never)]
fn decrypt(
    key: &Secret<32>,
    nonce: &[u8; NONCE_LEN],
    ad: &[u8],
    (text, tag): (&[u8], &[u8; TAG_LEN]),
    out: &mut [u8],
) -> bool {
    decrypt_detached(key.expose(), out, text, tag, ad, nonce).is_ok()
}

/// An optimised build has 900 bytes of theirs there.
const STACK_WORDS: usize = 128;

#[cfg(test)]
mod tests {
    use alloc::vec;

    use chacha20poly1305::aead::inout::InOutBuf;
    use chacha20poly1305::{AeadInOut as _, ChaCha20Poly1305, KeyInit as _};
    use rand_chacha::ChaCha20Rng;
    use rand_core::{Rng as _, SeedableRng as _};

    use super::*;

    fn by_rustcrypto(key: &[u8; 32], nonce: &[u8; 12], ad: &[u8], text: &mut [u8]) -> [u8; 16] {
        let cipher = ChaCha20Poly1305::new(key.into());
        let tag = cipher.encrypt_inout_detached(nonce.into(), ad, InOutBuf::from(text));
        tag.unwrap().into()
    }

    #[test]
    fn both_give_the_same_at_all_lengths() {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        for len in 0..=LONGEST_TEXT {
            let (mut key, mut nonce) = ([0; 32], [0; 12]);
            rng.fill_bytes(&mut key);
            rng.fill_bytes(&mut nonce);
            let (mut text, mut ad) = (vec![0; len], vec![0; len % 100]);
            rng.fill_bytes(&mut text);
            rng.fill_bytes(&mut ad);
            let (mut ours, mut theirs) = (text.clone(), text.clone());
            let secret = Secret::copied_from(&key);
            let tag = seal(&secret, &nonce, &ad, &mut ours);
            assert_eq!(tag, by_rustcrypto(&key, &nonce, &ad, &mut theirs), "{len} bytes");
            assert_eq!(ours, theirs, "{len} bytes");
            let mut out = vec![1; len];
            assert!(open(&secret, &nonce, &ad, (&ours, &tag), &mut out));
            assert_eq!(out, text);
            let mut bad = tag;
            bad[len % 16] ^= 1 << (len % 8);
            assert!(!open(&secret, &nonce, &ad, (&ours, &bad), &mut out));
            assert_eq!(out, vec![0; len]);
        }
    }

    #[test]
    fn an_output_of_another_length_is_refused_and_zero() {
        let key = Secret::copied_from(&[7; 32]);
        let mut text = *b"tea at four";
        let tag = seal(&key, &[0; 12], b"", &mut text);
        for len in [0, 10, 12] {
            let mut out = vec![1; len];
            assert!(!open(&key, &[0; 12], b"", (&text, &tag), &mut out));
            assert_eq!(out, vec![0; len]);
        }
    }
}
