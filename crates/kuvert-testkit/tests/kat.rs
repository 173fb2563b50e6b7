//! Every known answer, asked through the program as a stranger would.
#![allow(clippy::unwrap_used, reason = "a test that fails panics")]

use std::io::Write;
use std::process::{Command, Stdio};
use std::thread;

use serde_json::Value;

const QUESTIONS: &str = include_str!("../vectors/kuvert-kat.jsonl");

fn answers(questions: &'static str) -> Vec<Value> {
    let mut program = Command::new(env!("CARGO_BIN_EXE_kuvert-conformance"))
        .arg("kat")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = program.stdin.take().unwrap();
    let asking = thread::spawn(move || stdin.write_all(questions.as_bytes()).unwrap());
    let output = program.wait_with_output().unwrap();
    asking.join().unwrap();
    assert!(output.status.success());
    let lines = String::from_utf8(output.stdout).unwrap();
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn every_known_answer_is_given() {
    let questions: Vec<Value> =
        QUESTIONS.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let answers = answers(QUESTIONS);
    assert_eq!(answers.len(), questions.len());
    for (question, answer) in questions.iter().zip(&answers) {
        let expected = &question["expect"];
        if expected["error"] == true {
            assert!(answer["error"].is_string(), "{question} answered {answer}");
        } else {
            assert_eq!(answer, expected, "{question}");
        }
    }
}

#[test]
fn nonsense_is_answered_with_an_error() {
    let answers = answers(concat!(
        "{\"op\": \"brew\"}\n",
        "\n",
        "tea\n",
        "{\"op\": \"hl\", \"s\": \"test\", \"x\": \"zz\"}\n",
        "{\"op\": \"hl\", \"s\": \"test\"}\n",
        "{\"op\": \"chain_step\", \"ck\": \"00\", \"n\": 1}\n",
        "{\"op\": \"rs_decode\", \"len\": 128, \"fragments\": [[300, \"\"]]}\n",
    ));
    let errors: Vec<_> = answers.iter().map(|answer| answer["error"].as_str().unwrap()).collect();
    assert_eq!(errors[0], "UnsupportedOp");
    assert_eq!(errors[1..], ["Malformed"; 5]);
}
