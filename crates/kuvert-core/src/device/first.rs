//! A peer's first message: the handshake's other half. Nothing is written and no prekey is erased
//! before the message that came with it has opened.

use alloc::boxed::Box;
use alloc::vec::Vec;

use kuvert_wire::{Control, Decode, DeviceId, Envelope, Frame, FrameType, InitPrefix, Timestamp};
use rand_core::CryptoRng;

use super::Device;
use super::content::Received;
use super::decrypt::{Opening, Refusal, end_of};
use super::effect::Effect;
use super::peer::Peer;
use super::placement::{is_tie, place_theirs};
use crate::agreement::{self, Responded, init_id};
use crate::error::ProtocolError;
use crate::limits::{MAX_REPLAY_CACHE, MAX_SESSIONS, MAX_UNANSWERED_SESSIONS};
use crate::prekey::MediumPrekeyPair;
use crate::session::Session;

impl Device {
    /// Opens the first message of a session that a peer begins.
    pub(super) fn open_first<R: CryptoRng + ?Sized>(
        &self,
        prefix: &InitPrefix,
        envelope: &Envelope<'_>,
        now: Timestamp,
        rng: &mut R,
    ) -> Result<Opening, Refusal> {
        let Responded { secrets, their } = self.respond(prefix)?;
        let mut peer = self.pinned(their.device_id(), their.cert())?;
        if self.sessions.len() >= MAX_SESSIONS {
            return Err(ProtocolError::TooManySessions.into());
        }
        let mut session = Session::begun_by_peer(secrets, prefix, *their.device_id(), now, rng);
        let found = session.find(envelope.kind(), &envelope.message);
        let found = found.ok_or(ProtocolError::Undecryptable)?; // AGR-7
        let incoming = session.open(found, envelope, now, rng); // AGR-7
        let incoming = incoming.map_err(|refused| refused.error)?;
        if !self.may_speak(their.cert()) {
            return Err(Refusal {
                error: ProtocolError::IdentityChanged,
                peer: Some(*their.device_id()),
                is_forked: false,
                newcomer: Some(Box::new(their.cert().clone())),
            }); // IDN-7
        }
        let mut received = Received {
            peer: *their.device_id(),
            account: *their.account_key(),
            session: session.head.id,
            begins_session: true,
            ended: end_of(&incoming),
            conversation: None,
            franking: incoming.franking,
            frame: incoming.frame,
        };
        session.adopt(*incoming.step);

        let heard = self.hear(their.cert(), &received.frame, now)?;
        let (mut effects, events) = (self.spend_prekey(prefix, now, rng), heard.events);
        effects.extend(heard.effects);
        received.conversation = heard.conversation;
        if received.ended.is_some() {
            return Ok(Opening { effects, received, events });
        }
        let is_set_back = self.is_set_back(&peer, &session, &received.frame);
        peer.recovery.clone_suspected = is_set_back.then_some(now); // MSG-20
        effects.extend(self.make_room(&received.peer));
        effects.extend(self.give_way(&mut peer));
        let placed = self.place(&mut peer, &mut session, now);
        effects
            .extend(placed.map_err(|error| Refusal { peer: Some(received.peer), ..error.into() })?);
        effects.push(Effect::PutPeer(Box::new(peer)));
        effects.push(Effect::BeginSession(Box::new(session)));
        Ok(Opening { effects, received, events })
    }

    /// Whether a peer that has answered in the session we share begins another without a word about
    /// what it holds: a device that is reset says so first. This one has forgotten the session.
    fn is_set_back(&self, peer: &Peer, new: &Session, frame: &Frame) -> bool {
        // In one that we have begun, the other may have been begun before ours arrived, and be late.
        let is_its_own = |active: &Session| active.is_confirmed() && !active.facts().begun_by_us;
        let is_known = self.active_session(peer).is_some_and(is_its_own);
        let is_resend = frame.frame_type == FrameType::Control
            && matches!(Control::decode(&frame.body), Ok(Control::Resend(_)));
        is_known && new.facts().ratchet.received == 1 && !is_resend
    }

    /// Finds the new session its place beside the others with the peer.
    fn place(
        &self,
        peer: &mut Peer,
        session: &mut Session,
        now: Timestamp,
    ) -> Result<Vec<Effect>, ProtocolError> {
        let is_tie = self.active_session(peer).is_some_and(|active| is_tie(peer, active));
        place_theirs(peer, session, self.device_id(), is_tie, now)
    }

    /// Ends the oldest session that another peer began and we never wrote on, when there are too many.
    fn make_room(&self, newcomer: &DeviceId) -> Vec<Effect> {
        let is_stranger = |peer: &DeviceId| {
            let known = self.peers.get(peer);
            known.is_none_or(|known| !known.value.recovery.accepted) && peer != newcomer
        };
        let is_unanswered =
            |session: &&Session| !session.ratchet.has_sent() && is_stranger(&session.head.peer);
        let sessions = self.sessions.values().map(|stored| &stored.value);
        let unanswered: Vec<_> = sessions.filter(is_unanswered).collect();
        if unanswered.len() < MAX_UNANSWERED_SESSIONS {
            return Vec::new();
        }
        let oldest = unanswered.iter().min_by_key(|session| session.head.created);
        oldest.map(|session| self.turn_away(session)).unwrap_or_default()
    }

    /// Ends a stranger's session; a stranger of whom nothing else is left is forgotten.
    fn turn_away(&self, session: &Session) -> Vec<Effect> {
        let peer = self.peers.get(&session.head.peer).map(|stored| &stored.value);
        let is_all = peer.is_none_or(|peer| {
            peer.inactive.is_empty() && peer.active.is_none_or(|active| active == session.head.id)
        });
        if is_all {
            let (session, peer) = (session.head.id, session.head.peer);
            return alloc::vec![Effect::EndSession(session), Effect::DropPeer(peer)];
        }
        self.end_effects(&session.head.id)
    }

    /// The handshake, with the prekeys that the prefix names.
    fn respond(&self, prefix: &InitPrefix) -> Result<Responded, ProtocolError> {
        let medium = self.mediums.get(&prefix.medium_id).ok_or(ProtocolError::UnknownPrekey)?; // AGR-2
        let one_time = match prefix.one_time_id {
            None => None,
            Some(id) => {
                let held = self.one_times.get(&id).ok_or(ProtocolError::UnknownPrekey)?; // AGR-3
                Some(&held.value.pair)
            }
        };
        Ok(agreement::respond(&self.identity, &medium.value, one_time, prefix)?)
    }

    /// Erases the one-time prekey; without one, remembers the first flight against replay.
    fn spend_prekey<R: CryptoRng + ?Sized>(
        &self,
        prefix: &InitPrefix,
        now: Timestamp,
        rng: &mut R,
    ) -> Vec<Effect> {
        if let Some(id) = prefix.one_time_id {
            return alloc::vec![Effect::DropOneTime(id)];
        }
        if self.replays.len() < MAX_REPLAY_CACHE {
            return alloc::vec![Effect::RememberInit(prefix.medium_id, init_id(prefix))];
        }
        // The cache is full: with its keys gone, what it held cannot be replayed.
        let fresh = MediumPrekeyPair::generate(&self.identity, now, rng);
        let old = self.mediums.keys().map(|id| Effect::DropMedium(*id));
        old.chain([Effect::AddMedium(Box::new(fresh))]).collect()
    }
}
