//! Sending: contents to envelopes on the peer's active session.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use kuvert_wire::{Control, DeviceId, FrameRef, FrameType, MessageId, Timestamp};
use rand_core::CryptoRng;

use super::content::{Content, Outgoing};
use super::effect::Effect;
use super::peer::Peer;
use super::{Device, Session};
use crate::error::ProtocolError;
use crate::session::{OurMailbox, Outbound, Route};
use crate::step::Step;

impl Device {
    /// Seals `content` for a peer on its active session. The envelope comes out of the step.
    ///
    /// # Errors
    ///
    /// - [`ProtocolError::NoSession`]: no session has been begun with this peer.
    /// - [`ProtocolError::Closed`]: the session has ended, or waited 30 days for its first answer.
    /// - [`ProtocolError::TooLarge`]: the body is over 65,501 bytes.
    /// - [`ProtocolError::ChainExhausted`]: 2^20 messages without an answer.
    /// - [`ProtocolError::IdentityChanged`]: a person has to say first whether another device may speak
    ///   for this account.
    ///
    /// # Spec
    ///
    /// `spec/05-messages.md`, "Sealing"; checks MSG-11, MSG-13 and MSG-14.
    pub fn encrypt<R: CryptoRng + ?Sized>(
        &mut self,
        peer: &DeviceId,
        content: &Content,
        now: Timestamp,
        rng: &mut R,
    ) -> Result<Step<'_, Outgoing>, ProtocolError> {
        let (effects, outgoing) = self.seal_frame(peer, content, now, rng)?;
        Ok(self.step(effects, outgoing))
    }

    /// The same without a step. While a transcript runs, what is said goes into our log.
    pub(super) fn seal_frame<R: CryptoRng + ?Sized>(
        &self,
        peer: &DeviceId,
        content: &Content,
        now: Timestamp,
        rng: &mut R,
    ) -> Result<(Vec<Effect>, Outgoing), ProtocolError> {
        let (peer, session) = self.sendable(peer, now)?;
        let mut frame = frame_of(content, now, rng);
        let is_placed = frame.block.is_some() || content.is_outside;
        let logged =
            if is_placed { None } else { self.log_frame(&peer.device_id(), &frame, now, rng)? };
        if let Some((block, _)) = &logged {
            (frame.block, frame.sent) = (Some(block), now);
        }
        let Outbound { envelope, step } = session.seal(&frame, now, rng)?;
        let mut outgoing = outgoing(peer, session, frame.message_id, envelope);
        let mut effects = vec![Effect::StepSession(step)];
        if let Some((block, advance)) = logged {
            outgoing.block = Some(Box::new(block));
            effects.push(Effect::Advance(Box::new(advance)));
        }
        if content.frame_type == FrameType::Message && !peer.recovery.accepted {
            let id = peer.device_id();
            self.amend(&mut effects, &id, |peer| peer.recovery.accepted = true);
        }
        Ok((effects, outgoing))
    }

    /// Whether the peer has yet to be told our mailbox for the active session, or a fresh one is
    /// due after 7 days: then [`Device::announce_mailbox`] is the next thing to send.
    #[must_use]
    pub fn is_announcement_due(&self, peer: &DeviceId, now: Timestamp) -> bool {
        let session = self.peers.get(peer).and_then(|peer| self.active_session(&peer.value));
        session.is_some_and(|session| {
            let mailbox = &session.head.mailbox;
            !mailbox.announced || mailbox.is_rotation_due(now)
        })
    }

    /// Seals the name of our mailbox for the active session, which is at `relay`, for the peer.
    ///
    /// The mailbox should be open at the relay before the envelope leaves.
    ///
    /// # Errors
    ///
    /// As [`Device::encrypt`].
    ///
    /// # Spec
    ///
    /// `spec/05-messages.md`, "Mailboxes".
    pub fn announce_mailbox<R: CryptoRng + ?Sized>(
        &mut self,
        peer: &DeviceId,
        relay: &str,
        now: Timestamp,
        rng: &mut R,
    ) -> Result<Step<'_, Outgoing>, ProtocolError> {
        let (peer, session) = self.sendable(peer, now)?;
        let (mut mailbox, mut previous) =
            (session.head.mailbox.clone(), session.head.previous_mailbox.clone());
        if mailbox.is_rotation_due(now) {
            previous = Some(core::mem::replace(&mut mailbox, OurMailbox::generate(now, rng)));
        }
        let control = Control::Mailbox {
            mailbox: crate::identity::mailbox_id(&mailbox.key),
            token: Some(mailbox.token),
            relay: String::from(relay),
        };
        let content = Content::control(&control);
        let frame = frame_of(&content, now, rng);
        let Outbound { envelope, mut step } = session.seal(&frame, now, rng)?;
        mailbox.announced = true;
        (step.head.mailbox, step.head.previous_mailbox) = (mailbox, previous);
        let outgoing = outgoing(peer, session, frame.message_id, envelope);
        Ok(self.step(vec![Effect::StepSession(step)], outgoing))
    }

    /// Seals an empty message with ten fragments on board, and lets the messages after it carry ten
    /// as well, until the post-quantum ratchet has turned: heals the session quickly.
    ///
    /// # Errors
    ///
    /// As [`Device::encrypt`].
    ///
    /// # Spec
    ///
    /// `spec/04-ratchet.md`, "Bursts".
    pub fn heal<R: CryptoRng + ?Sized>(
        &mut self,
        peer: &DeviceId,
        now: Timestamp,
        rng: &mut R,
    ) -> Result<Step<'_, Outgoing>, ProtocolError> {
        let (peer, session) = self.sendable(peer, now)?;
        let content = Content::control(&Control::Empty);
        let frame = frame_of(&content, now, rng);
        let heal_until = session.ratchet.state.pq_mixed() + 1;
        let Outbound { envelope, mut step } = session.seal_burst(&frame, now, rng)?;
        step.head.heal_until = heal_until;
        let outgoing = outgoing(peer, session, frame.message_id, envelope);
        Ok(self.step(vec![Effect::StepSession(step)], outgoing))
    }

    /// The peer and the session that messages to it go on.
    fn sendable(
        &self,
        peer: &DeviceId,
        now: Timestamp,
    ) -> Result<(&Peer, &Session), ProtocolError> {
        let peer = &self.peers.get(peer).ok_or(ProtocolError::NoSession)?.value;
        self.require_settled(&peer.cert.account_key)?;
        let Some(session) = self.active_session(peer) else {
            let ended = if peer.closed { ProtocolError::Closed } else { ProtocolError::NoSession };
            return Err(ended); // MSG-14
        };
        if session.head.is_unanswered_too_long(now) {
            return Err(ProtocolError::Closed); // MSG-14
        }
        Ok((peer, session))
    }
}

pub(super) fn frame_of<'a, R: CryptoRng + ?Sized>(
    content: &'a Content,
    now: Timestamp,
    rng: &mut R,
) -> FrameRef<'a> {
    let message_id = content.message_id.unwrap_or_else(|| {
        let mut id = [0; MessageId::LEN];
        rng.fill_bytes(&mut id);
        MessageId::from_bytes(id)
    });
    FrameRef {
        frame_type: content.frame_type,
        sent: content.sent.unwrap_or(now),
        message_id,
        expire_seconds: content.expire_seconds,
        body: &content.body,
        block: content.block.as_deref(),
    }
}

pub(super) fn outgoing(
    peer: &Peer,
    session: &Session,
    message_id: MessageId,
    envelope: Vec<u8>,
) -> Outgoing {
    let front_door = || Route { mailbox: peer.front_door(), token: None, relay: String::new() };
    let named = session.head.route.as_ref().map(|named| Route::clone(&named.route));
    let route = named.unwrap_or_else(front_door);
    Outgoing { peer: peer.device_id(), message_id, route, envelope, block: None }
}
