//! Published vectors, run through this crate's own wrappers: what an application would really use.
//!
//! The files, their origin and licences: `tests/data/README.md`. Each test counts the cases that it
//! ran, so that a changed file cannot silently test nothing.

extern crate std;

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use serde_json::Value;

mod aead;
mod dh;
mod kdf;
mod kem;
mod kem_second_opinion;
mod sign;

/// A file below `tests/data`.
fn read(path: &str) -> String {
    let path = format!("{}/tests/data/{path}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

pub(super) fn json(path: &str) -> Value {
    serde_json::from_str(&read(path)).unwrap()
}

/// Runs `check` on each case of a Wycheproof file, with its group, and on none too few.
fn wycheproof(name: &str, mut check: impl FnMut(&Value, &Value)) {
    let file = json(&format!("wycheproof/{name}_test.json"));
    let mut count = 0;
    for group in list(&file, "testGroups") {
        for case in list(group, "tests") {
            check(group, case);
            count += 1;
        }
    }
    assert_eq!(Some(count), file["numberOfTests"].as_u64(), "{name}");
}

pub(super) fn list<'a>(value: &'a Value, field: &str) -> &'a [Value] {
    value[field].as_array().unwrap_or_else(|| panic!("no list {field}"))
}

pub(super) fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_else(|| panic!("no text {field} in {value}"))
}

pub(super) fn bytes(value: &Value, field: &str) -> Vec<u8> {
    hex::decode(text(value, field)).unwrap()
}

pub(super) fn array<const N: usize>(value: &Value, field: &str) -> [u8; N] {
    bytes(value, field).try_into().unwrap()
}

fn has_flag(case: &Value, flag: &str) -> bool {
    list(case, "flags").iter().any(|found| found == flag)
}

fn is_valid(case: &Value) -> bool {
    match text(case, "result") {
        "valid" => true,
        "invalid" => false,
        other => panic!("unexpected result {other}"),
    }
}
