//! The command line: a contract with whoever tests from outside (`protocol.md` §19).

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// What was asked for on the command line.
#[derive(Debug, Parser)]
#[command(
    name = "kuvert-conformance",
    version,
    about = "The Kuvert protocol as a black box: a device is a directory, messages are files",
    long_about = "The Kuvert protocol as a black box: a device is a directory, messages are files.\n\n\
        Results are one JSON object on stdout, except that `bundle` and `send` write the raw bundle or\n\
        envelope there, unless -o names a file for it. Exit code 0, or 1 with {\"error\": NAME} and a\n\
        name of the protocol's list, or 2 with {\"error\": \"Malformed\"} for wrong use. An error leaves every byte of the directory as\n\
        it was, except PqFailed, which closes the session. Directories are not sealed: they are for tests.",
    after_help = "Example:\n  \
        kuvert-conformance init alice && kuvert-conformance init bob\n  \
        kuvert-conformance bundle bob > bob.bundle\n  \
        kuvert-conformance peer alice bob.bundle\n  \
        echo -n 'Tea at four?' | kuvert-conformance send alice > first.envelope\n  \
        kuvert-conformance recv bob < first.envelope\n  \
        kuvert-conformance kat < vectors/kuvert-kat.jsonl",
    disable_help_subcommand = true,
    arg_required_else_help = true
)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) world: World,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Time and chance: what a device takes from outside.
#[derive(Debug, Args)]
pub(crate) struct World {
    /// The time, in milliseconds since the Unix epoch [default: the machine's clock]
    #[arg(long, global = true, value_name = "MS")]
    pub(crate) now: Option<u64>,
    /// Makes all randomness follow from this, at most 32 bytes, and from how often the device has
    /// been changed. Two devices need two seeds
    #[cfg(feature = "deterministic")]
    #[arg(long, global = true, value_name = "HEX")]
    pub(crate) seed: Option<String>,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Answer known-answer questions, one JSON object a line on stdin and stdout; an operation that
    /// is not known is answered with {"error": "UnsupportedOp"}
    Kat,
    /// Make a device with an account of its own
    Init(Directory),
    /// Hand out a prekey bundle, with a one-time prekey that no bundle had before
    Bundle(Bundle),
    /// Begin a session with the owner of a bundle
    Peer(Peer),
    /// Seal the text on stdin
    Send(Send),
    /// Open the envelope on stdin
    Recv(Recv),
    /// Public facts: sessions, counters, prekeys
    State(Directory),
    /// Heal the session with a peer: its next fragments go ten at a time
    Heal(ToPeer),
    /// Begin a new session with a peer in place of the one there is; without a bundle, end that one
    Reset(Reset),
    /// The safety number: of DIR and a peer of its, or of two account keys or devices
    Safety(Safety),
}

/// The device.
#[derive(Debug, Args)]
pub(crate) struct Directory {
    /// The device's directory
    pub(crate) dir: PathBuf,
}

/// `bundle`.
#[derive(Debug, Args)]
pub(crate) struct Bundle {
    #[command(flatten)]
    pub(crate) device: Directory,
    /// As when the relay has none left
    #[arg(long)]
    pub(crate) no_onetime: bool,
    /// Write the bundle here instead of to stdout
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

/// `peer`.
#[derive(Debug, Args)]
pub(crate) struct Peer {
    #[command(flatten)]
    pub(crate) device: Directory,
    /// File with the bundle, raw or in hex; `-` for stdin
    pub(crate) bundle: String,
}

/// `send`.
#[derive(Debug, Args)]
pub(crate) struct Send {
    #[command(flatten)]
    pub(crate) to: ToPeer,
    /// Write the envelope here instead of to stdout
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

/// `recv`.
#[derive(Debug, Args)]
pub(crate) struct Recv {
    #[command(flatten)]
    pub(crate) device: Directory,
    /// Do what an app does: what cannot be opened yet waits, sessions that do not work are marked for a
    /// reset, and everything that came of it is told as a list
    #[arg(long)]
    pub(crate) outcomes: bool,
    /// The own mailbox that the envelope was found in, in hex
    #[arg(long, value_name = "HEX", requires = "outcomes")]
    pub(crate) via: Option<String>,
}

/// A device and one of its peers.
#[derive(Debug, Args)]
pub(crate) struct ToPeer {
    #[command(flatten)]
    pub(crate) device: Directory,
    /// Device id, account id or account key in hex, or the beginning of one; or a file with the
    /// peer's bundle. Not needed when there is one peer only
    pub(crate) peer: Option<String>,
}

/// `reset`.
#[derive(Debug, Args)]
pub(crate) struct Reset {
    #[command(flatten)]
    pub(crate) to: ToPeer,
    /// File with a new bundle of the peer's, raw or in hex; `-` for stdin
    pub(crate) bundle: Option<String>,
    /// Write the new session's first envelope here: control `resend`, with no message held
    #[arg(short, long, value_name = "FILE", requires = "bundle")]
    pub(crate) output: Option<PathBuf>,
}

/// `safety`.
#[derive(Debug, Args)]
pub(crate) struct Safety {
    /// A device's directory, or an account key in hex
    pub(crate) a: String,
    /// A peer of the device's, another device's directory, or an account key in hex
    pub(crate) b: Option<String>,
}
