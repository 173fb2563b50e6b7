//! Two sides that compare what they hold, after one of them has lost something.
//!
//! Who begins a session anew names in its first frame, control `resend`, the messages of the other side
//! that it holds; the other one sends the rest again, and answers in the same way. A peer that begins
//! anew without such a word has forgotten everything.

use core::time::Duration;
use std::collections::BTreeSet;

use kuvert_core::{Content, Received};
use kuvert_store::Store;
use kuvert_wire::frame::MAX_RESEND;
use kuvert_wire::{AccountId, Control, MessageId, SessionId, Timestamp};

use super::filing::Filing;
use super::resend::Acknowledged;
use super::sent::{MAX_HELD, MAX_HELD_AGE, MAX_HELD_BYTES};
use super::{Client, lock};
use crate::event::DeliveryState;
use crate::record::{
    self, LogRecord, MessageRecord, PendingRecord, SentRecord, UnackedRecord, Unshown, Versioned,
};
use crate::{Carrier, Error};

/// How long a peer that has begun a session has to say what it holds; that is the first thing it sends.
const TIME_TO_SAY: Duration = Duration::from_secs(60);
/// More than this is left only after a clock was put right, in milliseconds.
const MAX_TIME_TO_SAY: u64 = 120_000;

/// What a peer said that it holds.
pub(super) struct Said<'a> {
    /// The session that it is about: what follows goes there.
    pub(super) session: SessionId,
    pub(super) names: &'a [MessageId],
    /// It is what began the session here: nothing that the peer said later overtook it.
    pub(super) is_first: bool,
    /// What is not named is not there.
    pub(super) is_all: bool,
}

impl<S: Store, T: Carrier> Client<S, T> {
    /// The peer has begun a session and said what it holds: all else is sent again on it, also what
    /// was sealed for an older session and has not left.
    pub(super) fn answer_resend(
        &mut self,
        peer: &AccountId,
        said: &Said<'_>,
        held: &Acknowledged,
        sent: &mut SentRecord,
        filing: &mut Filing,
    ) -> Result<(), Error> {
        let session = said.session;
        if sent.is_answered(&session) || !self.is_active(peer, session) {
            return Ok(()); // once for each session that takes the place of another, of which there are few
        }
        sent.answered.rotate_right(1);
        (sent.answered[0], sent.forgot) = (*session.as_bytes(), None);
        if self.is_begun_by_peer(session) {
            self.online.forgetful = None;
            sent.owes_held = Some(*session.as_bytes());
        }
        self.number(filing)?; // nobody else may seal for this peer in between
        self.take_back(peer, &held.seqs, filing)?;
        self.repeat_where(peer, &held.seqs, sent, filing, |_| true)?;
        self.repeat_forgotten(peer, said, filing)
    }

    fn is_active(&self, peer: &AccountId, session: SessionId) -> bool {
        let device = lock(&self.device);
        let active = device.peer_of_account(peer).and_then(|view| view.active());
        active.is_some_and(|active| active.session == session)
    }

    pub(super) fn is_begun_by_peer(&self, session: SessionId) -> bool {
        let device = lock(&self.device);
        let mut sessions = device.sessions();
        sessions.any(|facts| facts.session == session && !facts.begun_by_us)
    }

    /// Whether no message of the session is known to be still on its way, such as its first one.
    fn is_complete(&self, session: SessionId) -> bool {
        let device = lock(&self.device);
        let mut sessions = device.sessions();
        sessions.any(|facts| facts.session == session && facts.ratchet.skipped == 0)
    }

    /// What the peer has acknowledged once and does not hold any more was lost when its state was set
    /// back: that is sent again as well, as far as a sent buffer would have held it, and else given up.
    fn repeat_forgotten(
        &self,
        peer: &AccountId,
        said: &Said<'_>,
        filing: &mut Filing,
    ) -> Result<(), Error> {
        let names = said.names;
        let held: BTreeSet<_> = names.iter().map(MessageId::as_bytes).collect();
        let prefix = record::message_prefix(peer);
        let own = record::read_all::<MessageRecord, _>(&self.store, &prefix)?.into_iter();
        let mut own: Vec<_> = own.filter(|message| message.value.outgoing).collect();
        own.sort_unstable_by_key(|message| core::cmp::Reverse(message.value.seq));
        let named = |message: &Versioned<MessageRecord>| {
            record::message_of(&message.key).is_some_and(|id| held.contains(id.as_bytes()))
        };
        // A full list says nothing of what is older than all it names.
        let named_first = own.iter().rev().find(|message| named(message));
        let named_first = named_first.map(|known| known.value.seq);
        let oldest = named_first.filter(|_| names.len() >= MAX_RESEND).unwrap_or_default();
        let (mut count, mut bytes, mut lost) = (0, 0, Vec::new());
        for message in own.into_iter().filter(|message| !named(message)) {
            let Some(id) = record::message_of(&message.key) else { continue };
            if message.value.seq < oldest {
                break;
            }
            if message.value.state != DeliveryState::Delivered {
                continue;
            }
            let is_full = count == MAX_HELD || bytes > MAX_HELD_BYTES;
            let again = if is_full { None } else { self.forgotten(peer, &id, &message, filing)? };
            match again {
                Some(len) => (count, bytes) = (count + 1, bytes + u64::from(len)),
                None => lost.push((id, message)),
            }
        }
        let is_later = |seq: u64| named_first.is_some_and(|first| seq > first);
        let is_set_back =
            said.is_first && lost.iter().any(|(_, message)| is_later(message.value.seq));
        self.give_up_forgotten(peer, said, lost, filing)?;
        self.tell_set_back(peer, is_set_back, filing)
    }

    /// What is gone at the peer, and cannot be sent again, did not arrive in the end. A device that took
    /// the place of another never had what went to that one.
    fn give_up_forgotten(
        &self,
        peer: &AccountId,
        said: &Said<'_>,
        lost: Vec<(MessageId, Versioned<MessageRecord>)>,
        filing: &mut Filing,
    ) -> Result<(), Error> {
        if lost.is_empty() || !said.is_all || self.was_replaced(peer) {
            return Ok(());
        }
        let mut ids = Vec::with_capacity(lost.len());
        for (id, mut message) in lost {
            message.value.state = DeliveryState::Undelivered;
            filing.changes.push(message.put()?);
            ids.push(*id.as_bytes());
        }
        let at = self.now().as_millis();
        self.file_event(peer, Unshown::Undelivered { ids, at }, filing)
    }

    /// The peer names older messages than one that it had and does not name: its state was set back. It
    /// says so only if it may not have had that message later.
    fn tell_set_back(
        &self,
        peer: &AccountId,
        is_set_back: bool,
        filing: &mut Filing,
    ) -> Result<(), Error> {
        let at = self.now().as_millis();
        match is_set_back {
            true => self.file_event(peer, Unshown::CloneSuspected { at }, filing),
            false => Ok(()),
        }
    }

    /// Lets an acknowledged message wait for being sent again; its length in bytes. `None` if it is too
    /// old for that.
    fn forgotten(
        &self,
        peer: &AccountId,
        id: &MessageId,
        message: &Versioned<MessageRecord>,
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
        let mut message = message.clone();
        message.value.state = DeliveryState::Queued;
        filing.changes.push(message.put()?);
        filing.changes.push(record::insert(record::unacked_key(peer, seq), &unacked)?);
        filing.changes.push(record::insert(record::pending_key(peer, seq), &PendingRecord)?);
        Ok(Some(unacked.len_bytes))
    }

    /// The peer has begun a session. If it had one before, and does not say soon what it holds, then its
    /// state is gone, and what it had with it.
    pub(super) fn note_begun(&mut self, received: &Received, at: Timestamp, sent: &mut SentRecord) {
        let is_answered = sent.is_answered(&received.session);
        if received.begins_session && sent.heard > 0 && !is_answered {
            self.online.forgetful = None;
            sent.forgot =
                Some((*received.session.as_bytes(), at.saturating_add(TIME_TO_SAY).as_millis()));
        }
    }

    /// Says what is held to those who asked in their way, and sends again what those have lost who have
    /// forgotten all about us.
    pub(super) fn reconcile_all(&mut self) -> Result<(), Error> {
        let now = self.now().as_millis();
        let is_far = |next: u64| next != u64::MAX && next.saturating_sub(now) > MAX_TIME_TO_SAY;
        if self.online.forgetful.is_some_and(|next| now < next && !is_far(next)) {
            return Ok(());
        }
        let mut next = u64::MAX;
        let (mut to_say, mut silent) = (Vec::new(), Vec::new());
        for sent in record::read_all::<SentRecord, _>(&self.store, record::SENT)? {
            let Some(peer) = record::account_of(&sent.key) else { continue };
            if sent.value.owes_held.is_some() && self.may_repeat(&peer)? {
                to_say.push(peer); // a stranger may be accepted later
            }
            match sent.value.forgot {
                Some((_, due)) if due <= now || due - now > MAX_TIME_TO_SAY => silent.push(peer),
                forgot => next = next.min(forgot.map_or(u64::MAX, |(_, due)| due)),
            }
        }
        self.for_each_peer(&to_say, Self::say_held)?;
        self.for_each_peer(&silent, Self::answer_silence)?;
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

    fn answer_silence(&mut self, peer: &AccountId) -> Result<(), Error> {
        let (mut sent, mut filing) = (self.sent_record(peer)?, Filing::default());
        let Some((session, _)) = sent.value.forgot.take() else {
            return Ok(()); // another process was faster
        };
        if self.may_repeat(peer)? {
            let session = SessionId::from_bytes(session);
            let is_all = self.is_complete(session);
            let said = Said { session, names: &[], is_first: false, is_all };
            let held = Acknowledged::default();
            self.answer_resend(peer, &said, &held, &mut sent.value, &mut filing)?;
        }
        filing.changes.push(sent.put()?);
        self.file_away(filing)
    }
}
