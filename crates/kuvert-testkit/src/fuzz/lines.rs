//! Lines for `kuvert-conformance kat`.

use serde_json::Value;

use crate::kat;

/// Each line that is not empty gets one answer, an object; what is asked twice is answered alike.
pub(super) fn run(input: &[u8]) {
    let ask = || {
        let mut answers = Vec::new();
        kat::run(input, &mut answers).expect("memory can be read and written");
        answers
    };
    let answers = ask();
    let lines: Vec<&[u8]> = answers.split_inclusive(|byte| *byte == b'\n').collect();
    let asked = input.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty());
    assert_eq!(lines.len(), asked.count());
    for line in lines {
        let answer: Value = serde_json::from_slice(line).expect("an answer is JSON");
        assert!(answer.is_object());
    }
    assert_eq!(ask(), answers);
}
