//! What a peer's frame does to the transcript with it. Nothing here keeps a message from being shown.

use alloc::vec;
use alloc::vec::Vec;

use kuvert_wire::transcript::{ConversationId, SealedHead, Start, TranscriptBody, TranscriptNonce};
use kuvert_wire::{Decode, DeviceCert, DeviceId, Frame, FrameType, Timestamp};

use super::TranscriptEvent;
use crate::device::Device;
use crate::device::effect::Effect;
use crate::error::ProtocolError;
use crate::identity::{VerifiedCert, device_id};
use crate::transcript::{Logged, SwitchState, Transcript};

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
        if frame.block.is_some() {
            let is_logged = is_logged(frame.frame_type, &frame.body);
            let heard = is_logged.then(|| self.hear_logged(&peer, frame, now));
            return heard.ok_or(ProtocolError::Malformed); // MSG-9
        }
        if frame.frame_type != FrameType::Transcript {
            return Ok(Heard::default());
        }
        match TranscriptBody::decode(&frame.body)? {
            TranscriptBody::Start(start) => self.hear_start(their, &start, frame.sent, now),
            TranscriptBody::Stop(nonce) => Ok(self.hear_stop(&peer, &nonce, frame.sent)),
            TranscriptBody::Leaf(leaf) => {
                let logs = self.transcripts.of(&peer);
                let log = logs.into_iter().find(|log| *log.id() == leaf.conversation);
                let advance = log.map(|log| log.receive_leaf(&leaf, now));
                Ok(advance.map(|advance| self.advance(&peer, advance)).unwrap_or_default())
            }
            TranscriptBody::Head(head) => {
                let advance = self.log_of(&peer, &head).map(|log| log.receive_head(&head, now));
                Ok(advance.map(|advance| self.advance(&peer, advance)).unwrap_or_default())
            }
            _ => Ok(Heard::default()),
        }
    }

    fn hear_logged(&self, peer: &DeviceId, frame: &Frame, now: Timestamp) -> Heard {
        let Some(block) = frame.block.as_deref() else { return Heard::default() };
        let Frame { frame_type, message_id, ref body, sent, .. } = *frame;
        let logged = Logged { frame_type, message_id, body };
        let log = self.transcripts.at(peer, sent, now);
        // What cannot be of one that has ended may be of one whose start is under way.
        let log = log.filter(|log| !log.is_ended() || log.may_have(&logged, sent, block));
        if let Some(log) = log {
            let heard = self.advance(peer, log.receive(&logged, sent, block, now));
            return Heard { conversation: Some(*log.id()), ..heard };
        }
        match self.transcripts.switch(peer).hold(&logged, sent, block, now) {
            Some(turn) => Heard { effects: self.turn_effects(turn), ..Heard::default() },
            None => Heard { events: vec![TranscriptEvent::NotRunning], ..Heard::default() },
        }
    }

    /// The transcript that a head is of. One of none may be of a conversation that the peer has taken
    /// for agreed while we had changed our mind.
    fn log_of(&self, peer: &DeviceId, head: &SealedHead) -> Option<&Transcript> {
        self.transcripts.of(peer).into_iter().rev().find(|log| log.is_theirs(head))
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

    fn hear_stop(&self, peer: &DeviceId, nonce: &TranscriptNonce, sent: Timestamp) -> Heard {
        let switch = self.transcripts.switch(peer);
        let was_off = switch.state() == SwitchState::Off;
        let Some(turn) = switch.hear_stop(nonce, sent) else { return Heard::default() };
        let is_stopped = !was_off && turn.next.state() == SwitchState::Off;
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
