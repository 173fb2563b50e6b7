//! Receiving: which session an envelope is for, and what it does there.

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;

use kuvert_wire::{DeviceCert, DeviceId, Envelope, Frame, InitPrefix, SessionId, Timestamp};
use rand_core::CryptoRng;

use super::content::{Received, SessionEnd};
use super::effect::Effect;
use super::peer::Peer;
use super::placement::become_active;
use super::transcripts::TranscriptEvent;
use super::{Device, Session};
use crate::agreement::init_id;
use crate::error::ProtocolError;
use crate::ratchet::receive::{Found, Refused};
use crate::session::{Begun, Incoming, SessionStep, Status};
use crate::step::Step;

impl Device {
    /// Opens one received envelope, at most 72 KiB. What it says comes out of the step.
    ///
    /// An error changes nothing, in memory or stored. Towards the network all of them are one.
    ///
    /// # Errors
    ///
    /// - [`ProtocolError::Malformed`], [`ProtocolError::UnsupportedVersion`],
    ///   [`ProtocolError::TooLarge`]: it is no envelope.
    /// - [`ProtocolError::Undecryptable`]: nothing here opens it.
    /// - [`ProtocolError::Duplicate`]: it has been opened before.
    /// - [`ProtocolError::UnknownPrekey`]: it begins a session with a prekey that is gone.
    /// - [`ProtocolError::IdentityChanged`], [`ProtocolError::BadSignature`],
    ///   [`ProtocolError::BadKey`]: its sender is not acceptable.
    /// - [`ProtocolError::TooManySkipped`], [`ProtocolError::TooManySessions`],
    ///   [`ProtocolError::ChainExhausted`]: it goes over a limit.
    ///
    /// # Spec
    ///
    /// `spec/05-messages.md`, "Opening"; the checks of chapters 03 to 05.
    pub fn decrypt<R: CryptoRng + ?Sized>(
        &mut self,
        envelope: &[u8],
        now: Timestamp,
        rng: &mut R,
    ) -> Result<Step<'_, Received>, ProtocolError> {
        let opened = self.open_any(envelope, None, now, rng);
        let Opening { effects, received, .. } = opened.map_err(|refusal| refusal.error)?;
        Ok(self.step(effects, received))
    }

    /// The same without a step, and with all that is known about a refusal. With a hint, only this
    /// peer's sessions are tried.
    pub(super) fn open_any<R: CryptoRng + ?Sized>(
        &self,
        envelope: &[u8],
        hint: Option<&DeviceId>,
        now: Timestamp,
        rng: &mut R,
    ) -> Result<Opening, Refusal> {
        let envelope = Envelope::decode(envelope).map_err(ProtocolError::from)?;
        match &envelope.prefix {
            Some(prefix) => self.open_init(prefix, &envelope, now, rng),
            None => {
                let (session, found) = self.find(&envelope, hint)?;
                self.open_on(session, found, &envelope, now, rng)
            }
        }
    }

    /// An envelope with a first flight: of a session that it began, or of a new one.
    fn open_init<R: CryptoRng + ?Sized>(
        &self,
        prefix: &InitPrefix,
        envelope: &Envelope<'_>,
        now: Timestamp,
        rng: &mut R,
    ) -> Result<Opening, Refusal> {
        let init = init_id(prefix);
        if let Some(session) = self.by_init.get(&init).and_then(|id| self.sessions.get(id)) {
            let session = &session.value;
            let found = session.find(envelope.kind(), &envelope.message);
            let found = found.ok_or(ProtocolError::Undecryptable)?;
            return self.open_on(session, found, envelope, now, rng);
        }
        if self.replays.contains(&(prefix.medium_id, init)) {
            return Err(ProtocolError::Duplicate.into()); // AGR-8
        }
        self.open_first(prefix, envelope, now, rng)
    }

    /// The session whose header key opens the envelope, by trial.
    fn find(
        &self,
        envelope: &Envelope<'_>,
        hint: Option<&DeviceId>,
    ) -> Result<(&Session, Found), ProtocolError> {
        let (kind, message) = (envelope.kind(), &envelope.message);
        let is_meant = |session: &&Session| hint.is_none_or(|peer| session.head.peer == *peer);
        let meant = || self.sessions.values().map(|stored| &stored.value).filter(is_meant);
        meant()
            .find_map(|session| session.find(kind, message).map(|found| (session, found)))
            .ok_or_else(|| match meant().any(|session| session.has_seen(message)) {
                true => ProtocolError::Duplicate,
                false => ProtocolError::Undecryptable, // RAT-1
            })
    }

    fn open_on<R: CryptoRng + ?Sized>(
        &self,
        session: &Session,
        found: Found,
        envelope: &Envelope<'_>,
        now: Timestamp,
        rng: &mut R,
    ) -> Result<Opening, Refusal> {
        let id = session.head.id;
        let peer = &self.peers.get(&session.head.peer).ok_or(ProtocolError::Storage)?.value;
        let incoming = session.open(found, envelope, now, rng);
        let incoming = incoming.map_err(|refused| Refusal::of(session.head.peer, refused))?;
        let is_followed = self.is_followed(peer, session, &incoming.frame);
        let is_forked = incoming.is_forked;
        let mut received = Received {
            peer: session.head.peer,
            account: peer.cert.account_key,
            session: id,
            begins_session: false,
            ended: end_of(&incoming),
            conversation: None,
            franking: incoming.franking,
            frame: incoming.frame,
        };
        let mut effects = match received.ended {
            Some(_) => self.end_effects(&id),
            None if is_followed => self.follow(peer, incoming.step, now),
            None => vec![Effect::StepSession(incoming.step)],
        };
        if is_forked && received.ended.is_none() && !self.is_clone_told(peer) {
            let told = self.clone_told_at(peer, now);
            let suspect = |peer: &mut Peer| peer.recovery.clone_suspected = Some(told);
            self.amend(&mut effects, &received.peer, suspect); // MSG-20
        }
        let heard = self.hear(&peer.cert, &received.frame, now);
        let heard = heard.map_err(|error| Refusal { peer: Some(received.peer), ..error.into() })?;
        effects.extend(heard.effects);
        received.conversation = heard.conversation;
        Ok(Opening { effects, received, events: heard.events })
    }

    /// Whether the peer sends on another session than the one that is active here, and it is ours to
    /// follow. Its newest message, by its own clock, says which session it sends on; a session that
    /// we have just begun waits for its answer.
    fn is_followed(&self, peer: &Peer, session: &Session, frame: &Frame) -> bool {
        let Some(active) = self.active_session(peer) else { return false };
        session.head.status == Status::Inactive
            && active.head.status == Status::Established
            && frame.sent > active.head.last_heard
            && follows(session, active, self.device_id())
    }

    /// Makes an inactive session the active one.
    fn follow(&self, peer: &Peer, mut step: Box<SessionStep>, now: Timestamp) -> Vec<Effect> {
        let mut peer = peer.clone();
        let id = step.head.id;
        step.head.status = Status::Established;
        peer.inactive.retain(|(session, _)| *session != id);
        let mut effects = become_active(&mut peer, id, now);
        effects.push(Effect::PutPeer(Box::new(peer)));
        effects.push(Effect::StepSession(step));
        effects
    }

    /// Erases a session's keys and forgets its place.
    pub(super) fn end_effects(&self, id: &SessionId) -> Vec<Effect> {
        let session = self.sessions.get(id).map(|stored| stored.value.head.peer);
        let peer = session.and_then(|peer| self.peers.get(&peer)).map(|peer| {
            let mut peer = peer.value.clone();
            peer.forget(id);
            Effect::PutPeer(Box::new(peer))
        });
        core::iter::once(Effect::EndSession(*id)).chain(peer).collect()
    }
}

/// What an envelope that opens does and says.
pub(super) struct Opening {
    pub(super) effects: Vec<Effect>,
    pub(super) received: Received,
    pub(super) events: Vec<TranscriptEvent>,
}

/// Why an envelope was refused, and what is known of where it came from.
pub(super) struct Refusal {
    pub(super) error: ProtocolError,
    /// Whose it is, if that is authenticated.
    pub(super) peer: Option<DeviceId>,
    /// Two messages stand in one place.
    pub(super) is_forked: bool,
    /// A device about which a person has to be asked.
    pub(super) newcomer: Option<Box<DeviceCert>>,
}

impl Refusal {
    pub(super) const fn of(peer: DeviceId, refused: Refused) -> Self {
        let Refused { error, is_forked } = refused;
        Self { error, peer: Some(peer), is_forked, newcomer: None }
    }
}

impl<E: Into<ProtocolError>> From<E> for Refusal {
    fn from(error: E) -> Self {
        Self { error: error.into(), peer: None, is_forked: false, newcomer: None }
    }
}

/// Whether the session ends with this message.
pub(super) fn end_of(incoming: &Incoming) -> Option<SessionEnd> {
    match (incoming.pq, incoming.closed) {
        (Err(_), _) => Some(SessionEnd::PqFailed),
        (Ok(()), true) => Some(SessionEnd::ByPeer),
        (Ok(()), false) => None,
    }
}

/// Of two sessions that one side began, the other side follows; else the device with the higher id.
fn follows(session: &Session, active: &Session, our_id: &DeviceId) -> bool {
    match (&session.head.begun, &active.head.begun) {
        (Begun::ByPeer { .. }, Begun::ByPeer { .. }) => true,
        (Begun::ByUs { .. }, Begun::ByUs { .. }) => false,
        _ => session.head.peer < *our_id,
    }
}
