//! What we say in and about a transcript. Messages are logged by [`Device::encrypt`] itself.

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;

use kuvert_wire::transcript::{Block, Leaf, Mode, TranscriptBody};
use kuvert_wire::{DeviceId, FrameRef, Timestamp};
use rand_core::CryptoRng;

use super::hear::is_logged;
use crate::device::content::{Content, Outgoing};
use crate::device::effect::Effect;
use crate::device::{Device, Step};
use crate::error::ProtocolError;
use crate::identity::VerifiedCert;
use crate::transcript::{Advance, Logged, Statement, Switch, Transcript};

impl Device {
    /// Says that a person here wants a transcript with this peer in this mode, or agrees to the one
    /// that the peer asked for. It runs once both have said so.
    ///
    /// # Errors
    ///
    /// [`ProtocolError::Duplicate`] when one runs; else as [`Device::encrypt`].
    ///
    /// # Spec
    ///
    /// `spec/06-transcript.md`, "Start and stop".
    pub fn start_transcript<R: CryptoRng + ?Sized>(
        &mut self,
        peer: &DeviceId,
        mode: Mode,
        now: Timestamp,
        rng: &mut R,
    ) -> Result<Step<'_, Outgoing>, ProtocolError> {
        let known = &self.peers.get(peer).ok_or(ProtocolError::NoSession)?.value;
        let their = VerifiedCert::verify(known.cert.clone())?;
        let switch = self.transcripts.switch(peer);
        let statement = switch.start(mode, &self.identity, &their, now, rng)?;
        self.state(peer, statement, now, rng)
    }

    /// Ends the transcript with a peer, takes back an offer, or declines one.
    ///
    /// # Errors
    ///
    /// [`ProtocolError::Closed`] when there is none; else as [`Device::encrypt`].
    pub fn stop_transcript<R: CryptoRng + ?Sized>(
        &mut self,
        peer: &DeviceId,
        now: Timestamp,
        rng: &mut R,
    ) -> Result<Step<'_, Outgoing>, ProtocolError> {
        let statement = self.transcripts.switch(peer).stop(now).ok_or(ProtocolError::Closed)?;
        self.state(peer, statement, now, rng)
    }

    /// Whether the peer seems not to have heard that we have started or stopped a transcript: then
    /// [`Device::repeat_transcript_state`] is due.
    #[must_use]
    pub fn is_transcript_state_due(&self, peer: &DeviceId) -> bool {
        self.transcripts.switches.get(peer).is_some_and(Switch::owes)
    }

    /// Says a start or a stop again that the peer seems not to have heard; `None` if there is none.
    ///
    /// # Errors
    ///
    /// As [`Device::encrypt`].
    pub fn repeat_transcript_state<R: CryptoRng + ?Sized>(
        &mut self,
        peer: &DeviceId,
        now: Timestamp,
        rng: &mut R,
    ) -> Result<Option<Step<'_, Outgoing>>, ProtocolError> {
        let statement = self.transcripts.switch(peer).repeat(now);
        statement.map(|statement| self.state(peer, statement, now, rng)).transpose()
    }

    /// States both logs as they are now, so that all of them can be proven.
    ///
    /// # Errors
    ///
    /// [`ProtocolError::Closed`] when no transcript runs; else as [`Device::encrypt`].
    pub fn seal_transcript<R: CryptoRng + ?Sized>(
        &mut self,
        peer: &DeviceId,
        now: Timestamp,
        rng: &mut R,
    ) -> Result<Step<'_, Outgoing>, ProtocolError> {
        let log = self.transcripts.running(peer).ok_or(ProtocolError::Closed)?;
        let (head, advance) = log.seal(now);
        let effects = vec![Effect::Advance(Box::new(advance))];
        self.say(peer, &TranscriptBody::Head(head), effects, now, rng)
    }

    /// Whether entries have gone for an hour without a head, or the peer has said much that none of
    /// ours acknowledges: then [`Device::seal_transcript`] is due.
    #[must_use]
    pub fn is_transcript_head_due(&self, peer: &DeviceId, now: Timestamp) -> bool {
        let running = self.transcripts.running(peer);
        running.and_then(Transcript::head_due).is_some_and(|due| due <= now)
    }

    /// Asks the peer for entries that are missing, if any have been for a while; `None` otherwise.
    ///
    /// # Errors
    ///
    /// As [`Device::encrypt`].
    pub fn request_leaves<R: CryptoRng + ?Sized>(
        &mut self,
        peer: &DeviceId,
        now: Timestamp,
        rng: &mut R,
    ) -> Result<Option<Step<'_, Outgoing>>, ProtocolError> {
        let asked = self.transcripts.running(peer).and_then(|log| log.ask(now));
        let Some((request, advance)) = asked else { return Ok(None) };
        let effects = vec![Effect::Advance(Box::new(advance))];
        self.say(peer, &TranscriptBody::LeafRequest(request), effects, now, rng).map(Some)
    }

    /// Answers a peer that asked for one of our entries.
    ///
    /// # Errors
    ///
    /// As [`Device::encrypt`].
    pub fn send_leaf<R: CryptoRng + ?Sized>(
        &mut self,
        peer: &DeviceId,
        leaf: &Leaf,
        now: Timestamp,
        rng: &mut R,
    ) -> Result<Step<'_, Outgoing>, ProtocolError> {
        self.say(peer, &TranscriptBody::Leaf(*leaf), Vec::new(), now, rng)
    }

    /// A start or a stop, dated as it says.
    fn state<R: CryptoRng + ?Sized>(
        &mut self,
        peer: &DeviceId,
        Statement { body, sent, turn }: Statement,
        now: Timestamp,
        rng: &mut R,
    ) -> Result<Step<'_, Outgoing>, ProtocolError> {
        let effects = self.turn_effects(turn);
        self.say_content(peer, &Content::transcript(&body).dated(sent), effects, now, rng)
    }

    /// A body of frame type 5, with what it changes here.
    fn say<R: CryptoRng + ?Sized>(
        &mut self,
        peer: &DeviceId,
        body: &TranscriptBody,
        effects: Vec<Effect>,
        now: Timestamp,
        rng: &mut R,
    ) -> Result<Step<'_, Outgoing>, ProtocolError> {
        self.say_content(peer, &Content::transcript(body), effects, now, rng)
    }

    fn say_content<R: CryptoRng + ?Sized>(
        &mut self,
        peer: &DeviceId,
        content: &Content,
        effects: Vec<Effect>,
        now: Timestamp,
        rng: &mut R,
    ) -> Result<Step<'_, Outgoing>, ProtocolError> {
        let (mut all, outgoing) = self.seal_frame(peer, content, now, rng)?;
        all.extend(effects);
        Ok(self.step(all, outgoing))
    }

    /// The block of a frame that is about to be sealed, while a transcript runs.
    pub(in crate::device) fn log_frame<R: CryptoRng + ?Sized>(
        &self,
        peer: &DeviceId,
        frame: &FrameRef<'_>,
        now: Timestamp,
        rng: &mut R,
    ) -> Result<Option<(Block, Advance)>, ProtocolError> {
        let is_logged = is_logged(frame.frame_type, frame.body);
        let Some(log) = self.transcripts.running(peer).filter(|_| is_logged) else {
            return Ok(None);
        };
        let FrameRef { frame_type, message_id, body, .. } = *frame;
        let logged = Logged { frame_type, message_id, body };
        log.append(&logged, now, rng).map(Some)
    }
}
