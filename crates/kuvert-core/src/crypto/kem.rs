//! ML-KEM (FIPS 203): 1024 in the handshake, 768 in the ratchet.
//!
//! A private key is kept as its 64-byte seed alone and expanded when it is used: 64 bytes at rest
//! instead of 2,400 or 3,168, and no expanded key that could disagree with its seed. Decapsulation
//! never fails visibly: a wrong ciphertext gives a secret that nobody knows, and the error comes
//! from a later tag.
//!
//! The implementation is formally verified, and picks AVX2 or NEON code when the machine has it.
//!
//! # Spec
//!
//! `spec/00-conventions.md`, "Primitives"; checks on encapsulation keys: FIPS 203 §7.2.

use alloc::boxed::Box;
use core::fmt;

use rand_core::CryptoRng;
use zeroize::{Zeroize, Zeroizing};

use super::BadKey;
use crate::secret::Secret;

/// One parameter set as a module, since array lengths differ in every signature.
macro_rules! parameter_set {
    (
        $(#[$doc:meta])* $set:ident, $ek_len:literal, $ct_len:literal,
        $public:ident, $private:ident, $ciphertext:ident
    ) => {
        $(#[$doc])*
        pub(crate) mod $set {
            #[cfg(not(kuvert_null_crypto))]
            use libcrux_ml_kem::$set as imp;

            use super::*;
            #[cfg(kuvert_null_crypto)]
            use crate::crypto::null::$set as imp;

            /// Length of an encapsulation key in bytes.
            pub(crate) const EK_LEN: usize = $ek_len;
            /// Length of a ciphertext in bytes.
            pub(crate) const CT_LEN: usize = $ct_len;

            /// A private key: the 64-byte seed (d, z) of FIPS 203.
            pub(crate) struct Seed(Secret<64>);

            impl Seed {
                /// A fresh key pair.
                pub(crate) fn generate<R: CryptoRng + ?Sized>(
                    rng: &mut R,
                ) -> (Self, Box<[u8; EK_LEN]>) {
                    let seed = Self(Secret::random(rng));
                    let ek = seed.encapsulation_key();
                    (seed, ek)
                }

                /// A key that was stored.
                pub(crate) const fn from_secret(seed: Secret<64>) -> Self {
                    Self(seed)
                }

                /// The seed, for sealed storage.
                pub(crate) const fn secret(&self) -> &Secret<64> {
                    &self.0
                }

                /// Expands the seed to the public half.
                pub(crate) fn encapsulation_key(&self) -> Box<[u8; EK_LEN]> {
                    self.with_key_pair(|_, ek| Box::new(*ek.as_slice()))
                }

                /// The secret in `ct`, or one that nobody knows.
                pub(crate) fn decapsulate(&self, ct: &[u8; CT_LEN]) -> Secret<32> {
                    let ct = Box::new(imp::$ciphertext::from(ct));
                    let mut shared =
                        self.with_key_pair(|dk, _| Zeroizing::new(imp::decapsulate(dk, &ct)));
                    take(&mut shared)
                }

                /// Expands the seed, lends both halves to `work` and wipes the private one.
                fn with_key_pair<T>(
                    &self,
                    work: impl FnOnce(&imp::$private, &imp::$public) -> T,
                ) -> T {
                    let pair = imp::generate_key_pair(*self.0.expose());
                    let (mut dk, ek) = pair.into_parts();
                    let result = work(&dk, &ek);
                    dk[0..].zeroize();
                    result
                }
            }

            impl fmt::Debug for Seed {
                fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    let Self(seed) = self;
                    f.debug_tuple("Seed").field(seed).finish()
                }
            }

            /// An encapsulation key that has passed the modulus check.
            #[derive(Clone)]
            pub(crate) struct EncapsulationKey(Box<imp::$public>);

            impl EncapsulationKey {
                /// Checks a received key.
                ///
                /// # Errors
                ///
                /// [`BadKey`] when a coefficient is not below the modulus: such a key has two
                /// encodings, and FIPS 203 §7.2 refuses it.
                pub(crate) fn check(ek: &[u8; EK_LEN]) -> Result<Self, BadKey> {
                    let ek = Box::new(imp::$public::from(ek));
                    match imp::validate_public_key(&ek) {
                        true => Ok(Self(ek)),
                        false => Err(BadKey),
                    }
                }

                /// A fresh secret, and the ciphertext that carries it to the key's owner.
                pub(crate) fn encapsulate<R: CryptoRng + ?Sized>(
                    &self,
                    rng: &mut R,
                ) -> (Box<[u8; CT_LEN]>, Secret<32>) {
                    self.encapsulate_with(&Secret::random(rng))
                }

                /// Encapsulation with given coins.
                pub(crate) fn encapsulate_with(
                    &self,
                    coins: &Secret<32>,
                ) -> (Box<[u8; CT_LEN]>, Secret<32>) {
                    let (ct, shared) = imp::encapsulate(&self.0, *coins.expose());
                    (Box::new(*ct.as_slice()), take(&mut Zeroizing::new(shared)))
                }
            }

            impl fmt::Debug for EncapsulationKey {
                fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    write!(f, "EncapsulationKey({EK_LEN} bytes)")
                }
            }
        }
    };
}

parameter_set!(
    /// ML-KEM-768, security category 3.
    mlkem768, 1184, 1088,
    MlKem768PublicKey, MlKem768PrivateKey, MlKem768Ciphertext
);
parameter_set!(
    /// ML-KEM-1024, security category 5.
    mlkem1024, 1568, 1568,
    MlKem1024PublicKey, MlKem1024PrivateKey, MlKem1024Ciphertext
);

/// Moves a shared secret from the stack into its box.
fn take(shared: &mut Zeroizing<[u8; 32]>) -> Secret<32> {
    let secret = Secret::copied_from(shared);
    shared.zeroize();
    secret
}
