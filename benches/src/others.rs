//! The primitives as ring and AWS-LC have them, in C and assembly, and the AEAD as libcrux has it: what
//! somebody who may choose freely would take.

use std::hint::black_box;

use criterion::{BatchSize, Bencher};
use ed25519_dalek::{Signer, SigningKey};

use crate::primitive::Primitive;

/// Who has made a primitive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Maker {
    /// ring.
    Ring,
    /// AWS-LC, by way of aws-lc-rs.
    AwsLc,
    /// libcrux: Kuvert's own for short texts.
    Libcrux,
}

impl Maker {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Ring, Self::AwsLc, Self::Libcrux];

    /// The group of its benchmarks.
    #[must_use]
    pub const fn group(self) -> &'static str {
        match self {
            Self::Ring => "ring",
            Self::AwsLc => "aws-lc",
            Self::Libcrux => "libcrux",
        }
    }

    /// Whether it has such a primitive.
    #[must_use]
    pub const fn has(self, primitive: Primitive) -> bool {
        let is_aead =
            matches!(primitive, Primitive::Seal(_) | Primitive::Open(_) | Primitive::Refuse(_));
        match primitive {
            _ if matches!(self, Self::Libcrux) => is_aead,
            Primitive::Kem1024Check => false,
            Primitive::Kem768Generate
            | Primitive::Kem1024Generate
            | Primitive::Kem1024Encapsulate
            | Primitive::Kem1024Decapsulate => matches!(self, Self::AwsLc),
            _ => true,
        }
    }

    /// Measures one that it has.
    pub fn measure(self, primitive: Primitive, bencher: &mut Bencher<'_>) {
        match (self, primitive) {
            (Self::Ring, Primitive::X25519Base) => ring_x25519::base(bencher),
            (Self::Ring, Primitive::X25519) => ring_x25519::agree(bencher),
            (Self::Ring, other) => by_ring::measure(other, bencher),
            (Self::Libcrux, Primitive::Seal(len)) => libcrux::seal(len, bencher),
            (Self::Libcrux, Primitive::Open(len)) => libcrux::open(len, &[4; 32], bencher),
            (Self::Libcrux, Primitive::Refuse(len)) => libcrux::open(len, &[5; 32], bencher),
            (Self::Libcrux, other) => unreachable!("libcrux is not measured for {other:?}"),
            (Self::AwsLc, Primitive::X25519Base) => aws_lc::base(bencher),
            (Self::AwsLc, Primitive::X25519) => aws_lc::agree(bencher),
            (Self::AwsLc, other) if self.has(other) && !Self::Ring.has(other) => {
                aws_lc::kem(other, bencher);
            }
            (Self::AwsLc, other) => by_aws_lc::measure(other, bencher),
        }
    }
}

/// aws-lc-rs has ring's interface for all that follows.
macro_rules! by {
    ($module:ident, $library:ident) => {
        mod $module {
            use super::*;
            use $library::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
            use $library::{digest, hmac, signature};

            pub(super) fn measure(primitive: Primitive, bencher: &mut Bencher<'_>) {
                match primitive {
                    Primitive::Sha256(len) => {
                        let input = vec![7; len];
                        bencher.iter(|| digest::digest(&digest::SHA256, black_box(&input)));
                    }
                    Primitive::Hmac(len) => {
                        let input = vec![7; len];
                        bencher.iter(|| {
                            let key = hmac::Key::new(hmac::HMAC_SHA256, black_box(&[4; 32]));
                            hmac::sign(&key, black_box(&input))
                        });
                    }
                    Primitive::Ed25519Verify(len) => verify(len, bencher),
                    Primitive::Seal(len) => seal(len, bencher),
                    Primitive::Open(len) => open(len, &[4; 32], bencher),
                    Primitive::Refuse(len) => open(len, &[5; 32], bencher),
                    other => unreachable!("{other:?} is measured elsewhere"),
                }
            }

            fn verify(len: usize, bencher: &mut Bencher<'_>) {
                let key = SigningKey::from_bytes(&[3; 32]);
                let message = vec![7; len];
                let signed = key.sign(&message).to_bytes();
                let public = key.verifying_key().to_bytes();
                bencher.iter(|| {
                    let key =
                        signature::UnparsedPublicKey::new(&signature::ED25519, black_box(&public));
                    key.verify(black_box(&message), &signed).expect("a good signature");
                });
            }

            fn cipher(key: &[u8; 32]) -> LessSafeKey {
                let key = UnboundKey::new(&CHACHA20_POLY1305, black_box(key));
                LessSafeKey::new(key.expect("32 bytes"))
            }

            fn nonce() -> Nonce {
                Nonce::assume_unique_for_key([0; 12])
            }

            fn seal(len: usize, bencher: &mut Bencher<'_>) {
                let mut buffer = vec![7; len];
                bencher.iter(|| {
                    let cipher = cipher(&[4; 32]);
                    let tag = cipher.seal_in_place_separate_tag(nonce(), Aad::empty(), &mut buffer);
                    black_box(tag.expect("short enough").as_ref().len())
                });
            }

            fn open(len: usize, key: &[u8; 32], bencher: &mut Bencher<'_>) {
                let mut sealed = vec![7; len];
                cipher(&[4; 32])
                    .seal_in_place_append_tag(nonce(), Aad::empty(), &mut sealed)
                    .expect("short enough");
                let is_right = *key == [4; 32];
                let opened = |mut buffer: Vec<u8>| {
                    let result = cipher(key).open_in_place(nonce(), Aad::empty(), &mut buffer);
                    assert_eq!(result.is_ok(), is_right);
                    buffer
                };
                bencher.iter_batched(|| sealed.clone(), opened, BatchSize::SmallInput);
            }
        }
    };
}

by!(by_ring, ring);
by!(by_aws_lc, aws_lc_rs);

/// ring's private keys are used up by an agreement: making one is outside of the measurement.
mod ring_x25519 {
    use super::*;
    use ring::agreement::{EphemeralPrivateKey, UnparsedPublicKey, X25519, agree_ephemeral};
    use ring::rand::SystemRandom;

    fn key() -> EphemeralPrivateKey {
        EphemeralPrivateKey::generate(&X25519, &SystemRandom::new()).expect("randomness")
    }

    pub(super) fn base(bencher: &mut Bencher<'_>) {
        let key = key();
        bencher.iter(|| black_box(&key).compute_public_key().expect("a good key"));
    }

    pub(super) fn agree(bencher: &mut Bencher<'_>) {
        let theirs = key().compute_public_key().expect("a good key");
        let agree = |ours| {
            let theirs = UnparsedPublicKey::new(&X25519, black_box(&theirs));
            agree_ephemeral(ours, &theirs, |secret| secret[0]).expect("good keys")
        };
        bencher.iter_batched(key, agree, BatchSize::SmallInput);
    }
}

mod libcrux {
    use super::*;
    use libcrux_chacha20poly1305::{decrypt_detached, encrypt_detached};

    pub(super) fn seal(len: usize, bencher: &mut Bencher<'_>) {
        let (text, mut sealed, mut tag) = (vec![7; len], vec![0; len], [0; 16]);
        bencher.iter(|| {
            let key = black_box(&[4; 32]);
            encrypt_detached(key, &text, &mut sealed, &mut tag, &[], &[0; 12]).is_ok()
        });
    }

    pub(super) fn open(len: usize, key: &[u8; 32], bencher: &mut Bencher<'_>) {
        let (mut text, mut sealed, mut tag) = (vec![7; len], vec![0; len], [0; 16]);
        encrypt_detached(&[4; 32], &text, &mut sealed, &mut tag, &[], &[0; 12])
            .expect("short enough");
        let is_right = *key == [4; 32];
        bencher.iter(|| {
            let opened = decrypt_detached(black_box(key), &mut text, &sealed, &tag, &[], &[0; 12]);
            assert_eq!(opened.is_ok(), is_right);
        });
    }
}

mod aws_lc {
    use super::*;
    use aws_lc_rs::agreement::{PrivateKey, UnparsedPublicKey, X25519};
    use aws_lc_rs::error::Unspecified;
    use aws_lc_rs::kem::{DecapsulationKey, ML_KEM_768, ML_KEM_1024};

    fn key(byte: u8) -> PrivateKey {
        PrivateKey::from_private_key(&X25519, &[byte; 32]).expect("32 bytes")
    }

    /// The public key is computed with the private one.
    pub(super) fn base(bencher: &mut Bencher<'_>) {
        bencher.iter(|| key(black_box(5)).compute_public_key().expect("a good key"));
    }

    pub(super) fn agree(bencher: &mut Bencher<'_>) {
        let (ours, theirs) = (key(5), key(6).compute_public_key().expect("a good key"));
        bencher.iter(|| {
            let theirs = UnparsedPublicKey::new(&X25519, black_box(theirs.as_ref()));
            let agreed =
                aws_lc_rs::agreement::agree(&ours, theirs, Unspecified, |secret| Ok(secret[0]));
            agreed.expect("good keys")
        });
    }

    pub(super) fn kem(primitive: Primitive, bencher: &mut Bencher<'_>) {
        let key = DecapsulationKey::generate(&ML_KEM_1024).expect("randomness");
        let public = key.encapsulation_key().expect("it has one");
        let (sealed, _) = public.encapsulate().expect("randomness");
        match primitive {
            Primitive::Kem768Generate => {
                bencher.iter(|| DecapsulationKey::generate(&ML_KEM_768).is_ok());
            }
            Primitive::Kem1024Generate => {
                bencher.iter(|| DecapsulationKey::generate(&ML_KEM_1024).is_ok());
            }
            Primitive::Kem1024Encapsulate => bencher.iter(|| public.encapsulate().is_ok()),
            _ => bencher.iter(|| {
                let sealed = black_box(sealed.as_ref()).into();
                key.decapsulate(sealed).is_ok()
            }),
        }
    }
}
