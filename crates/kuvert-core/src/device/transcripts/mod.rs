//! Transcripts of a device: which run with whom, and what is said and heard in them.
//!
//! A transcript belongs to a peer, not to a session: it goes on when a session is replaced.
//!
//! # Spec
//!
//! `spec/06-transcript.md`.

mod event;
mod hear;
mod say;

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use kuvert_wire::transcript::ConversationId;
use kuvert_wire::{DeviceId, Timestamp};

use super::Device;
use super::effect::Effect;
use crate::limits::CLOCK_SKEW;
use crate::transcript::{Advance, Finding, Switch, SwitchState, Transcript, Turn};

pub use event::TranscriptEvent;
pub(super) use hear::Heard;

/// All switches, and all transcripts that were ever begun.
#[derive(Debug, Default)]
pub(super) struct Transcripts {
    pub(super) switches: BTreeMap<DeviceId, Switch>,
    pub(super) logs: BTreeMap<ConversationId, Transcript>,
}

impl Transcripts {
    /// All transcripts with a peer, the oldest first.
    pub(super) fn of<'a>(&'a self, peer: &DeviceId) -> Vec<&'a Transcript> {
        let theirs = |log: &&Transcript| log.conversation().device(log.our_side().other()) == peer;
        let mut logs: Vec<_> = self.logs.values().filter(theirs).collect();
        logs.sort_by_key(|log| log.their_start());
        logs
    }

    /// The one that runs.
    pub(super) fn running(&self, peer: &DeviceId) -> Option<&Transcript> {
        let is_on = matches!(self.switches.get(peer)?.state(), SwitchState::On(_));
        let newest = self.of(peer).into_iter().next_back();
        newest.filter(|log| is_on && !log.is_ended())
    }

    /// The one that a peer's message of this time is of: messages may come late. A start in the future
    /// was dated by a clock that has been put right since.
    pub(super) fn at(
        &self,
        peer: &DeviceId,
        sent: Timestamp,
        now: Timestamp,
    ) -> Option<&Transcript> {
        let has_begun = |log: &&Transcript| {
            let start = log.their_start();
            start <= sent || start.since(now) > CLOCK_SKEW
        };
        self.of(peer).into_iter().rev().find(has_begun)
    }

    pub(super) fn switch(&self, peer: &DeviceId) -> Switch {
        self.switches.get(peer).cloned().unwrap_or_else(|| Switch::new(*peer))
    }

    pub(super) fn adopt_advance(&mut self, advance: Advance) {
        self.logs.insert(*advance.next.id(), advance.next);
    }

    pub(super) fn adopt_turn(&mut self, turn: Turn) {
        self.switches.insert(*turn.next.peer(), turn.next);
    }
}

impl Device {
    /// Whether a transcript runs with a peer, or was asked for.
    #[must_use]
    pub fn transcript_state(&self, peer: &DeviceId) -> SwitchState {
        self.transcripts.switches.get(peer).map_or(SwitchState::Off, Switch::state)
    }

    /// All transcripts with a peer, ended ones too, the oldest first.
    #[must_use]
    pub fn transcripts(&self, peer: &DeviceId) -> Vec<&Transcript> {
        self.transcripts.of(peer)
    }

    /// A switch that is turned may end the transcript that runs, and begin another.
    pub(super) fn turn_effects(&self, mut turn: Turn) -> Vec<Effect> {
        let peer = *turn.next.peer();
        let mut effects = Vec::new();
        let begins = turn.begins.take();
        if let Some(running) = self.transcripts.running(&peer)
            && (begins.is_some() || !matches!(turn.next.state(), SwitchState::On(_)))
        {
            effects.push(Effect::Advance(Box::new(running.end())));
        }
        effects.extend(begins.map(|advance| Effect::Advance(Box::new(advance))));
        effects.push(Effect::Turn(Box::new(turn)));
        effects
    }

    /// Ends all transcripts that run, and takes back what is offered or asked.
    pub(super) fn end_transcripts(&self) -> Vec<Effect> {
        let stopped = self.transcripts.switches.values().filter_map(Switch::stop);
        stopped.flat_map(|(_, turn)| self.turn_effects(turn)).collect()
    }

    /// What waits for missing entries, and for too long.
    pub(super) fn tidy_transcripts(&self, now: Timestamp) -> Vec<Effect> {
        let tidied = self.transcripts.logs.values().filter_map(|log| log.tidy(now));
        tidied.map(|advance| Effect::Advance(Box::new(advance))).collect()
    }

    /// What a step of a transcript does and tells. When it shows that our own state is an old copy,
    /// the transcript ends: what we said next would contradict what we have said.
    pub(super) fn advance(&self, peer: &DeviceId, mut advance: Advance) -> Heard {
        let told = |finding: &Finding| TranscriptEvent::Finding(Box::new(*finding));
        let mut events: Vec<_> = advance.findings.iter().map(told).collect();
        let mut effects = Vec::new();
        let is_ours = |finding: &Finding| matches!(finding, Finding::Rollback { ours: true });
        if advance.findings.iter().any(is_ours) && !advance.next.is_ended() {
            let end = advance.next.end();
            advance.changes.extend(end.changes);
            advance.next = end.next;
            if let Some((_, turn)) = self.transcripts.switch(peer).stop() {
                effects.push(Effect::Turn(Box::new(turn)));
            }
            events.push(TranscriptEvent::Stopped);
        }
        effects.push(Effect::Advance(Box::new(advance)));
        Heard { effects, events, conversation: None }
    }
}
