//! The conformance interface: Kuvert as a black box, so that it can be tested from outside, and other
//! implementations in the same way.
//!
//! A device is a directory, messages are files, results are JSON objects on stdout. Every command
//! loads the device, takes its step, saves, and only then speaks.
//!
//! # Spec
//!
//! `spec/README.md`, "Conformance"; the names of errors are those of `spec/05-messages.md`.

mod answer;
mod args;
mod device;
mod home;
mod outcomes;
mod peers;
mod random;
mod report;

use std::io;
use std::process::ExitCode;

use clap::Parser;
use kuvert_core::ProtocolError;
use kuvert_testkit::kat;

use answer::Answer;
use args::{Arguments, Command};

fn main() -> ExitCode {
    let arguments = Arguments::try_parse().unwrap_or_else(|error| misused(&error));
    let answer = run(&arguments).unwrap_or_else(|error| {
        eprintln!("kuvert-conformance: {error}");
        Answer::Error(error)
    });
    match answer.write(&mut io::stdout().lock()) {
        Ok(()) => answer.exit_code(),
        Err(_) => ExitCode::FAILURE,
    }
}

/// Ends with 2, or 0 if it was help that was asked for. Even wrong use is answered with one object.
fn misused(error: &clap::Error) -> ! {
    if error.use_stderr() {
        // Nobody is left to tell when stdout is closed.
        let _ = Answer::Error(ProtocolError::Malformed).write(&mut io::stdout().lock());
    }
    error.exit()
}

fn run(arguments: &Arguments) -> Result<Answer, ProtocolError> {
    let world = &arguments.world;
    match &arguments.command {
        Command::Kat => answer_all(),
        Command::Init(options) => device::init(options, world),
        Command::Bundle(options) => device::bundle(options, world),
        Command::Peer(options) => device::peer(options, world),
        Command::Send(options) => device::send(options, world),
        Command::Recv(options) => device::recv(options, world),
        Command::State(options) => device::state(options, world),
        Command::Heal(options) => device::heal(options, world),
        Command::Reset(options) => device::reset(options, world),
        Command::Safety(options) => device::safety(options, world),
    }
}

fn answer_all() -> Result<Answer, ProtocolError> {
    kat::run(io::stdin().lock(), io::stdout().lock()).map_err(|_| ProtocolError::Storage)?;
    Ok(Answer::Nothing)
}
