//! Every code path of ML-KEM that can run on this machine gives the same bytes for the same input.
//!
//! The core uses libcrux, which picks vector code when the processor has it: AVX2 on x86-64, NEON on
//! 64-bit ARM, portable code everywhere else. A session between two machines must not depend on which
//! of them was picked. `ml-kem` is another hand's implementation, and the judge.
#![allow(clippy::unwrap_used, reason = "a test that fails panics")]

use kem::Decapsulate;
use ml_kem::kem::{self, KeyExport, TryKeyInit};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

type Bytes = Vec<u8>;

/// One implementation of one parameter set, on plain bytes.
struct Path {
    name: &'static str,
    /// Seed to private key, in the form that [`Path::decapsulate`] takes, and encapsulation key.
    generate: fn(&[u8; 64]) -> (Bytes, Bytes),
    encapsulate: fn(&[u8], &[u8; 32]) -> (Bytes, Bytes),
    decapsulate: fn(&[u8], &[u8]) -> Bytes,
    /// FIPS 203 §7.2.
    check: fn(&[u8]) -> bool,
}

macro_rules! libcrux {
    ($name:literal, $path:path, $set:ident, $public:ident, $private:ident, $ciphertext:ident) => {{
        use libcrux_ml_kem::$set::{$ciphertext, $private, $public};
        use $path as imp;
        Path {
            name: $name,
            generate: |seed| {
                let pair = imp::generate_key_pair(*seed);
                (pair.sk().to_vec(), pair.pk().to_vec())
            },
            encapsulate: |ek, coins| {
                let (ct, shared) = imp::encapsulate(&$public::try_from(ek).unwrap(), *coins);
                (ct.as_slice().to_vec(), shared.to_vec())
            },
            decapsulate: |dk, ct| {
                let (dk, ct) =
                    ($private::try_from(dk).unwrap(), $ciphertext::try_from(ct).unwrap());
                imp::decapsulate(&dk, &ct).to_vec()
            },
            check: |ek| imp::validate_public_key(&$public::try_from(ek).unwrap()),
        }
    }};
}

macro_rules! parameter_set {
    ($set:ident, $reference:ident, $ek_len:literal,
     $public:ident, $private:ident, $ciphertext:ident) => {
        mod $set {
            use super::*;

            fn judge() -> Path {
                use ml_kem::$reference::{DecapsulationKey, EncapsulationKey};
                Path {
                    name: "ml-kem",
                    // Its private keys are made of their seeds each time.
                    generate: |seed| {
                        let key = DecapsulationKey::from_seed((*seed).into());
                        (seed.to_vec(), key.encapsulation_key().to_bytes().to_vec())
                    },
                    encapsulate: |ek, coins| {
                        let ek = EncapsulationKey::new_from_slice(ek).unwrap();
                        let (ct, shared) = ek.encapsulate_deterministic(&(*coins).into());
                        (ct.to_vec(), shared.to_vec())
                    },
                    decapsulate: |seed, ct| {
                        let seed: [u8; 64] = seed.try_into().unwrap();
                        let key = DecapsulationKey::from_seed(seed.into());
                        key.decapsulate(&ct.try_into().unwrap()).to_vec()
                    },
                    check: |ek| EncapsulationKey::new_from_slice(ek).is_ok(),
                }
            }

            /// All that this machine can run. Portable code runs everywhere.
            fn paths() -> Vec<Path> {
                let mut paths = vec![
                    judge(),
                    libcrux!("picked", libcrux_ml_kem::$set, $set, $public, $private, $ciphertext),
                    libcrux!(
                        "portable",
                        libcrux_ml_kem::$set::portable,
                        $set,
                        $public,
                        $private,
                        $ciphertext
                    ),
                ];
                #[cfg(target_arch = "x86_64")]
                if std::arch::is_x86_feature_detected!("avx2") {
                    paths.push(libcrux!(
                        "avx2",
                        libcrux_ml_kem::$set::avx2,
                        $set,
                        $public,
                        $private,
                        $ciphertext
                    ));
                }
                #[cfg(target_arch = "aarch64")]
                paths.push(libcrux!(
                    "neon",
                    libcrux_ml_kem::$set::neon,
                    $set,
                    $public,
                    $private,
                    $ciphertext
                ));
                paths
            }

            #[test]
            fn every_path_gives_the_same_keys_ciphertexts_and_secrets() {
                agree(&paths(), $ek_len);
            }

            #[test]
            fn every_path_refuses_the_same_keys() {
                refuse(&paths(), $ek_len);
            }
        }
    };
}

parameter_set!(
    mlkem768,
    ml_kem_768,
    1184,
    MlKem768PublicKey,
    MlKem768PrivateKey,
    MlKem768Ciphertext
);
parameter_set!(
    mlkem1024,
    ml_kem_1024,
    1568,
    MlKem1024PublicKey,
    MlKem1024PrivateKey,
    MlKem1024Ciphertext
);

/// What all paths say, which has to be one thing.
fn one_answer<T: PartialEq + std::fmt::Debug>(paths: &[Path], ask: impl Fn(&Path) -> T) -> T {
    let mut answers = paths.iter().map(|path| (path.name, ask(path)));
    let (_, first) = answers.next().unwrap();
    for (name, answer) in answers {
        assert!(answer == first, "{name} is of another opinion than {}", paths[0].name);
    }
    first
}

/// Random seeds and coins, and for each the honest ciphertext, one with a flipped bit, and one of
/// random bytes, whose secret is that of implicit rejection.
fn agree(paths: &[Path], ek_len: usize) {
    assert!(paths.len() >= 3);
    let mut rng = ChaCha20Rng::seed_from_u64(3);
    for round in 0..40_usize {
        let (mut seed, mut coins) = ([0; 64], [0; 32]);
        match round {
            0 => {}
            1 => (seed, coins) = ([0xff; 64], [0xff; 32]),
            _ => {
                rng.fill_bytes(&mut seed);
                rng.fill_bytes(&mut coins);
            }
        }
        let ek = one_answer(paths, |path| (path.generate)(&seed).1);
        assert_eq!(ek.len(), ek_len);
        let (ct, shared) = one_answer(paths, |path| (path.encapsulate)(&ek, &coins));
        let open =
            |ct: &[u8]| one_answer(paths, |path| (path.decapsulate)(&(path.generate)(&seed).0, ct));
        assert_eq!(open(&ct), shared);
        let mut damaged = ct.clone();
        let at = round * 27 % ct.len();
        damaged[at] ^= 1 << (round % 8);
        assert_ne!(open(&damaged), shared);
        rng.fill_bytes(&mut damaged);
        assert_ne!(open(&damaged), shared);
    }
}

/// Good keys pass, and those with a coefficient of 3,329 or more do not, wherever it stands.
fn refuse(paths: &[Path], ek_len: usize) {
    let mut rng = ChaCha20Rng::seed_from_u64(4);
    for round in 0..200 {
        let mut seed = [0; 64];
        rng.fill_bytes(&mut seed);
        let mut ek = one_answer(paths, |path| (path.generate)(&seed).1);
        assert!(one_answer(paths, |path| (path.check)(&ek)));
        // Twelve bits each, two in three bytes; the last 32 bytes are a seed.
        let at = round * 7 % ((ek_len - 32) / 3) * 3;
        let value = 3329 + u16::try_from(round).unwrap() % (4096 - 3329);
        let [low, high] = value.to_le_bytes();
        (ek[at], ek[at + 1]) = (low, ek[at + 1] & 0xf0 | high);
        assert!(!one_answer(paths, |path| (path.check)(&ek)), "{value} at {at}");
    }
}
