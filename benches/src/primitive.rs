//! The primitives, each as one benchmark.

use chacha20poly1305::aead::AeadInOut;
use chacha20poly1305::{ChaCha20Poly1305, KeyInit, Tag};
use criterion::{BatchSize, Bencher};
use ed25519_dalek::{Signer, SigningKey};
use hmac::{Hmac, Mac};
use libcrux_ml_kem::{mlkem768, mlkem1024};
use sha2::{Digest, Sha256};
use std::hint::black_box;
use x25519_dalek::{PublicKey, StaticSecret};

/// One primitive; numbers are bytes of input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Primitive {
    /// X25519 with the base point: a new key.
    X25519Base,
    /// X25519 with another's key.
    X25519,
    /// Checking an Ed25519 signature, strictly.
    Ed25519Verify(usize),
    /// ML-KEM-1024: a key pair from its seed.
    Kem1024Generate,
    /// ML-KEM-1024: the modulus check of a received key.
    Kem1024Check,
    /// ML-KEM-1024: encapsulation.
    Kem1024Encapsulate,
    /// ML-KEM-1024: decapsulation with an expanded key.
    Kem1024Decapsulate,
    /// ML-KEM-768: a key pair from its seed.
    Kem768Generate,
    /// SHA-256.
    Sha256(usize),
    /// HMAC-SHA-256 under a new key; one block of HKDF-Expand is one of these.
    Hmac(usize),
    /// ChaCha20-Poly1305, sealing under a new key.
    Seal(usize),
    /// ChaCha20-Poly1305, opening under a new key.
    Open(usize),
    /// ChaCha20-Poly1305, refusing: the key was another one.
    Refuse(usize),
}

impl Primitive {
    /// Its name in the results, unique.
    #[must_use]
    pub fn id(self) -> String {
        match self {
            Self::X25519Base => "x25519-base".into(),
            Self::X25519 => "x25519".into(),
            Self::Ed25519Verify(len) => format!("ed25519-verify-{len}"),
            Self::Kem1024Generate => "ml-kem-1024-generate".into(),
            Self::Kem1024Check => "ml-kem-1024-check".into(),
            Self::Kem1024Encapsulate => "ml-kem-1024-encapsulate".into(),
            Self::Kem1024Decapsulate => "ml-kem-1024-decapsulate".into(),
            Self::Kem768Generate => "ml-kem-768-generate".into(),
            Self::Sha256(len) => format!("sha-256-{len}"),
            Self::Hmac(len) => format!("hmac-{len}"),
            Self::Seal(len) => format!("seal-{len}"),
            Self::Open(len) => format!("open-{len}"),
            Self::Refuse(len) => format!("refuse-{len}"),
        }
    }

    /// Measures it.
    pub fn measure(self, bencher: &mut Bencher<'_>) {
        match self {
            Self::X25519Base | Self::X25519 => self.measure_x25519(bencher),
            Self::Ed25519Verify(len) => verify(bencher, len),
            Self::Sha256(len) => {
                let input = vec![7; len];
                bencher.iter(|| Sha256::digest(black_box(&input)));
            }
            Self::Hmac(len) => hmac(bencher, len),
            Self::Seal(len) => seal(bencher, len),
            Self::Open(len) => open(bencher, len, true),
            Self::Refuse(len) => open(bencher, len, false),
            _ => self.measure_kem(bencher),
        }
    }

    fn measure_x25519(self, bencher: &mut Bencher<'_>) {
        let ours = StaticSecret::from([5; 32]);
        let theirs = PublicKey::from(&StaticSecret::from([6; 32]));
        if self == Self::X25519 {
            bencher.iter(|| ours.diffie_hellman(black_box(&theirs)).was_contributory());
        } else {
            bencher.iter(|| PublicKey::from(black_box(&ours)));
        }
    }

    fn measure_kem(self, bencher: &mut Bencher<'_>) {
        let pair = mlkem1024::generate_key_pair([9; 64]);
        let (ct, _) = mlkem1024::encapsulate(pair.public_key(), [8; 32]);
        match self {
            Self::Kem1024Generate => {
                bencher.iter(|| mlkem1024::generate_key_pair(black_box([9; 64])))
            }
            Self::Kem1024Check => {
                bencher.iter(|| mlkem1024::validate_public_key(black_box(pair.public_key())))
            }
            Self::Kem1024Encapsulate => {
                bencher.iter(|| mlkem1024::encapsulate(black_box(pair.public_key()), [8; 32]));
            }
            Self::Kem1024Decapsulate => {
                bencher.iter(|| mlkem1024::decapsulate(pair.private_key(), black_box(&ct)));
            }
            _ => bencher.iter(|| mlkem768::generate_key_pair(black_box([9; 64]))),
        }
    }
}

fn verify(bencher: &mut Bencher<'_>, len: usize) {
    let key = SigningKey::from_bytes(&[3; 32]);
    let message = vec![7; len];
    let signature = key.sign(&message);
    // From its 32 bytes, as they arrive: taking them apart is part of the check.
    let public = key.verifying_key().to_bytes();
    bencher.iter(|| {
        let key = ed25519_dalek::VerifyingKey::from_bytes(black_box(&public))
            .expect("a key that was made");
        key.verify_strict(black_box(&message), &signature).is_ok()
    });
}

fn hmac(bencher: &mut Bencher<'_>, len: usize) {
    let (key, input) = ([4; 32], vec![7; len]);
    bencher.iter(|| {
        let mac = <Hmac<Sha256> as KeyInit>::new_from_slice(black_box(&key));
        mac.expect("any length will do").chain_update(black_box(&input)).finalize().into_bytes()
    });
}

fn seal(bencher: &mut Bencher<'_>, len: usize) {
    let mut buffer = vec![7; len];
    bencher.iter(|| {
        let cipher = ChaCha20Poly1305::new(black_box(&[4; 32].into()));
        let buffer = buffer.as_mut_slice().into();
        cipher.encrypt_inout_detached(&[0; 12].into(), &[], buffer).expect("short enough")
    });
}

fn open(bencher: &mut Bencher<'_>, len: usize, right_key: bool) {
    let cipher = ChaCha20Poly1305::new(&[4; 32].into());
    let mut sealed = vec![7; len];
    let tag: Tag = cipher
        .encrypt_inout_detached(&[0; 12].into(), &[], sealed.as_mut_slice().into())
        .expect("short enough");
    let key = if right_key { [4; 32] } else { [5; 32] };
    let opened = |mut buffer: Vec<u8>| {
        let cipher = ChaCha20Poly1305::new(black_box(&key.into()));
        let text = buffer.as_mut_slice().into();
        let result = cipher.decrypt_inout_detached(&[0; 12].into(), &[], text, &tag);
        assert_eq!(result.is_ok(), right_key);
        buffer
    };
    bencher.iter_batched(|| sealed.clone(), opened, BatchSize::SmallInput);
}
