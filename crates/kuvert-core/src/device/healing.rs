//! Healing: a session that does not work is replaced by a new one, within a budget.
//!
//! ```text
//! cannot open, forked, PqFailed ─▶ due at a random moment ─▶ new session + `resend` ─▶ first answer: healed
//! ```
//! Only the side that could not open resets. Whoever can make envelopes fail can bring about at most
//! four resets a day, and does not learn from their time which envelope it was.
//!
//! # Spec
//!
//! `spec/05-messages.md`, "Recovery"; checks MSG-17 and MSG-18.

use alloc::boxed::Box;
use alloc::vec::Vec;

use kuvert_wire::{Control, DeviceId, MessageId, Timestamp};
use rand_core::CryptoRng;

use super::Device;
use super::content::{Content, Outgoing};
use super::effect::Effect;
use super::encrypt::{frame_of, outgoing};
use super::outcome::Outcome;
use super::placement::become_active;
use super::recovery::{Healing, Question};
use crate::agreement;
use crate::error::ProtocolError;
use crate::limits::{MAX_HELD, MAX_SESSIONS};
use crate::prekey::VerifiedBundle;
use crate::session::Session;
use crate::step::Step;

/// Who wants a reset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a program or a person")]
pub enum Reset {
    /// The program, because [`Device::resets_due`] says so: within the budget.
    Automatic,
    /// A person.
    ByHand,
}

impl Device {
    /// Peers whose session is to be replaced now: fetch a bundle for each, and call [`Device::reset`].
    pub fn resets_due(&self, now: Timestamp) -> impl Iterator<Item = DeviceId> {
        let peers = self.peers.values().map(|stored| &stored.value);
        let due = peers.filter(move |peer| {
            peer.recovery.is_due(now) && !self.is_in_question(&peer.cert.account_key)
        });
        due.map(super::peer::Peer::device_id)
    }

    /// When [`Device::resets_due`] will have something next; `None` if nothing is in sight.
    #[must_use]
    pub fn next_reset(&self) -> Option<Timestamp> {
        let due = |healing| match healing {
            Healing::Due(at) => Some(at),
            Healing::None | Healing::Begun(_) => None,
        };
        self.peers.values().filter_map(|peer| due(peer.value.recovery.healing)).min()
    }

    /// Replaces the session with a known peer by a new one, and seals its first frame: control
    /// `resend` with the names of messages that are `held` here, of which at most 1,000 go along. The
    /// peer sends again what is missing.
    ///
    /// # Errors
    ///
    /// - [`ProtocolError::NoSession`]: this device is not known; [`Device::initiate`] is for that.
    /// - [`ProtocolError::TooManySessions`]: the budget of automatic resets is spent (four within 24
    ///   hours, ten minutes apart), or 4,096 sessions are open.
    /// - [`ProtocolError::IdentityChanged`]: the bundle is of another account, or a person has to be
    ///   asked first.
    /// - [`ProtocolError::BadKey`]: a key of small order.
    ///
    /// # Spec
    ///
    /// `spec/05-messages.md`, "Recovery"; checks MSG-17 and MSG-18.
    pub fn reset<R: CryptoRng + ?Sized>(
        &mut self,
        bundle: &VerifiedBundle,
        held: &[MessageId],
        how: Reset,
        now: Timestamp,
        rng: &mut R,
    ) -> Result<Step<'_, Outgoing>, ProtocolError> {
        let their = bundle.cert();
        let mut peer = self.known(their.device_id(), their.cert())?;
        self.require_settled(&their.cert().account_key)?;
        if self.sessions.len() >= MAX_SESSIONS {
            return Err(ProtocolError::TooManySessions);
        }
        match how {
            Reset::Automatic if !peer.recovery.accepted => {
                return Err(ProtocolError::NoSession); // MSG-18
            }
            Reset::Automatic if !peer.recovery.spend(now) => {
                return Err(ProtocolError::TooManySessions); // MSG-17
            }
            Reset::Automatic | Reset::ByHand => {}
        }
        let begun = agreement::initiate(&self.identity, bundle, rng)?;
        let id = peer.device_id();
        let mut session = Session::begun_by_us(begun.secrets, begun.prefix, id, now, rng);
        let held = held[..held.len().min(MAX_HELD)].to_vec();
        let content = Content::control(&Control::Resend(held));
        let frame = frame_of(&content, now, rng);
        let sealed = session.seal(&frame, now, rng)?;
        session.adopt(*sealed.step);
        let out = outgoing(&peer, &session, frame.message_id, sealed.envelope);
        let mut effects = become_active(&mut peer, session.head.id, now);
        peer.recovery.accepted = true;
        peer.recovery.healing = Healing::Begun(session.head.id);
        effects.push(Effect::PutPeer(Box::new(peer)));
        effects.push(Effect::BeginSession(Box::new(session)));
        Ok(self.step(effects, out))
    }

    /// Notes whether a person here accepts a peer: what is automatic is for accepted peers only.
    /// Writing to a peer accepts it as well.
    ///
    /// # Errors
    ///
    /// [`ProtocolError::NoSession`] when the peer is unknown.
    pub fn accept(
        &mut self,
        peer: &DeviceId,
        accepted: bool,
    ) -> Result<Step<'_, ()>, ProtocolError> {
        let known = &self.peers.get(peer).ok_or(ProtocolError::NoSession)?.value;
        let mut effects = Vec::new();
        if known.recovery.accepted != accepted {
            self.amend(&mut effects, peer, |peer| {
                peer.recovery.accepted = accepted;
                if !accepted {
                    peer.recovery.healing = Healing::None;
                    peer.recovery.question = Question::None;
                }
            });
        }
        Ok(self.step(effects, ()))
    }

    /// What to do when the store was found to be older than it should be: ends all sessions, whose
    /// keys others have seen used, and all transcripts, in which we would say something else in places
    /// that are taken; makes resets due with accepted peers. Gives all peers that had
    /// a session.
    ///
    /// # Spec
    ///
    /// `spec/09-storage.md`, "The anchor".
    pub fn roll_back<R: CryptoRng + ?Sized>(
        &mut self,
        now: Timestamp,
        rng: &mut R,
    ) -> Step<'_, Vec<DeviceId>> {
        let mut effects: Vec<_> = self.sessions.keys().map(|id| Effect::EndSession(*id)).collect();
        effects.extend(self.waiting.keys().map(|name| Effect::EndWait(*name)));
        effects.extend(self.end_transcripts(now));
        let mut ended = Vec::new();
        for stored in self.peers.values() {
            let mut peer = Box::new(stored.value.clone());
            if peer.active.take().is_none() && peer.inactive.is_empty() {
                continue;
            }
            (peer.inactive, peer.closed, peer.crossed) = (Vec::new(), true, false);
            peer.recovery.healing = Healing::None;
            peer.recovery.schedule(now, rng);
            ended.push(peer.device_id());
            effects.push(Effect::PutPeer(peer));
        }
        self.step(effects, ended)
    }

    /// Makes a reset due, if one is needed and allowed.
    pub(super) fn begin_healing<R: CryptoRng + ?Sized>(
        &self,
        effects: &mut Vec<Effect>,
        peer: &DeviceId,
        now: Timestamp,
        rng: &mut R,
    ) -> Option<Outcome> {
        let mut recovery = self.peers.get(peer)?.value.recovery.clone();
        let not_before = recovery.schedule(now, rng)?;
        self.amend(effects, peer, |peer| peer.recovery.healing = recovery.healing);
        Some(Outcome::HealingStarted { peer: *peer, not_before })
    }
}
