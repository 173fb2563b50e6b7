//! Frames into envelopes and back, with what that does to the session.
//!
//! # Spec
//!
//! `spec/05-messages.md`; checks MSG-5 to MSG-7 and MSG-9, AGR-9.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use kuvert_wire::envelope::{ENVELOPE_HEAD_LEN, Kind, SEALED_HEADER_LEN, TAG_LEN, VERSION};
use kuvert_wire::padding::padded_len;
use kuvert_wire::transcript::TranscriptBody;
use kuvert_wire::{
    Control, Decode, Encode, Envelope, Frame, FrameRef, FrameType, InitPrefix, Receipt,
    SessionMessage, Timestamp,
};
use rand_core::CryptoRng;

use super::{Begun, Head, Named, Route, Session, SessionStep, Status, hash_of};
use crate::crypto::ct_eq;
use crate::error::ProtocolError;
use crate::ratchet::pq::PqFailed;
use crate::ratchet::receive::{Found, Opened, Refused};
use crate::ratchet::send::Sending;
use crate::ratchet::skipped::PageChanges;
use crate::ratchet::state::State;

/// A sealed frame and the session after it.
pub(crate) struct Outbound {
    pub(crate) envelope: Vec<u8>,
    pub(crate) step: Box<SessionStep>,
}

/// What shows to a relay that it has carried a message: its franking commitment, and the key of that.
/// The key says nothing of any other message.
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Franking {
    /// fk, 32 bytes. Whoever has it can confirm a guess of the content; it goes when the content goes.
    pub key: [u8; 32],
    /// fc, 32 bytes, as it stood in the envelope.
    pub commitment: [u8; 32],
}

impl core::fmt::Debug for Franking {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Franking(key 32 bytes, commitment 32 bytes)")
    }
}

/// An opened frame and the session after it.
pub(crate) struct Incoming {
    pub(crate) frame: Frame,
    pub(crate) franking: Franking,
    pub(crate) step: Box<SessionStep>,
    /// The peer has closed the session.
    pub(crate) closed: bool,
    /// An error here means that the session must be closed.
    pub(crate) pq: Result<(), PqFailed>,
    /// What opened shows that the peer's state is in use twice.
    pub(crate) is_forked: bool,
}

impl Session {
    /// Seals `frame` into the session's next envelope.
    ///
    /// # Errors
    ///
    /// [`ProtocolError::TooLarge`], [`ProtocolError::ChainExhausted`], [`ProtocolError::NoSession`]
    /// when the session is inactive.
    pub(crate) fn seal<R: CryptoRng + ?Sized>(
        &self,
        frame: &FrameRef<'_>,
        now: Timestamp,
        rng: &mut R,
    ) -> Result<Outbound, ProtocolError> {
        let burst = self.ratchet.state.pq_mixed() < self.head.heal_until;
        self.seal_with(frame, burst, now, rng)
    }

    /// Likewise, with ten fragments on board.
    ///
    /// # Errors
    ///
    /// As [`Session::seal`].
    pub(crate) fn seal_burst<R: CryptoRng + ?Sized>(
        &self,
        frame: &FrameRef<'_>,
        now: Timestamp,
        rng: &mut R,
    ) -> Result<Outbound, ProtocolError> {
        self.seal_with(frame, true, now, rng)
    }

    fn seal_with<R: CryptoRng + ?Sized>(
        &self,
        frame: &FrameRef<'_>,
        burst: bool,
        now: Timestamp,
        rng: &mut R,
    ) -> Result<Outbound, ProtocolError> {
        if self.head.status == Status::Inactive {
            return Err(ProtocolError::NoSession); // MSG-13
        }
        let prefix = self.head.unanswered_prefix();
        let kind = if prefix.is_some() { Kind::Init } else { Kind::Session };
        let prefix_len = prefix.map_or(0, |_| InitPrefix::LEN);
        let short = SessionMessage::overhead(SEALED_HEADER_LEN) + padded_len(frame.encoded_len());
        let mut envelope = Vec::with_capacity(ENVELOPE_HEAD_LEN + prefix_len + short + TAG_LEN);
        envelope.extend_from_slice(&[kind.code(), VERSION]);
        if let Some(prefix) = prefix {
            prefix.encode_into(&mut envelope);
        }
        let sending = Sending { kind, burst, now };
        let state = self.ratchet.state.seal(sending, frame, &mut envelope, rng)?;
        let (head, pages) = (self.head.clone(), PageChanges::default());
        let step = Box::new(SessionStep { head, state, pages });
        Ok(Outbound { envelope, step })
    }

    /// Whether one of the session's header keys opens the message's header.
    pub(crate) fn find(&self, kind: Kind, message: &SessionMessage<'_>) -> Option<Found> {
        self.ratchet.find(kind, message)
    }

    /// Whether it was received on this session lately.
    pub(crate) fn has_seen(&self, message: &SessionMessage<'_>) -> bool {
        self.ratchet.has_seen(message)
    }

    /// Opens an envelope whose header was [`find`](Self::find)'s.
    ///
    /// # Errors
    ///
    /// What the ratchet refuses; [`ProtocolError::Undecryptable`] for a frame that is none, and
    /// [`ProtocolError::Malformed`] for a body that is none of its type.
    pub(crate) fn open<R: CryptoRng + ?Sized>(
        &self,
        found: Found,
        envelope: &Envelope<'_>,
        now: Timestamp,
        rng: &mut R,
    ) -> Result<Incoming, Refused> {
        self.check_prefix(envelope)?;
        let (kind, message) = (envelope.kind(), &envelope.message);
        let Opened { frame: mut bytes, franking_key, state, pages, pq, is_forked } =
            self.ratchet.open(found, kind, message, now, rng)?;
        // MSG-5 MSG-6 MSG-7: authentic bytes that are no frame look like any other failure.
        let frame = Frame::take_from(&mut bytes).map_err(|_| ProtocolError::Undecryptable)?;
        let mut head = self.head.clone();
        head.note_heard(&state, frame.sent);
        let closed = head.obey(&frame)?;
        let step = Box::new(SessionStep { head, state, pages });
        let franking = Franking { key: franking_key, commitment: *envelope.message.franking };
        Ok(Incoming { frame, franking, step, closed, pq, is_forked })
    }

    /// A repeated prefix is authenticated by being the one that began the session.
    fn check_prefix(&self, envelope: &Envelope<'_>) -> Result<(), ProtocolError> {
        match (&envelope.prefix, &self.head.begun) {
            (None, _) => Ok(()),
            (Some(prefix), Begun::ByPeer { prefix_hash, .. })
                if ct_eq(&hash_of(prefix), prefix_hash) =>
            {
                Ok(())
            }
            _ => Err(ProtocolError::Undecryptable), // AGR-9
        }
    }
}

impl Head {
    fn unanswered_prefix(&self) -> Option<&InitPrefix> {
        match &self.begun {
            Begun::ByUs { prefix } => prefix.as_deref(),
            Begun::ByPeer { .. } => None,
        }
    }

    /// An opened message may be the first answer, or complete the first round trip.
    fn note_heard(&mut self, state: &State, sent: Timestamp) {
        self.last_heard = self.last_heard.max(sent);
        if let Begun::ByUs { prefix } = &mut self.begun {
            *prefix = None;
            if self.status == Status::AwaitingReply {
                self.status = Status::Established;
            }
        }
        if state.has_completed_round_trip(self.role()) {
            self.weak_start = false;
        }
    }

    /// Does what the frame says about the session; true if it closes it.
    fn obey(&mut self, frame: &Frame) -> Result<bool, ProtocolError> {
        match frame.frame_type {
            FrameType::Message => {
                core::str::from_utf8(&frame.body).map_err(|_| ProtocolError::Malformed)?; // MSG-9
            }
            FrameType::Receipt => drop(Receipt::decode(&frame.body)?), // MSG-9
            FrameType::Control => {
                let control = Control::decode(&frame.body)?; // MSG-9
                return Ok(self.obey_control(control, frame.sent));
            }
            FrameType::Transcript => drop(TranscriptBody::decode(&frame.body)?), // MSG-9
            _ => {}
        }
        Ok(false)
    }

    /// A late frame does not displace what a newer one has said: both are by the peer's own clock.
    fn obey_control(&mut self, control: Control, sent: Timestamp) -> bool {
        let is_late = self.route.as_ref().is_some_and(|named| sent < named.sent);
        match control {
            Control::Mailbox { mailbox, token, relay } if !is_late => {
                let route = Arc::new(Route { mailbox, token, relay });
                self.route = Some(Named { route, sent });
            }
            Control::DeliveryToken(token) if !is_late => {
                if let Some(named) = &mut self.route {
                    Arc::make_mut(&mut named.route).token = Some(token);
                }
            }
            Control::Close => return true,
            _ => {}
        }
        false
    }
}
