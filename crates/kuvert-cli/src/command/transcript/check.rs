//! `kuvert transcript verify`

use std::fs::File;
use std::io::Read;
use std::path::Path;

use kuvert::transcripts::{VerifiedTranscript, Verifier};

use crate::args::Global;
use crate::exit::{Exit, Failure, Outcome};
use crate::object::{ProofLine, RefusedLine};
use crate::output::Output;
use crate::progress::Progress;
use crate::text;

/// Read at once.
const PIECE_BYTES: usize = 256 * 1024;

pub(crate) fn run(global: &Global, path: &Path) -> Outcome {
    let output = Output::new(global);
    let verified = verified(global, path, Verifier::new())?;
    output.show(&ProofLine::from(verified.report()), human)
}

/// Reads a file in pieces and verifies it.
///
/// # Errors
///
/// With exit code 3 if it proves nothing; a JSON reader is told why on stdout as well.
pub(crate) fn verified(
    global: &Global,
    path: &Path,
    mut verifier: Verifier,
) -> Outcome<VerifiedTranscript> {
    let unreadable = |error: &dyn std::fmt::Display| {
        Failure::failed(format!(
            "cannot read {}: {error}",
            text::one_line(&path.display().to_string())
        ))
    };
    let mut file = File::open(path).map_err(|error| unreadable(&error))?;
    let len = file.metadata().map_err(|error| unreadable(&error))?.len();
    let mut progress = Progress::over(global, len);
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        let count = file.read(&mut piece).map_err(|error| unreadable(&error))?;
        if count == 0 {
            break;
        }
        verifier.push(&piece[..count]).map_err(|refused| not_valid(global, &refused))?;
        progress.add(count);
    }
    progress.end();
    verifier.finish().map_err(|refused| not_valid(global, &refused))
}

fn not_valid(global: &Global, refused: &kuvert::transcripts::Refused) -> Failure {
    let line = RefusedLine { valid: false, error: refused.to_string() };
    let output = Output::new(global);
    if output.json
        && let Err(failure) = output.show(&line, |_| String::new())
    {
        return failure;
    }
    Failure::new(Exit::Identity, format!("the file proves nothing: {refused}"))
        .hint("It is damaged, or somebody has changed it. Ask for it again.")
}

fn human(line: &ProofLine) -> String {
    let mut lines = vec![format!("Valid: a {} transcript, {} entries.", line.mode, line.entries)];
    for signer in &line.signers {
        let signed = if signer.has_signed { "" } else { " (nothing of this side is covered)" };
        lines.push(format!("Between account {}{signed}", signer.account));
    }
    if let (Some(from), Some(to)) = (line.from, line.to) {
        lines.push(format!("From {} to {}, as both claim", moment(from), moment(to)));
    }
    let [low, high] = line.checkpoint;
    lines.push(if line.complete {
        format!("Complete up to the checkpoint at {low} + {high} entries")
    } else {
        format!("Not complete: {} entries before the checkpoint are not in it", line.missing)
    });
    if line.redacted > 0 {
        lines.push(format!(
            "Not shown: {} entries, of which {} were announced as erased",
            line.redacted, line.announced
        ));
    }
    if line.contradictions > 0 {
        lines.push(format!("Contradictions: {}. One side had two histories.", line.contradictions));
    }
    lines.push(line.statement.to_owned());
    lines.push("Compare the accounts with the addresses of those whom you know.".to_owned());
    lines.join("\n")
}

fn moment(millis: u64) -> String {
    crate::clock::minute(kuvert::Timestamp::from_millis(millis))
}
