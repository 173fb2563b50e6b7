//! Reads the known answers: one JSON object a line, bytes in hex, `expect` beside the inputs.

use alloc::string::String;
use alloc::vec::Vec;

use serde_json::Value;

const LINES: &str = include_str!("../../tests/data/kuvert-kat.jsonl");

/// The cases of one operation; a test that finds none must fail, so there is always one.
pub(crate) fn cases(op: &str) -> Vec<Case> {
    let parsed = LINES.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let cases: Vec<_> = parsed.filter(|case| case["op"] == op).map(Case).collect();
    assert!(!cases.is_empty(), "no known answers for {op}");
    cases
}

/// One known answer, or the `expect` inside one.
pub(crate) struct Case(Value);

impl Case {
    /// What should come out.
    pub(crate) fn expect(&self) -> Self {
        Self(self.0["expect"].clone())
    }

    /// The bytes of a hex field.
    pub(crate) fn bytes(&self, field: &str) -> Vec<u8> {
        hex::decode(self.text(field)).unwrap()
    }

    /// The bytes of a hex field of one length.
    pub(crate) fn array<const N: usize>(&self, field: &str) -> [u8; N] {
        self.bytes(field).try_into().unwrap()
    }

    /// A string.
    pub(crate) fn text(&self, field: &str) -> String {
        self.0[field].as_str().unwrap_or_else(|| panic!("no text in {field}")).into()
    }

    /// A number.
    pub(crate) fn number(&self, field: &str) -> usize {
        self.0[field].as_u64().unwrap_or_else(|| panic!("no number in {field}")).try_into().unwrap()
    }

    /// The field as it stands, for lists and optional fields.
    pub(crate) fn value(&self, field: &str) -> &Value {
        &self.0[field]
    }
}
