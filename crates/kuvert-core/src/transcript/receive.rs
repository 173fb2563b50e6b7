//! What the peer says is put in order and checked against what both have said before.
//!
//! ```text
//! leaf  next in order          ▶ appended, then those that waited for it
//!       further on             ▶ waits: Gap
//!       at a place taken       ▶ fills a bare leaf that agrees, else Fork
//! head  over what has come     ▶ compared with the trees built here
//!       over more              ▶ waits
//! ```
//! Nothing here refuses a message: what does not fit is a finding, and evidence is kept.
//!
//! # Spec
//!
//! `spec/06-transcript.md`, "Findings"; checks TRA-10 to TRA-20.

use alloc::vec::Vec;
use core::time::Duration;

use kuvert_wire::transcript::{
    Block, HeadClaim, Leaf, Redaction, SealedHead, TranscriptBody, TreeHash,
};
use kuvert_wire::{MessageId, Timestamp};

use super::commitment::Logged;
use super::entry::Kept;
use super::finding::{Evidence, Finding};
use super::fork::contradict;
use super::running::{Advance, Draft, Name, Transcript, earlier};
use super::tree::leaf_hash;
use super::waiting::Arrived;
use crate::record::Version;

/// Entries behind the peer's latest head that are still told from others in their place.
const TELLABLE: u64 = 32;
/// Entries held back at most, and bare leaves that still lack their message.
pub const MAX_WAITING: usize = 1000;
/// How long an entry is held back.
pub const WAITING_AGE: Duration = Duration::from_secs(30 * 24 * 3600);
/// Findings that are recorded at most: 40 that are no forks, 50 forks, and 10 that are proof to others.
/// Each kind has places of its own, so that none crowds out another. Later ones are still reported.
pub const MAX_FINDINGS: usize = 100;

impl Transcript {
    /// Takes up a message of the peer's that carried `block`, sent at `sent` by its frame. The same
    /// message again changes nothing.
    pub fn receive(
        &self,
        logged: &Logged<'_>,
        sent: Timestamp,
        block: &Block,
        now: Timestamp,
    ) -> Advance {
        let mut draft = Draft::of(self.clone());
        if let Some(arrived) = Arrived::message(logged, sent, block, now) {
            draft.take(arrived, now);
        }
        draft.finish()
    }

    /// Whether a block refers to what we have said in this conversation.
    #[must_use]
    pub fn is_named_in(&self, block: &Block) -> bool {
        block.seen > 0 && self.own.log.last_of(block.seen) == Some(block.seen_hash)
    }

    /// Whether nothing that is remembered here speaks against a message of the peer's with this block: it
    /// goes on with its log and with what it had seen, or is too old to tell.
    #[must_use]
    pub fn may_have(&self, logged: &Logged<'_>, sent: Timestamp, block: &Block) -> bool {
        let (theirs, ours) = (&self.peer.log, &self.own.log);
        let is_seen = ours.last_of(block.seen).is_none_or(|hash| hash == block.seen_hash);
        if block.seq < theirs.size() {
            let arrived = Arrived::message(logged, sent, block, sent);
            let is_there = arrived.and_then(|arrived| self.is_at_its_place(&arrived));
            return is_seen && is_there.unwrap_or(true);
        }
        // Until it has seen something of ours, or a head, each message of the peer's has a head itself.
        let is_told = block.head.is_some() || block.seen > 0 || self.own.head.is_some();
        is_seen && is_told && block.seen >= self.peer.seen && block.seen <= ours.size()
    }

    /// Whether a message with a block stands in the peer's log here, as far as that is remembered.
    #[must_use]
    pub fn has(&self, logged: &Logged<'_>, sent: Timestamp, block: &Block) -> bool {
        let Some(arrived) = Arrived::message(logged, sent, block, sent) else { return false };
        let is_bare = self.bare.get(&block.seq).is_some_and(|leaf| arrived.agrees_with(leaf));
        let waiting = self.waiting.get(&block.seq);
        is_bare
            || waiting.is_some_and(|waiting| waiting.agrees(&arrived))
            || self.is_at_its_place(&arrived) == Some(true)
    }

    /// Whether it is what stands at its number; `None` if nothing does, or it is too old to tell.
    fn is_at_its_place(&self, arrived: &Arrived) -> Option<bool> {
        let log = &self.peer.log;
        let prev = log.last_of(arrived.seq)?;
        let hash = log.last_of(arrived.seq.checked_add(1)?)?;
        Some(leaf_hash(&self.leaf_of(arrived, prev)) == hash)
    }

    /// Whether a head is authentic as the peer's, in this conversation.
    #[must_use]
    pub fn is_theirs(&self, head: &SealedHead) -> bool {
        self.fixed.conversation.is_authentic(self.fixed.our.other(), head)
    }

    /// Whether entry `seq` of the peer's is here and waits for those before it.
    #[must_use]
    pub fn is_waiting(&self, seq: u64) -> bool {
        self.waiting.contains_key(&seq)
    }

    /// Level 1 for a message of the peer's that still waits for those before it; as
    /// [`Entry::erased`](super::Entry::erased). `None` if no such message waits.
    #[must_use]
    pub fn erase_waiting(&self, message: &MessageId, body: &[u8], mask: u16) -> Option<Advance> {
        let is_it = |arrived: &&Arrived| {
            arrived.kept.as_ref().is_some_and(|kept| kept.message_id == *message)
        };
        let arrived = self.waiting.values().find(is_it)?;
        let kept = arrived.kept.as_ref()?.erased(&arrived.cm, body, mask)?;
        let mut draft = Draft::of(self.clone());
        let seq = arrived.seq;
        draft.next.waiting.get_mut(&seq)?.kept = Some(kept);
        draft.touch(Name::Waiting(seq));
        Some(draft.finish())
    }

    /// Takes up a leaf that the peer sent without its message, because we asked for it.
    pub fn receive_leaf(&self, leaf: &Leaf, now: Timestamp) -> Advance {
        let mut draft = Draft::of(self.clone());
        let theirs = self.fixed.our.other();
        let is_theirs = leaf.conversation == *self.id()
            && leaf.device == *self.fixed.conversation.device(theirs);
        if !is_theirs {
            draft.fork(leaf.seq, Evidence::Leaf(*leaf), now); // TRA-19
        } else if leaf.seq >= self.peer.log.size() {
            draft.take(Arrived::bare(leaf, now), now);
        }
        draft.finish()
    }

    /// Takes up a head that the peer sent by itself.
    pub fn receive_head(&self, head: &SealedHead, now: Timestamp) -> Advance {
        let mut draft = Draft::of(self.clone());
        draft.take_head(head, now);
        draft.finish()
    }

    fn leaf_of(&self, arrived: &Arrived, prev: TreeHash) -> Leaf {
        let fixed = &self.fixed;
        Leaf {
            conversation: *fixed.conversation.id(),
            device: *fixed.conversation.device(fixed.our.other()),
            seq: arrived.seq,
            prev,
            seen: arrived.seen,
            seen_hash: arrived.seen_hash,
            time: arrived.time,
            cm: arrived.cm,
        }
    }

    /// Drops what has waited for more than 30 days; `None` if there is nothing.
    #[must_use]
    pub fn tidy(&self, now: Timestamp) -> Option<Advance> {
        let is_old = |arrived: &Arrived| now.since(arrived.at) > WAITING_AGE; // TRA-20
        let waiting = self.waiting.iter().filter(|(_, arrived)| is_old(arrived));
        let old: Vec<u64> = waiting.map(|(seq, _)| *seq).collect();
        let mut draft = Draft::of(self.clone());
        old.iter().for_each(|seq| draft.lose(*seq, now));
        (!old.is_empty()).then(|| draft.finish())
    }
}

impl Draft {
    pub(super) fn take(&mut self, arrived: Arrived, now: Timestamp) {
        let (seq, size) = (arrived.seq, self.next.peer.log.size());
        if seq < size {
            return self.take_late(arrived, now);
        }
        if seq > size {
            return self.hold(arrived, now);
        }
        self.accept(arrived, now);
        while let Some(next) = self.next.waiting.remove(&self.next.peer.log.size()) {
            self.touch(Name::Waiting(next.seq));
            if !self.accept(next, now) {
                break;
            }
        }
    }

    /// Its place is taken: by its own leaf that came before it, or by something else.
    fn take_late(&mut self, arrived: Arrived, now: Timestamp) {
        let seq = arrived.seq;
        let bare = self.next.bare.get(&seq).copied();
        match bare.filter(|leaf| arrived.agrees_with(leaf)) {
            Some(leaf) => {
                self.put_entry(&leaf, arrived.kept, Version::ABSENT.next());
                self.next.bare.remove(&seq);
                self.touch(Name::Bare(seq));
                arrived.head.iter().for_each(|head| self.take_head(head, now));
            }
            None if bare.is_none() && self.next.is_at_its_place(&arrived).unwrap_or(true) => {}
            None => {
                let leaf = self.leaf_of(&arrived, bare.map_or(TreeHash::NONE, |leaf| leaf.prev));
                self.fork(seq, Evidence::Leaf(leaf), now); // TRA-11
            }
        }
    }

    /// Something before it is missing.
    fn hold(&mut self, arrived: Arrived, now: Timestamp) {
        let seq = arrived.seq;
        if let Some(held) = self.next.waiting.get(&seq) {
            if !held.agrees(&arrived) {
                let leaf = self.leaf_of(&arrived, TreeHash::NONE);
                return self.fork(seq, Evidence::Leaf(leaf), now); // TRA-11
            }
            if held.kept.is_some() {
                return;
            }
        }
        if self.next.waiting.is_empty() {
            let first = self.next.peer.log.size();
            self.next.peer.asked = now;
            self.touch(Name::Peer);
            self.report(Finding::Gap { first, count: seq - first }, now); // TRA-10
        }
        self.next.waiting.insert(seq, arrived);
        self.touch(Name::Waiting(seq));
        if self.next.waiting.len() > MAX_WAITING {
            // The furthest goes: the nearest are the ones that a filled gap takes up first.
            let furthest = self.next.waiting.last_key_value().map(|(seq, _)| *seq);
            furthest.into_iter().for_each(|seq| self.lose(seq, now)); // TRA-20
        }
    }

    fn lose(&mut self, seq: u64, now: Timestamp) {
        self.next.waiting.remove(&seq);
        self.touch(Name::Waiting(seq));
        self.report(Finding::Lost { seq }, now);
    }

    /// Appends the next leaf of the peer's log; false if it does not follow the one before.
    fn accept(&mut self, arrived: Arrived, now: Timestamp) -> bool {
        let prev = self.next.peer.log.last();
        let leaf = self.leaf_of(&arrived, prev);
        if arrived.prev.is_some_and(|claimed| claimed != prev) {
            let claimed = Leaf { prev: arrived.prev.unwrap_or(prev), ..leaf };
            self.fork(arrived.seq, Evidence::Leaf(claimed), now); // TRA-19
            return false;
        }
        self.check_seen(&leaf, now);
        self.check_number(&leaf, arrived.kept.as_ref(), now);
        self.next.peer.log.push(leaf_hash(&leaf));
        self.next.peer.uncovered = Some(earlier(self.next.peer.uncovered, now));
        self.touch(Name::Peer);
        if arrived.kept.is_none() {
            self.note_bare(leaf);
        }
        self.put_entry(&leaf, arrived.kept, Version::ABSENT);
        arrived.head.iter().for_each(|head| self.take_head(head, now));
        let size = self.next.peer.log.size();
        if let Some(held) = self.next.peer.held.filter(|held| held.claim.own.size <= size) {
            self.next.peer.held = None;
            self.take_head(&held, now);
        }
        true
    }

    fn note_bare(&mut self, leaf: Leaf) {
        self.next.bare.insert(leaf.seq, leaf);
        self.touch(Name::Bare(leaf.seq));
        if self.next.bare.len() > MAX_WAITING
            && let Some((oldest, _)) = self.next.bare.pop_first()
        {
            self.touch(Name::Bare(oldest));
        }
    }

    /// Redactions are counted, so that none can be left out.
    fn check_number(&mut self, leaf: &Leaf, kept: Option<&Kept>, now: Timestamp) {
        let notice = kept.and_then(|kept| kept.logged(&kept.notice).notice());
        let Some(TranscriptBody::Redaction(Redaction { number, .. })) = notice else { return };
        if number <= self.next.peer.redactions {
            self.fork(leaf.seq, Evidence::Leaf(*leaf), now); // TRA-46
        }
        self.next.peer.redactions = self.next.peer.redactions.max(number);
    }

    /// What the peer says to have seen is what we said.
    fn check_seen(&mut self, leaf: &Leaf, now: Timestamp) {
        let (seen, ours) = (leaf.seen, &self.next.own.log);
        if seen < self.next.peer.seen {
            return self.report(Finding::Rollback { ours: false }, now); // TRA-13
        }
        if seen > ours.size() {
            return self.report(Finding::Rollback { ours: true }, now); // TRA-14
        }
        if ours.last_of(seen).is_some_and(|hash| hash != leaf.seen_hash) {
            self.fork(leaf.seq, Evidence::Leaf(*leaf), now); // TRA-12
        }
        self.next.peer.seen = seen;
    }

    fn take_head(&mut self, head: &SealedHead, now: Timestamp) {
        let fixed = &self.next.fixed;
        if !fixed.conversation.is_authentic(fixed.our.other(), head) {
            return self.report(Finding::BadHead { head: *head }, now); // TRA-15
        }
        if head.claim.own.size > self.next.peer.log.size() {
            let held = self.next.peer.held.map_or(0, |held| held.claim.own.size);
            if head.claim.own.size > held {
                self.next.peer.held = Some(*head);
                self.touch(Name::Peer);
            }
            return;
        }
        let latest = self.next.peer.head;
        if let Some(latest) = latest.filter(|latest| contradict(&latest.claim, &head.claim)) {
            let evidence = Evidence::Heads(latest, *head);
            return self.fork(head.claim.own.size, evidence, now); // TRA-18
        }
        if self.fits_both_logs(head, now) {
            self.keep_head(head, latest.as_ref(), now);
        }
    }

    fn fits_both_logs(&mut self, head: &SealedHead, now: Timestamp) -> bool {
        let HeadClaim { own, peer, .. } = head.claim;
        let (theirs, ours) = (&self.next.peer.log, &self.next.own.log);
        let roots = (theirs.root_at(own.size), ours.root_at(peer.size));
        if roots.0.is_some_and(|root| root != own.root) {
            self.report(Finding::BadHead { head: *head }, now); // TRA-16
        } else if peer.size > ours.size() {
            self.report(Finding::Rollback { ours: true }, now); // TRA-14
        } else if roots.1.is_some_and(|root| root != peer.root) {
            self.fork(own.size, Evidence::Head(*head), now); // TRA-17
        }
        // What is too old to be compared is not kept either: an export must not rest on it.
        roots == (Some(own.root), Some(peer.root))
    }

    /// A head over less than the latest is a late one, unless it claims to be newer.
    fn keep_head(&mut self, head: &SealedHead, latest: Option<&SealedHead>, now: Timestamp) {
        let sizes = |head: &SealedHead| (head.claim.own.size, head.claim.peer.size);
        let is_less = latest.is_some_and(|latest| sizes(head) < sizes(latest));
        if is_less {
            if latest.is_some_and(|latest| head.claim.time > latest.claim.time) {
                self.report(Finding::Rollback { ours: false }, now); // TRA-13
            }
            return;
        }
        self.next.peer.head = Some(*head);
        self.next.peer.log.forget_before(head.claim.own.size.saturating_sub(TELLABLE));
        self.touch(Name::Peer);
    }

    fn leaf_of(&self, arrived: &Arrived, prev: TreeHash) -> Leaf {
        self.next.leaf_of(arrived, prev)
    }

    fn fork(&mut self, seq: u64, evidence: Evidence, now: Timestamp) {
        self.report(Finding::Fork { seq, evidence }, now);
    }

    fn report(&mut self, finding: Finding, now: Timestamp) {
        self.found.push(finding);
        let number = self.next.findings.last_key_value().map_or(0, |(last, _)| last + 1);
        let places = places_of(&finding);
        let alike = self.next.findings.values().filter(|(_, other)| places_of(other) == places);
        if alike.count() < places {
            self.next.findings.insert(number, (now, finding));
            self.touch(Name::Finding(number));
        }
    }
}

/// How many of its kind are recorded.
const fn places_of(finding: &Finding) -> usize {
    match finding {
        Finding::Fork { evidence: Evidence::Heads(..), .. } => 10,
        Finding::Fork { .. } => 50,
        _ => 40,
    }
}
