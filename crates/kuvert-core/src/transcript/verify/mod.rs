//! Verification of exported files: offline, without keys, in one pass and little memory.
//!
//! ```text
//! certificates → signing keys → heads → per entry: leaf, commitments → per run: chain, tree → consistency → digest
//! ```
//!
//! A file is pushed in pieces of any size, and is good only once [`Verifier::finish`] says so. What is
//! kept while reading is 40 bytes an entry, up to 80 where entries tell of something new they have seen,
//! and one line. Contradictions between authentic entries do not make a file bad: they are what it
//! proves, and stand in the report.
//!
//! # Spec
//!
//! `spec/06-transcript.md`, "Verification"; checks TRA-30 to TRA-45, TRA-47 and TRA-49.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use kuvert_wire::DeviceId;

use super::document::{self, CONSISTENCY, ITEMS, MAX_LINE};
use super::json::Scan;

mod body;
mod item;
mod log;
mod opening;
mod refusal;
mod report;
#[cfg(test)]
mod tests;

pub use item::{ContentState, VerifiedItem};
pub use refusal::{Cause, Refused};
pub use report::{Contradiction, Missing, Report, Signer};

pub(super) use opening::conversation;

use body::Body;
use opening::Heads;
use refusal::Wrong;

/// A file that has been verified, and what it proves. There is no other way to make one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedTranscript {
    report: Report,
    items: Vec<VerifiedItem>,
}

impl VerifiedTranscript {
    /// What the file proves.
    #[must_use]
    pub const fn report(&self) -> &Report {
        &self.report
    }

    /// Its entries, log by log in the order of the file; none if they were not to be kept.
    #[must_use]
    pub fn items(&self) -> &[VerifiedItem] {
        &self.items
    }
}

/// Verifies a whole file and keeps its entries.
///
/// # Errors
///
/// [`Refused`] with the first thing that is wrong, and the entry it is about.
///
/// # Spec
///
/// `spec/06-transcript.md`, "Verification".
pub fn verify(file: &[u8]) -> Result<VerifiedTranscript, Refused> {
    let mut verifier = Verifier::keeping();
    verifier.push(file)?;
    verifier.finish()
}

/// Verifies a file as it is read.
pub struct Verifier {
    stage: Stage,
    /// A comma ended the last entry, so that another has to follow; `None` before the first.
    more: Option<bool>,
    line: u64,
    digest: [u8; 32],
    /// A line that has not ended yet.
    rest: Vec<u8>,
    keeps: bool,
}

#[derive(Debug)]
enum Stage {
    Opening,
    Heads(Heads),
    Items(Body),
    Consistency(Body, VecDeque<body::Step>),
    Done(Body),
    Refused(Refused),
}

impl core::fmt::Debug for Verifier {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Verifier").field("line", &self.line).finish_non_exhaustive()
    }
}

impl Default for Verifier {
    fn default() -> Self {
        Self::new()
    }
}

impl Verifier {
    /// Verifies and reports, and keeps no entries.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            stage: Stage::Opening,
            more: None,
            line: 0,
            digest: [0; 32],
            rest: Vec::new(),
            keeps: false,
        }
    }

    /// Likewise, and keeps the entries, to be shown once the file is good.
    #[must_use]
    pub const fn keeping() -> Self {
        let mut verifier = Self::new();
        verifier.keeps = true;
        verifier
    }

    /// How many entries have been read: for a bar of progress.
    #[must_use]
    pub fn entries(&self) -> u64 {
        match &self.stage {
            Stage::Items(body) | Stage::Consistency(body, _) | Stage::Done(body) => body.entries(),
            Stage::Opening | Stage::Heads(_) | Stage::Refused(_) => 0,
        }
    }

    /// Takes the next piece of the file.
    ///
    /// # Errors
    ///
    /// [`Refused`]; the verifier then says so for ever.
    pub fn push(&mut self, mut piece: &[u8]) -> Result<(), Refused> {
        if let Stage::Refused(refused) = self.stage {
            return Err(refused);
        }
        while let Some(end) = piece.iter().position(|byte| *byte == b'\n') {
            let (line, rest) = piece.split_at(end + 1);
            piece = rest;
            let mut whole = core::mem::take(&mut self.rest);
            let taken = if whole.is_empty() {
                self.take_line(line)
            } else {
                whole.extend_from_slice(line);
                self.take_line(&whole)
            };
            taken.map_err(|wrong| self.refuse(wrong))?;
        }
        self.rest.extend_from_slice(piece);
        if self.rest.len() > MAX_LINE {
            self.line += 1;
            return Err(self.refuse(Cause::TooLong.into())); // TRA-47
        }
        Ok(())
    }

    /// The file has ended: what it proves.
    ///
    /// # Errors
    ///
    /// [`Refused`], with [`Cause::Incomplete`] if the end is not there.
    pub fn finish(mut self) -> Result<VerifiedTranscript, Refused> {
        match core::mem::replace(&mut self.stage, Stage::Opening) {
            Stage::Done(body) if self.rest.is_empty() => {
                let (report, items) = body.finish(self.digest);
                Ok(VerifiedTranscript { report, items })
            }
            Stage::Refused(refused) => Err(refused),
            stage => {
                self.stage = stage;
                Err(self.refuse(Cause::Incomplete.into())) // TRA-49
            }
        }
    }

    fn refuse(&mut self, wrong: Wrong) -> Refused {
        let device = self.device();
        let entry = wrong.entry.and_then(|seq| Some((device?, seq)));
        let refused = Refused { cause: wrong.cause, line: self.line, entry };
        self.stage = Stage::Refused(refused);
        refused
    }

    /// Whose log is being read.
    fn device(&self) -> Option<DeviceId> {
        match &self.stage {
            Stage::Items(body) => Some(body.device()),
            _ => None,
        }
    }

    /// Takes a line with its end.
    fn take_line(&mut self, line: &[u8]) -> Result<(), Wrong> {
        self.line += 1;
        if line.len() > MAX_LINE {
            return Err(Cause::TooLong.into()); // TRA-47
        }
        let text = &line[..line.len() - 1];
        if let Stage::Consistency(..) = self.stage
            && text.starts_with(b"]")
        {
            return self.take_end(text);
        }
        self.digest = document::digest_after(&self.digest, line);
        let is_entry = text.starts_with(b"{") && !matches!(self.stage, Stage::Opening);
        if is_entry { self.take_entry(text) } else { self.take_section(text) }
    }

    fn take_entry(&mut self, text: &[u8]) -> Result<(), Wrong> {
        if self.more == Some(false) {
            return Err(Cause::NotCanonical.into()); // TRA-30
        }
        let (entry, more) = match text.strip_suffix(b",") {
            Some(entry) => (entry, true),
            None => (text, false),
        };
        self.more = Some(more);
        let scan = Scan::new(entry);
        match &mut self.stage {
            Stage::Heads(heads) => heads.take(scan),
            Stage::Items(body) => body.take_item(scan, self.keeps),
            Stage::Consistency(_, steps) => body::take_growth(scan, steps),
            _ => Err(Cause::Incomplete.into()), // TRA-49
        }
    }

    fn take_section(&mut self, text: &[u8]) -> Result<(), Wrong> {
        if self.more == Some(true) {
            return Err(Cause::NotCanonical.into()); // TRA-30
        }
        self.more = None;
        let stage = core::mem::replace(&mut self.stage, Stage::Opening);
        self.stage = match stage {
            Stage::Opening => Stage::Heads(Heads::opened(text)?),
            Stage::Heads(heads) if text == ITEMS.as_bytes() => Stage::Items(heads.close()?),
            Stage::Items(body) if text == CONSISTENCY.as_bytes() => match body.close() {
                Ok(steps) => Stage::Consistency(body, steps),
                Err(wrong) => {
                    self.stage = Stage::Items(body);
                    return Err(wrong);
                }
            },
            Stage::Done(_) => return Err(Cause::Incomplete.into()), // TRA-49
            _ => return Err(Cause::NotCanonical.into()),            // TRA-30
        };
        Ok(())
    }

    fn take_end(&mut self, text: &[u8]) -> Result<(), Wrong> {
        if self.more == Some(true) {
            return Err(Cause::NotCanonical.into()); // TRA-30
        }
        let mut scan = Scan::new(text);
        let digest = document::scan_digest(&mut scan).map_err(Cause::from)?;
        scan.finish().map_err(Cause::from)?;
        let stage = core::mem::replace(&mut self.stage, Stage::Opening);
        let Stage::Consistency(body, steps) = stage else {
            return Err(Cause::NotCanonical.into()); // TRA-30
        };
        if !steps.is_empty() {
            return Err(Cause::Consistency.into()); // TRA-44
        }
        if digest != self.digest {
            return Err(Cause::Digest.into()); // TRA-45
        }
        self.stage = Stage::Done(body);
        Ok(())
    }
}
