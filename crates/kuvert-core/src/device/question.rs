//! The question that only a person answers: may another device speak for a known account?
//!
//! The account's key vouches for the new device, which proves that whoever has the key wants it; that
//! may be a person with a new phone, or a thief. Until it is answered, nothing is sent to the account,
//! and what the new device sends waits.
//!
//! # Spec
//!
//! `spec/05-messages.md`, "Another device of a known account"; check IDN-7.

use alloc::vec::Vec;

use kuvert_wire::{AccountId, AccountKey, DeviceCert, DeviceId};

use super::Device;
use super::effect::Effect;
use super::outcome::{Outcome, Outcomes};
use super::peer::Peer;
use super::recovery::{Healing, Question};
use crate::error::ProtocolError;
use crate::identity::{account_id, device_id};
use crate::prekey::VerifiedBundle;
use crate::step::Step;

impl Device {
    /// Answers [`Outcome::IdentityChanged`] as a person did: whether `newcomer` may take the place of
    /// the account's known device. With `accept`, the sessions of the known one end, and what the
    /// newcomer sent opens by [`Device::retry`]; without, what it sent is dropped, as is all that it
    /// sends later: nobody is asked about it again. After a yes to a
    /// device that has sent nothing yet, [`Device::initiate`] takes its bundle.
    ///
    /// # Errors
    ///
    /// [`ProtocolError::NoSession`] when no other device of this account is known.
    pub fn answer_identity(
        &mut self,
        account: &AccountId,
        newcomer: &DeviceId,
        accept: bool,
    ) -> Result<Step<'_, ()>, ProtocolError> {
        let answer = if accept { Question::Accepted } else { Question::Refused };
        let question = answer(*newcomer);
        let known: Vec<_> = self
            .peers
            .values()
            .map(|stored| &stored.value)
            .filter(|peer| account_id(&peer.cert.account_key) == *account)
            .map(Peer::device_id)
            .filter(|known| known != newcomer)
            .collect();
        if known.is_empty() {
            return Err(ProtocolError::NoSession);
        }
        let mut effects = Vec::new();
        for id in &known {
            if accept {
                effects.extend(self.close_effects(id));
            }
            self.amend(&mut effects, id, |peer| peer.recovery.question = question);
        }
        if !accept {
            let theirs = self.waiting.values().filter(|stored| stored.value.peer == *newcomer);
            effects.extend(theirs.map(|stored| Effect::EndWait(stored.value.name)));
        }
        Ok(self.step(effects, ()))
    }

    /// Asks a person about the owner of a bundle, which [`Device::initiate`] refused with
    /// [`ProtocolError::IdentityChanged`]: until the answer, nothing is sent to the account.
    pub fn question_identity(&mut self, bundle: &VerifiedBundle) -> Step<'_, Outcomes> {
        let mut effects = Vec::new();
        let cert = bundle.cert().cert();
        let asked = if self.may_speak(cert) { None } else { self.ask_about(&mut effects, cert) };
        self.step(effects, Outcomes::of(asked.into_iter().collect()))
    }

    /// Whether a person has to answer first.
    ///
    /// # Errors
    ///
    /// [`ProtocolError::IdentityChanged`].
    pub(super) fn require_settled(&self, account: &AccountKey) -> Result<(), ProtocolError> {
        if self.is_in_question(account) { Err(ProtocolError::IdentityChanged) } else { Ok(()) } // IDN-7
    }

    pub(super) fn is_in_question(&self, account: &AccountKey) -> bool {
        let is_asked = |peer: &Peer| matches!(peer.recovery.question, Question::Asked(_));
        self.devices_of(account).any(is_asked)
    }

    /// Whether the holder of a certificate may speak for its account: it is known, or the account is
    /// not, or a person has said so.
    pub(super) fn may_speak(&self, cert: &DeviceCert) -> bool {
        let id = device_id(cert);
        let is_settled = |peer: &Peer| peer.recovery.question == Question::Accepted(id);
        let mut accepted = self.devices_of(&cert.account_key).filter(|peer| peer.recovery.accepted);
        self.peers.contains_key(&id) || accepted.all(is_settled)
    }

    /// What a newcomer that a person has accepted does to the devices before it: they give it their place.
    pub(super) fn give_way(&self, newcomer: &mut Peer) -> Vec<Effect> {
        let accepted = Question::Accepted(newcomer.device_id());
        let id = newcomer.device_id();
        let before = self
            .devices_of(&newcomer.cert.account_key)
            .filter(|peer| peer.recovery.question == accepted && peer.device_id() != id);
        let mut effects = Vec::new();
        for peer in before {
            newcomer.recovery.accepted |= peer.recovery.accepted;
            let sessions = peer.active.iter().chain(peer.inactive.iter().map(|(id, _)| id));
            effects.extend(sessions.map(|id| Effect::EndSession(*id)));
            effects.push(Effect::DropPeer(peer.device_id()));
        }
        effects
    }

    /// Whether a person has said no to the holder of a certificate.
    pub(super) fn is_refused(&self, newcomer: &DeviceCert) -> bool {
        let refused = Question::Refused(device_id(newcomer));
        self.devices_of(&newcomer.account_key).any(|peer| peer.recovery.question == refused)
    }

    /// Asks a person about the holder of a certificate, if that was not done.
    pub(super) fn ask_about(
        &self,
        effects: &mut Vec<Effect>,
        newcomer: &DeviceCert,
    ) -> Option<Outcome> {
        let (account, peer) = (newcomer.account_key, device_id(newcomer));
        let asked = Question::Asked(peer);
        if self.is_refused(newcomer) {
            return None;
        }
        let unasked: Vec<_> = self
            .devices_of(&account)
            .filter(|peer| peer.recovery.question != asked)
            .map(Peer::device_id)
            .collect();
        for id in &unasked {
            self.amend(effects, id, |peer| {
                peer.recovery.question = asked;
                peer.recovery.healing = Healing::None;
            });
        }
        (!unasked.is_empty()).then_some(Outcome::IdentityChanged { peer, account })
    }

    fn devices_of(&self, account: &AccountKey) -> impl Iterator<Item = &Peer> {
        let peers = self.peers.values().map(|stored| &stored.value);
        peers.filter(move |peer| peer.cert.account_key == *account)
    }
}
