//! Waiting envelopes, tried again.
//!
//! # Spec
//!
//! `spec/05-messages.md`, "What waits".

use alloc::vec;
use alloc::vec::Vec;

use kuvert_wire::{DeviceId, Timestamp};
use rand_core::CryptoRng;

use super::Device;
use super::decrypt::Refusal;
use super::effect::Effect;
use super::outcome::{Outcome, Outcomes};
use super::recovery::{Healing, Question};
use super::waiting::{Waiting, WaitingName};
use crate::error::ProtocolError;
use crate::step::Step;

/// What came of another attempt.
enum Tried {
    /// It does not wait any more.
    Ended(Vec<Effect>, Vec<Outcome>),
    /// Nothing has changed for it.
    NotYet,
    /// Nothing ever will.
    Never,
}

impl Device {
    /// Opens one waiting envelope that opens now, or gives up one that has waited for too long:
    /// [`Outcome::Rejected`]. `None`: there is nothing to do.
    ///
    /// To be called until it gives nothing, after [`Device::receive`] and [`Device::answer_identity`],
    /// and now and then, as time passes. With nothing waiting it costs nothing.
    pub fn retry<R: CryptoRng + ?Sized>(
        &mut self,
        now: Timestamp,
        rng: &mut R,
    ) -> Option<Step<'_, Outcomes>> {
        let mut names: Vec<_> =
            self.waiting.values().map(|stored| (stored.value.since, stored.value.name)).collect();
        names.sort_unstable();
        for (_, name) in names {
            let tried = self.try_waiting(&name, now, rng);
            let Some(stored) = self.waiting.get_mut(&name) else { continue };
            match tried {
                Tried::Ended(effects, outcomes) => {
                    return Some(self.step(effects, Outcomes::of(outcomes)));
                }
                Tried::NotYet => stored.value.is_tried = true,
                Tried::Never => (stored.value.is_tried, stored.value.is_hopeless) = (true, true),
            }
        }
        None
    }

    fn try_waiting<R: CryptoRng + ?Sized>(
        &self,
        name: &WaitingName,
        now: Timestamp,
        rng: &mut R,
    ) -> Tried {
        let Some(stored) = self.waiting.get(name) else { return Tried::NotYet };
        let waiting = &stored.value;
        let done = Effect::EndWait(*name);
        if waiting.deadline < now {
            let rejected = Outcome::Rejected { cause: waiting.cause, peer: Some(waiting.peer) };
            return Tried::Ended(vec![done], vec![rejected]);
        }
        if !self.is_worth_trying(waiting, now) {
            return Tried::NotYet;
        }
        match self.open_any(&waiting.envelope, Some(&waiting.peer), now, rng) {
            Ok(opening) => {
                let peer = opening.received.peer;
                let (mut effects, outcomes) = self.opened(opening, now, rng);
                effects.retain(|effect| !matches!(effect, Effect::EndWait(other) if other == name));
                effects.push(done);
                self.call_off_healing(&mut effects, &peer, name);
                Tried::Ended(effects, outcomes)
            }
            Err(refusal) if refusal.error == ProtocolError::Duplicate => {
                let mut effects = vec![done];
                self.call_off_healing(&mut effects, &waiting.peer, name);
                Tried::Ended(effects, vec![Outcome::AlreadyReceived])
            }
            // Its header opens and its body does not: no change of the session makes it whole.
            Err(Refusal { error: ProtocolError::Undecryptable, peer: Some(_), .. }) => Tried::Never,
            Err(_) => Tried::NotYet,
        }
    }

    /// Whether anything has changed that may open it: trying has its price.
    fn is_worth_trying(&self, waiting: &Waiting, now: Timestamp) -> bool {
        let peer = self.peers.get(&waiting.peer).map(|stored| &stored.value);
        match waiting.cause {
            ProtocolError::TooManySessions => peer.is_none_or(|peer| peer.may_take_over(now)),
            ProtocolError::IdentityChanged => peer.is_some() || self.is_answered(&waiting.peer),
            _ => !waiting.is_tried,
        }
    }

    fn is_answered(&self, newcomer: &DeviceId) -> bool {
        let accepted = Question::Accepted(*newcomer);
        let mut questions = self.peers.values().map(|peer| peer.value.recovery.question);
        questions.any(|question| question == accepted)
    }

    /// What was thought lost has opened: without anything else that waits, the session works.
    fn call_off_healing(&self, effects: &mut Vec<Effect>, peer: &DeviceId, opened: &WaitingName) {
        let others = self.waiting.values().map(|stored| &stored.value);
        let is_other = |other: &&Waiting| other.peer == *peer && other.name != *opened;
        let is_due = |id| {
            let peer = self.peers.get(id).map(|peer| &peer.value.recovery);
            peer.is_some_and(|recovery| {
                matches!(recovery.healing, Healing::Due(_)) && recovery.clone_suspected.is_none()
            })
        };
        if others.filter(is_other).count() == 0 && is_due(peer) {
            self.amend(effects, peer, |peer| peer.recovery.healing = Healing::None);
        }
    }

    /// Ends the waiting of what no session opened: a new session is there, and its sender sends it again.
    pub(super) fn drop_undecryptable_of(&self, peer: &DeviceId) -> Vec<Effect> {
        let is_theirs = |waiting: &&Waiting| {
            waiting.peer == *peer && waiting.cause == ProtocolError::Undecryptable
        };
        let waiting = self.waiting.values().map(|stored| &stored.value).filter(is_theirs);
        waiting.map(|waiting| Effect::EndWait(waiting.name)).collect()
    }
}
