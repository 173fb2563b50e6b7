//! The conversation as stored.

use std::collections::BTreeMap;

use kuvert_store::Store;
use kuvert_wire::{AccountId, Decode, Frame, MessageId, Timestamp};

use super::Client;
use super::rollback::NOBODY;
use crate::event::{DeliveryState, Entry, HistoryEntry, Message, Sender};
use crate::record::{self, LogRecord, MessageRecord, UnshownRecord, Versioned};
use crate::{Carrier, Error};

impl<S: Store, T: Carrier> Client<S, T> {
    /// All messages exchanged with `peer`, oldest first, in the order in which they were written or
    /// arrived here.
    ///
    /// # Errors
    ///
    /// [`Error::Store`], [`Error::Record`].
    pub fn history(&self, peer: AccountId) -> Result<Vec<HistoryEntry>, Error> {
        Ok(self.numbered_history(peer)?.into_iter().map(|(_, entry)| entry).collect())
    }

    fn numbered_history(&self, peer: AccountId) -> Result<Vec<(u64, HistoryEntry)>, Error> {
        let states = self.states(&peer)?;
        let (them, me) = (self.sender(&peer)?, self.own_sender()?);
        let log = record::read_all::<LogRecord, _>(&self.store, &record::log_prefix(&peer))?;
        let entry = |record: Versioned<LogRecord>| {
            let sender = if record.value.outgoing { &me } else { &them };
            let message = self.message_of(&peer, &record, sender.clone())?;
            let seq = record::seq_of(&record.key).unwrap_or_default();
            let state = states.get(&seq).copied().unwrap_or(DeliveryState::Received);
            Ok((seq, HistoryEntry { message, outgoing: record.value.outgoing, state }))
        };
        log.into_iter().map(entry).collect()
    }

    /// The conversation with `peer` as it went: its messages, and what happened between them, such as a
    /// new session. Oldest first.
    ///
    /// # Errors
    ///
    /// [`Error::Store`], [`Error::Record`].
    pub fn conversation(&self, peer: AccountId) -> Result<Vec<Entry>, Error> {
        let mut entries = Vec::new();
        for (seq, message) in self.numbered_history(peer)? {
            entries.push((seq, Entry::Message(message)));
        }
        for account in [peer, NOBODY] {
            let prefix = record::notice_prefix(&account);
            for notice in record::read_all::<UnshownRecord, _>(&self.store, &prefix)? {
                let event = self.event_of(&account, &notice.value.what)?;
                let seq = record::seq_of(&notice.key).unwrap_or_default();
                entries.push((seq, Entry::Event(event)));
            }
        }
        entries.sort_by_key(|(seq, _)| *seq);
        Ok(entries.into_iter().map(|(_, entry)| entry).collect())
    }

    /// How far each message got, by its place in the log.
    fn states(&self, peer: &AccountId) -> Result<BTreeMap<u64, DeliveryState>, Error> {
        let prefix = record::message_prefix(peer);
        let records = record::read_all::<MessageRecord, _>(&self.store, &prefix)?;
        Ok(records.into_iter().map(|record| (record.value.seq, record.value.state)).collect())
    }

    /// How far an own message got.
    pub(super) fn state_of(
        &self,
        peer: &AccountId,
        id: &MessageId,
    ) -> Result<DeliveryState, Error> {
        let key = record::message_key(peer, id);
        let record = record::read::<MessageRecord, _>(&self.store, &key)?;
        Ok(record.map_or(DeliveryState::Queued, |record| record.value.state))
    }

    fn own_sender(&self) -> Result<Sender, Error> {
        Ok(Sender {
            account: self.account(),
            name: self.name.parse().ok(),
            address: Some(self.address()),
            accepted: true,
        })
    }

    /// The message in a log entry of the conversation with `peer`.
    pub(super) fn message_of(
        &self,
        peer: &AccountId,
        log: &Versioned<LogRecord>,
        sender: Sender,
    ) -> Result<Message, Error> {
        let frame = Frame::decode(&log.value.frame).map_err(|_| record::damaged(&log.key))?;
        Ok(Message {
            mode: self.mode_of(peer, &frame, log.value.outgoing)?,
            sender,
            id: frame.message_id,
            sent: frame.sent,
            received: Timestamp::from_millis(log.value.at),
            body: frame.body,
        })
    }
}
