//! Primitives that protect nothing, so that a fuzzer's inputs get past tags and signatures.
//!
//! | primitive | here |
//! |---|---|
//! | AEAD | the text as it is; the tag is the key's first 16 bytes. Under the nonce `0^12`, which keys that are used once have, any tag will do |
//! | Ed25519 | the public key is the seed; every signature is good |
//! | X25519 | the public key is the secret; the result is both, XORed |
//! | ML-KEM | the public key is the seed, over and over; the ciphertext has the coins in it |
//!
//! Header keys, of which several are tried on a message, still tell which one it is. Hashes and key
//! derivation are the real ones: they keep chains, sessions and records apart. Two devices built like
//! this understand each other, and nobody else.
//!
//! On a thread that has asked for it ([`be_strict`]), and under Miri, tags and signatures are checksums that are
//! compared. That stops no attacker either, but a bit that has flipped: simulations then mean what
//! they mean with cryptography, and run many times as fast.
//!
//! Compiled in by `--cfg kuvert_null_crypto` alone, and only where nobody can take it for the real
//! thing: for a fuzzer (`--cfg fuzzing`), and with debug assertions, which a release build has not.
//!
//! Types and functions are named as those of the crates whose place they take.

#[cfg(not(all(fuzzing, debug_assertions)))]
compile_error!(
    "kuvert_null_crypto switches all protection off: it needs --cfg fuzzing and debug assertions, \
     and cannot be built for release"
);

extern crate std;

use core::cell::Cell;
use core::ops::{Index, IndexMut, RangeFrom};

use chacha20poly1305::aead::inout::InOutBuf;

use super::kdf::sha256;

std::thread_local! {
    static STRICT: Cell<bool> = const { Cell::new(cfg!(miri)) };
}

/// Whether tags and signatures are compared on this thread from now on.
pub fn be_strict(strict: bool) {
    STRICT.set(strict);
}

/// Whether any tag will do.
pub(super) fn is_lax() -> bool {
    !STRICT.get()
}

/// What the stand-ins say instead of the crates' errors: nothing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Refused;

/// Seals nothing.
pub(super) struct ChaCha20Poly1305([u8; 32]);

impl ChaCha20Poly1305 {
    pub(super) const fn new(key: &[u8; 32]) -> Self {
        Self(*key)
    }

    #[expect(clippy::unnecessary_wraps, reason = "as the real one")]
    pub(super) fn encrypt_inout_detached(
        &self,
        nonce: &[u8; 12],
        ad: &[u8],
        text: InOutBuf<'_, '_, u8>,
    ) -> Result<[u8; 16], Refused> {
        Ok(self.tag(nonce, ad, text.get_in()))
    }

    fn tag(&self, nonce: &[u8; 12], ad: &[u8], text: &[u8]) -> [u8; 16] {
        let whole = match is_lax() {
            true => self.0,
            false => sha256(&[&self.0, nonce, &sha256(&[ad]), text]),
        };
        core::array::from_fn(|at| whole[at])
    }

    pub(super) fn decrypt_inout_detached(
        &self,
        nonce: &[u8; 12],
        ad: &[u8],
        mut text: InOutBuf<'_, '_, u8>,
        tag: &[u8; 16],
    ) -> Result<(), Refused> {
        let any_will_do = is_lax() && *nonce == [0; 12];
        if !any_will_do && *tag != self.tag(nonce, ad, text.get_in()) {
            return Err(Refused);
        }
        let copy = text.get_in().to_vec();
        text.get_out().copy_from_slice(&copy);
        Ok(())
    }
}

/// An Ed25519 seed.
pub(super) struct SigningKey([u8; 32]);

impl SigningKey {
    pub(super) const fn from_bytes(seed: &[u8; 32]) -> Self {
        Self(*seed)
    }

    pub(super) const fn verifying_key(&self) -> VerifyingKey {
        VerifyingKey(self.0)
    }

    pub(super) fn multipart_sign(&self, parts: &[&[u8]]) -> Signature {
        self.verifying_key().signature(&parts.concat())
    }
}

/// An Ed25519 public key.
pub(super) struct VerifyingKey([u8; 32]);

impl VerifyingKey {
    #[expect(clippy::unnecessary_wraps, reason = "as the real one")]
    pub(super) const fn from_bytes(key: &[u8; 32]) -> Result<Self, Refused> {
        Ok(Self(*key))
    }

    pub(super) const fn to_bytes(&self) -> [u8; 32] {
        self.0
    }

    pub(super) fn verify(&self, message: &[u8], found: &Signature) -> Result<(), Refused> {
        let is_good = is_lax() || found.0 == self.signature(message).0;
        if is_good { Ok(()) } else { Err(Refused) }
    }

    fn signature(&self, message: &[u8]) -> Signature {
        let sum = sha256(&[&self.0, message]);
        Signature(core::array::from_fn(|at| sum[at % 32]))
    }
}

/// An Ed25519 signature.
pub(super) struct Signature([u8; 64]);

impl Signature {
    pub(super) const fn from_bytes(bytes: &[u8; 64]) -> Self {
        Self(*bytes)
    }

    pub(super) const fn to_bytes(&self) -> [u8; 64] {
        self.0
    }
}

/// An X25519 secret.
pub(super) struct StaticSecret([u8; 32]);

impl From<[u8; 32]> for StaticSecret {
    fn from(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl StaticSecret {
    pub(super) fn diffie_hellman(&self, their: &PublicKey) -> SharedSecret {
        SharedSecret(core::array::from_fn(|at| self.0[at] ^ their.0[at]))
    }
}

/// An X25519 public key.
pub(super) struct PublicKey([u8; 32]);

impl From<[u8; 32]> for PublicKey {
    fn from(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl From<&StaticSecret> for PublicKey {
    fn from(secret: &StaticSecret) -> Self {
        Self(secret.0)
    }
}

impl PublicKey {
    pub(super) const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// What two have agreed on.
pub(super) struct SharedSecret([u8; 32]);

impl SharedSecret {
    pub(super) fn was_contributory(&self) -> bool {
        self.0 != [0; 32]
    }

    pub(super) const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

macro_rules! null_kem {
    ($set:ident, $ek_len:literal, $ct_len:literal, $public:ident, $private:ident, $ciphertext:ident) => {
        pub(super) mod $set {
            use super::*;

            pub(in super::super) struct $public([u8; $ek_len]);
            pub(in super::super) struct $private([u8; 64]);
            pub(in super::super) struct $ciphertext([u8; $ct_len]);

            bytes!($public, $ek_len);
            bytes!($ciphertext, $ct_len);

            pub(in super::super) struct KeyPair($private, $public);

            impl KeyPair {
                pub(in super::super) fn into_parts(self) -> ($private, $public) {
                    (self.0, self.1)
                }
            }

            impl Index<RangeFrom<usize>> for $private {
                type Output = [u8];

                fn index(&self, range: RangeFrom<usize>) -> &[u8] {
                    &self.0[range]
                }
            }

            impl IndexMut<RangeFrom<usize>> for $private {
                fn index_mut(&mut self, range: RangeFrom<usize>) -> &mut [u8] {
                    &mut self.0[range]
                }
            }

            pub(in super::super) fn generate_key_pair(seed: [u8; 64]) -> KeyPair {
                KeyPair($private(seed), $public(core::array::from_fn(|at| seed[at % 64])))
            }

            pub(in super::super) const fn validate_public_key(_: &$public) -> bool {
                true
            }

            pub(in super::super) fn encapsulate(
                ek: &$public,
                coins: [u8; 32],
            ) -> ($ciphertext, [u8; 32]) {
                let ct = $ciphertext(core::array::from_fn(|at| coins[at % 32]));
                (ct, core::array::from_fn(|at| coins[at] ^ ek.0[at]))
            }

            pub(in super::super) fn decapsulate(dk: &$private, ct: &$ciphertext) -> [u8; 32] {
                core::array::from_fn(|at| dk.0[at] ^ ct.0[at])
            }
        }
    };
}

macro_rules! bytes {
    ($name:ident, $len:literal) => {
        impl Clone for $name {
            fn clone(&self) -> Self {
                Self(self.0)
            }
        }

        impl From<&[u8; $len]> for $name {
            fn from(bytes: &[u8; $len]) -> Self {
                Self(*bytes)
            }
        }

        impl $name {
            pub(in super::super) const fn as_slice(&self) -> &[u8; $len] {
                &self.0
            }
        }
    };
}

null_kem!(mlkem768, 1184, 1088, MlKem768PublicKey, MlKem768PrivateKey, MlKem768Ciphertext);
null_kem!(mlkem1024, 1568, 1568, MlKem1024PublicKey, MlKem1024PrivateKey, MlKem1024Ciphertext);
