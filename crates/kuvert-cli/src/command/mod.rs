//! One file for each command.

mod account;
mod chat;
mod contact;
mod demo;
mod history;
mod init;
mod recv;
mod report;
mod send;
mod status;
mod transcript;
mod verify;

use crate::args::{Cli, Command};
use crate::exit::{Failure, Outcome};

/// Does what the command line asks for.
pub(crate) async fn run(cli: Cli) -> Outcome {
    let global = &cli.global;
    match cli.command {
        Command::Init(args) => init::run(global, &args).await,
        Command::Address(args) => account::run(global, &args).await,
        Command::Contact(args) => contact::run(global, &args).await,
        Command::Send(args) => send::run(global, &args).await,
        Command::Recv(args) => recv::run(global, &args).await,
        Command::History(args) => history::run(global, &args).await,
        Command::Chat(args) => chat::run(global, &args).await,
        Command::Verify(args) => verify::run(global, &args).await,
        Command::Status => status::run(global).await,
        Command::Demo => demo::run(global).await,
        Command::Transcript(args) => transcript::run(global, &args).await,
        Command::Report(args) => report::run(global, &args).await,
        Command::Backup(_) => Err(later("backups are")),
    }
}

fn later(what: &str) -> Failure {
    Failure::usage(format!("{what} not in this version"))
}
