//! The JSON objects of what happens to transcripts, one a line, and what a person is told.

use kuvert::{ConsentStep, Finding, RedactionReason, TranscriptChange, TranscriptNews};
use serde::Serialize;

use crate::event_line::PeerLine;
use crate::object::mode_name;
use crate::text;

/// Something about a transcript.
#[derive(Debug, Serialize)]
pub(crate) struct TranscriptEventLine {
    #[serde(flatten)]
    pub(crate) peer: PeerLine,
    pub(crate) at: u64,
    #[serde(flatten)]
    pub(crate) change: Change,
}

/// What.
#[derive(Debug, Serialize)]
#[serde(tag = "change", rename_all = "snake_case")]
pub(crate) enum Change {
    /// The peer would like one.
    Asked { mode: &'static str },
    /// It runs.
    Started { mode: &'static str },
    /// It does not run any more.
    Stopped,
    /// The peer writes one, and none runs here.
    NotRunning,
    /// Something in it does not fit.
    Finding { finding: &'static str, seq: Option<u64> },
    /// Messages that the peer has erased, and this side as well.
    Redacted { ids: Vec<String>, reason: &'static str, policy: String },
    /// What the peer did with messages that were erased here.
    ErasureAnswered { erased: u32, kept: u32 },
    /// A consent was asked for, given or withdrawn.
    Consent { step: &'static str, policy: String, what: String },
}

/// Entries of the peer's that are missing.
#[derive(Debug, Serialize)]
pub(crate) struct GapLine {
    #[serde(flatten)]
    pub(crate) peer: PeerLine,
    pub(crate) at: u64,
    pub(crate) first: u64,
    pub(crate) count: u64,
}

/// What the event is about: missing entries, or else something about the transcript.
pub(crate) enum Told {
    Gap(GapLine),
    Change(TranscriptEventLine),
}

impl Told {
    /// `None` for what this program does not know.
    pub(crate) fn of(news: &TranscriptNews) -> Option<Self> {
        let (peer, at) = (PeerLine::from(&news.peer), news.at.as_millis());
        if let TranscriptChange::Finding(finding) = &news.what
            && let Finding::Gap { first, count } = **finding
        {
            return Some(Self::Gap(GapLine { peer, at, first, count }));
        }
        let change = change_of(&news.what)?;
        Some(Self::Change(TranscriptEventLine { peer, at, change }))
    }
}

fn change_of(what: &TranscriptChange) -> Option<Change> {
    Some(match what {
        TranscriptChange::Asked(mode) => Change::Asked { mode: mode_name(*mode) },
        TranscriptChange::Started(mode) => Change::Started { mode: mode_name(*mode) },
        TranscriptChange::Stopped => Change::Stopped,
        TranscriptChange::NotRunning => Change::NotRunning,
        TranscriptChange::Finding(finding) => finding_of(finding),
        TranscriptChange::Redacted { ids, reason, policy } => Change::Redacted {
            ids: ids.iter().map(ToString::to_string).collect(),
            reason: reason_name(*reason),
            policy: policy.clone(),
        },
        TranscriptChange::ErasureAnswered { erased, kept } => {
            Change::ErasureAnswered { erased: *erased, kept: *kept }
        }
        TranscriptChange::Consent(consent) => Change::Consent {
            step: step_name(consent.step),
            policy: consent.policy.as_str().to_owned(),
            what: consent.what.clone(),
        },
        _ => return None,
    })
}

fn finding_of(finding: &Finding) -> Change {
    let (finding, seq) = match finding {
        Finding::Lost { seq } => ("lost", Some(*seq)),
        Finding::Fork { seq, .. } => ("fork", Some(*seq)),
        Finding::Rollback { ours: true } => ("own_rollback", None),
        Finding::Rollback { ours: false } => ("rollback", None),
        Finding::BadHead { .. } => ("bad_head", None),
        _ => ("unknown", None),
    };
    Change::Finding { finding, seq }
}

const fn reason_name(reason: RedactionReason) -> &'static str {
    match reason {
        RedactionReason::Wish => "wish",
        RedactionReason::Expired => "expired",
        RedactionReason::Mistake => "mistake",
        RedactionReason::Rule => "rule",
        _ => "other",
    }
}

const fn step_name(step: ConsentStep) -> &'static str {
    match step {
        ConsentStep::Asked => "asked",
        ConsentStep::Given => "given",
        _ => "withdrawn",
    }
}

/// What a person is told of missing entries.
pub(crate) fn of_gap(line: &GapLine) -> String {
    let (from, count) = (text::one_line(&line.peer.from), line.count);
    format!(
        "! The transcript with {from} lacks {count} of its entries. They are asked for; later ones wait."
    )
}

/// What a person is told of a transcript.
pub(crate) fn of_change(line: &TranscriptEventLine) -> String {
    let from = text::one_line(&line.peer.from);
    match &line.change {
        Change::Asked { mode } => format!(
            "! {from} would like a {mode} transcript: {}. Nothing runs until you say the same:\n    \
             `kuvert transcript start NAME --mode {mode}`, or `kuvert transcript stop NAME` to decline.",
            meaning(mode)
        ),
        Change::Started { mode } => format!(
            "! A {mode} transcript with {from} runs from now on: {}. Either of you may stop it.",
            meaning(mode)
        ),
        Change::Stopped => format!("! The transcript with {from} has ended. What it has stays."),
        Change::NotRunning => format!(
            "! {from} goes on with a transcript that does not run here. Stop it and start it again,\n    \
             if you both want one."
        ),
        Change::Finding { finding, seq } => of_finding(&from, finding, *seq),
        Change::Redacted { ids, .. } => format!(
            "! {from} has erased {} of the messages, and so has this side. That they were there stays.",
            ids.len()
        ),
        Change::ErasureAnswered { erased, kept: 0 } => {
            format!("! {from} has erased the {erased} messages as well.")
        }
        Change::ErasureAnswered { erased, kept } => {
            format!("! {from} has erased {erased} of the messages, and keeps {kept}.")
        }
        Change::Consent { step, policy, what } => format!(
            "! Consent {step}, {from}: {} ({})",
            text::one_line(what),
            text::one_line(policy)
        ),
    }
}

fn meaning(mode: &str) -> &'static str {
    match mode {
        "signed" => "both can prove to anyone what is said",
        _ => "it convinces you two, and proves nothing to others",
    }
}

fn of_finding(from: &str, finding: &str, seq: Option<u64>) -> String {
    let entry = seq.map_or_else(String::new, |seq| format!(" (entry {seq})"));
    match finding {
        "fork" => format!(
            "! {from} has said two things that exclude each other{entry}. Both are kept as evidence."
        ),
        "lost" => format!("! An entry of {from}'s came too late for the transcript{entry}."),
        "rollback" => {
            format!("! {from} has forgotten a part of the transcript: an old copy is in use.")
        }
        "own_rollback" => {
            "! This side has forgotten a part of the transcript: this account was set \
                           back. Start a new one."
                .to_owned()
        }
        _ => format!("! A checkpoint of {from}'s does not fit what was received."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_one_flat_object() {
        let peer = PeerLine { from: "bob".into(), account: "00".into(), request: false };
        let change = Change::Asked { mode: "signed" };
        let line = TranscriptEventLine { peer, at: 5, change };
        let json = serde_json::to_string(&line).unwrap();
        assert_eq!(
            json,
            r#"{"from":"bob","account":"00","request":false,"at":5,"change":"asked","mode":"signed"}"#
        );
    }

    #[test]
    fn what_a_peer_says_cannot_steer_the_terminal() {
        let peer = PeerLine { from: "b\u{1b}[2Job".into(), account: "00".into(), request: false };
        let what = "\u{202e}yes".to_owned();
        let change = Change::Consent { step: "given", policy: String::new(), what };
        let said = of_change(&TranscriptEventLine { peer, at: 5, change });
        assert!(!said.contains(['\u{1b}', '\u{202e}']), "{said:?}");
    }
}
