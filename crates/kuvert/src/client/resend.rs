//! Sending again: what the peer says it lacks, and what it evidently never got.
//!
//! A message that is to be sent again waits like one that has no session yet, in its old place before
//! all that were written later; from there it is sealed anew under its old name. The receiver shows
//! each name once.

use std::collections::BTreeSet;

use kuvert_store::Store;
use kuvert_wire::{AccountId, MessageId, Timestamp};

use super::Client;
use super::filing::Filing;
use super::outbox::Parcel;
use super::sent::Unacked;
use crate::event::DeliveryState;
use crate::record::{self, MessageRecord, PendingRecord, SentRecord, UnackedRecord, Versioned};
use crate::{Carrier, Error};

/// So exactly is it noted when a peer was heard of last, in milliseconds: an hour. Each note is a write.
const HEARD_TO: u64 = 3_600_000;

/// Nothing is due in more than a day and an hour, in milliseconds.
const MAX_DUE_IN: u64 = 25 * 3_600_000;

/// Own messages that have just been acknowledged.
#[derive(Debug, Default)]
pub(super) struct Acknowledged {
    /// Those of which this is news.
    pub(super) ids: Vec<[u8; 16]>,
    /// Places of all of them in the log.
    pub(super) seqs: BTreeSet<u64>,
}

impl<S: Store, T: Carrier> Client<S, T> {
    /// Own messages `ids` have arrived; of others nothing is said.
    pub(super) fn acknowledge_sent(
        &self,
        peer: &AccountId,
        ids: &[MessageId],
        sent: &mut SentRecord,
        filing: &mut Filing,
    ) -> Result<Acknowledged, Error> {
        let mut acknowledged = Acknowledged::default();
        for id in ids {
            let key = record::message_key(peer, id);
            let Some(mut message) = record::read::<MessageRecord, _>(&self.store, &key)? else {
                continue;
            };
            let MessageRecord { outgoing, seq, state } = message.value;
            // One that was erased stays so.
            let is_news = !matches!(state, DeliveryState::Delivered | DeliveryState::Redacted);
            if !outgoing || !is_news || !acknowledged.seqs.insert(seq) {
                continue;
            }
            message.value.state = DeliveryState::Delivered;
            filing.changes.push(message.put()?);
            acknowledged.ids.push(*id.as_bytes());
            self.release(peer, seq, sent, &mut filing.changes)?;
        }
        Ok(acknowledged)
    }

    /// All that was not acknowledged is sent again, because no session that was begun is of use. What
    /// else is to be noted of the sent buffer does `note`.
    pub(super) fn repeat_all(
        &self,
        peer: &AccountId,
        filing: &mut Filing,
        note: impl FnOnce(&mut SentRecord),
    ) -> Result<(), Error> {
        let mut sent = self.sent_record(peer)?;
        let before = sent.value;
        note(&mut sent.value);
        self.take_back(peer, &BTreeSet::new(), filing)?;
        self.repeat_where(peer, &BTreeSet::new(), &mut sent.value, filing, |_| true)?;
        if sent.value != before {
            filing.changes.push(sent.put()?);
        }
        Ok(())
    }

    /// Takes out of the outbox the messages to `peer` that are to be sealed anew.
    pub(super) fn take_back(
        &self,
        peer: &AccountId,
        except: &BTreeSet<u64>,
        filing: &mut Filing,
    ) -> Result<(), Error> {
        for record in self.store.scan(record::OUTBOX)? {
            let parcel = Parcel::open(record)?;
            if parcel.is_for(peer)
                && let Some(seq) = self.place_of(peer, parcel.message_id())?
                && !except.contains(&seq)
                && self.unacked(peer, seq)?.is_some()
            {
                filing.changes.push(parcel.delete());
            }
        }
        Ok(())
    }

    fn place_of(&self, peer: &AccountId, id: &MessageId) -> Result<Option<u64>, Error> {
        let key = record::message_key(peer, id);
        let message = record::read::<MessageRecord, _>(&self.store, &key)?;
        Ok(message.filter(|message| message.value.outgoing).map(|message| message.value.seq))
    }

    /// Lets messages wait for being sent again.
    pub(super) fn repeat_where(
        &self,
        peer: &AccountId,
        except: &BTreeSet<u64>,
        sent: &mut SentRecord,
        filing: &mut Filing,
        is_lost: impl Fn(&Unacked) -> bool,
    ) -> Result<(), Error> {
        let mut next_due = u64::MAX;
        for unacked in self.all_unacked(peer)? {
            let seq = seq_of(&unacked)?;
            if except.contains(&seq) {
                continue;
            }
            if is_lost(&unacked) {
                self.repeat(peer, seq, unacked, filing)?;
            } else {
                next_due = next_due.min(unacked.value.due);
            }
        }
        sent.due = next_due;
        Ok(())
    }

    fn repeat(
        &self,
        peer: &AccountId,
        seq: u64,
        mut unacked: Unacked,
        filing: &mut Filing,
    ) -> Result<(), Error> {
        let pending = record::pending_key(peer, seq);
        if self.store.get(&pending)?.is_none() {
            filing.changes.push(record::insert(pending, &PendingRecord)?);
        }
        let before = unacked.value;
        if !before.is_waiting {
            unacked.value.repeats = before.repeats.saturating_add(1);
        }
        (unacked.value.is_waiting, unacked.value.due) = (true, u64::MAX);
        if unacked.value != before {
            filing.changes.push(unacked.put()?);
        }
        Ok(())
    }

    /// Something authentic of the peer's arrived here at `at`, which was sent at `said`. What was sent
    /// long before that and is not acknowledged is lost.
    pub(super) fn note_heard(
        &self,
        peer: &AccountId,
        (said, at): (Timestamp, Timestamp),
        acknowledged: &Acknowledged,
        sent: &mut SentRecord,
        filing: &mut Filing,
    ) -> Result<(), Error> {
        if at.as_millis().abs_diff(sent.heard) >= HEARD_TO || sent.unanswered > 0 {
            sent.heard = at.as_millis();
        }
        (sent.unanswered, sent.is_mending) = (0, false);
        let newest = acknowledged.seqs.last().copied();
        // A clock of the peer's that is ahead must not make all of it look lost.
        let heard = said.min(at).as_millis();
        if sent.count == 0 || (!is_due(sent.due, heard) && newest.is_none()) {
            return Ok(());
        }
        let is_lost = |unacked: &Unacked| {
            let is_overtaken = unacked.value.repeats == 0 && record::seq_of(&unacked.key) < newest;
            can_be_lost(&unacked.value) && (is_due(unacked.value.due, heard) || is_overtaken)
        };
        self.repeat_where(peer, &acknowledged.seqs, sent, filing, is_lost)
    }

    /// On a network that loses envelopes silence is a sign as well.
    pub(super) fn repeat_overdue(&mut self) -> Result<(), Error> {
        if !self.carrier.profile().lossy {
            return Ok(());
        }
        let now = self.now().as_millis();
        let all = record::read_all::<SentRecord, _>(&self.store, record::SENT)?.into_iter();
        let overdue = all.filter(|sent| sent.value.count > 0 && is_due(sent.value.due, now));
        let peers: Vec<_> = overdue.filter_map(|sent| record::account_of(&sent.key)).collect();
        self.for_each_peer(&peers, |client, peer| match client.may_repeat(peer)? {
            true => client.repeat_overdue_to(peer, now),
            false => Ok(()),
        })
    }

    fn repeat_overdue_to(&mut self, peer: &AccountId, now: u64) -> Result<(), Error> {
        let (mut sent, mut filing) = (self.sent_record(peer)?, Filing::default());
        let is_lost =
            |unacked: &Unacked| can_be_lost(&unacked.value) && is_due(unacked.value.due, now);
        self.repeat_where(peer, &BTreeSet::new(), &mut sent.value, &mut filing, is_lost)?;
        filing.changes.push(sent.put()?);
        self.file_away(filing)
    }

    /// Whether messages are sent again to `peer` without being asked: only to whom a person wrote or
    /// accepted, as long as nobody else has taken its place.
    pub(super) fn may_repeat(&self, peer: &AccountId) -> Result<bool, Error> {
        Ok(self.contact_record(peer)?.value.accepted)
    }
}

/// Whether something is due. What seems to be due in more than a day was noted by a clock that has been
/// put right since; `u64::MAX` stands for never.
const fn is_due(due: u64, now: u64) -> bool {
    due <= now || (due != u64::MAX && due - now > MAX_DUE_IN)
}

const fn can_be_lost(unacked: &UnackedRecord) -> bool {
    unacked.is_held && !unacked.is_waiting
}

fn seq_of<V>(record: &Versioned<V>) -> Result<u64, Error> {
    record::seq_of(&record.key).ok_or_else(|| record::damaged(&record.key))
}
