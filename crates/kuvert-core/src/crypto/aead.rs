//! `AE(k, n, ad, m)`: ChaCha20-Poly1305 (RFC 8439), the 16-byte tag at the end.
//!
//! Chosen because it is fast and constant-time in plain software on every target. It does not commit
//! to its key, so wherever a key could be chosen by an attacker it comes from [`super::commit`].
//! Nonces: a key that is used once takes [`ZERO_NONCE`]; a header key, which is used for many
//! messages, takes 12 random bytes each.
//!
//! Nothing of a plaintext comes out under a wrong tag: the output is then zero.
//!
//! Speed: in a plain x86-64 build `RustCrypto`'s vector code for Poly1305 is not inlined and costs more than 1 µs
//! whatever the length, which was most of a short message. Texts of up to 512 bytes are therefore for
//! another implementation (`backend/short.rs`).
//!
//! # Spec
//!
//! `spec/00-conventions.md`, "Primitives".

use alloc::vec::Vec;

use zeroize::Zeroizing;

use super::{Unauthentic, backend};
use crate::secret::Secret;

/// Length of a tag in bytes.
pub(crate) const TAG_LEN: usize = 16;
/// Length of a nonce in bytes.
pub(crate) const NONCE_LEN: usize = 12;
/// `0^12`, for keys that seal one message in their life.
pub(crate) const ZERO_NONCE: [u8; NONCE_LEN] = [0; NONCE_LEN];

/// Encrypts `buf[start..]` where it is and appends the tag.
///
/// # Panics
///
/// If `start` is past the end of `buf`.
pub(crate) fn seal_in_place(
    key: &Secret<32>,
    nonce: &[u8; NONCE_LEN],
    ad: &[u8],
    buf: &mut Vec<u8>,
    start: usize,
) {
    #[cfg(any(test, feature = "tap"))]
    super::tap::sees(key, nonce, ad, &buf[start..]);
    let tag = backend::seal(key, nonce, ad, &mut buf[start..]);
    buf.extend_from_slice(&tag);
}

/// Encrypts `plaintext` into bytes of their own, the tag at the end.
pub(crate) fn seal(
    key: &Secret<32>,
    nonce: &[u8; NONCE_LEN],
    ad: &[u8],
    plaintext: &[u8],
) -> Vec<u8> {
    let mut sealed = Vec::with_capacity(plaintext.len() + TAG_LEN);
    sealed.extend_from_slice(plaintext);
    seal_in_place(key, nonce, ad, &mut sealed, 0);
    sealed
}

/// Opens `sealed` into `out`, which must be as long as the plaintext. Allocates nothing, which
/// suits trying many keys on one header.
///
/// # Errors
///
/// [`Unauthentic`] when the tag does not match or the lengths do not fit; `out` is then zero.
pub(crate) fn open_to(
    key: &Secret<32>,
    nonce: &[u8; NONCE_LEN],
    ad: &[u8],
    sealed: &[u8],
    out: &mut [u8],
) -> Result<(), Unauthentic> {
    let Some((text, tag)) = sealed.split_last_chunk::<TAG_LEN>() else {
        out.fill(0);
        return Err(Unauthentic);
    };
    match backend::open(key, nonce, ad, (text, tag), out) {
        true => Ok(()),
        false => Err(Unauthentic),
    }
}

/// Opens `sealed` into bytes of their own, which are wiped on drop.
///
/// # Errors
///
/// [`Unauthentic`] when the tag does not match or is not there.
pub(crate) fn open(
    key: &Secret<32>,
    nonce: &[u8; NONCE_LEN],
    ad: &[u8],
    sealed: &[u8],
) -> Result<Zeroizing<Vec<u8>>, Unauthentic> {
    let len = sealed.len().checked_sub(TAG_LEN).ok_or(Unauthentic)?;
    let mut plaintext = Zeroizing::new(alloc::vec![0; len]);
    if let Err(refused) = open_to(key, nonce, ad, sealed, &mut plaintext) {
        // It is zero. Emptied, it is dropped in one go instead of byte by byte.
        plaintext.clear();
        return Err(refused);
    }
    Ok(plaintext)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONCE: [u8; 12] = [3; 12];

    fn key() -> Secret<32> {
        Secret::copied_from(&[9; 32])
    }

    #[test]
    fn both_ways_to_open_agree() {
        let sealed = seal(&key(), &NONCE, b"ad", b"tea at four");
        assert_eq!(&**open(&key(), &NONCE, b"ad", &sealed).unwrap(), b"tea at four");
        let mut out = [0; 11];
        open_to(&key(), &NONCE, b"ad", &sealed, &mut out).unwrap();
        assert_eq!(&out, b"tea at four");
    }

    #[test]
    fn sealing_in_place_leaves_what_comes_before() {
        let mut buf = b"head tea".to_vec();
        seal_in_place(&key(), &NONCE, b"", &mut buf, 5);
        assert_eq!(&buf[..5], b"head ");
        assert_eq!(buf[5..], seal(&key(), &NONCE, b"", b"tea"));
    }

    #[test]
    fn any_changed_byte_is_refused_and_no_plaintext_is_written() {
        let sealed = seal(&key(), &NONCE, b"ad", b"tea");
        for place in 0..sealed.len() {
            let mut bad = sealed.clone();
            bad[place] ^= 1;
            let mut out = [0xaa; 3];
            assert_eq!(open_to(&key(), &NONCE, b"ad", &bad, &mut out), Err(Unauthentic));
            assert_eq!(out, [0; 3]);
        }
        assert!(open(&key(), &NONCE, b"AD", &sealed).is_err());
        assert!(open(&key(), &[4; 12], b"ad", &sealed).is_err());
        for len in 0..sealed.len() {
            assert!(open(&key(), &NONCE, b"ad", &sealed[..len]).is_err(), "{len} bytes");
        }
    }

    #[test]
    fn an_output_of_another_length_is_refused() {
        let sealed = seal(&key(), &NONCE, b"", b"tea");
        assert_eq!(open_to(&key(), &NONCE, b"", &sealed, &mut [0; 4]), Err(Unauthentic));
    }

    #[test]
    fn what_is_shorter_than_a_tag_is_refused_and_leaves_zeros() {
        for len in [0, 1, TAG_LEN - 1] {
            let mut out = [7; 5];
            let refused = open_to(&key(), &NONCE, b"ad", &[0; TAG_LEN][..len], &mut out);
            assert_eq!((refused, out), (Err(Unauthentic), [0; 5]));
            assert!(open(&key(), &NONCE, b"ad", &[0; TAG_LEN][..len]).is_err());
        }
    }
}
