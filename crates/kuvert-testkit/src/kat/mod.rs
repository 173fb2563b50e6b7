//! `kuvert-conformance kat`: answers single steps of the protocol, one JSON object a line.

use std::io::{self, BufRead, Write};

use kuvert_core::ProtocolError;
use kuvert_core::hazmat::BadInput;
use serde_json::{Value, json};

mod basics;
mod input;
mod ratchet;
mod transcript;

use input::{BadField, Input};

/// Answers each line of `questions` with a line of `answers`; an empty one is passed over.
///
/// # Errors
///
/// Only those of reading and writing: a line that cannot be answered is answered with an error.
pub fn run(questions: impl BufRead, mut answers: impl Write) -> io::Result<()> {
    for line in questions.split(b'\n') {
        let line = line?;
        if !line.trim_ascii().is_empty() {
            writeln!(answers, "{}", answer(&line))?;
            answers.flush()?;
        }
    }
    Ok(())
}

/// The answer to one question, or `{"error": …}`; a line that is not even text gets one, too.
fn answer(line: &[u8]) -> Value {
    let answered = Input::parse(line).map_err(Refusal::from).and_then(|input| {
        let op = input.text("op")?;
        let (_, operation) =
            OPERATIONS.iter().find(|(name, _)| *name == op).ok_or(Refusal::UnsupportedOp)?;
        operation(&input)
    });
    answered.unwrap_or_else(|refusal| json!({ "error": refusal.name() }))
}

type Operation = fn(&Input) -> Result<Value, Refusal>;

const OPERATIONS: &[(&str, Operation)] = &[
    ("hl", basics::hl),
    ("hm", basics::hm),
    ("xl", basics::xl),
    ("padme", basics::padme),
    ("device_id", basics::device_id),
    ("kx", basics::kx),
    ("root_step", ratchet::root_step),
    ("chain_step", ratchet::chain_step),
    ("pq_epoch", ratchet::pq_epoch),
    ("rs_fragment", ratchet::rs_fragment),
    ("rs_decode", ratchet::rs_decode),
    ("seal", ratchet::seal),
    ("open", ratchet::open),
    ("attach_chunk", transcript::attach_chunk),
    ("merkle_root", transcript::merkle_root),
    ("merkle_inclusion", transcript::merkle_inclusion),
    ("merkle_consistency", transcript::merkle_consistency),
    ("tr_cm", transcript::tr_cm),
    ("tr_leaf", transcript::tr_leaf),
    ("tr_head", transcript::tr_head),
    ("frank", basics::frank),
    ("safety", basics::safety),
];

/// Why there is no answer.
enum Refusal {
    UnsupportedOp,
    Protocol(ProtocolError),
}

impl Refusal {
    const fn name(&self) -> &'static str {
        match self {
            Self::UnsupportedOp => "UnsupportedOp",
            Self::Protocol(error) => error.name(),
        }
    }
}

impl From<BadField> for Refusal {
    fn from(BadField: BadField) -> Self {
        Self::Protocol(ProtocolError::Malformed)
    }
}

impl From<BadInput> for Refusal {
    fn from(_: BadInput) -> Self {
        Self::Protocol(ProtocolError::Malformed)
    }
}
