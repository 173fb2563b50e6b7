//! X25519 on the Edwards curve, which dalek computes four coordinates at a time where the processor has AVX2.
//!
//! The Montgomery ladder of `x25519-dalek` has no vector code and takes a third longer, the two changes of
//! coordinates included. Both are the same multiplication: by the clamped integer, not reduced, of a
//! point whose sign does not matter. Points of the twist, which no key made from a private one is, have no
//! place on the Edwards curve and are left to the ladder; which of the two it is depends on the public key alone.

use curve25519_dalek::montgomery::MontgomeryPoint;
use zeroize::Zeroize as _;

use super::stack;
use crate::secret::Secret;

cpufeatures::new!(avx2, "avx2");

/// X25519 with `their` public key, zero or not; `None` if this is not the way for this processor or this key.
pub(super) fn x25519(secret: &Secret<32>, their: &[u8; 32]) -> Option<Secret<32>> {
    if !avx2::get() {
        return None;
    }
    let shared = multiply(secret, their);
    stack::wipe::<STACK_WORDS>();
    shared
}

/// dalek leaves the scalar and its digits on the stack, as it does in the ladder.
#[inline(never)]
fn multiply(secret: &Secret<32>, their: &[u8; 32]) -> Option<Secret<32>> {
    let mut point = MontgomeryPoint(*their).to_edwards(0)?.mul_clamped(*secret.expose());
    let mut shared = point.to_montgomery();
    point.zeroize();
    let out = Secret::copied_from(shared.as_bytes());
    shared.zeroize();
    Some(out)
}

/// An optimised build has 6 KiB of theirs there.
const STACK_WORDS: usize = 1024;

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha20Rng;
    use rand_core::{Rng as _, SeedableRng as _};

    use super::*;
    use crate::crypto::dh;

    fn by_ladder(secret: &Secret<32>, their: &[u8; 32]) -> Secret<32> {
        Secret::copied_from(&x25519_dalek::x25519(*secret.expose(), *their))
    }

    /// Of random coordinates half are on the twist.
    #[test]
    fn it_is_the_ladder_or_nothing_for_any_coordinate() {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let mut on_curve = 0;
        for _ in 0..2_000 {
            let secret = Secret::random(&mut rng);
            let mut their = [0; 32];
            rng.fill_bytes(&mut their);
            if let Some(ours) = x25519(&secret, &their) {
                assert!(ours == by_ladder(&secret, &their), "{their:x?}");
                on_curve += 1;
            }
        }
        assert!(!avx2::get() || (900..1_100).contains(&on_curve), "{on_curve}");
    }

    #[test]
    fn every_public_key_that_was_made_is_on_the_curve() {
        let mut rng = ChaCha20Rng::seed_from_u64(2);
        for _ in 0..500 {
            let [ours, theirs] = [0; 2].map(|_| Secret::random(&mut rng));
            let their = super::super::portable::x25519_base(&theirs);
            let shared = x25519(&ours, &their);
            assert_eq!(shared.is_some(), avx2::get());
            assert!(shared.is_none_or(|shared| shared == by_ladder(&ours, &their)));
        }
    }

    /// Small order, coordinates at and above the prime, with the top bit and without it.
    #[test]
    fn unusual_coordinates_by_unusual_scalars() {
        let scalars = [[0; 32], [0xff; 32], [0x80; 32], [1; 32]].map(|s| Secret::copied_from(&s));
        let points = dh::SMALL_ORDER.into_iter().chain((0xec..=0xff).map(dh::near_prime));
        for (point, secret) in points.flat_map(|point| scalars.iter().map(move |s| (point, s))) {
            let mut signed = point;
            signed[31] |= 0x80;
            for their in [point, signed] {
                let ours = x25519(secret, &their);
                assert!(ours.is_none_or(|ours| ours == by_ladder(secret, &their)), "{their:x?}");
            }
        }
    }
}
