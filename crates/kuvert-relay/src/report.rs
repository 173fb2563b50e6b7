//! `kuvert-relay report verify`: whether this relay carried a message that somebody reports.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::SystemTime;

use kuvert_relay::franking::bundle::MAX_FILE;
use kuvert_relay::franking::{
    Bundle, Completeness, Entry, Evidence, FrankingKeys, KeyFile, KeyFileError, Reported, context,
};
use kuvert_wire::relay::Franked;
use kuvert_wire::{Frame, FrameType, Timestamp};

use crate::args::VerifyArgs;
use crate::config::ConfigError;
use crate::{fail, shown};

/// A file that is not valid.
const NOT_VALID: u8 = 3;

const TOKEN: &str =
    "who had the token could, and the owner of the mailbox, who reports, has it too.";
const ANYONE: &str = "anyone who knows the mailbox can post there.";

/// Why nothing can be said about a file.
#[derive(Debug, thiserror::Error)]
enum Unchecked {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Keys(#[from] KeyFileError),
    #[error("there are no franking keys in {0}: name the relay's data folder with --data DIR")]
    NoKeys(String),
    #[error("cannot read {path}: {source}")]
    File { path: String, source: io::Error },
    #[error("{0} is too long for a report")]
    TooLong(String),
}

/// Checks a file, says what it shows, and nothing else of what the relay knows.
pub(crate) fn verify(args: &VerifyArgs) -> ExitCode {
    let (file, keys) = match read(args) {
        Ok(read) => read,
        Err(error @ Unchecked::Config(_)) => return fail(&error, 2),
        Err(error) => return fail(&error, 1),
    };
    match checked(&file, &keys) {
        Ok(evidence) => say(&text_of(&evidence), ExitCode::SUCCESS),
        Err(reason) => say(&format!("not valid: {reason}\n"), ExitCode::from(NOT_VALID)),
    }
}

fn say(text: &str, code: ExitCode) -> ExitCode {
    match io::stdout().write_all(text.as_bytes()) {
        Ok(()) => code,
        Err(error) => fail(&error, 1),
    }
}

fn read(args: &VerifyArgs) -> Result<(Vec<u8>, FrankingKeys), Unchecked> {
    let folder = args.data_dir()?;
    let file = read_file(&args.report)?;
    let no_keys = || Unchecked::NoKeys(folder.display().to_string());
    let keys = KeyFile::in_folder(&folder).read()?.ok_or_else(no_keys)?;
    Ok((file, keys))
}

fn read_file(path: &Path) -> Result<Vec<u8>, Unchecked> {
    let name = || path.display().to_string();
    let failed = |source| Unchecked::File { path: name(), source };
    let source: Box<dyn Read> = match path.to_str() {
        Some("-") => Box::new(io::stdin()),
        _ => Box::new(File::open(path).map_err(failed)?),
    };
    let mut file = Vec::new();
    let limit = u64::try_from(MAX_FILE + 1).unwrap_or(u64::MAX);
    source.take(limit).read_to_end(&mut file).map_err(failed)?;
    if file.len() > MAX_FILE { Err(Unchecked::TooLong(name())) } else { Ok(file) }
}

fn checked(file: &[u8], keys: &FrankingKeys) -> Result<Evidence, Box<dyn std::error::Error>> {
    let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let now = Timestamp::default().saturating_add(since_epoch.unwrap_or_default());
    Ok(context::check(&Bundle::read(file)?, keys, now)?)
}

fn text_of(evidence: &Evidence) -> String {
    let Evidence { reported, entries, completeness } = evidence;
    let Reported { frame, mailbox, from, received } = reported;
    let (from, writer) = match *from {
        Franked::FROM_ANYONE => ("anyone (the mailbox asks for no token)".to_owned(), ANYONE),
        token => (format!("{} (hash of the token)", shown::hex(&token)), TOKEN),
    };
    let context = match completeness {
        Completeness::Alone => String::new(),
        _ => text_of_context(entries, *completeness),
    };
    format!(
        "valid: this relay carried the message below\n\n\
         received  {} (by this relay)\n\
         sent      {} (as its sender says)\n\
         mailbox   {mailbox}\n\
         from      {from}\n\
         message   {}\n\n    {}\n{context}\n\
         This shows what was posted to this mailbox and when. It does not show who wrote it:\n{writer}\n",
        shown::utc(*received),
        shown::utc(frame.sent),
        frame.message_id,
        body_of(frame, "    "),
    )
}

fn text_of_context(entries: &[Entry], completeness: Completeness) -> String {
    let verdict = match completeness {
        Completeness::Contiguous => {
            "contiguous: nothing between the first and the last is left out"
        }
        Completeness::Unnumbered => {
            "incomplete: without a transcript nothing shows what is left out"
        }
        Completeness::SeveralSenders => "incomplete: not all came to one mailbox through one token",
        Completeness::Holes => "incomplete: messages of the sender are left out",
        Completeness::AnswersLeftOut => "incomplete: answers that the sender had seen are left out",
        _ => "incomplete",
    };
    let withheld = entries.iter().filter(|entry| entry.frame.is_none()).count();
    let withheld = match withheld {
        0 => String::new(),
        count => format!("          of {count} only the place is shown\n"),
    };
    let mut text = format!("\ncontext   {} messages, {verdict}\n{withheld}\n", entries.len());
    for entry in entries {
        text.push_str(&line_of(entry));
    }
    text
}

fn line_of(entry: &Entry) -> String {
    let mark = if entry.is_reported { '>' } else { ' ' };
    let writer = if entry.is_answer { "answer" } else { "sender" };
    let number = entry.seq.map_or("-".to_owned(), |seq| seq.to_string());
    let time = entry.frame.as_ref().map_or("(time unknown)".to_owned(), |it| shown::utc(it.sent));
    let body = entry.frame.as_ref().map_or("(not shown)".to_owned(), |it| body_of(it, "        "));
    format!("  {mark} {writer} {number}  {time}\n        {body}\n")
}

fn body_of(frame: &Frame, indent: &str) -> String {
    let len = frame.body.len();
    match frame.frame_type {
        FrameType::Message => shown::block(&String::from_utf8_lossy(&frame.body), indent),
        FrameType::Attachment => format!("(an attachment, described in {len} bytes)"),
        FrameType::Amendment => format!("(an edit, a deletion or a reaction, {len} bytes)"),
        other => format!("(no message: type {}, {len} bytes)", other.code()),
    }
}
