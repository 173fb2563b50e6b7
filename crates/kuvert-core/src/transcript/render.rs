//! What a person reads of a verified transcript: plain text, or one page of HTML without a script.
//!
//! Both are made from a [`VerifiedTranscript`] only. What people wrote is shown as text and nothing
//! else: markup is escaped, control characters and direction overrides become visible marks.
//!
//! # Spec
//!
//! `spec/06-transcript.md`, "For people".

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use kuvert_wire::transcript::Mode;
use kuvert_wire::{FrameType, Timestamp};

use super::conversation::Side;
use super::verify::{ContentState, Report, VerifiedItem, VerifiedTranscript};

mod html;
mod notice;
#[cfg(test)]
mod tests;

pub use html::to_html;

/// How things are called for a reader.
#[derive(Clone, Copy)]
pub struct View<'a> {
    /// Names for the two, the lower account key first. The file has keys, no names: these are the
    /// reader's own.
    pub names: [&'a str; 2],
    /// A moment in the reader's way of writing it. [`utc`] is the plain one.
    pub date: &'a dyn Fn(Timestamp) -> String,
}

impl View<'_> {
    /// A name as it may be shown.
    fn name(&self, side: Side) -> String {
        let [low, high] = self.names;
        visible(if side == Side::Low { low } else { high })
    }
}

impl core::fmt::Debug for View<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("View").field("names", &self.names).finish_non_exhaustive()
    }
}

/// A moment as `2026-01-31 09:05:07 UTC`.
#[must_use]
pub fn utc(time: Timestamp) -> String {
    let seconds = time.as_millis() / 1000;
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    // Days since 1 March of the year 0, in eras of 400 years (146,097 days).
    let days = days + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, carry) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    let year = era * 400 + year + carry;
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02} UTC")
}

/// Plain text, one entry after the other, each with its proof.
#[must_use]
pub fn to_text(transcript: &VerifiedTranscript, view: &View<'_>) -> String {
    let mut text = String::new();
    for (name, value) in facts(transcript.report(), view) {
        text.push_str(&format!("{name}: {value}\n"));
    }
    text.push_str(transcript.report().statement());
    text.push('\n');
    for item in in_order(transcript.items()) {
        let (date, name) = ((view.date)(item.leaf().time), view.name(item.side()));
        let content = content_of(item, view);
        let indented = content.lines().collect::<Vec<_>>().join("\n    ");
        text.push_str(&format!("\n{date}  {name}  [{}]\n    {indented}\n", proof_of(item)));
    }
    text
}

/// The heading of both forms: what was proven.
fn facts(report: &Report, view: &View<'_>) -> Vec<(&'static str, String)> {
    let kind = match report.mode {
        Mode::Signed => "signed",
        Mode::Deniable => "deniable",
    };
    let mut facts = alloc::vec![("Transcript", kind.to_string())];
    for (name, signer) in view.names.iter().zip(&report.signers) {
        let signed = if signer.has_signed { "" } else { ", no checkpoint of theirs in the file" };
        facts.push((
            "Between",
            format!("{} (account key {}{signed})", visible(name), signer.account),
        ));
    }
    if let Some((first, last)) = report.span {
        facts.push(("From", (view.date)(first)));
        facts.push(("To", (view.date)(last)));
    }
    facts.push(("Entries", report.entries.to_string()));
    facts.push((
        "Not shown",
        format!("{}, {} of them announced as erased", report.redacted, report.announced),
    ));
    facts.push(("Complete", completeness(report)));
    if !report.contradictions.is_empty() {
        let count = report.contradictions.len();
        facts.push(("Contradictions", format!("{count}: one side had another history")));
    }
    facts
}

fn completeness(report: &Report) -> String {
    let [low, high] = report.checkpoint;
    let missing: u64 = report.missing.iter().map(|missing| missing.count).sum();
    if missing == 0 {
        format!("yes, up to the checkpoint at {low} + {high} entries")
    } else {
        format!("no: {missing} of the {} entries before the checkpoint are missing", low + high)
    }
}

/// The entries of both logs as a conversation: what was seen stands before what answers it.
pub(super) fn in_order(items: &[VerifiedItem]) -> Vec<&VerifiedItem> {
    let of = |side: Side| items.iter().filter(move |item| item.side() == side).peekable();
    let (mut low, mut high) = (of(Side::Low), of(Side::High));
    let mut ordered = Vec::with_capacity(items.len());
    while let (Some(one), Some(other)) = (low.peek(), high.peek()) {
        let next = if is_before(one, other) { low.next() } else { high.next() };
        ordered.extend(next);
    }
    ordered.extend(low.chain(high));
    ordered
}

fn is_before(one: &VerifiedItem, other: &VerifiedItem) -> bool {
    let (one, other) = (one.leaf(), other.leaf());
    if one.seen > other.seq {
        return false;
    }
    other.seen > one.seq || one.time <= other.time
}

fn proof_of(item: &VerifiedItem) -> &'static str {
    match (item.is_signed(), item.is_acknowledged()) {
        (true, true) => "covered by both",
        (true, false) => "covered by its sender",
        (false, true) => "acknowledged by its receiver",
        (false, false) => "not covered",
    }
}

fn content_of(item: &VerifiedItem, view: &View<'_>) -> String {
    if item.content() == ContentState::Redacted {
        return redacted(item).into();
    }
    let body = item.body().unwrap_or_default();
    match item.message().map(|(kind, _)| kind) {
        Some(FrameType::Message) => visible(&String::from_utf8_lossy(body)),
        Some(FrameType::Attachment) => attachment(item),
        Some(FrameType::Transcript) => match item.notice() {
            Some(notice) => notice::words(&notice, item, view),
            None => redacted(item).into(),
        },
        Some(FrameType::Amendment) => "(an edit, a deletion or a reaction)".into(),
        _ => redacted(item).into(),
    }
}

const fn redacted(item: &VerifiedItem) -> &'static str {
    if item.is_announced() { "(erased, as announced)" } else { "(not shown)" }
}

/// Name and size from the descriptor; its key is not repeated.
fn attachment(item: &VerifiedItem) -> String {
    let Some((size, name)) = item.body().and_then(descriptor) else {
        return "(an attachment)".into();
    };
    format!("(attachment {}, {size} bytes)", visible(&String::from_utf8_lossy(name)))
}

/// `version 1 | file_key 32 | size u64 | padded_size u64 | chunk_log2 u8 | ct_root 32 | pt_hash 32 | name_len u16 | name`
fn descriptor(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let size = u64::from_be_bytes(bytes.get(33..41)?.try_into().ok()?);
    let len = u16::from_be_bytes(bytes.get(114..116)?.try_into().ok()?);
    Some((size, bytes.get(116..116 + usize::from(len))?))
}

/// Text whose control characters and direction overrides show and have no effect.
pub(super) fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        let is_hidden = matches!(c,
            '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
        if (c.is_control() && c != '\n') || is_hidden {
            out.push_str(&format!("\\u{{{:x}}}", u32::from(c)));
        } else {
            out.push(c);
        }
    }
    out
}
