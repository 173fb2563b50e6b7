//! Transcripts with peers: switched on and off, looked after, exported, redacted.
//!
//! The device writes and checks the logs; here they meet the messages that they are about. What a
//! message says stands once, in the conversation's log; the transcript's entries have the rest.

mod answer;
mod export;
mod follow;
mod hear;
mod mode;
mod news;
mod redact;

use kuvert_core::transcript::SwitchState;
use kuvert_core::{Change, Device, Outgoing, ProtocolError, Step};
use kuvert_store::Store;
use kuvert_wire::transcript::{Consent, Mode};
use kuvert_wire::{AccountId, DeviceId, Timestamp};
use rand_core::CryptoRng;

use super::{Client, lock};
use crate::{Carrier, Error};

pub use follow::ErasurePolicy;
pub(super) use news::news_of;

/// A step that says something to a peer, if there is something to say.
type Saying<'d> = Result<Option<Step<'d, Outgoing>>, ProtocolError>;

/// Starts and stops that are said again at once, at most.
const MOST_STATEMENTS: usize = 4;

impl<S: Store, T: Carrier> Client<S, T> {
    /// Whether a transcript runs with `peer`, or was asked for.
    #[must_use]
    pub fn transcript_state(&self, peer: AccountId) -> SwitchState {
        let device = lock(&self.device);
        let known = device.peer_of_account(&peer).map(|view| view.device_id());
        known.map_or(SwitchState::Off, |known| device.transcript_state(&known))
    }

    /// Says to `peer` that a person here wants a transcript in this mode, or agrees to the one that
    /// the peer asked for. It runs once both have said so, and both are told.
    ///
    /// # Errors
    ///
    /// - [`Error::TranscriptRuns`]: one runs already.
    /// - [`Error::UnknownPeer`], [`Error::WrongIdentity`], [`Error::IdentityQuestion`]; a session is
    ///   needed, so without a connection [`Error::Protocol`] if there is none yet.
    /// - [`Error::Store`].
    pub async fn start_transcript(&mut self, peer: AccountId, mode: Mode) -> Result<(), Error> {
        if matches!(self.transcript_state(peer), SwitchState::On(_)) {
            return Err(Error::TranscriptRuns);
        }
        self.require_known(&peer)?;
        self.require_settled(&peer)?;
        let online = self.reach_home().await?;
        if online {
            self.prepare_session(&peer).await?;
        }
        self.sending_to(&peer).ok_or(ProtocolError::NoSession)?;
        self.say(&peer, Vec::new(), |device, their, now, random| {
            device.start_transcript(their, mode, now, random).map(Some)
        })
        .map_err(switched)?;
        self.deliver_if(online).await
    }

    /// Ends the transcript with `peer`, takes back the offer of one, or declines it. What it has is
    /// sealed first and stays.
    ///
    /// # Errors
    ///
    /// [`Error::NoTranscript`]; [`Error::Store`].
    pub async fn stop_transcript(&mut self, peer: AccountId) -> Result<(), Error> {
        if self.transcript_state(peer) == SwitchState::Off {
            return Err(Error::NoTranscript);
        }
        self.require_settled(&peer)?;
        self.sending_to(&peer).ok_or(ProtocolError::NoSession)?;
        let online = self.reach_home().await?;
        self.seal_transcript_of(&peer)?;
        self.say(&peer, Vec::new(), |device, their, now, random| {
            device.stop_transcript(their, now, random).map(Some)
        })
        .map_err(switched)?;
        self.deliver_if(online).await
    }

    /// Asks `peer` for a consent, gives one or withdraws it. It stands in the transcript, while one runs.
    ///
    /// # Errors
    ///
    /// [`Error::NoTranscript`]; [`Error::Store`].
    pub async fn send_consent(&mut self, peer: AccountId, consent: &Consent) -> Result<(), Error> {
        if !matches!(self.transcript_state(peer), SwitchState::On(_)) {
            return Err(Error::NoTranscript);
        }
        self.require_settled(&peer)?;
        let online = self.reach_home().await?;
        let content = kuvert_core::Content::consent(consent);
        self.contend(|client| client.seal(&peer, &content, Vec::new()))?;
        self.deliver_if(online).await
    }

    async fn deliver_if(&mut self, online: bool) -> Result<(), Error> {
        if !online {
            return Ok(());
        }
        self.deliver().await.or_else(|error| error.network().map(drop))
    }

    /// Lets our latest head cover both logs, if a transcript runs and that is not so.
    fn seal_transcript_of(&mut self, peer: &AccountId) -> Result<(), Error> {
        self.say(peer, Vec::new(), |device, their, now, random| {
            let running = device.transcripts(their).pop();
            let is_due = running.is_some_and(|log| !log.is_ended() && !log.is_sealed());
            let is_on = matches!(device.transcript_state(their), SwitchState::On(_));
            if is_due && is_on {
                device.seal_transcript(their, now, random).map(Some)
            } else {
                Ok(None)
            }
        })
    }

    /// What is due in transcripts: starts and stops that were not heard, heads, questions for missing
    /// entries, answers to such.
    pub(super) fn tend_transcripts(&mut self) -> Result<(), Error> {
        for peer in self.accepted_where(Device::is_transcript_state_due)? {
            self.repeat_state(&peer)?;
        }
        for peer in self.peers_with_transcripts()? {
            self.say(&peer, Vec::new(), |device, their, now, random| {
                let is_due = device.is_transcript_head_due(their, now);
                if is_due { device.seal_transcript(their, now, random).map(Some) } else { Ok(None) }
            })?;
            self.say(&peer, Vec::new(), |device, their, now, random| {
                device.request_leaves(their, now, random)
            })?;
        }
        self.answer_all()?;
        self.scrub_if_owed()
    }

    /// Says again which starts stand and which are over.
    fn repeat_state(&mut self, peer: &AccountId) -> Result<(), Error> {
        for _ in 0..MOST_STATEMENTS {
            self.say(peer, Vec::new(), |device, their, now, random| {
                let is_due = device.is_transcript_state_due(their);
                if is_due { device.repeat_transcript_state(their, now, random) } else { Ok(None) }
            })?;
        }
        Ok(())
    }

    /// Accepted peers with whom a transcript runs.
    fn peers_with_transcripts(&self) -> Result<Vec<AccountId>, Error> {
        self.accepted_where(|device, their| {
            matches!(device.transcript_state(their), SwitchState::On(_))
        })
    }

    /// Accepted peers with a session of whom this holds.
    fn accepted_where(
        &self,
        is_one: impl Fn(&Device, &DeviceId) -> bool,
    ) -> Result<Vec<AccountId>, Error> {
        let found: Vec<AccountId> = {
            let device = lock(&self.device);
            let peers = device.peers().filter(|peer| peer.active().is_some());
            let found = peers.filter(|peer| is_one(&device, &peer.device_id()));
            found.map(|peer| peer.account_id()).collect()
        };
        let mut accepted = Vec::new();
        for peer in found {
            if self.contact_record(&peer)?.value.accepted {
                accepted.push(peer);
            }
        }
        Ok(accepted)
    }

    /// Seals what `saying` says to `peer` into the outbox, together with `changes`.
    fn say(
        &mut self,
        peer: &AccountId,
        changes: Vec<Change>,
        saying: impl for<'d> Fn(
            &'d mut Device,
            &DeviceId,
            Timestamp,
            &mut (dyn CryptoRng + Send + Sync),
        ) -> Saying<'d>,
    ) -> Result<(), Error> {
        self.contend(|client| {
            if client.require_settled(peer).is_err() {
                return Ok(());
            }
            // Without a session there is nobody to say it to: one peer must not hold up the others.
            let Some(their) = client.sending_to(peer) else { return Ok(()) };
            client.announce_if_due(peer)?;
            let (seq, counter) = client.reserve(1)?;
            let (key, context) = client.outbox_place(peer, seq)?;
            let now = client.now();
            {
                let mut device = lock(&client.device);
                let said = saying(&mut device, &their, now, &mut *client.around.random)?;
                let Some(step) = said else { return Ok(()) };
                let step = step.keep(key, &context).also(counter);
                let step = changes.iter().cloned().fold(step, |step, change| step.also(change));
                step.commit(|changes| client.store.apply(changes))?;
            }
            client.reserved();
            Ok(())
        })
    }
}

/// Another process, or the peer, has switched it in between.
fn switched(error: Error) -> Error {
    match error {
        Error::Protocol(ProtocolError::Closed) => Error::NoTranscript,
        Error::Protocol(ProtocolError::Duplicate) => Error::TranscriptRuns,
        other => other,
    }
}
