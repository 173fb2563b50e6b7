//! Receiving with everything that follows from it: nothing is an error here, all of it is an outcome.
//!
//! ```text
//! opens ─────────────────────▶ Message            [Healed] [CloneSuspected] [HealingStarted]
//! opened before ─────────────▶ AlreadyReceived
//! its place is taken ────────▶ CloneSuspected     [HealingStarted]
//! a peer's, not openable yet ▶ Pending            [HealingStarted] [IdentityChanged]
//! anything else ─────────────▶ Rejected
//! ```
//!
//! # Spec
//!
//! `spec/05-messages.md`, "Outcomes" and "Recovery"; checks MSG-17 to MSG-20.

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;
use core::time::Duration;

use kuvert_wire::{DeviceCert, DeviceId, MailboxId, Timestamp};
use rand_core::CryptoRng;

use super::Device;
use super::content::SessionEnd;
use super::decrypt::{Opening, Refusal};
use super::effect::Effect;
use super::outcome::{Outcome, Outcomes};
use super::peer::Peer;
use super::recovery::Healing;
use super::waiting::Waiting;
use crate::error::ProtocolError;
use crate::step::Step;

/// Events of a transcript that one envelope tells at most; all of them are kept in the transcript.
const MAX_EVENTS: usize = 8;

/// What an envelope does, and what is told of it.
type Followed = (Vec<Effect>, Vec<Outcome>);

impl Device {
    /// Opens one received envelope and does what follows from it. What came of it comes out of the step.
    ///
    /// `via` is the own mailbox that it was found in, if that is known. A session's mailbox says whose
    /// envelope it is: only this peer's sessions are tried, and when none opens it, it is theirs that
    /// does not work. After the step, call [`Device::retry`] until it gives nothing.
    ///
    /// An envelope that is [`Outcome::Rejected`] or [`Outcome::AlreadyReceived`] changes nothing.
    ///
    /// # Spec
    ///
    /// `spec/05-messages.md`, "Outcomes".
    pub fn receive<R: CryptoRng + ?Sized>(
        &mut self,
        envelope: &[u8],
        via: Option<&MailboxId>,
        now: Timestamp,
        rng: &mut R,
    ) -> Step<'_, Outcomes> {
        let hint = via.and_then(|via| self.peer_of_mailbox(via));
        let (effects, outcomes) = match self.open_any(envelope, hint.as_ref(), now, rng) {
            Ok(opening) => self.opened(opening, now, rng),
            Err(mut refusal) => {
                refusal.peer = refusal.peer.or(hint);
                self.refused(envelope, &refusal, now, rng)
            }
        };
        self.step(effects, Outcomes::of(outcomes))
    }

    /// What follows from a message that has opened.
    pub(super) fn opened<R: CryptoRng + ?Sized>(
        &self,
        opening: Opening,
        now: Timestamp,
        rng: &mut R,
    ) -> Followed {
        let Opening { mut effects, received, events } = opening;
        let peer = received.peer;
        let (session, is_new) = (received.session, received.begins_session);
        let ended = received.ended;
        let mut outcomes = vec![Outcome::Message(received)];
        let told = events.into_iter().take(MAX_EVENTS);
        outcomes.extend(told.map(|event| Outcome::Transcript { peer, event }));
        let is_mended = |healing| match healing {
            Healing::None => false,
            Healing::Due(_) => is_new,
            Healing::Begun(begun) => is_new || begun == session,
        };
        let healing = self.peers.get(&peer).map(|peer| peer.value.recovery.healing);
        if healing.is_some_and(is_mended) && ended.is_none() {
            self.amend(&mut effects, &peer, |peer| {
                peer.recovery.healing = Healing::None;
                peer.recovery.clone_suspected = None;
            });
            effects.extend(self.drop_undecryptable_of(&peer));
            outcomes.push(Outcome::Healed { peer });
        }
        if self.is_suspected_by(&effects, &peer) {
            outcomes.push(Outcome::CloneSuspected { peer });
            if !is_new {
                outcomes.extend(self.begin_healing(&mut effects, &peer, now, rng));
            }
        }
        if ended == Some(SessionEnd::PqFailed) {
            outcomes.extend(self.begin_healing(&mut effects, &peer, now, rng));
        }
        (effects, outcomes)
    }

    /// What follows from an envelope that does not open.
    fn refused<R: CryptoRng + ?Sized>(
        &self,
        envelope: &[u8],
        refusal: &Refusal,
        now: Timestamp,
        rng: &mut R,
    ) -> Followed {
        let cause = refusal.error;
        let rejected = (Vec::new(), vec![Outcome::Rejected { cause, peer: refusal.peer }]);
        match (cause, refusal.peer) {
            (_, Some(peer)) if refusal.is_forked => {
                self.forked(&peer, now, rng).unwrap_or(rejected)
            }
            (ProtocolError::Duplicate, _) => (Vec::new(), vec![Outcome::AlreadyReceived]),
            (_, Some(peer)) => {
                let waiting = Waiting::new(peer, cause, now, envelope);
                waiting.and_then(|waiting| self.wait(waiting, refusal, rng)).unwrap_or(rejected)
            }
            (_, None) => rejected,
        }
    }

    /// Whether these effects are the first to say that the peer's state is in use twice.
    fn is_suspected_by(&self, effects: &[Effect], id: &DeviceId) -> bool {
        let before = self.peers.get(id).and_then(|stored| stored.value.recovery.clone_suspected);
        let is_news = |peer: &Peer| {
            let suspected = peer.recovery.clone_suspected;
            suspected.is_some() && suspected != before
        };
        let mut peers = effects.iter().filter_map(|effect| match effect {
            Effect::PutPeer(peer) if peer.device_id() == *id => Some(peer),
            _ => None,
        });
        peers.any(|peer| is_news(peer))
    }

    /// Whether it was told of the session that is active now: of each once.
    pub(super) fn is_clone_told(&self, peer: &Peer) -> bool {
        let begun = self.begun(peer);
        peer.recovery.clone_suspected.is_some_and(|at| begun.is_none_or(|begun| at > begun))
    }

    /// The time to note when it is told of the session that is active now: later than its beginning.
    pub(super) fn clone_told_at(&self, peer: &Peer, now: Timestamp) -> Timestamp {
        let after = |begun: Timestamp| begun.saturating_add(Duration::from_millis(1));
        self.begun(peer).map_or(now, |begun| now.max(after(begun)))
    }

    fn begun(&self, peer: &Peer) -> Option<Timestamp> {
        self.active_session(peer).map(|session| session.head.created)
    }

    /// Two messages stand in one place: told once for each session.
    fn forked<R: CryptoRng + ?Sized>(
        &self,
        peer: &DeviceId,
        now: Timestamp,
        rng: &mut R,
    ) -> Option<Followed> {
        if self.is_clone_told(&self.peers.get(peer)?.value) {
            return None;
        }
        let mut effects = Vec::new();
        let told = self.clone_told_at(&self.peers.get(peer)?.value, now);
        self.amend(&mut effects, peer, |peer| peer.recovery.clone_suspected = Some(told)); // MSG-20
        let mut outcomes = vec![Outcome::CloneSuspected { peer: *peer }];
        outcomes.extend(self.begin_healing(&mut effects, peer, now, rng));
        Some((effects, outcomes))
    }

    /// Lets an envelope wait, if its peer is one to wait for and there is room.
    fn wait<R: CryptoRng + ?Sized>(
        &self,
        waiting: Waiting,
        refusal: &Refusal,
        rng: &mut R,
    ) -> Option<Followed> {
        let (peer, cause, now) = (waiting.peer, waiting.cause, waiting.since);
        let is_question = cause == ProtocolError::IdentityChanged;
        // IDN-3: no answer makes this one acceptable, or a person has given it.
        let may_be_asked = |newcomer: &DeviceCert| !self.is_refused(newcomer);
        if is_question && !refusal.newcomer.as_deref().is_some_and(may_be_asked) {
            return None;
        }
        let is_accepted = |peer: &Peer| peer.recovery.accepted;
        if !is_question && !self.peers.get(&peer).is_some_and(|peer| is_accepted(&peer.value)) {
            return None; // MSG-18
        }
        if let Some(known) = self.waiting.get(&waiting.name) {
            return Some((Vec::new(), vec![known.value.pending()]));
        }
        let mut outcomes = vec![waiting.pending()];
        let mut effects = Vec::new();
        match &refusal.newcomer {
            Some(newcomer) => outcomes.extend(self.ask_about(&mut effects, newcomer)),
            None if cause == ProtocolError::TooManySessions => {}
            None => outcomes.extend(self.begin_healing(&mut effects, &peer, now, rng)),
        }
        if !self.has_room_for(&waiting) {
            outcomes[0] = Outcome::Rejected { cause, peer: Some(peer) };
            return Some((effects, outcomes));
        }
        effects.push(Effect::Wait(Box::new(waiting)));
        Some((effects, outcomes))
    }

    /// Changes a peer's record as part of what is done anyway: there is one change for each record.
    pub(super) fn amend(
        &self,
        effects: &mut Vec<Effect>,
        id: &DeviceId,
        change: impl FnOnce(&mut Peer),
    ) {
        let planned = effects.iter_mut().find_map(|effect| match effect {
            Effect::PutPeer(peer) if peer.device_id() == *id => Some(peer),
            _ => None,
        });
        if let Some(peer) = planned {
            return change(peer);
        }
        let Some(stored) = self.peers.get(id) else { return };
        let mut peer = Box::new(stored.value.clone());
        change(&mut peer);
        effects.push(Effect::PutPeer(peer));
    }

    /// The peer for whose session an own mailbox is.
    fn peer_of_mailbox(&self, mailbox: &MailboxId) -> Option<DeviceId> {
        let mailboxes = self.mailboxes().filter(|own| own.peer.is_some());
        let mut found = mailboxes.filter(|own| crate::identity::mailbox_id(&own.key) == *mailbox);
        found.next()?.peer
    }
}
