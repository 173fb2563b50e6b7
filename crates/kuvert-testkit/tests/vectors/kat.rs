//! The process `kuvert-conformance kat`.

use std::io::Write;
use std::process::{Command, Stdio};
use std::thread;

use serde_json::Value;

use crate::case::Case;

/// The operations that the process knows.
pub(crate) const OPS: &[&str] = &[
    "hl",
    "hm",
    "xl",
    "device_id",
    "safety",
    "kx",
    "root_step",
    "chain_step",
    "pq_epoch",
    "rs_fragment",
    "rs_decode",
    "seal",
    "open",
    "padme",
    "frank",
    "merkle_root",
    "merkle_inclusion",
    "merkle_consistency",
    "tr_cm",
    "tr_leaf",
    "tr_head",
];

/// Asks all cases in one run.
pub(crate) fn ask(cases: &[Case]) -> Vec<Value> {
    let lines: String = cases.iter().map(|case| case.question() + "\n").collect();
    ask_lines(lines.into_bytes())
}

/// The answers to lines that may be anything.
pub(crate) fn ask_lines(lines: Vec<u8>) -> Vec<Value> {
    let mut program = Command::new(env!("CARGO_BIN_EXE_kuvert-conformance"))
        .arg("kat")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = program.stdin.take().unwrap();
    let asking = thread::spawn(move || stdin.write_all(&lines).unwrap());
    let output = program.wait_with_output().unwrap();
    asking.join().unwrap();
    assert!(output.status.success());
    let answers = String::from_utf8(output.stdout).unwrap();
    answers.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}
