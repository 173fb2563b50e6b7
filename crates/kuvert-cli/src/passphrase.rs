//! The passphrase: asked for, or the first line of a file; never a flag's value, never the
//! environment (both are readable by other processes).

use std::fs;
use std::io::IsTerminal;
use std::path::Path;

use zeroize::Zeroizing;

use crate::args::Global;
use crate::exit::{Failure, Outcome};

/// The passphrase of an existing home.
pub(crate) fn existing(global: &Global) -> Outcome<Zeroizing<String>> {
    match &global.passphrase_file {
        Some(path) => first_line(path),
        None => ask(global, "Passphrase: "),
    }
}

/// The passphrase of a new home; typed twice when asked for.
pub(crate) fn fresh(global: &Global) -> Outcome<Zeroizing<String>> {
    if let Some(path) = &global.passphrase_file {
        return first_line(path);
    }
    let first = ask(global, "New passphrase: ")?;
    let second = ask(global, "Once more: ")?;
    if first != second {
        return Err(Failure::usage("the two passphrases differ; nothing was made"));
    }
    Ok(first)
}

fn ask(global: &Global, prompt: &str) -> Outcome<Zeroizing<String>> {
    // The prompt talks to the terminal itself, so that a text may come through stdin.
    let someone_there = std::io::stdin().is_terminal() || std::io::stderr().is_terminal();
    if global.no_input || !someone_there {
        return Err(Failure::usage("a passphrase is needed and there is no one to ask")
            .hint("give --passphrase-file F, or run in a terminal without --no-input"));
    }
    rpassword::prompt_password(prompt)
        .map_err(|error| Failure::failed(format!("cannot read the passphrase: {error}")))
        .map(Zeroizing::new)
        .and_then(not_empty)
}

fn first_line(path: &Path) -> Outcome<Zeroizing<String>> {
    let bytes = fs::read(path).map(Zeroizing::new).map_err(|error| {
        Failure::usage(format!("cannot read the passphrase file {}: {error}", path.display()))
    })?;
    let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let text = std::str::from_utf8(line).map_err(|_| {
        Failure::usage(format!("the passphrase file {} is not UTF-8 text", path.display()))
    })?;
    not_empty(Zeroizing::new(text.to_owned()))
}

fn not_empty(passphrase: Zeroizing<String>) -> Outcome<Zeroizing<String>> {
    if passphrase.is_empty() {
        return Err(Failure::usage("the passphrase is empty"));
    }
    Ok(passphrase)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line_of(content: &[u8]) -> Outcome<Zeroizing<String>> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("p");
        fs::write(&path, content).unwrap();
        first_line(&path)
    }

    #[test]
    fn only_the_first_line_counts() {
        assert_eq!(*line_of(b" open sesame \r\nsecond").unwrap(), " open sesame ");
        assert_eq!(*line_of(b"no newline").unwrap(), "no newline");
    }

    #[test]
    fn empty_and_binary_are_refused() {
        for content in [&b""[..], b"\nsecond", b"\xff\xfe\n"] {
            assert_eq!(line_of(content).unwrap_err().exit, crate::exit::Exit::Usage);
        }
    }
}
