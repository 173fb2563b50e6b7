//! From an envelope to a filed message.
//!
//! The frame is opened and stored in one batch with the ratchet, under `inbox/`; only then is the
//! relay told. What it says is filed in a second batch, which also ends its place in the inbox. A
//! process that dies in between has lost nothing: the next one files it.

use kuvert_core::identity::account_id;
use kuvert_core::{Change, ProtocolError, Received, Record};
use kuvert_store::Store;
use kuvert_transport::Delivered;
use kuvert_wire::{
    AccountId, Control, Decode, Encode, FrameType, MessageId, Receipt, RelayUrl, Timestamp,
};
use serde::{Deserialize, Serialize};

use super::{Client, lock};
use crate::event::DeliveryState;
use crate::record::{
    self, DroppedRecord, LogRecord, MessageRecord, Unshown, UnshownRecord, Versioned,
};
use crate::{Carrier, Error};

/// The context of [`kuvert_core::Step::keep`] for what was opened.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct InboxContext {
    /// When it was opened, in Unix milliseconds.
    at: u64,
}

/// An opened frame that has not been filed.
struct Opened {
    record: Record,
    at: Timestamp,
    received: Received,
}

impl<S: Store, T: Carrier> Client<S, T> {
    /// Opens an envelope, or drops it. Only a store that fails is an error: the envelope then stays
    /// at the relay.
    pub(super) fn take_in(&mut self, delivered: &Delivered) -> Result<(), Error> {
        self.contend(|client| client.open_or_drop(delivered.envelope.as_bytes()))?;
        self.unconfirmed.insert(delivered.mailbox, delivered.position);
        self.unconfirmed_count += 1;
        self.file_inbox()
    }

    pub(super) fn open_or_drop(&mut self, envelope: &[u8]) -> Result<(), Error> {
        match self.open_into_inbox(envelope)? {
            Ok(()) => {
                self.reserved();
                Ok(())
            }
            Err(cause) => self.count_drop(cause),
        }
    }

    fn open_into_inbox(&mut self, envelope: &[u8]) -> Result<Result<(), ProtocolError>, Error> {
        let now = self.now();
        let (seq, counter) = self.reserve(1)?;
        let key = record::inbox_key(seq);
        let context = record::pack_context(&key, &InboxContext { at: now.as_millis() })?;
        let mut device = lock(&self.device);
        match device.decrypt(envelope, now, &mut self.around.random) {
            Ok(step) => {
                let step = step.keep(key, &context).also(counter);
                step.commit(|changes| self.store.apply(changes))?;
                Ok(Ok(()))
            }
            Err(cause) => Ok(Err(cause)),
        }
    }

    /// Nothing is said to anyone about an envelope that does not open.
    fn count_drop(&mut self, cause: ProtocolError) -> Result<(), Error> {
        let mut dropped =
            record::read_or_new::<DroppedRecord, _>(&self.store, record::dropped_key())?;
        *dropped.value.0.entry(cause.name().to_owned()).or_default() += 1;
        self.apply_relaxed([dropped.put()?])
    }

    /// Files everything that was opened, oldest first.
    pub(super) fn file_inbox(&mut self) -> Result<(), Error> {
        for record in self.store.scan(record::INBOX)? {
            let key = record.key.clone();
            let opened = Opened::read(record)?;
            self.contend(|client| match client.store.get(&key)? {
                Some(_) => client.file(&opened),
                None => Ok(()), // another process has filed it
            })?;
        }
        Ok(())
    }

    fn file(&mut self, opened: &Opened) -> Result<(), Error> {
        let peer = account_id(&opened.received.account);
        let mut changes = self.note_peer(&peer, opened)?;
        changes.push(opened.delete());
        let event = match opened.received.frame.frame_type {
            FrameType::Message => self.file_message(&peer, opened, &mut changes)?,
            FrameType::Receipt => self.file_receipt(&peer, opened, &mut changes)?,
            _ => None, // control is about the peer; the others are of later versions
        };
        self.apply_relaxed(changes)?;
        if let Some(event) = event {
            self.reserved();
            self.unshown.push_back(event);
        }
        Ok(())
    }

    /// Notes who wrote, and at which relay it is at home.
    fn note_peer(&self, peer: &AccountId, opened: &Opened) -> Result<Vec<Change>, Error> {
        let mut contact = self.contact_record(peer)?;
        let before = contact.value.clone();
        contact.value.account_key = Some(*opened.received.account.as_bytes());
        if contact.value.relay.is_none() {
            let relay = opened.relay().filter(|relay| self.may_talk_to(relay));
            contact.value.relay = relay.map(|relay| relay.to_string());
        }
        if contact.value == before { Ok(Vec::new()) } else { Ok(vec![contact.put()?]) }
    }

    fn file_message(
        &mut self,
        peer: &AccountId,
        opened: &Opened,
        changes: &mut Vec<Change>,
    ) -> Result<Option<Versioned<UnshownRecord>>, Error> {
        let frame = &opened.received.frame;
        let message_key = record::message_key(peer, &frame.message_id);
        if self.store.get(&message_key)?.is_some() {
            return Ok(None); // MSG-15: sent again by its sender
        }
        let (seq, counter) = self.reserve(1)?;
        let log = LogRecord { outgoing: false, at: opened.at.as_millis(), frame: frame.encode() };
        let message = MessageRecord { outgoing: false, seq, state: DeliveryState::Received };
        changes.push(counter);
        changes.push(record::insert(record::log_key(peer, seq), &log)?);
        changes.push(record::insert(message_key, &message)?);
        if self.contact_record(peer)?.value.accepted {
            changes.push(self.owe_receipt(peer, &frame.message_id)?.put()?);
        }
        self.unshown_event(peer, seq, Unshown::Message(seq), changes).map(Some)
    }

    fn file_receipt(
        &mut self,
        peer: &AccountId,
        opened: &Opened,
        changes: &mut Vec<Change>,
    ) -> Result<Option<Versioned<UnshownRecord>>, Error> {
        let Ok(receipt) = Receipt::decode(&opened.received.frame.body) else { return Ok(None) };
        let mut ids = Vec::new();
        for id in &receipt.message_ids {
            if let Some(change) = self.delivered(peer, id)? {
                changes.push(change);
                ids.push(*id.as_bytes());
            }
        }
        if ids.is_empty() {
            return Ok(None);
        }
        let (seq, counter) = self.reserve(1)?;
        changes.push(counter);
        let what = Unshown::Receipt { ids, at: opened.at.as_millis() };
        self.unshown_event(peer, seq, what, changes).map(Some)
    }

    /// Own message `id` has arrived; `None` if that is no news, or no message of ours to this peer.
    fn delivered(&self, peer: &AccountId, id: &MessageId) -> Result<Option<Change>, Error> {
        let key = record::message_key(peer, id);
        match record::read::<MessageRecord, _>(&self.store, &key)? {
            Some(mut message)
                if message.value.outgoing && message.value.state != DeliveryState::Delivered =>
            {
                message.value.state = DeliveryState::Delivered;
                message.put().map(Some)
            }
            _ => Ok(None),
        }
    }

    fn unshown_event(
        &self,
        peer: &AccountId,
        seq: u64,
        what: Unshown,
        changes: &mut Vec<Change>,
    ) -> Result<Versioned<UnshownRecord>, Error> {
        let value = UnshownRecord { account: *peer.as_bytes(), what };
        let mut record = Versioned::new(record::unshown_key(seq), value);
        changes.push(record.put()?);
        record.version = record.version.next();
        Ok(record)
    }
}

impl Opened {
    fn read(record: Record) -> Result<Self, Error> {
        let (context, kept) = record::unpack_kept::<InboxContext>(&record)?;
        let received = Received::decode(kept).map_err(|_| record::damaged(&record.key))?;
        Ok(Self { at: Timestamp::from_millis(context.at), received, record })
    }

    /// The relay that a peer names as the place of its mailbox.
    fn relay(&self) -> Option<RelayUrl> {
        let frame = &self.received.frame;
        match Control::decode(&frame.body) {
            Ok(Control::Mailbox { relay, .. }) if frame.frame_type == FrameType::Control => {
                relay.parse().ok()
            }
            _ => None,
        }
    }

    fn delete(&self) -> Change {
        Change::Delete { key: self.record.key.clone(), expected: self.record.version }
    }
}
