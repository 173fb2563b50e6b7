//! The two implementations against each other: the same bytes, the same refusals.

use alloc::vec;
use alloc::vec::Vec;

use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};

use super::{fast, portable, small_order};
use crate::crypto::dh;
use crate::crypto::vectors::{array, bytes, json, list, text};
use crate::secret::Secret;

fn rng(seed: u64) -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(seed)
}

fn random<const N: usize>(rng: &mut ChaCha20Rng) -> [u8; N] {
    let mut out = [0; N];
    rng.fill_bytes(&mut out);
    out
}

/// Without this the other tests would compare nothing that is ever used.
#[test]
fn the_processor_of_the_test_has_what_it_takes() {
    assert!(fast::is_supported());
}

fn same_agreement(secret: &Secret<32>, their: &[u8; 32]) -> bool {
    let ours = portable::x25519(secret, their);
    assert!(ours == fast::x25519(secret, their), "{their:x?}");
    ours.is_some()
}

#[test]
fn x25519_of_random_keys() {
    let mut rng = rng(1);
    for _ in 0..2_000 {
        let secret = Secret::copied_from(&random(&mut rng));
        assert!(same_agreement(&secret, &random(&mut rng)));
        assert_eq!(portable::x25519_base(&secret), fast::x25519_base(&secret));
    }
}

/// Points of small order, coordinates at and above the prime, and all of them with the top bit set.
#[test]
fn x25519_of_unusual_keys() {
    let mut rng = rng(2);
    let scalars = [[0; 32], [0xff; 32], random(&mut rng), random(&mut rng)];
    let spelled_twice = (0xec..=0xff).map(dh::near_prime);
    let points: Vec<_> = dh::SMALL_ORDER.into_iter().chain(spelled_twice).collect();
    let mut refused = 0;
    for secret in scalars.iter().map(Secret::copied_from) {
        for point in &points {
            let mut signed = *point;
            signed[31] |= 0x80;
            refused +=
                [*point, signed].iter().filter(|point| !same_agreement(&secret, point)).count();
        }
    }
    // The seven, and p − 1, p and p + 1 once more, in two spellings, by each scalar.
    assert_eq!(refused, (7 + 3) * 2 * scalars.len());
}

#[test]
fn the_aead_at_all_lengths() {
    let mut rng = rng(3);
    let lengths = (0..600).chain([1023, 1088, 4095, 4096, 4097, 8192, 65_536]);
    for len in lengths {
        let (key, nonce) = (Secret::copied_from(&random(&mut rng)), random(&mut rng));
        let ad = vec![7; len % 40];
        let mut plaintext = vec![0; len];
        rng.fill_bytes(&mut plaintext);
        let (mut ours, mut theirs) = (plaintext.clone(), plaintext.clone());
        let tag = portable::seal(&key, &nonce, &ad, &mut ours);
        assert_eq!(tag, fast::seal(&key, &nonce, &ad, &mut theirs), "{len} bytes");
        assert_eq!(ours, theirs, "{len} bytes");
        let mut out = vec![1; len];
        assert!(fast::open(&key, &nonce, &ad, (&ours, &tag), &mut out));
        assert_eq!(out, plaintext);
        let mut bad = tag;
        bad[len % 16] ^= 1 << (len % 8);
        for open in [portable::open, fast::open] {
            let mut out = vec![1; len];
            assert!(!open(&key, &nonce, &ad, (&ours, &bad), &mut out), "{len} bytes");
            assert_eq!(out, vec![0; len]);
            let mut short = vec![1; len + 1];
            assert!(!open(&key, &nonce, &ad, (&ours, &tag), &mut short));
            assert_eq!(short, vec![0; len + 1]);
        }
    }
}

#[test]
fn ed25519_keys_and_signatures() {
    let mut rng = rng(4);
    for len in 0..300 {
        let seed = Secret::copied_from(&random(&mut rng));
        let ours = portable::SigningKey::from_seed(&seed);
        let theirs = fast::SigningKey::from_seed(&seed);
        let (public, message) = (ours.public(), vec![9; len]);
        assert_eq!(public, theirs.public());
        let (head, tail) = message.split_at(len / 3);
        let signature = ours.sign(&[head, tail]);
        assert_eq!(signature, theirs.sign(&[head, tail]));
        assert_eq!(signature, theirs.sign(&[&message]));
        assert!(same_verdict(&public, &message, &signature));
        let mut bad = signature;
        bad[len % 64] ^= 1 << (len % 8);
        assert!(!same_verdict(&public, &message, &bad));
    }
}

fn same_verdict(public: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> bool {
    let ours = portable::verify(public, message, signature);
    let theirs = fast::verify(public, message, signature);
    assert_eq!(ours, theirs, "{public:x?} {message:x?} {signature:x?}");
    ours
}

/// C2SP's cases: every mix of low-order and non-canonical keys and commitments.
#[test]
fn ed25519_of_edge_cases() {
    let cases = json("cctv/ed25519vectors.json");
    let accepted = cases.as_array().expect("a list").iter().filter(|case| {
        same_verdict(&array(case, "key"), text(case, "msg").as_bytes(), &array(case, "sig"))
    });
    assert_eq!(accepted.count(), 43);
}

#[test]
fn ed25519_of_wycheproof() {
    let file = json("wycheproof/ed25519_test.json");
    let mut accepted = 0;
    for group in list(&file, "testGroups") {
        let public = array(&group["publicKey"], "pk");
        for case in list(group, "tests") {
            let Ok(signature) = <[u8; 64]>::try_from(bytes(case, "sig")) else { continue };
            accepted += usize::from(same_verdict(&public, &bytes(case, "msg"), &signature));
        }
    }
    assert!(accepted > 50, "{accepted}");
}

/// Keys and commitments of small order and of every second spelling, each with each other and with
/// scalars around the group's order: what cofactors and loose decoding let through is refused by both.
#[test]
fn ed25519_of_unusual_points() {
    let mut rng = rng(5);
    let key = portable::SigningKey::from_seed(&Secret::copied_from(&random(&mut rng)));
    let good = key.sign(&[b"tea"]);
    let mut points: Vec<[u8; 32]> = small_order::ALL.to_vec();
    // y from the prime on: the second spellings of 0 to 18.
    points.extend((0xed..=0xff).map(dh::near_prime));
    points.extend([dh::near_prime(0xec), key.public()]);
    let signed: Vec<_> = points
        .iter()
        .map(|point| {
            let mut point = *point;
            point[31] ^= 0x80;
            point
        })
        .collect();
    points.extend(signed);
    let scalars = [[0; 32], GROUP_ORDER, one_more(GROUP_ORDER), *good.last_chunk().expect("64")];
    for public in &points {
        for commitment in &points {
            for scalar in &scalars {
                let signature = [*commitment, *scalar].concat().try_into().expect("64 bytes");
                assert!(!same_verdict(public, b"tea", &signature));
            }
        }
        let is_own = *public == key.public();
        assert_eq!(same_verdict(public, b"tea", &good), is_own);
    }
}

/// L, little-endian.
const GROUP_ORDER: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];

const fn one_more(mut number: [u8; 32]) -> [u8; 32] {
    number[0] += 1;
    number
}
