//! `kuvert transcript …`

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use kuvert::{MessageId, RedactionReason, TranscriptMode};

use super::{Peer, message_id};

/// What is done with transcripts.
#[derive(Debug, Subcommand)]
pub(crate) enum Transcript {
    /// Say that you want a transcript, or agree to one: it runs once both have said so
    #[command(after_help = "Example:\n  kuvert transcript start bob --mode signed")]
    Start(Start),
    /// End the transcript, take an offer back, or decline one
    #[command(after_help = "Example:\n  kuvert transcript stop bob")]
    Stop(Peer),
    /// Write a file that proves what was said
    #[command(after_help = "Examples:\n  kuvert transcript export bob -o tea.kvt\n  \
        kuvert transcript export bob -o one.kvt --only 0011…ff      that message alone")]
    Export(Export),
    /// Check such a file: needs no account and no network
    #[command(after_help = "Example:\n  kuvert transcript verify tea.kvt")]
    Verify {
        /// The file
        file: PathBuf,
    },
    /// Check such a file and show what it says, as text or as a page to print
    #[command(after_help = "Examples:\n  kuvert transcript show tea.kvt\n  \
        kuvert transcript show tea.kvt --html -o tea.html --name 4f1c9a=Bob")]
    Show(Show),
    /// Erase what messages say, here and at the other side; that they were there stays provable
    #[command(after_help = "Example:\n  kuvert transcript redact bob 0011…ff --reason mistake")]
    Redact(Redact),
}

/// `kuvert transcript start`
#[derive(Debug, Args)]
pub(crate) struct Start {
    /// The contact
    pub(crate) name: String,
    /// Signed: both sign, and can prove to anyone what was said. Deniable: proves it to you two alone
    #[arg(long)]
    pub(crate) mode: Mode,
}

/// `kuvert transcript export`
#[derive(Debug, Args)]
pub(crate) struct Export {
    /// The contact
    pub(crate) name: String,
    /// The file to write; readable by you alone
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: PathBuf,
    /// Show this message, and of the others only that they are there; may be given several times
    #[arg(long, value_name = "ID", value_parser = message_id)]
    pub(crate) only: Vec<MessageId>,
}

/// `kuvert transcript show`
#[derive(Debug, Args)]
pub(crate) struct Show {
    /// The file
    pub(crate) file: PathBuf,
    /// A page to print, without scripts, instead of text
    #[arg(long)]
    pub(crate) html: bool,
    /// Write to this file instead of stdout
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// What to call whose account id begins so; the file has no names
    #[arg(long = "name", value_name = "ACCOUNT=NAME", value_parser = name_of)]
    pub(crate) names: Vec<(String, String)>,
}

/// `kuvert transcript redact`
#[derive(Debug, Args)]
pub(crate) struct Redact {
    /// The contact
    pub(crate) name: String,
    /// The messages, as `kuvert --json history` names them, at most 64
    #[arg(required = true, num_args = 1.., value_parser = message_id)]
    pub(crate) ids: Vec<MessageId>,
    /// Why
    #[arg(long, value_enum, default_value_t = Reason::Wish)]
    pub(crate) reason: Reason,
    /// The rule under which it is done: up to 64 visible ASCII characters
    #[arg(long, value_name = "ID", default_value = "")]
    pub(crate) policy: String,
}

/// What kind of proof a transcript is.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Mode {
    Signed,
    Deniable,
}

impl From<Mode> for TranscriptMode {
    fn from(mode: Mode) -> Self {
        match mode {
            Mode::Signed => Self::Signed,
            Mode::Deniable => Self::Deniable,
        }
    }
}

/// Why something is erased.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Reason {
    /// A person wants it gone
    Wish,
    /// Its time is over
    Expired,
    /// It was sent by mistake
    Mistake,
    /// A law or a rule of the house
    Rule,
    /// None of these
    Other,
}

impl From<Reason> for RedactionReason {
    fn from(reason: Reason) -> Self {
        match reason {
            Reason::Wish => Self::Wish,
            Reason::Expired => Self::Expired,
            Reason::Mistake => Self::Mistake,
            Reason::Rule => Self::Rule,
            Reason::Other => Self::Other,
        }
    }
}

fn name_of(text: &str) -> Result<(String, String), &'static str> {
    let (account, name) = text.split_once('=').ok_or("it has the form ACCOUNT=NAME")?;
    let is_account = account.len() >= 6 && account.bytes().all(|byte| byte.is_ascii_hexdigit());
    match is_account && !name.is_empty() {
        true => Ok((account.to_ascii_lowercase(), name.to_owned())),
        false => Err("ACCOUNT is the beginning of an account id: six hex digits or more"),
    }
}
