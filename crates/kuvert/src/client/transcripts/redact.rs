//! Redaction: content and salt go, the place and its proofs stay.

use std::collections::BTreeSet;

use kuvert_core::transcript::Entry;
use kuvert_core::{Change, Content, Record};
use kuvert_store::{Store, StoreError};
use kuvert_wire::transcript::{AskedBy, LogSide, PolicyId, Reason, Redaction, Target};
use kuvert_wire::{AccountId, Decode, Encode, Frame, FrameType, MessageId};
use zeroize::Zeroizing;

use crate::client::filing::Filing;
use crate::client::outbox::Parcel;
use crate::client::{Client, lock};
use crate::event::DeliveryState;
use crate::record::{self, LogRecord, MessageRecord, ScrubRecord, SentRecord, Versioned};
use crate::{Carrier, Error};

/// An erasure in the making: one batch, in which each record is changed once.
pub(super) struct Erasing {
    filing: Filing,
    sent: Versioned<SentRecord>,
    before: SentRecord,
    done: BTreeSet<[u8; 16]>,
}

impl Erasing {
    pub(super) fn begin(sent: Versioned<SentRecord>) -> Self {
        let (filing, before, done) = (Filing::default(), sent.value, BTreeSet::new());
        Self { filing, sent, before, done }
    }

    /// The batch so far.
    pub(super) fn finish(mut self) -> Result<Filing, Error> {
        if self.sent.value != self.before {
            self.filing.changes.push(self.sent.put()?);
        }
        Ok(self.filing)
    }
}

/// An entry with its record, and whether it is of our log.
pub(super) type Found = (Record, Entry, bool);

/// A message where it stands in the conversation.
type Placed = (Versioned<MessageRecord>, Versioned<LogRecord>, Frame);

/// An own or received message, and its entry in the transcript.
struct Place {
    log: LogSide,
    seq: u64,
    entry: Found,
}

/// Whether a message is the one that an entry is about: written by the same side, at the same place.
fn stands_in((message, _, frame): &Placed, entry: &Entry, is_ours: bool) -> bool {
    let place = frame.block.as_deref().map(|block| block.seq);
    message.value.outgoing == is_ours && place == entry.leaf().map(|leaf| leaf.seq)
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
        self.require_settled(&peer)?;
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
        let (mut erasing, mut targets) = (Erasing::begin(self.sent_record(peer)?), Vec::new());
        let named: BTreeSet<_> = ids.iter().collect();
        for id in named {
            let place = self.place_in_transcript(peer, id)?;
            let parts = Target::ALL_PARTS;
            targets.push((place.log, place.seq, parts));
            let erased = self.erase_entry(peer, place.entry, parts, &mut erasing)?;
            erased.ok_or(Error::NotInTranscript { id: *id })?;
        }
        let mut filing = erasing.finish()?;
        let asked_by = AskedBy::Sender;
        let targets = Target::of_entries(targets);
        let redaction = Redaction { number, asked_by, reason, policy: policy.clone(), targets };
        filing.changes.push(self.owe_scrub()?);
        self.seal(peer, &Content::redaction(&redaction), filing.changes)
    }

    /// Notes that the store has to be scrubbed.
    pub(in crate::client) fn owe_scrub(&self) -> Result<Change, Error> {
        // Noted anew each time: a process that scrubs now does not take this note for the one it saw.
        let owed = record::read_or_new::<ScrubRecord, _>(&self.store, record::scrub_key())?;
        owed.put()
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
        let key = self.entry_key(peer, log, seq).ok_or_else(missing)?;
        let found = self.store.get(&key)?.ok_or_else(missing)?;
        let entry = Entry::decode(&found.value).map_err(|_| record::damaged(&key))?;
        let is_it = entry.message().is_some_and(|(_, name)| name == *id);
        let is_ours = message.value.outgoing;
        if is_it { Ok(Place { log, seq, entry: (found, entry, is_ours) }) } else { Err(missing()) }
    }

    /// Where an entry stands in the running transcript, by whose log it is in as we say it. Only of that
    /// one can be said what was erased.
    fn entry_key(&self, peer: &AccountId, log: LogSide, seq: u64) -> Option<kuvert_core::Key> {
        let device = lock(&self.device);
        let their = device.peer_of_account(peer)?.device_id();
        let running = device.transcripts(&their).pop().filter(|log| !log.is_ended())?;
        let ours = running.our_side();
        let side = if log == LogSide::Sender { ours } else { ours.other() };
        Some(Entry::key(running.id(), running.conversation().device(side), seq))
    }

    /// Takes content and salt out of an entry, and its message out of the conversation and the sent
    /// buffer. Gives the message's name; `None` if nothing of it was there.
    pub(super) fn erase_entry(
        &self,
        peer: &AccountId,
        (stored, entry, is_ours): Found,
        parts: u16,
        erasing: &mut Erasing,
    ) -> Result<Option<MessageId>, Error> {
        let Some((frame_type, id)) = entry.message() else { return Ok(None) };
        // A notice is no message of the conversation, whatever name it has.
        let placed = match frame_type {
            FrameType::Transcript => None,
            _ => self.placed(peer, &id)?,
        };
        let placed = placed.filter(|placed| stands_in(placed, &entry, is_ours));
        let body = match (&placed, entry.notice()) {
            (_, Some(notice)) => notice.to_vec(),
            (Some((_, _, frame)), None) => frame.body.clone(),
            (None, None) => Vec::new(),
        };
        let Some(erased) = entry.erased(&Zeroizing::new(body), parts) else { return Ok(None) };
        if !erasing.done.insert(*id.as_bytes()) {
            return Ok(None);
        }
        let value = Zeroizing::new(erased.encode());
        let changes = &mut erasing.filing.changes;
        changes.push(Change::Put { key: stored.key, expected: stored.version, value });
        if let Some(placed) = placed {
            self.erase_message(peer, placed, erasing)?;
        }
        Ok(Some(id))
    }

    /// A message where it stands in the conversation, if it does.
    fn placed(&self, peer: &AccountId, id: &MessageId) -> Result<Option<Placed>, Error> {
        let key = record::message_key(peer, id);
        let Some(message) = record::read::<MessageRecord, _>(&self.store, &key)? else {
            return Ok(None);
        };
        let key = record::log_key(peer, message.value.seq);
        let Some(log) = record::read::<LogRecord, _>(&self.store, &key)? else { return Ok(None) };
        let frame = Frame::decode(&log.value.frame).map_err(|_| record::damaged(&key))?;
        Ok(Some((message, log, frame)))
    }

    /// The change that takes a message out of the outbox, if it is there: it is not to leave any more.
    fn unposted(&self, peer: &AccountId, id: &MessageId) -> Result<Option<Change>, Error> {
        for record in self.store.scan(record::OUTBOX)? {
            let parcel = Parcel::open(record)?;
            if parcel.is_for(peer) && parcel.message_id() == id {
                return Ok(Some(parcel.delete()));
            }
        }
        Ok(None)
    }

    fn erase_message(
        &self,
        peer: &AccountId,
        (mut message, mut log, frame): Placed,
        erasing: &mut Erasing,
    ) -> Result<(), Error> {
        let id = frame.message_id;
        log.value.frame = Frame { body: Vec::new(), block: None, ..frame }.encode();
        let (sent, changes) = (&mut erasing.sent.value, &mut erasing.filing.changes);
        changes.push(log.put()?);
        if message.value.outgoing {
            self.release(peer, message.value.seq, sent, changes)?;
            changes.extend(self.unposted(peer, &id)?);
        }
        message.value.state = DeliveryState::Redacted;
        changes.push(message.put()?);
        if let Some(report) = self.store.get(&record::report_key(peer, &id))? {
            changes.push(Change::Delete { key: report.key, expected: report.version });
        }
        Ok(())
    }
}
