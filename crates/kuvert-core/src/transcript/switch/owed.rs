//! Statements of ours that the peer seems not to have heard, and that are said again.
//!
//! ```text
//! the peer logs in a conversation that we have ended ▶ our stop
//! the peer says a start that we have ended           ▶ our stop
//! the peer does not log while our start stands       ▶ our start
//! ```
//! Starts and stops have no receipt. What was under way when they were said looks the same for a while;
//! a repetition tells nothing new to who has heard it.

use alloc::vec::Vec;
use core::time::Duration;

use kuvert_wire::Timestamp;
use kuvert_wire::transcript::{TranscriptBody, TranscriptNonce};

use super::{MAX_DONE, Statement, Switch, Turn};
use crate::transcript::running::Transcript;

/// Nothing is said again sooner after it was said.
const REPEAT_AFTER: Duration = Duration::from_secs(3600);

/// What is to be said again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Owed {
    pub(super) start: bool,
    /// The peer's starts that are over.
    pub(super) stops: Vec<TranscriptNonce>,
    /// When something was last said again.
    pub(super) repeated: Timestamp,
}

impl Owed {
    pub(super) const NOTHING: Self =
        Self { start: false, stops: Vec::new(), repeated: Timestamp::from_millis(0) };
}

impl Switch {
    /// The peer has sent something that would be logged, and has not logged it. `None` if that is no
    /// news.
    #[must_use]
    pub fn hear_unlogged(&self, now: Timestamp) -> Option<Turn> {
        if self.ours.is_none() || self.owed.start || !self.may_repeat(now) {
            return None;
        }
        let mut next = self.clone();
        next.owed.start = true;
        Some(next.turned(None))
    }

    /// The peer has logged something at `sent` in a conversation that has ended here. `None` if that is
    /// no news: it had not heard of the end.
    #[must_use]
    pub fn hear_ended(&self, ended: &Transcript, sent: Timestamp, now: Timestamp) -> Option<Turn> {
        if sent <= self.heard {
            return None;
        }
        let theirs = ended.our_side().other().of(ended.conversation().parties());
        self.owing_stop(&theirs.start.nonce, now).map(|next| next.turned(None))
    }

    /// The peer has logged something in a conversation that never was ours.
    #[must_use]
    pub fn hear_foreign(&self, now: Timestamp) -> Option<Turn> {
        self.owing_what_ended(now).map(|next| next.turned(None))
    }

    pub(super) fn owing_what_ended(&self, now: Timestamp) -> Option<Self> {
        self.owing_stop(self.done.last()?, now)
    }

    pub(super) fn owing_stop(&self, nonce: &TranscriptNonce, now: Timestamp) -> Option<Self> {
        let is_over = self.done.contains(nonce) && !self.owed.stops.contains(nonce);
        if !is_over || self.owed.stops.len() >= MAX_DONE || !self.may_repeat(now) {
            return None;
        }
        let mut next = self.clone();
        next.owed.stops.push(*nonce);
        Some(next)
    }

    fn may_repeat(&self, now: Timestamp) -> bool {
        let is_recent = |at: Timestamp| at <= now && now.since(at) < REPEAT_AFTER;
        !is_recent(self.said) && !is_recent(self.owed.repeated)
    }

    /// Whether something is to be said again.
    #[must_use]
    pub fn owes(&self) -> bool {
        self.owed.start && self.ours.is_some() || !self.owed.stops.is_empty()
    }

    /// The next thing to say again: what is over before what stands, so that the one does not end the
    /// other.
    #[must_use]
    pub fn repeat(&self, now: Timestamp) -> Option<Statement> {
        let mut next = self.clone();
        next.owed.repeated = now;
        if let Some(nonce) = next.owed.stops.pop() {
            let before = |start: Timestamp| start.saturating_sub(Duration::from_millis(1));
            let sent = next.ours.as_ref().map(|ours| before(ours.sent));
            let sent = sent.unwrap_or_else(|| next.said.max(now));
            next.said = next.said.max(sent);
            let body = TranscriptBody::Stop(nonce);
            return Some(Statement { body, sent, turn: next.turned(None) });
        }
        let ours = next.ours.as_ref().filter(|_| next.owed.start)?;
        let (body, sent) = (TranscriptBody::Start(ours.start), ours.sent);
        next.owed.start = false;
        Some(Statement { body, sent, turn: next.turned(None) })
    }
}
