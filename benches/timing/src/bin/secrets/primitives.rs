//! Comparisons, sealing, and single steps of the protocol with secret keys.

use std::hint::black_box;

use kuvert_core::at_rest::{OVERHEAD, RecordKey};
use kuvert_core::hazmat;
use kuvert_core::safety_number::SafetyNumber;
use kuvert_core::secret::Secret;
use kuvert_timing::flipped;
use kuvert_wire::AccountKey;

use crate::mark::{outcome, public, secret};

const SALT: [u8; 16] = [5; 16];
/// Short texts and long ones are for different implementations.
const LENGTHS: [usize; 2] = [256, 2000];
const AD: &[u8] = b"session/1 v2";

/// A secret in a place of its own, in which the compiler does not know its value.
fn key(byte: u8) -> Box<[u8; 32]> {
    let mut key = Box::new([byte; 32]);
    secret(&mut *key);
    key
}

/// Shows that a branch is found: stops at the first byte that differs.
pub(crate) fn control_branch() {
    black_box(key(7).iter().position(|byte| *byte != 7));
}

/// Shows that a place is found: looks something up under a byte.
pub(crate) fn control_place() {
    let table = black_box([3_u8; 256]);
    black_box(table[usize::from(key(7)[0])]);
}

/// Two secrets, equal and not.
pub(crate) fn secret_compare() {
    for (theirs, is_same) in [(7, true), (8, false)] {
        let [ours, theirs] = [7, theirs].map(|byte| Secret::copied_from(&key(byte)));
        assert_eq!(outcome(ours.ct_eq(&theirs)), is_same);
    }
}

/// The digits, as if nobody but the two knew their accounts.
pub(crate) fn safety_number() {
    let typed = {
        let [a, b] = [1, 2].map(|byte| AccountKey::from_bytes([byte; 32]));
        SafetyNumber::between(&a, &b).to_string()
    };
    let mut other = typed.clone().into_bytes();
    other[0] = if other[0] == b'5' { b'6' } else { b'5' };
    let other = String::from_utf8(other).expect("digits and spaces");
    let [a, b] = [1, 2].map(|byte| AccountKey::from_bytes(*key(byte)));
    let number = SafetyNumber::between(&a, &b);
    assert!(outcome(number.compare(&typed).is_some()));
    assert!(!outcome(number.compare(&other).is_some()));
}

fn record_key() -> RecordKey {
    RecordKey::for_store(&Secret::copied_from(&key(1)))
}

/// As a store does, with a secret record.
fn sealed(len: usize) -> Vec<u8> {
    let mut record = vec![9; len];
    secret(&mut record);
    let mut sealed = record_key().seal(&SALT, AD, &record);
    assert_eq!(sealed.len(), len + OVERHEAD);
    // It goes into the file.
    public(&mut sealed);
    sealed
}

/// Records under a secret key.
pub(crate) fn record_seal() {
    black_box(LENGTHS.map(sealed));
}

fn record_is_refused(place: impl Fn(usize) -> usize) {
    for sealed in LENGTHS.map(sealed) {
        let sealed = flipped(&sealed, place(sealed.len()));
        assert!(record_key().open(&SALT, AD, &sealed).is_err());
    }
}

/// A stored record with a wrong commitment.
pub(crate) fn record_commitment() {
    record_is_refused(|_| 0);
}

/// And with a wrong tag.
pub(crate) fn record_tag() {
    record_is_refused(|len| len - 1);
}

/// A chunk of a file.
pub(crate) fn attachment_seal() {
    let input = hazmat::ChunkInput {
        file_key: &key(1),
        salt: &SALT,
        padded_size: 64,
        chunk_log2: 16,
        i: 0,
        last: true,
        data: &*key(2),
    };
    black_box(hazmat::attach_chunk(&input));
}

/// All that two agree on, from the results of Diffie-Hellman and the KEM.
pub(crate) fn agreement() {
    let dh: [_; 5] = std::array::from_fn(|_| key(3));
    let input = hazmat::AgreementInput {
        cert_a: &[1; 177],
        cert_b: &[2; 177],
        medium: &[3; 1684],
        one_time: &[4; 1668],
        ek: &[5; 32],
        ct: &[6; 1568],
        ss: &key(4),
        dh: dh.each_ref().map(|dh| &**dh),
    };
    assert!(hazmat::agreement(&input).is_ok());
}

/// A root key and a Diffie-Hellman result, with an epoch's secret.
pub(crate) fn root_step() {
    let input = hazmat::RootStepInput {
        dh: &key(1),
        mix: Some(&key(2)),
        session_id: [3; 16],
        ratchet_pk: [4; 32],
        pq_mixed: 1,
    };
    black_box(hazmat::root_step(&key(5), &input));
}

/// A chain key.
pub(crate) fn chain_step() {
    black_box(hazmat::chain_step(&key(1), 3));
}

/// A message key that seals a secret frame.
pub(crate) fn message_seal() {
    let context = hazmat::MessageContext { kind: 2, hnonce: &[1; 12], eh: &[2; 211], salt: &SALT };
    let mut frame = vec![9; 700];
    secret(&mut frame);
    assert!(hazmat::seal(&key(1), &context, &frame).is_ok());
    assert!(hazmat::seal(&key(1), &context, &frame[..40]).is_ok());
}

/// An epoch of the post-quantum ratchet.
pub(crate) fn epoch_step() {
    assert!(hazmat::pq_epoch(&key(1), 2, &[1; 1184], &[2; 1088], &key(3)).is_ok());
}
