//! Verifies a transcript that somebody handed over: no account, no network, no keys.
//!
//! ```console
//! $ cargo run -p kuvert --example verify_transcript FILE           # as text
//! $ cargo run -p kuvert --example verify_transcript FILE page.html # as a page to print
//! ```
//!
//! Without a file it takes the one of `spec/vectors`. The file is read in pieces; however long it is, a
//! few bytes for each entry are kept. Whether the two account keys are those of the people you know is
//! for you to compare: the file cannot say.

use std::error::Error;
use std::fs::{self, File};
use std::io::Read;
use std::process::ExitCode;

use kuvert_core::transcript::render::{self, View};
use kuvert_core::transcript::{VerifiedTranscript, Verifier, verify};

const EXAMPLE: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../../spec/vectors/transcripts/signed.json");

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().unwrap_or_else(|| EXAMPLE.into());
    match read(&path, arguments.next().as_deref()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(refused) => {
            eprintln!("{path} proves nothing: {refused}");
            ExitCode::from(3)
        }
    }
}

fn read(path: &str, page: Option<&str>) -> Result<(), Box<dyn Error>> {
    let proven = streamed(path)?;
    eprintln!("It proves {} entries.\n", proven.report().entries);
    show(&verify(&fs::read(path)?)?, page)
}

/// In pieces, with a word on how far it is.
fn streamed(path: &str) -> Result<VerifiedTranscript, Box<dyn Error>> {
    let (mut file, mut verifier) = (File::open(path)?, Verifier::new());
    let (len, mut done) = (file.metadata()?.len().max(1), 0);
    let mut piece = vec![0; 64 * 1024];
    loop {
        let count = file.read(&mut piece)?;
        if count == 0 {
            break;
        }
        verifier.push(&piece[..count])?;
        done += count as u64;
        eprint!("\r{:3} %, {} entries", 100 * done / len, verifier.entries());
    }
    eprintln!();
    Ok(verifier.finish()?)
}

/// Only what has been verified can be shown.
fn show(transcript: &VerifiedTranscript, page: Option<&str>) -> Result<(), Box<dyn Error>> {
    let view = View { names: ["Alice", "Bob"], date: &render::utc };
    match page {
        Some(path) => fs::write(path, render::to_html(transcript, &view))?,
        None => print!("{}", render::to_text(transcript, &view)),
    }
    Ok(())
}
