//! The sent buffer: own messages that were sent and that nobody has acknowledged.
//!
//! The messages themselves stay where they are, in the log; here stands which of them may have to be
//! sent again. A message enters when it is posted first, and leaves when a receipt or a `resend`
//! names it. What is over the limits, or older than 30 days, leaves as undelivered, which is told.

use core::time::Duration;

use kuvert_core::Change;
use kuvert_store::Store;
use kuvert_wire::{AccountId, MessageId, SessionId, Timestamp};

use super::Client;
use super::filing::Filing;
use crate::event::DeliveryState;
use crate::record::{
    self, MessageRecord, PendingRecord, SentRecord, UnackedRecord, Unshown, Versioned,
};
use crate::{Carrier, Error};

/// Messages held for one peer at most.
pub(super) const MAX_HELD: u32 = 1000;
/// Their frames, in bytes, at most.
pub(super) const MAX_HELD_BYTES: u64 = 1024 * 1024;
/// So many more leave when one has to: the buffer is not read anew for each message.
const SLACK: u32 = 32;
/// The same in bytes, a sixteenth of the limit.
const SLACK_BYTES: u64 = MAX_HELD_BYTES / 16;
/// How long a message is held.
pub(super) const MAX_HELD_AGE: Duration = Duration::from_secs(30 * 24 * 3600);

/// How long a message waits for its receipt before a sign of loss counts, by how often it was sent
/// again. A receipt comes within 15 seconds.
const PATIENCE: [Duration; 5] = [
    Duration::from_secs(60),
    Duration::from_secs(600),
    Duration::from_secs(3600),
    Duration::from_secs(6 * 3600),
    Duration::from_secs(24 * 3600),
];

/// A message of the sent buffer.
pub(super) type Unacked = Versioned<UnackedRecord>;

impl UnackedRecord {
    /// A message that has just been written.
    pub(super) fn written(id: &MessageId, at: Timestamp, len_bytes: usize) -> Self {
        Self {
            id: *id.as_bytes(),
            at: at.as_millis(),
            len_bytes: u32::try_from(len_bytes).unwrap_or(u32::MAX),
            is_held: false,
            is_waiting: true,
            repeats: 0,
            due: u64::MAX,
        }
    }
}

impl SentRecord {
    /// Whether what the peer said in this session about what it holds has been answered.
    pub(super) fn is_answered(&self, session: &SessionId) -> bool {
        self.answered.contains(session.as_bytes())
    }

    fn enter(&mut self, unacked: &UnackedRecord) {
        let is_first = self.count == 0;
        self.count = self.count.saturating_add(1);
        self.bytes = self.bytes.saturating_add(unacked.len_bytes.into());
        self.oldest = if is_first { unacked.at } else { self.oldest.min(unacked.at) };
        self.due = if is_first { unacked.due } else { self.due.min(unacked.due) };
    }

    pub(super) fn leave(&mut self, unacked: &UnackedRecord) {
        self.count = self.count.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(unacked.len_bytes.into());
    }

    const fn is_over(&self) -> bool {
        self.count > MAX_HELD || self.bytes > MAX_HELD_BYTES
    }

    const fn is_roomy(&self) -> bool {
        self.count <= MAX_HELD - SLACK && self.bytes <= MAX_HELD_BYTES - SLACK_BYTES
    }
}

impl<S: Store, T: Carrier> Client<S, T> {
    /// What the sent buffer of `peer` comes to.
    pub(super) fn sent_record(&self, peer: &AccountId) -> Result<Versioned<SentRecord>, Error> {
        record::read_or_new(&self.store, record::sent_key(peer))
    }

    /// Whether own message `seq` waits for being acknowledged.
    pub(super) fn unacked(&self, peer: &AccountId, seq: u64) -> Result<Option<Unacked>, Error> {
        record::read(&self.store, &record::unacked_key(peer, seq))
    }

    /// All messages to `peer` that were not acknowledged, oldest first.
    pub(super) fn all_unacked(&self, peer: &AccountId) -> Result<Vec<Unacked>, Error> {
        record::read_all(&self.store, &record::unacked_prefix(peer))
    }

    /// A message has been posted: from now on its receipt is waited for.
    pub(super) fn hold(
        &self,
        mut unacked: Unacked,
        sent: &mut SentRecord,
    ) -> Result<Change, Error> {
        let patience = PATIENCE[usize::from(unacked.value.repeats).min(PATIENCE.len() - 1)];
        unacked.value.due = self.now().saturating_add(patience).as_millis();
        unacked.value.is_waiting = false;
        if unacked.value.is_held {
            sent.due = sent.due.min(unacked.value.due);
        } else {
            unacked.value.is_held = true;
            sent.enter(&unacked.value);
        }
        unacked.put()
    }

    /// Own message `seq` has been acknowledged: it is not sent again.
    pub(super) fn release(
        &self,
        peer: &AccountId,
        seq: u64,
        sent: &mut SentRecord,
        changes: &mut Vec<Change>,
    ) -> Result<(), Error> {
        let Some(unacked) = self.unacked(peer, seq)? else { return Ok(()) };
        if unacked.value.is_held {
            sent.leave(&unacked.value);
        }
        if unacked.value.is_waiting {
            let pending = record::pending_key(peer, seq);
            let pending = record::read::<PendingRecord, _>(&self.store, &pending)?;
            changes.extend(pending.map(|pending| pending.delete()));
        }
        changes.push(unacked.delete());
        Ok(())
    }

    /// Lets go what is over the limits or too old, and tells it.
    pub(super) fn trim_sent(&mut self, peer: &AccountId) -> Result<(), Error> {
        self.contend(|client| {
            let mut sent = client.sent_record(peer)?;
            let age = client.now().since(Timestamp::from_millis(sent.value.oldest));
            if !sent.value.is_over() && (sent.value.count == 0 || age <= MAX_HELD_AGE) {
                return Ok(());
            }
            let mut filing = Filing::default();
            client.let_go(peer, &mut sent.value, &mut filing)?;
            filing.changes.push(sent.put()?);
            client.file_away(filing)
        })
    }

    fn let_go(
        &self,
        peer: &AccountId,
        sent: &mut SentRecord,
        filing: &mut Filing,
    ) -> Result<(), Error> {
        let (now, was_over) = (self.now(), sent.is_over());
        let mut gone = Vec::new();
        let held = self.all_unacked(peer)?.into_iter().filter(|unacked| unacked.value.is_held);
        let mut left = held.peekable();
        while let Some(unacked) = left.next_if(|unacked| {
            let age = now.since(Timestamp::from_millis(unacked.value.at));
            age > MAX_HELD_AGE || was_over && !sent.is_roomy()
        }) {
            sent.leave(&unacked.value);
            filing.changes.extend(self.undelivered(peer, &unacked)?);
            gone.push(unacked.value.id);
        }
        let oldest = left.peek().map(|unacked| unacked.value.at);
        sent.oldest = oldest.unwrap_or(u64::MAX);
        if !gone.is_empty() {
            let what = Unshown::Undelivered { ids: gone, at: now.as_millis() };
            self.file_event(peer, what, filing)?;
        }
        Ok(())
    }

    /// The changes that give up a message.
    pub(super) fn undelivered(
        &self,
        peer: &AccountId,
        unacked: &Unacked,
    ) -> Result<Vec<Change>, Error> {
        let mut changes = vec![unacked.delete()];
        let key = record::message_key(peer, &MessageId::from_bytes(unacked.value.id));
        if let Some(mut message) = record::read::<MessageRecord, _>(&self.store, &key)?
            && matches!(message.value.state, DeliveryState::Sent | DeliveryState::Queued)
        {
            message.value.state = DeliveryState::Undelivered;
            changes.push(message.put()?);
        }
        Ok(changes)
    }

    /// Looks whether anything is held for too long.
    pub(super) fn trim_all_sent(&mut self) -> Result<(), Error> {
        for sent in record::read_all::<SentRecord, _>(&self.store, record::SENT)? {
            if let Some(peer) = record::account_of(&sent.key) {
                self.trim_sent(&peer)?;
            }
        }
        Ok(())
    }
}
