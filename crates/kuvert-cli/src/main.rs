//! `kuvert`: end-to-end encrypted messages from the command line.

mod args;
mod clock;
mod command;
mod event_line;
mod exit;
mod failure;
mod home;
mod line;
mod notice;
mod object;
mod output;
mod passphrase;
mod progress;
mod session;
mod text;
mod transcript_line;
mod turn;
mod whole_file;

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;

use crate::exit::Failure;

fn main() -> ExitCode {
    let cli = args::Cli::parse();
    let ended = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::failed(format!("cannot start: {error}")))
        .and_then(|runtime| runtime.block_on(command::run(cli)));
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => report(&failure),
    }
}

fn report(failure: &Failure) -> ExitCode {
    // A closed stderr must not hide the exit code.
    let _ = writeln!(std::io::stderr(), "kuvert: {failure}");
    ExitCode::from(failure.exit)
}
