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
    /// All transcripts with a peer: the one that runs last, the others as they began, the oldest first.
    pub(super) fn of<'a>(&'a self, peer: &DeviceId) -> Vec<&'a Transcript> {
        let theirs = |log: &&Transcript| log.conversation().device(log.our_side().other()) == peer;
        let mut logs: Vec<_> = self.logs.values().filter(theirs).collect();
        let switch = self.switches.get(peer);
        let runs = |log: &Transcript| switch.is_some_and(|switch| switch.is_on(log));
        logs.sort_by_key(|log| (runs(log), log.their_start()));
        logs
    }

    /// The one that runs.
    pub(super) fn running(&self, peer: &DeviceId) -> Option<&Transcript> {
        let switch = self.switches.get(peer)?;
        let logs = self.of(peer).into_iter().rev();
        logs.take(1).find(|log| switch.is_on(log) && !log.is_ended())
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

    /// All transcripts with a peer, ended ones too: the one that runs last, the others as they began.
    #[must_use]
    pub fn transcripts(&self, peer: &DeviceId) -> Vec<&Transcript> {
        self.transcripts.of(peer)
    }

    /// A switch that is turned may end the transcript that runs, and begin another.
    pub(super) fn turn_effects(&self, mut turn: Turn) -> Vec<Effect> {
        let mut effects = Vec::new();
        let begins = turn.begins.take();
        if let Some(running) = self.transcripts.running(turn.next.peer())
            && !turn.next.is_on(running)
        {
            effects.push(Effect::Advance(Box::new(running.end())));
        }
        effects.extend(begins.map(|advance| Effect::Advance(Box::new(advance))));
        effects.push(Effect::Turn(Box::new(turn)));
        effects
    }

    /// Ends all transcripts that run, and takes back what is offered or asked.
    pub(super) fn end_transcripts(&self, now: Timestamp) -> Vec<Effect> {
        let stopped = self.transcripts.switches.values().filter_map(|switch| switch.stop(now));
        stopped.flat_map(|stop| self.turn_effects(stop.turn)).collect()
    }

    /// What waits for missing entries, and for too long.
    pub(super) fn tidy_transcripts(&self, now: Timestamp) -> Vec<Effect> {
        let tidied = self.transcripts.logs.values().filter_map(|log| log.tidy(now));
        tidied.map(|advance| Effect::Advance(Box::new(advance))).collect()
    }

    /// What a step of a transcript does and tells. When it shows that our own state is an old copy,
    /// the transcript ends: what we said next would contradict what we have said.
    pub(super) fn advance(&self, peer: &DeviceId, mut advance: Advance, now: Timestamp) -> Heard {
        let told = |finding: &Finding| TranscriptEvent::Finding(Box::new(*finding));
        let mut events: Vec<_> = advance.findings.iter().map(told).collect();
        let mut effects = Vec::new();
        let is_ours = |finding: &Finding| matches!(finding, Finding::Rollback { ours: true });
        if advance.findings.iter().any(is_ours) && !advance.next.is_ended() {
            let end = advance.next.end();
            advance.changes.extend(end.changes);
            advance.next = end.next;
            if let Some(stop) = self.transcripts.switch(peer).stop(now) {
                effects.push(Effect::Turn(Box::new(stop.turn)));
            }
            events.push(TranscriptEvent::Stopped);
        }
        effects.push(Effect::Advance(Box::new(advance)));
        Heard { effects, events, conversation: None }
    }
}
