//! Beginning a session, anew as well.

use alloc::boxed::Box;
use alloc::vec::Vec;

use kuvert_wire::{DeviceId, Timestamp};
use rand_core::CryptoRng;

use super::Device;
use super::effect::Effect;
use super::peer::Peer;
use super::placement::become_active;
use super::recovery::Healing;
use crate::agreement;
use crate::error::ProtocolError;
use crate::limits::MAX_SESSIONS;
use crate::prekey::VerifiedBundle;
use crate::session::Session;
use crate::step::Step;

impl Device {
    /// Begins a session with the device of a verified bundle. An active session with it becomes
    /// inactive: this is also how a broken session is reset.
    ///
    /// The keys of the handshake are gone when this returns; the first flight is repeated on each
    /// message until the peer has answered.
    ///
    /// # Errors
    ///
    /// - [`ProtocolError::IdentityChanged`]: the device is pinned under another account, or is another
    ///   device of an accepted account and no person has said yes ([`Device::answer_identity`]).
    /// - [`ProtocolError::BadKey`]: our own bundle, or a key of small order.
    /// - [`ProtocolError::TooManySessions`]: 4,096 sessions are open.
    ///
    /// # Spec
    ///
    /// `spec/03-agreement.md`, "Initiator"; check IDN-3.
    pub fn initiate<R: CryptoRng + ?Sized>(
        &mut self,
        bundle: &VerifiedBundle,
        now: Timestamp,
        rng: &mut R,
    ) -> Result<Step<'_, DeviceId>, ProtocolError> {
        let their = bundle.cert();
        let id = *their.device_id();
        let mut peer = self.pinned(&id, their.cert())?;
        self.require_settled(&their.cert().account_key)?;
        if !self.may_speak(their.cert()) {
            return Err(ProtocolError::IdentityChanged); // IDN-7
        }
        if self.sessions.len() >= MAX_SESSIONS {
            return Err(ProtocolError::TooManySessions);
        }
        let initiated = agreement::initiate(&self.identity, bundle, rng)?;
        let session = Session::begun_by_us(initiated.secrets, initiated.prefix, id, now, rng);
        let mut effects = self.give_way(&mut peer);
        effects.extend(become_active(&mut peer, session.head.id, now));
        peer.recovery.accepted = true;
        if peer.recovery.healing != Healing::None {
            peer.recovery.healing = Healing::Begun(session.head.id);
        }
        effects.push(Effect::PutPeer(Box::new(peer)));
        effects.push(Effect::BeginSession(Box::new(session)));
        Ok(self.step(effects, id))
    }

    /// Ends the active session with a peer and erases its keys; its inactive ones as well.
    ///
    /// # Errors
    ///
    /// [`ProtocolError::NoSession`] when the peer is unknown.
    pub fn close(&mut self, peer: &DeviceId) -> Result<Step<'_, ()>, ProtocolError> {
        let effects = self.close_effects(peer);
        if effects.is_empty() { Err(ProtocolError::NoSession) } else { Ok(self.step(effects, ())) }
    }

    /// Ends all sessions with a peer; nothing if it is unknown.
    pub(super) fn close_effects(&self, peer: &DeviceId) -> Vec<Effect> {
        let Some(stored) = self.peers.get(peer) else { return Vec::new() };
        let mut peer = Box::new(stored.value.clone());
        let sessions = peer.active.iter().chain(peer.inactive.iter().map(|(id, _)| id));
        let mut effects: Vec<_> = sessions.map(|id| Effect::EndSession(*id)).collect();
        (peer.active, peer.closed, peer.crossed) = (None, true, false);
        peer.inactive.clear();
        peer.recovery.healing = Healing::None;
        effects.push(Effect::PutPeer(peer));
        effects
    }

    /// The peer as pinned; it has to be known.
    pub(super) fn known(
        &self,
        id: &DeviceId,
        cert: &kuvert_wire::DeviceCert,
    ) -> Result<Peer, ProtocolError> {
        let peer = self.pinned(id, cert)?;
        if self.peers.contains_key(id) { Ok(peer) } else { Err(ProtocolError::NoSession) }
    }

    /// The peer as pinned, or a new one for this certificate.
    pub(super) fn pinned(
        &self,
        id: &DeviceId,
        cert: &kuvert_wire::DeviceCert,
    ) -> Result<Peer, ProtocolError> {
        if id == self.device_id() {
            return Err(ProtocolError::BadKey); // IDN-6
        }
        match self.peers.get(id) {
            Some(pinned) if pinned.value.cert.account_key != cert.account_key => {
                Err(ProtocolError::IdentityChanged) // IDN-3
            }
            Some(pinned) => Ok(pinned.value.clone()),
            None => Ok(Peer::new(cert.clone())),
        }
    }
}
