//! Sending again: what the peer says it lacks, and what it evidently never got.
//!
//! A message that is to be sent again waits like one that has no session yet, in its old place before
//! all that were written later; from there it is sealed anew under its old name. The receiver shows
//! each name once.

use core::time::Duration;
use std::collections::BTreeSet;

use kuvert_core::{Content, Received};
use kuvert_store::Store;
use kuvert_wire::frame::MAX_RESEND;
use kuvert_wire::{AccountId, Control, MessageId, SessionId, Timestamp};

use super::filing::Filing;
use super::outbox::Parcel;
use super::sent::{MAX_HELD, MAX_HELD_AGE, MAX_HELD_BYTES, Unacked};
use super::{Client, lock};
use crate::event::DeliveryState;
use crate::record::{
    self, LogRecord, MessageRecord, PendingRecord, SentRecord, UnackedRecord, Versioned,
};
use crate::{Carrier, Error};

/// So exactly is it noted when a peer was heard of last, in milliseconds: an hour. Each note is a write.
const HEARD_TO: u64 = 3_600_000;

/// How long a peer that has begun a session has to say what it holds; that is the first thing it sends.
const TIME_TO_SAY: Duration = Duration::from_secs(60);

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
            if !outgoing || state == DeliveryState::Delivered || !acknowledged.seqs.insert(seq) {
                continue;
            }
            message.value.state = DeliveryState::Delivered;
            filing.changes.push(message.put()?);
            acknowledged.ids.push(*id.as_bytes());
            self.release(peer, seq, sent, &mut filing.changes)?;
        }
        Ok(acknowledged)
    }

    /// The peer has begun `session` and said what it holds: all else is sent again on it, also what
    /// was sealed for an older session and has not left.
    pub(super) fn answer_resend(
        &mut self,
        peer: &AccountId,
        session: SessionId,
        names: &[MessageId],
        held: &Acknowledged,
        sent: &mut SentRecord,
        filing: &mut Filing,
    ) -> Result<(), Error> {
        if sent.answered == Some(*session.as_bytes()) {
            return Ok(()); // once for each session, of which there are few
        }
        (sent.answered, sent.forgot) = (Some(*session.as_bytes()), None);
        if self.is_begun_by_peer(session) {
            self.online.forgetful = None;
            sent.owes_held = Some(*session.as_bytes());
        }
        self.number(filing)?; // nobody else may seal for this peer in between
        self.take_back(peer, &held.seqs, filing)?;
        self.repeat_where(peer, &held.seqs, sent, filing, |_| true)?;
        self.repeat_forgotten(peer, names, filing)
    }

    fn is_begun_by_peer(&self, session: SessionId) -> bool {
        let device = lock(&self.device);
        let mut sessions = device.sessions();
        sessions.any(|facts| facts.session == session && !facts.begun_by_us)
    }

    /// What the peer has acknowledged once and does not hold any more was lost when its state was set
    /// back: that is sent again as well, as far as a sent buffer would have held it.
    fn repeat_forgotten(
        &self,
        peer: &AccountId,
        names: &[MessageId],
        filing: &mut Filing,
    ) -> Result<(), Error> {
        let held: BTreeSet<_> = names.iter().map(MessageId::as_bytes).collect();
        let prefix = record::message_prefix(peer);
        let own = record::read_all::<MessageRecord, _>(&self.store, &prefix)?.into_iter();
        let mut own: Vec<_> = own.filter(|message| message.value.outgoing).collect();
        own.sort_unstable_by_key(|message| core::cmp::Reverse(message.value.seq));
        let named = |message: &Versioned<MessageRecord>| {
            record::message_of(&message.key).is_some_and(|id| held.contains(id.as_bytes()))
        };
        // A full list says nothing of what is older than all it names.
        let oldest = own.iter().rev().find(|message| named(message)).map(|known| known.value.seq);
        let oldest = oldest.filter(|_| names.len() >= MAX_RESEND).unwrap_or_default();
        let (mut count, mut bytes) = (0, 0);
        for message in own.into_iter().filter(|message| !named(message)) {
            let Some(id) = record::message_of(&message.key) else { continue };
            if message.value.seq < oldest || count == MAX_HELD || bytes > MAX_HELD_BYTES {
                break;
            }
            if message.value.state == DeliveryState::Delivered {
                let Some(len) = self.forgotten(peer, &id, message, filing)? else { break };
                (count, bytes) = (count + 1, bytes + u64::from(len));
            }
        }
        Ok(())
    }

    /// Lets an acknowledged message wait for being sent again; its length in bytes. `None` if it is too
    /// old for that.
    fn forgotten(
        &self,
        peer: &AccountId,
        id: &MessageId,
        mut message: Versioned<MessageRecord>,
        filing: &mut Filing,
    ) -> Result<Option<u32>, Error> {
        let seq = message.value.seq;
        let key = record::log_key(peer, seq);
        let Some(log) = record::read::<LogRecord, _>(&self.store, &key)? else { return Ok(None) };
        let at = Timestamp::from_millis(log.value.at);
        if self.now().since(at) > MAX_HELD_AGE {
            return Ok(None);
        }
        let unacked = UnackedRecord::written(id, at, log.value.frame.len());
        message.value.state = DeliveryState::Queued;
        filing.changes.push(message.put()?);
        filing.changes.push(record::insert(record::unacked_key(peer, seq), &unacked)?);
        filing.changes.push(record::insert(record::pending_key(peer, seq), &PendingRecord)?);
        Ok(Some(unacked.len_bytes))
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
    fn take_back(
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
    fn repeat_where(
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
        if at.as_millis().saturating_sub(sent.heard) >= HEARD_TO || sent.unanswered > 0 {
            sent.heard = at.as_millis();
        }
        (sent.unanswered, sent.is_mending) = (0, false);
        let newest = acknowledged.seqs.last().copied();
        // A clock of the peer's that is ahead must not make all of it look lost.
        let heard = said.min(at).as_millis();
        if sent.count == 0 || (sent.due > heard && newest.is_none()) {
            return Ok(());
        }
        let is_lost = |unacked: &Unacked| {
            let is_overtaken = unacked.value.repeats == 0 && record::seq_of(&unacked.key) < newest;
            can_be_lost(&unacked.value) && (unacked.value.due <= heard || is_overtaken)
        };
        self.repeat_where(peer, &acknowledged.seqs, sent, filing, is_lost)
    }

    /// The peer has begun a session. If it had one before, and does not say soon what it holds, then its
    /// state is gone, and what it had with it.
    pub(super) fn note_begun(&mut self, received: &Received, at: Timestamp, sent: &mut SentRecord) {
        let session = *received.session.as_bytes();
        let is_answered = sent.answered == Some(session);
        if received.begins_session && sent.heard > 0 && !is_answered {
            self.online.forgetful = None;
            sent.forgot = Some((session, at.saturating_add(TIME_TO_SAY).as_millis()));
        }
    }

    /// Says what is held to those who asked in their way, and sends again what those have lost who have
    /// forgotten all about us.
    pub(super) fn reconcile_all(&mut self) -> Result<(), Error> {
        let now = self.now().as_millis();
        if self.online.forgetful.is_some_and(|next| now < next) {
            return Ok(());
        }
        let mut next = u64::MAX;
        for sent in record::read_all::<SentRecord, _>(&self.store, record::SENT)? {
            let Some(peer) = record::account_of(&sent.key) else { continue };
            if sent.value.owes_held.is_some() {
                self.contend(|client| client.say_held(&peer))?;
            }
            match sent.value.forgot {
                Some((session, due)) if due <= now => {
                    self.contend(|client| client.answer_silence(&peer, session))?;
                }
                forgot => next = next.min(forgot.map_or(u64::MAX, |(_, due)| due)),
            }
        }
        self.online.forgetful = Some(next);
        Ok(())
    }

    /// Says to a peer that has said so what is held of its messages: either side may have lost some.
    fn say_held(&mut self, peer: &AccountId) -> Result<(), Error> {
        let mut sent = self.sent_record(peer)?;
        let is_wanted = sent.value.owes_held.take().is_some();
        if !is_wanted || self.require_settled(peer).is_err() {
            return Ok(());
        }
        if self.sending_to(peer).is_none() || !self.may_repeat(peer)? {
            return self.apply_relaxed([sent.put()?]);
        }
        self.announce_if_due(peer)?;
        let held = Content::control(&Control::Resend(self.held_of(peer)?));
        self.seal(peer, &held, vec![sent.put()?])
    }

    fn answer_silence(&mut self, peer: &AccountId, session: [u8; 16]) -> Result<(), Error> {
        let (mut sent, mut filing) = (self.sent_record(peer)?, Filing::default());
        if sent.value.forgot.is_none_or(|(forgot, _)| forgot != session) {
            return Ok(()); // another process was faster
        }
        sent.value.forgot = None;
        if self.may_repeat(peer)? {
            let (session, held) = (SessionId::from_bytes(session), Acknowledged::default());
            self.answer_resend(peer, session, &[], &held, &mut sent.value, &mut filing)?;
        }
        filing.changes.push(sent.put()?);
        self.file_away(filing)
    }

    /// On a network that loses envelopes silence is a sign as well.
    pub(super) fn repeat_overdue(&mut self) -> Result<(), Error> {
        if !self.carrier.profile().lossy {
            return Ok(());
        }
        let now = self.now().as_millis();
        for sent in record::read_all::<SentRecord, _>(&self.store, record::SENT)? {
            if let Some(peer) = record::account_of(&sent.key)
                && sent.value.count > 0
                && sent.value.due <= now
                && self.may_repeat(&peer)?
            {
                self.contend(|client| client.repeat_overdue_to(&peer, now))?;
            }
        }
        Ok(())
    }

    fn repeat_overdue_to(&mut self, peer: &AccountId, now: u64) -> Result<(), Error> {
        let (mut sent, mut filing) = (self.sent_record(peer)?, Filing::default());
        let is_lost = |unacked: &Unacked| can_be_lost(&unacked.value) && unacked.value.due <= now;
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

const fn can_be_lost(unacked: &UnackedRecord) -> bool {
    unacked.is_held && !unacked.is_waiting
}

fn seq_of<V>(record: &Versioned<V>) -> Result<u64, Error> {
    record::seq_of(&record.key).ok_or_else(|| record::damaged(&record.key))
}
