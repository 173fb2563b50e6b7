//! Redaction: content and salt go, the place and its proofs stay.

use kuvert_core::transcript::Entry;
use kuvert_core::{Change, Content, Record};
use kuvert_store::{Store, StoreError};
use kuvert_wire::transcript::{AskedBy, LogSide, PolicyId, Reason, Redaction, Target};
use kuvert_wire::{AccountId, Decode, Encode, Frame, MessageId};
use zeroize::Zeroizing;

use crate::client::filing::Filing;
use crate::client::{Client, lock};
use crate::event::DeliveryState;
use crate::record::{self, LogRecord, MessageRecord, ScrubRecord, SentRecord, Versioned};
use crate::{Carrier, Error};

/// A message whose content is gone.
pub(in crate::client) struct Erased {
    pub(in crate::client) id: MessageId,
}

/// A message where it stands in the conversation.
type Placed = (Versioned<MessageRecord>, Versioned<LogRecord>, Frame);

/// An own or received message, and its entry in the transcript.
struct Place {
    log: LogSide,
    seq: u64,
    entry: (Record, Entry),
}

impl<S: Store, T: Carrier> Client<S, T> {
    /// Erases the content of messages in the transcript with `peer`: here at once and for good, and
    /// `peer` is asked to do the same and to say so. That they were there stays provable, as does
    /// everything else.
    ///
    /// # Errors
    ///
    /// - [`Error::NoTranscript`]: none runs, so that it could not be said.
    /// - [`Error::NotInTranscript`]: a message is not there, or erased already; nothing has changed.
    /// - [`Error::TooMany`]: more than 64 messages. [`Error::Store`].
    pub async fn redact(
        &mut self,
        peer: AccountId,
        ids: &[MessageId],
        reason: Reason,
        policy: &PolicyId,
    ) -> Result<(), Error> {
        let online = self.reach_home().await?;
        self.contend(|client| client.redact_here(&peer, ids, reason, policy))?;
        self.scrub_if_owed()?;
        self.deliver_if(online).await
    }

    fn redact_here(
        &mut self,
        peer: &AccountId,
        ids: &[MessageId],
        reason: Reason,
        policy: &PolicyId,
    ) -> Result<(), Error> {
        if ids.is_empty() || ids.len() > kuvert_wire::transcript::MAX_TARGETS {
            return Err(Error::TooMany { limit: kuvert_wire::transcript::MAX_TARGETS });
        }
        let number = self.next_redaction(peer)?;
        self.announce_if_due(peer)?;
        let (mut filing, mut targets) = (Filing::default(), Vec::new());
        let mut sent = self.sent_record(peer)?;
        let before = sent.value;
        for id in ids {
            let place = self.place_in_transcript(peer, id)?;
            let parts = Target::ALL_PARTS;
            targets.push(Target { log: place.log, first: place.seq, count: 1, parts });
            let erased =
                self.erase_entry(peer, place.entry, parts, &mut sent.value, &mut filing)?;
            erased.ok_or(Error::NotInTranscript { id: *id })?;
        }
        if sent.value != before {
            filing.changes.push(sent.put()?);
        }
        let asked_by = AskedBy::Sender;
        let redaction = Redaction { number, asked_by, reason, policy: policy.clone(), targets };
        filing.changes.extend(self.owe_scrub()?);
        self.seal(peer, &Content::redaction(&redaction), filing.changes)
    }

    /// Notes that the store has to be scrubbed, unless that is noted.
    pub(in crate::client) fn owe_scrub(&self) -> Result<Option<Change>, Error> {
        let key = record::scrub_key();
        let is_owed = self.store.get(&key)?.is_some();
        if is_owed { Ok(None) } else { record::insert(key, &ScrubRecord).map(Some) }
    }

    /// Leaves nothing of what was erased in the store's files. While others read, that has to wait:
    /// then it is done later.
    pub(in crate::client) fn scrub_if_owed(&mut self) -> Result<(), Error> {
        let owed = record::read::<ScrubRecord, _>(&self.store, &record::scrub_key())?;
        let Some(owed) = owed else { return Ok(()) };
        if let Err(error) = self.store.scrub() {
            return if matches!(error, StoreError::Busy) { Ok(()) } else { Err(error.into()) };
        }
        match self.apply_relaxed([owed.delete()]) {
            Err(error) if error.is_conflict() => Ok(()), // another process has done it
            result => result,
        }
    }

    fn next_redaction(&self, peer: &AccountId) -> Result<u32, Error> {
        let their = self.sending_to(peer).ok_or(Error::NoTranscript)?;
        let device = lock(&self.device);
        let running = device.transcripts(&their).pop().filter(|log| !log.is_ended());
        Ok(running.ok_or(Error::NoTranscript)?.redaction_count().saturating_add(1))
    }

    fn place_in_transcript(&self, peer: &AccountId, id: &MessageId) -> Result<Place, Error> {
        let missing = || Error::NotInTranscript { id: *id };
        let key = record::message_key(peer, id);
        let message = record::read::<MessageRecord, _>(&self.store, &key)?.ok_or_else(missing)?;
        let log_key = record::log_key(peer, message.value.seq);
        let log = record::read::<LogRecord, _>(&self.store, &log_key)?.ok_or_else(missing)?;
        let frame = Frame::decode(&log.value.frame).map_err(|_| record::damaged(&log_key))?;
        let seq = frame.block.ok_or_else(missing)?.seq;
        let log = if message.value.outgoing { LogSide::Sender } else { LogSide::Receiver };
        for key in self.entry_keys(peer, log, seq) {
            let Some(found) = self.store.get(&key)? else { continue };
            let entry = Entry::decode(&found.value).map_err(|_| record::damaged(&key))?;
            if entry.message().is_some_and(|(_, name)| name == *id) {
                return Ok(Place { log, seq, entry: (found, entry) });
            }
        }
        Err(missing())
    }

    /// Where an entry may stand, by whose log it is in as we say it; the newest transcript first.
    fn entry_keys(&self, peer: &AccountId, log: LogSide, seq: u64) -> Vec<kuvert_core::Key> {
        let device = lock(&self.device);
        let their = device.peer_of_account(peer).map(|view| view.device_id());
        let logs = their.map(|their| device.transcripts(&their)).unwrap_or_default();
        let key = |transcript: &kuvert_core::transcript::Transcript| {
            let ours = transcript.our_side();
            let side = if log == LogSide::Sender { ours } else { ours.other() };
            Entry::key(transcript.id(), transcript.conversation().device(side), seq)
        };
        logs.into_iter().rev().map(key).collect()
    }

    /// Takes content and salt out of an entry, and its message out of the conversation and the sent
    /// buffer. `None` if nothing of it was there.
    pub(in crate::client) fn erase_entry(
        &self,
        peer: &AccountId,
        (stored, entry): (Record, Entry),
        parts: u16,
        sent: &mut SentRecord,
        filing: &mut Filing,
    ) -> Result<Option<Erased>, Error> {
        let Some((_, id)) = entry.message() else { return Ok(None) };
        let key = record::message_key(peer, &id);
        let message = record::read::<MessageRecord, _>(&self.store, &key)?;
        let log_key = message.as_ref().map(|message| record::log_key(peer, message.value.seq));
        let log = match &log_key {
            Some(key) => record::read::<LogRecord, _>(&self.store, key)?,
            None => None,
        };
        let frame = log.as_ref().map(|log| Frame::decode(&log.value.frame)).transpose();
        let frame = frame.map_err(|_| record::damaged(&stored.key))?;
        let body =
            entry.notice().map(<[u8]>::to_vec).or_else(|| Some(frame.as_ref()?.body.clone()));
        let body = Zeroizing::new(body.unwrap_or_default());
        let Some(erased) = entry.erased(&body, parts) else { return Ok(None) };
        let value = Zeroizing::new(erased.encode());
        filing.changes.push(Change::Put { key: stored.key, expected: stored.version, value });
        if let (Some(message), Some(log), Some(frame)) = (message, log, frame) {
            self.erase_message(peer, (message, log, frame), sent, filing)?;
        }
        Ok(Some(Erased { id }))
    }

    fn erase_message(
        &self,
        peer: &AccountId,
        (mut message, mut log, frame): Placed,
        sent: &mut SentRecord,
        filing: &mut Filing,
    ) -> Result<(), Error> {
        log.value.frame = Frame { body: Vec::new(), block: None, ..frame.clone() }.encode();
        filing.changes.push(log.put()?);
        if message.value.outgoing {
            self.release(peer, message.value.seq, sent, &mut filing.changes)?;
        }
        message.value.state = DeliveryState::Redacted;
        filing.changes.push(message.put()?);
        let report = record::report_key(peer, &frame.message_id);
        if let Some(report) = self.store.get(&report)? {
            filing.changes.push(Change::Delete { key: report.key, expected: report.version });
        }
        Ok(())
    }
}
