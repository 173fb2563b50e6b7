//! What goes with a report: messages around the one that is reported, and whether any between them are left out.
//!
//! ```text
//! sender    seq 4 (seen 7) ── seq 5 (seen 9) ── seq 6 (seen 9)      reported or context: each has a tag of its own
//!                  │                 │ seen_hash = H(leaf 8)
//! reporter ...  leaf 6   leaf 7 ◂── leaf 8                          answers: known by hash from what the sender wrote
//!                          prev = H(leaf 7)
//! ```
//! While a transcript is running, every frame has its number in its sender's log, and names the last message that its
//! sender had seen. So a hole among the sender's messages shows, and so does one among the answers that the sender had
//! when writing the last of them. Nothing here needs a key of the two people.

use std::collections::{BTreeMap, HashSet};

use kuvert_wire::relay::Answer;
use kuvert_wire::transcript::{Block, FrankingReport, TreeHash};
use kuvert_wire::{Encode, Frame, Timestamp};
use sha2::{Digest, Sha256};

use super::bundle::Bundle;
use super::commitment::commitment;
use super::keys::FrankingKeys;
use super::report::{ReportError, Reported, verify};

/// Part of a file with a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Part {
    /// The reported message.
    Report,
    /// A message of the context, counted from 1.
    Context(usize),
    /// An answer, counted from 1.
    Answer(usize),
}

impl std::fmt::Display for Part {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Report => f.write_str("the report"),
            Self::Context(number) => write!(f, "context {number}"),
            Self::Answer(number) => write!(f, "answer {number}"),
        }
    }
}

/// Why a file is not valid: one part of it is not, so nothing of it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EvidenceError {
    /// A reported message, or one of its context.
    #[error("{part}: {reason}")]
    Report {
        /// Which.
        part: Part,
        /// What is wrong with it.
        reason: ReportError,
    },
    /// An answer that no message of the sender names as seen.
    #[error("{part}: the sender has not named it as seen")]
    Unseen {
        /// Which.
        part: Part,
    },
    /// An answer whose text is not the one that was sent.
    #[error("{part}: it is not what was sent")]
    Altered {
        /// Which.
        part: Part,
    },
}

/// Whether messages are left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Completeness {
    /// The message is alone.
    Alone,
    /// Nothing is left out between the first and the last message of either side.
    Contiguous,
    /// A message has no number: no transcript was running.
    Unnumbered,
    /// Not all came to the same mailbox from the same sender, so their numbers may be of different logs.
    SeveralSenders,
    /// Messages of the sender are left out, or one number has two messages.
    Holes,
    /// Answers are left out that the sender had seen.
    AnswersLeftOut,
}

/// A message that is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its number in its writer's log.
    pub seq: Option<u64>,
    /// Whether the one who reports wrote it.
    pub is_answer: bool,
    /// Whether it is the one that is reported.
    pub is_reported: bool,
    /// When the relay accepted it; not known of answers.
    pub received: Option<Timestamp>,
    /// What was said; `None` if it is erased, or not shown.
    pub frame: Option<Frame>,
}

/// A valid report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// The message that is reported.
    pub reported: Reported,
    /// All messages, this one among them, in the order of the conversation.
    pub entries: Vec<Entry>,
    /// Whether messages between them are left out.
    pub completeness: Completeness,
}

/// Checks all of a file with the relay's keys.
///
/// # Errors
///
/// [`EvidenceError`]: the first part that is not valid.
///
/// # Spec
///
/// `spec/08-relay.md`, "Reports"; checks REL-33 to REL-41.
pub fn check(
    bundle: &Bundle,
    keys: &FrankingKeys,
    now: Timestamp,
) -> Result<Evidence, EvidenceError> {
    let verified = |report: &FrankingReport, part| {
        verify(report, keys, now).map_err(|reason| EvidenceError::Report { part, reason })
    };
    let reported = verified(&bundle.report, Part::Report)?;
    let context = bundle.context.iter().zip(1..);
    let context = context.map(|(report, number)| verified(report, Part::Context(number))); // REL-39
    let mut messages = context.collect::<Result<Vec<_>, _>>()?;
    messages.push(reported.clone());
    check_answers(&bundle.answers, &messages)?;
    Ok(Evidence {
        completeness: completeness(&messages, &bundle.answers),
        entries: entries(&messages, &bundle.answers, &reported),
        reported,
    })
}

/// Each answer is named by a message of the sender, or by a later answer that is.
fn check_answers(answers: &[Answer], messages: &[Reported]) -> Result<(), EvidenceError> {
    let seen = |block: &Block| Some((block.seen.checked_sub(1)?, block.seen_hash));
    let mut named: HashSet<(u64, TreeHash)> = blocks(messages).filter_map(seen).collect();
    let mut latest_first: Vec<(&Answer, usize)> = answers.iter().zip(1..).collect();
    latest_first.sort_by_key(|(answer, _)| std::cmp::Reverse(answer.leaf.seq));
    for (Answer { leaf, frame }, number) in latest_first {
        let part = Part::Answer(number);
        // Removed, so that one message is not shown twice.
        if !named.remove(&(leaf.seq, leaf_hash(&leaf.encode()))) {
            return Err(EvidenceError::Unseen { part }); // REL-40
        }
        named.extend(leaf.seq.checked_sub(1).map(|before| (before, leaf.prev)));
        let is_sent = |frame: &Frame| commitment(frame) == Some(leaf.cm) && frame.sent == leaf.time;
        if !frame.as_ref().is_none_or(is_sent) {
            return Err(EvidenceError::Altered { part }); // REL-40
        }
    }
    Ok(())
}

fn blocks(messages: &[Reported]) -> impl Iterator<Item = &Block> {
    messages.iter().filter_map(|message| message.frame.block.as_deref())
}

/// `SHA-256(0x00 || leaf)`.
fn leaf_hash(leaf: &[u8]) -> TreeHash {
    TreeHash::from_bytes(Sha256::new().chain_update([0]).chain_update(leaf).finalize().into())
}

fn completeness(messages: &[Reported], answers: &[Answer]) -> Completeness {
    let origin = |message: &Reported| (message.mailbox, message.from);
    let numbered: BTreeMap<u64, u64> =
        blocks(messages).map(|block| (block.seq, block.seen)).collect();
    if messages.len() == 1 && answers.is_empty() {
        return Completeness::Alone;
    }
    if blocks(messages).count() < messages.len() {
        return Completeness::Unnumbered; // REL-41
    }
    if !messages.iter().all(|message| origin(message) == origin(&messages[0])) {
        return Completeness::SeveralSenders; // REL-41
    }
    if numbered.len() < messages.len() || !is_run(numbered.keys().copied()) {
        return Completeness::Holes; // REL-41
    }
    let answered: BTreeMap<u64, ()> = answers.iter().map(|it| (it.leaf.seq, ())).collect();
    let (first, last) = (numbered.values().next(), numbered.values().next_back());
    let mut between = first.copied().unwrap_or(0)..last.copied().unwrap_or(0);
    if !between.all(|seq| answered.contains_key(&seq)) || !is_run(answered.keys().copied()) {
        return Completeness::AnswersLeftOut; // REL-41
    }
    Completeness::Contiguous
}

/// Whether rising numbers have no hole.
fn is_run(mut numbers: impl Iterator<Item = u64>) -> bool {
    let Some(first) = numbers.next() else {
        return true;
    };
    numbers.try_fold(first, |before, number| (number - before == 1).then_some(number)).is_some()
}

/// The sender's messages in order, each behind the answers that the sender had seen.
fn entries(messages: &[Reported], answers: &[Answer], reported: &Reported) -> Vec<Entry> {
    let seq = |message: &Reported| message.frame.block.as_deref().map(|block| block.seq);
    let mut messages: Vec<&Reported> = messages.iter().collect();
    let is_numbered = messages.iter().all(|message| seq(message).is_some());
    messages.sort_by_key(|message| (is_numbered.then(|| seq(message)), message.received));
    let mut answers: Vec<&Answer> = answers.iter().collect();
    answers.sort_by_key(|answer| answer.leaf.seq);
    let mut entries = Vec::with_capacity(messages.len() + answers.len());
    for message in messages {
        let seen = message.frame.block.as_deref().map_or(0, |block| block.seen);
        let before = answers.iter().take_while(|answer| answer.leaf.seq < seen).count();
        entries.extend(answers.drain(..before).map(Entry::of_answer));
        entries.push(Entry {
            seq: seq(message),
            is_answer: false,
            is_reported: message == reported,
            received: Some(message.received),
            frame: Some(message.frame.clone()),
        });
    }
    entries.extend(answers.into_iter().map(Entry::of_answer));
    entries
}

impl Entry {
    fn of_answer(answer: &Answer) -> Self {
        let (seq, frame) = (Some(answer.leaf.seq), answer.frame.clone());
        Self { seq, is_answer: true, is_reported: false, received: None, frame }
    }
}
