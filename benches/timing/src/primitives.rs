//! Comparisons of secrets, of what a store sealed, and of safety numbers.

use dudect_bencher::rand::Rng as _;
use dudect_bencher::{BenchRng, CtRunner};
use kuvert_core::at_rest::{OVERHEAD, RecordKey};
use kuvert_core::hazmat;
use kuvert_core::safety_number::SafetyNumber;
use kuvert_core::secret::Secret;
use kuvert_timing::flipped;
use kuvert_wire::AccountKey;

use crate::measure::compare;

const OURS: [u8; 32] = [7; 32];
const SALT: [u8; 16] = [5; 16];
const AD: &[u8] = b"session/1 v2";
/// Bytes of the commitment in front of a sealed record.
const COMMITMENT: usize = 32;

/// Shows that the measurement bites: stops at the first byte that differs.
pub(crate) fn control_early_exit(runner: &mut CtRunner, rng: &mut BenchRng) {
    let ours = [7; 64];
    let [left, right] = [0, 63].map(|place| flipped(&ours, place));
    let differs = |theirs: &[u8]| ours.iter().zip(theirs).position(|(a, b)| a != b);
    compare(runner, rng, [&left, &right], differs);
}

/// The copy that a comparison needs is part of what is timed.
fn secrets(runner: &mut CtRunner, rng: &mut BenchRng, [left, right]: [&[u8; 32]; 2]) {
    let ours = Secret::copied_from(&OURS);
    compare(runner, rng, [left, right], |theirs| {
        ours.ct_eq(&Secret::copied_from(theirs.try_into().expect("a secret's length")))
    });
}

/// The same secret against a random one.
pub(crate) fn secret_random(runner: &mut CtRunner, rng: &mut BenchRng) {
    let mut random = [0; 32];
    rng.fill_bytes(&mut random);
    secrets(runner, rng, [&OURS, &random]);
}

/// A secret that differs in its first byte against one that differs in its last.
pub(crate) fn secret_second_half(runner: &mut CtRunner, rng: &mut BenchRng) {
    let [mut first, mut last] = [OURS; 2];
    first[0] ^= 1;
    last[31] ^= 1;
    secrets(runner, rng, [&first, &last]);
}

fn record(runner: &mut CtRunner, rng: &mut BenchRng, places: impl Fn(usize) -> [usize; 2]) {
    let key = RecordKey::for_store(&Secret::copied_from(&[1; 32]));
    let sealed = key.seal(&SALT, AD, &[9; 256]);
    assert_eq!(sealed.len(), 256 + OVERHEAD);
    let [left, right] = places(sealed.len()).map(|place| flipped(&sealed, place));
    compare(runner, rng, [&left, &right], |sealed| key.open(&SALT, AD, sealed).is_ok());
}

/// A sealed record whose commitment is wrong in the first byte against the last.
pub(crate) fn record_commitment(runner: &mut CtRunner, rng: &mut BenchRng) {
    record(runner, rng, |_| [0, COMMITMENT - 1]);
}

/// A sealed record whose tag is wrong in the first byte against the last.
pub(crate) fn record_tag(runner: &mut CtRunner, rng: &mut BenchRng) {
    record(runner, rng, |len| [len - 16, len - 1]);
}

/// A wrong commitment against a wrong tag: the commitment is checked first.
pub(crate) fn differs_record_commitment_or_tag(runner: &mut CtRunner, rng: &mut BenchRng) {
    record(runner, rng, |len| [0, len - 1]);
}

/// A private key of nearly no ones against one of nearly nothing else, with a public key as any.
pub(crate) fn private_key(runner: &mut CtRunner, rng: &mut BenchRng) {
    let mut their = [0; 32];
    their[0] = 9;
    compare(runner, rng, [&[0; 32], &[0xff; 32]], |private| {
        hazmat::x25519(private.try_into().expect("a key's length"), &their)
    });
}

/// A safety number that differs in its first digit against one that differs in its last.
pub(crate) fn safety_number(runner: &mut CtRunner, rng: &mut BenchRng) {
    let [a, b] = [1, 2].map(|byte| AccountKey::from_bytes([byte; 32]));
    let number = SafetyNumber::between(&a, &b);
    let text = number.to_string().into_bytes();
    let [left, right] = [0, text.len() - 1].map(|place| {
        let mut text = text.clone();
        text[place] = if text[place] == b'5' { b'6' } else { b'5' };
        text
    });
    compare(runner, rng, [&left, &right], |text| {
        number.compare(std::str::from_utf8(text).expect("digits and spaces")).is_some()
    });
}
