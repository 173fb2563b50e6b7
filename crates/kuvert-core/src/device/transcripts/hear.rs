//! What a peer's frame does to the transcript with it. Nothing here keeps a message from being shown.

use alloc::vec;
use alloc::vec::Vec;

use kuvert_wire::transcript::{
    Block, ConversationId, SealedHead, Start, TranscriptBody, TranscriptNonce,
};
use kuvert_wire::{Decode, DeviceCert, DeviceId, Frame, FrameType, Timestamp};

use super::TranscriptEvent;
use crate::device::Device;
use crate::device::effect::Effect;
use crate::error::ProtocolError;
use crate::identity::{VerifiedCert, device_id};
use crate::transcript::{Logged, SwitchState, Transcript};

/// Transcripts, the newest first, that a head is tried with: each may cost a signature check.
const MAX_TRIALS: usize = 8;

/// What follows from a frame.
#[derive(Default)]
pub(in crate::device) struct Heard {
    pub(in crate::device) effects: Vec<Effect>,
    pub(in crate::device) events: Vec<TranscriptEvent>,
    /// The transcript that it was taken up in.
    pub(in crate::device) conversation: Option<ConversationId>,
}

impl Device {
    /// What an authentic frame of the peer with this certificate does to the transcript with it.
    ///
    /// # Errors
    ///
    /// [`ProtocolError::BadSignature`] and [`ProtocolError::BadKey`] for a start that is not the peer's
    /// own; [`ProtocolError::Malformed`] for a block on a frame of a type that is not logged. What does
    /// not fit a log is no error, but a finding.
    pub(in crate::device) fn hear(
        &self,
        their: &DeviceCert,
        frame: &Frame,
        now: Timestamp,
    ) -> Result<Heard, ProtocolError> {
        let peer = device_id(their);
        if let Some(block) = frame.block.as_deref() {
            let is_logged = is_logged(frame.frame_type, &frame.body);
            let heard = is_logged.then(|| self.hear_logged(&peer, frame, block, now));
            return heard.ok_or(ProtocolError::Malformed); // MSG-9
        }
        if is_logged(frame.frame_type, &frame.body) {
            return Ok(self.hear_unlogged(&peer, now));
        }
        if frame.frame_type != FrameType::Transcript {
            return Ok(Heard::default());
        }
        match TranscriptBody::decode(&frame.body)? {
            TranscriptBody::Start(start) => self.hear_start(their, &start, frame.sent, now),
            TranscriptBody::Stop(nonce) => Ok(self.hear_stop(&peer, &nonce, frame.sent, now)),
            TranscriptBody::Leaf(leaf) => {
                let logs = self.transcripts.of(&peer);
                let log = logs.into_iter().find(|log| *log.id() == leaf.conversation);
                let advance = log.map(|log| log.receive_leaf(&leaf, now));
                Ok(advance.map(|advance| self.advance(&peer, advance, now)).unwrap_or_default())
            }
            TranscriptBody::Head(head) => {
                let advance =
                    self.log_of_head(&peer, &head).map(|log| log.receive_head(&head, now));
                Ok(advance.map(|advance| self.advance(&peer, advance, now)).unwrap_or_default())
            }
            _ => Ok(Heard::default()),
        }
    }

    fn hear_logged(&self, peer: &DeviceId, frame: &Frame, block: &Block, now: Timestamp) -> Heard {
        let Frame { frame_type, message_id, ref body, sent, .. } = *frame;
        let logged = Logged { frame_type, message_id, body };
        let Some(log) = self.log_of_message(peer, &logged, sent, block) else {
            return self.hear_foreign(peer, &logged, sent, block, now); // TRA-21
        };
        let heard = self.advance(peer, log.receive(&logged, sent, block, now), now);
        let switch = self.transcripts.switch(peer);
        let turn = if log.is_ended() { switch.hear_ended(log, sent, now) } else { None };
        let turned = turn.map(|turn| self.turn_effects(turn)).unwrap_or_default();
        let effects = heard.effects.into_iter().chain(turned).collect();
        Heard { effects, conversation: Some(*log.id()), ..heard }
    }

    /// What may be of a conversation whose start is under way is kept for it.
    fn hear_foreign(
        &self,
        peer: &DeviceId,
        logged: &Logged<'_>,
        sent: Timestamp,
        block: &Block,
        now: Timestamp,
    ) -> Heard {
        let switch = self.transcripts.switch(peer);
        let held = switch.hold(logged, sent, block, now);
        let events = if held.is_none() { vec![TranscriptEvent::NotRunning] } else { Vec::new() };
        let turn = held.or_else(|| switch.hear_foreign(now));
        let effects = turn.map(|turn| self.turn_effects(turn)).unwrap_or_default();
        Heard { effects, events, conversation: None }
    }

    /// The peer does not log, though something stands here: it may not have heard of it.
    fn hear_unlogged(&self, peer: &DeviceId, now: Timestamp) -> Heard {
        let switch = self.transcripts.switches.get(peer);
        let turn = switch.and_then(|switch| switch.hear_unlogged(now));
        let effects = turn.map(|turn| self.turn_effects(turn)).unwrap_or_default();
        Heard { effects, ..Heard::default() }
    }

    /// The transcript that a message is of. Its block does not name it: the head does, or what the peer
    /// says to have seen of ours, or that it is there already; else it is the latest that had begun,
    /// rather one that nothing speaks against.
    fn log_of_message(
        &self,
        peer: &DeviceId,
        logged: &Logged<'_>,
        sent: Timestamp,
        block: &Block,
    ) -> Option<&Transcript> {
        let logs = self.transcripts.of(peer);
        let newest =
            |is_it: &dyn Fn(&Transcript) -> bool| logs.iter().rev().copied().find(|log| is_it(log));
        let by_head = block.head.and_then(|head| self.log_of_head(peer, &head));
        let is_before = |log: &Transcript| log.their_start() <= sent && block.head.is_none();
        by_head
            .or_else(|| newest(&|log| log.is_named_in(block)))
            .or_else(|| newest(&|log| log.has(logged, sent, block)))
            .or_else(|| newest(&|log| is_before(log) && log.may_have(logged, sent, block)))
            .or_else(|| newest(&is_before))
    }

    /// The transcript that a head is of. One of none may be of a conversation that the peer has taken
    /// for agreed while we had changed our mind.
    fn log_of_head(&self, peer: &DeviceId, head: &SealedHead) -> Option<&Transcript> {
        let newest = self.transcripts.of(peer).into_iter().rev().take(MAX_TRIALS);
        newest.into_iter().find(|log| log.is_theirs(head))
    }

    fn hear_start(
        &self,
        their: &DeviceCert,
        start: &Start,
        sent: Timestamp,
        now: Timestamp,
    ) -> Result<Heard, ProtocolError> {
        let peer = device_id(their);
        let their = VerifiedCert::verify(their.clone())?;
        let switch = self.transcripts.switch(&peer);
        let turn = switch.hear_start(start, sent, self.identity.cert(), &their, now)?;
        let Some(turn) = turn else { return Ok(Heard::default()) };
        let event = match turn.begins {
            Some(_) => TranscriptEvent::Started(start.mode),
            None => TranscriptEvent::Asked(start.mode),
        };
        let (effects, events) = (self.turn_effects(turn), vec![event]);
        Ok(Heard { effects, events, conversation: None })
    }

    fn hear_stop(
        &self,
        peer: &DeviceId,
        nonce: &TranscriptNonce,
        sent: Timestamp,
        now: Timestamp,
    ) -> Heard {
        let switch = self.transcripts.switch(peer);
        let is_on = |state| matches!(state, SwitchState::On(_));
        let before = switch.state();
        let Some(turn) = switch.hear_stop(nonce, sent, now) else { return Heard::default() };
        let after = turn.next.state();
        let is_off = before != SwitchState::Off && after == SwitchState::Off;
        let is_stopped = is_off || is_on(before) && !is_on(after);
        let events = is_stopped.then_some(TranscriptEvent::Stopped).into_iter().collect();
        Heard { effects: self.turn_effects(turn), events, conversation: None }
    }
}

/// Whether frames of this type and body are entries of a log.
pub(super) fn is_logged(frame_type: FrameType, body: &[u8]) -> bool {
    match frame_type {
        FrameType::Message | FrameType::Attachment | FrameType::Amendment => true,
        FrameType::Transcript => TranscriptBody::decode(body).is_ok_and(|body| body.is_logged()),
        _ => false,
    }
}
