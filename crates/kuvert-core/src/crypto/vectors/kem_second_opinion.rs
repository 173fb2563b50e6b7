//! Two independent implementations of ML-KEM must agree on every byte: the one in use (verified,
//! with vector code for the machine at hand) and the `ml-kem` crate.

use ml_kem::kem::{Decapsulate, KeyExport};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use crate::crypto::kem::{mlkem768, mlkem1024};
use crate::secret::Secret;

/// Random keys, coins and damaged ciphertexts through both.
macro_rules! second_opinion {
    ($test:ident, $set:ident, $reference:ident) => {
        #[test]
        fn $test() {
            let mut rng = ChaCha20Rng::seed_from_u64(2);
            for round in 0..20 {
                let (mut seed, mut coins) = ([0; 64], [0; 32]);
                rng.fill_bytes(&mut seed);
                rng.fill_bytes(&mut coins);
                let ours = $set::Seed::from_secret(Secret::copied_from(&seed));
                let theirs = ml_kem::$reference::DecapsulationKey::from_seed(seed.into());

                let ek = ours.encapsulation_key();
                assert_eq!(theirs.encapsulation_key().to_bytes()[..], ek[..]);

                let to = $set::EncapsulationKey::check(&ek).unwrap();
                let (mut ct, shared) = to.encapsulate_with(&Secret::copied_from(&coins));
                let (their_ct, their_shared) =
                    theirs.encapsulation_key().encapsulate_deterministic(&coins.into());
                assert_eq!((&their_ct[..], &their_shared[..]), (&ct[..], &shared.expose()[..]));
                assert!(ours.decapsulate(&ct) == shared);
                assert_eq!(theirs.decapsulate(&their_ct)[..], shared.expose()[..]);

                // The code for machines without vector instructions.
                let portable = libcrux_ml_kem::$set::portable::generate_key_pair(seed);
                assert_eq!(portable.pk()[..], ek[..]);
                let to = portable.public_key();
                let (plain_ct, _) = libcrux_ml_kem::$set::portable::encapsulate(to, coins);
                assert_eq!(plain_ct.as_slice()[..], ct[..]);
                let back =
                    libcrux_ml_kem::$set::portable::decapsulate(portable.private_key(), &plain_ct);
                assert_eq!(back, *shared.expose());

                // Implicit rejection: both give the same secret, and another one.
                ct[round * 7] ^= 1;
                let rejected = ours.decapsulate(&ct);
                assert!(rejected != shared);
                let damaged = ct.as_slice().try_into().unwrap();
                assert_eq!(theirs.decapsulate(&damaged)[..], rejected.expose()[..]);
            }
        }
    };
}

second_opinion!(mlkem768_agrees, mlkem768, ml_kem_768);
second_opinion!(mlkem1024_agrees, mlkem1024, ml_kem_1024);
