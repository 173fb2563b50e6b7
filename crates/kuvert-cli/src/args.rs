//! The command line: every command, flag and help text in one place.
//!
//! The surface is a contract that scripts rely on; `docs/cli.md` describes it with the JSON fields.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use kuvert::MessageId;

mod transcript;

pub(crate) use transcript::{Export, Redact, Show, Start, Transcript};

/// What was asked for on the command line.
#[derive(Debug, Parser)]
#[command(
    name = "kuvert",
    version,
    about = "Talk sealed: end-to-end encrypted messages through a relay that cannot read them",
    long_about = "Talk sealed: end-to-end encrypted messages through a relay that cannot read them.\n\n\
        Data goes to stdout, everything else to stderr. Exit codes: 0 ok, 1 failed, 2 usage,\n\
        3 identity problem, 4 no connection, 5 refused by policy.",
    after_help = "Examples:\n  \
        kuvert demo                                   see it work, nothing to set up\n  \
        kuvert init --relay ws://127.0.0.1:7770       make an account\n  \
        kuvert contact add bob kuvert://HOST/ID       give an address a name\n  \
        kuvert send bob \"Tea at four?\"                send, or queue when offline\n  \
        kuvert recv --wait 30                         print what arrives",
    disable_help_subcommand = true,
    arg_required_else_help = true
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Flags that go with every command, before or after its name.
#[derive(Debug, Clone, Args)]
pub(crate) struct Global {
    /// Folder of the account [default: $KUVERT_HOME, else the XDG data folder]
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) home: Option<PathBuf>,
    /// Read the passphrase from the first line of this file instead of asking
    #[arg(long, global = true, value_name = "F")]
    pub(crate) passphrase_file: Option<PathBuf>,
    /// Print one JSON object a line
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Plain lines only: for pipes, screen readers and simple terminals
    #[arg(long, global = true)]
    pub(crate) plain: bool,
    /// Never ask; fail instead
    #[arg(long, global = true)]
    pub(crate) no_input: bool,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make an account on this machine and publish its prekeys on a relay
    #[command(after_help = "Example:\n  kuvert --home alice init --relay ws://127.0.0.1:7770 \
        --name alice")]
    Init(Init),
    /// Print your own address, to give to others
    #[command(after_help = "Examples:\n  kuvert address\n  kuvert address --qr")]
    Address(Address),
    /// Names for other people's addresses
    #[command(subcommand)]
    Contact(Contact),
    /// Send a message; without a connection it waits and goes out with any later command
    #[command(after_help = "Examples:\n  kuvert send bob \"Tea at four?\"\n  \
        kuvert send bob < letter.txt      every byte of the file is the text\n  \
        kuvert send bob -- --dashes--     text that begins with a dash")]
    Send(Send),
    /// Print messages that arrived and were not printed before, oldest first
    #[command(after_help = "Examples:\n  kuvert recv\n  kuvert recv --wait 30 --count 1\n  \
        kuvert --json recv --from bob")]
    Recv(Recv),
    /// Print a conversation as stored on this machine
    #[command(after_help = "Example:\n  kuvert history bob")]
    History(Peer),
    /// Talk: each line you type is sent, each line that arrives is printed
    #[command(after_help = "Ends at end of input (Ctrl-D).\n\nExamples:\n  kuvert chat bob\n  \
        printf 'one\\ntwo\\n' | kuvert --plain chat bob")]
    Chat(Peer),
    /// Print the safety number to compare with the other person, or record that it matched
    #[command(after_help = "Examples:\n  kuvert verify bob\n  \
        kuvert verify bob --match \"12345 67890 …\"    all 60 digits, as the other side reads them\n  \
        kuvert verify bob --accept \"12345 67890 …\"   the same, and bob has a new device\n  \
        kuvert verify bob --reject                    bob has no new device")]
    Verify(Verify),
    /// Show relay, queue, prekeys, sessions and warnings
    #[command(after_help = "Example:\n  kuvert --json status")]
    Status,
    /// Show everything on this machine: a relay, two people, a sealed conversation
    #[command(after_help = "Example:\n  kuvert demo")]
    Demo,
    /// Transcripts: what was said, provable to others, as far as both want it
    #[command(subcommand)]
    Transcript(Transcript),
    /// Write a report of a received message, which the relay that carried it can check
    #[command(after_help = "Examples:\n  kuvert report eve 0011…ff -o report.json\n  \
        kuvert report eve 0011…ff --context 10      with the ten messages before it")]
    Report(Report),
    /// Sealed backups
    #[command(hide = true)]
    Backup(Later),
}

/// `kuvert init`
#[derive(Debug, Args)]
pub(crate) struct Init {
    /// Relay that keeps your mailbox, ws:// (this machine only) or wss://
    #[arg(long, value_name = "URL")]
    pub(crate) relay: String,
    /// Your name in your own screens; it is not sent to anyone
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
}

/// `kuvert address`
#[derive(Debug, Args)]
pub(crate) struct Address {
    /// Also draw it as a QR code (not with --plain)
    #[arg(long)]
    pub(crate) qr: bool,
}

/// `kuvert contact …`
#[derive(Debug, Subcommand)]
pub(crate) enum Contact {
    /// Give an address a name; also accepts a contact request from it
    #[command(after_help = "Example:\n  kuvert contact add bob kuvert://relay.example/ID")]
    Add {
        /// The name that you choose, up to 64 characters
        name: String,
        /// kuvert://HOST[:PORT]/ID
        address: String,
    },
    /// Print all contacts
    #[command(after_help = "Example:\n  kuvert --json contact list")]
    List,
    /// Forget the name; the conversation stays on disk
    #[command(after_help = "Example:\n  kuvert contact remove bob")]
    Remove {
        /// The contact
        name: String,
    },
}

/// `kuvert send`
#[derive(Debug, Args)]
pub(crate) struct Send {
    /// The contact
    pub(crate) name: String,
    /// The text; without it, all of stdin, byte for byte
    pub(crate) text: Option<String>,
    /// Attach a file
    #[arg(long, value_name = "PATH", hide = true)]
    pub(crate) file: Vec<PathBuf>,
}

/// `kuvert recv`
#[derive(Debug, Args)]
pub(crate) struct Recv {
    /// Wait at most so many seconds for messages
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    pub(crate) wait: u64,
    /// Stop after so many messages
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) count: Option<u64>,
    /// Only from this contact; others stay unprinted
    #[arg(long, value_name = "NAME")]
    pub(crate) from: Option<String>,
}

/// A command about one contact.
#[derive(Debug, Args)]
pub(crate) struct Peer {
    /// The contact
    pub(crate) name: String,
}

/// `kuvert verify`
#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// The contact
    pub(crate) name: String,
    /// The 60 digits that the other side reads to you
    #[arg(long = "match", value_name = "DIGITS")]
    pub(crate) digits: Option<String>,
    /// The same, and the other side says that its new device is its own
    #[arg(long, value_name = "DIGITS", conflicts_with = "digits")]
    pub(crate) accept: Option<String>,
    /// The other side knows of no new device: drop what came from it
    #[arg(long, conflicts_with_all = ["digits", "accept"])]
    pub(crate) reject: bool,
}

/// `kuvert report`
#[derive(Debug, Args)]
pub(crate) struct Report {
    /// The contact who sent it
    pub(crate) name: String,
    /// The message, as `kuvert --json history` names it
    #[arg(value_parser = message_id)]
    pub(crate) id: MessageId,
    /// So many messages of the same sender before it go along; needs a transcript
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u64).range(..=1000))]
    pub(crate) context: u64,
    /// Write to this file instead of stdout
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

/// A command of a later version: whatever follows is accepted and refused in plain words.
#[derive(Debug, Args)]
pub(crate) struct Later {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
    rest: Vec<String>,
}

/// A message by its 32 hex digits.
fn message_id(text: &str) -> Result<MessageId, &'static str> {
    const WRONG: &str = "a message is named by 32 hex digits, as in `kuvert --json history`";
    let mut id = [0; MessageId::LEN];
    if text.len() != 2 * id.len() || !text.is_ascii() {
        return Err(WRONG);
    }
    for (place, byte) in id.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * place..2 * place + 2], 16).map_err(|_| WRONG)?;
    }
    Ok(MessageId::from_bytes(id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definition_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn global_flags_may_follow_the_command() {
        let cli = Cli::try_parse_from(["kuvert", "recv", "--json", "--home", "h"]).unwrap();
        assert!(cli.global.json);
        assert_eq!(cli.global.home, Some("h".into()));
    }

    #[test]
    fn every_command_has_an_example() {
        for command in Cli::command().get_subcommands().filter(|c| !c.is_hide_set()) {
            let name = command.get_name();
            if command.has_subcommands() {
                assert!(command.get_subcommands().all(|c| c.get_after_help().is_some()), "{name}");
            } else {
                assert!(command.get_after_help().is_some(), "{name}");
            }
        }
    }
}
