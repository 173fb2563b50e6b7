//! Everything in `spec/vectors`, through every door of the implementation that it fits.
//!
//! The files are found by folder, so that a new one is run without a word here, and an operation that
//! nobody answers fails.
#![allow(clippy::unwrap_used, reason = "a test that fails panics")]

mod case;
mod conversation;
mod given;
mod kat;
mod mending;
mod player;
mod process;
mod steps;
mod transcript;

use case::{Case, files};
use conversation::Way;

#[test]
fn every_single_step_is_as_the_reference_says() {
    let mut seen = 0;
    for file in files().iter().filter(|file| file.has("cases")) {
        for case in file.cases() {
            let said = steps::answer(&case).unwrap_or_else(|refusal| refusal.as_json());
            assert_eq!(&said, case.expected(), "{}", case.name());
            seen += 1;
        }
    }
    assert!(seen > 500, "only {seen} cases were found");
}

/// The same through the process, as a stranger would ask.
#[test]
fn the_process_answers_the_same() {
    let cases: Vec<Case> = files()
        .iter()
        .filter(|file| file.has("cases"))
        .flat_map(case::File::cases)
        .filter(|case| kat::OPS.contains(&case.op()))
        .collect();
    let answers = kat::ask(&cases);
    assert_eq!(answers.len(), cases.len());
    for (case, said) in cases.iter().zip(&answers) {
        assert_eq!(said, case.expected(), "{}", case.name());
    }
}

#[test]
fn a_line_that_is_no_text_does_not_end_the_process() {
    let lines = b"\xff\xfe\n{\"op\":\"padme\",\"l\":5}\n".to_vec();
    let answers = kat::ask_lines(lines);
    let expected = [serde_json::json!({ "error": "Malformed" }), serde_json::json!({ "out": 256 })];
    assert_eq!(answers, expected);
}

#[test]
fn every_conversation_goes_as_the_reference_says() {
    for file in files().iter().filter(|file| file.has("conversations")) {
        for conversation in file.conversations() {
            conversation::play(&conversation, Way::Straight);
        }
    }
}

/// Each device is loaded from its records before each event.
#[test]
fn every_conversation_survives_restarts() {
    for file in files().iter().filter(|file| file.has("conversations")) {
        for conversation in file.conversations() {
            conversation::play(&conversation, Way::Restarting);
        }
    }
}

/// The process takes each event, too, with a copy of the device.
#[test]
fn every_conversation_goes_the_same_in_the_process() {
    for file in files().iter().filter(|file| file.has("conversations")) {
        for conversation in file.conversations() {
            conversation::play(&conversation, Way::BesideTheProcess);
        }
    }
}
