//! A transcript with one peer while it runs, and after: what is said is appended, what is heard is
//! checked.
//!
//! ```text
//! append ─▶ block with the message            receive ─▶ findings
//! seal   ─▶ head, due with every 32nd message, with all until     drain: what waited for a missing entry is taken up in order
//!           the peer has spoken, with every notice, and an hour after the first uncovered entry
//! ```
//!
//! Nothing is changed in place: each operation gives the transcript after it and the records that
//! change, to be made durable in the same batch as the session's. Appending writes one new entry and
//! one small record.
//!
//! # Spec
//!
//! `spec/06-transcript.md`, "Logs and trees", "Heads" and "Findings".

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use kuvert_wire::transcript::{
    Block, ConversationId, HeadClaim, Leaf, LeafRequest, MAX_LEAF_REQUEST, Mode, Salt, SealedHead,
    TranscriptBody,
};
use kuvert_wire::{Encode, FrameType, Timestamp};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use super::commitment::{Logged, Openings, commitment_to_all};
use super::conversation::{Conversation, Side, SpeakerKey};
use super::entry::{Entry, Kept, State};
use super::finding::Finding;
use super::log::Log;
use super::tree::leaf_hash;
use super::waiting::Arrived;
use crate::error::ProtocolError;
use crate::record::{Change, Version};

/// A head goes with every so-many-th own message.
pub const HEAD_EVERY: u64 = 32;
/// A head is due when so many of the peer's messages are not acknowledged by one.
pub const ACKNOWLEDGE_EVERY: u64 = 256;
/// A head is due when something has not been covered by one for so long.
pub const HEAD_AFTER: Duration = Duration::from_secs(3600);
/// Missing entries are asked for again after this time.
const ASK_AFTER: Duration = Duration::from_secs(600);

/// One conversation under a transcript, as one of its two devices keeps it.
#[derive(Clone, Debug)]
pub struct Transcript {
    pub(super) fixed: Arc<Fixed>,
    pub(super) own: Own,
    pub(super) peer: Peer,
    /// Entries of the peer's that came before others, by number.
    pub(super) waiting: BTreeMap<u64, Arrived>,
    /// Leaves of the peer's that came without their messages.
    pub(super) bare: BTreeMap<u64, Leaf>,
    pub(super) findings: BTreeMap<u32, (Timestamp, Finding)>,
    pub(super) versions: BTreeMap<Name, Version>,
}

/// What never changes.
#[derive(Debug)]
pub(super) struct Fixed {
    pub(super) conversation: Conversation,
    pub(super) our: Side,
    pub(super) key: SpeakerKey,
    /// When the peer says it began: what it sent before belongs to an earlier conversation.
    pub(super) their_start: Timestamp,
}

/// What changes with what we say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Own {
    pub(super) log: Log,
    pub(super) head: Option<SealedHead>,
    /// Since when something of either log is not covered by a head of ours.
    pub(super) uncovered: Option<Timestamp>,
    pub(super) redactions: u32,
    pub(super) ended: bool,
}

/// What changes with what the peer says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Peer {
    pub(super) log: Log,
    /// The most of our leaves that the peer has said to know.
    pub(super) seen: u64,
    pub(super) head: Option<SealedHead>,
    /// A head over more than has come yet.
    pub(super) held: Option<SealedHead>,
    /// Since when something of the peer's is not covered by a head of ours.
    pub(super) uncovered: Option<Timestamp>,
    /// When missing entries were last asked for.
    pub(super) asked: Timestamp,
    /// The highest number of a redaction of the peer's.
    pub(super) redactions: u32,
}

impl Peer {
    /// Whether it has shown that it is in this conversation.
    fn has_spoken(&self) -> bool {
        self.log.size() > 0 || self.head.is_some() || self.held.is_some()
    }
}

/// A record of a transcript.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Name {
    Fixed,
    Own,
    Peer,
    Waiting(u64),
    Bare(u64),
    Finding(u32),
}

/// The transcript after an operation. To be adopted once `changes` are durable.
#[derive(Debug)]
#[must_use = "nothing has happened until the changes are durable"]
pub struct Advance {
    /// The transcript after it.
    pub next: Transcript,
    /// The records that change.
    pub changes: Vec<Change>,
    /// What was found on the way; up to 100 are recorded as well.
    pub findings: Vec<Finding>,
}

impl Transcript {
    /// A conversation that both have just agreed to, and what of it came before the peer's start.
    pub(super) fn begin(
        fixed: Fixed,
        early: impl IntoIterator<Item = Arrived>,
        now: Timestamp,
    ) -> Advance {
        let mut draft = Draft::of(Self::empty(Arc::new(fixed)));
        draft.touch(Name::Fixed);
        early.into_iter().for_each(|arrived| draft.take(arrived, now));
        draft.finish()
    }

    pub(super) fn empty(fixed: Arc<Fixed>) -> Self {
        Self {
            fixed,
            own: Own::default(),
            peer: Peer::default(),
            waiting: BTreeMap::new(),
            bare: BTreeMap::new(),
            findings: BTreeMap::new(),
            versions: BTreeMap::new(),
        }
    }

    /// Its name.
    #[must_use]
    pub fn id(&self) -> &ConversationId {
        self.fixed.conversation.id()
    }

    /// What it proves.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.fixed.conversation.mode()
    }

    /// Who takes part.
    #[must_use]
    pub fn conversation(&self) -> &Conversation {
        &self.fixed.conversation
    }

    /// Which of the two we are.
    #[must_use]
    pub fn our_side(&self) -> Side {
        self.fixed.our
    }

    /// When the peer says it began. A frame with a block that was sent before belongs to the
    /// conversation before this one.
    #[must_use]
    pub fn their_start(&self) -> Timestamp {
        self.fixed.their_start
    }

    /// Entries of our log, and of the peer's without a gap.
    #[must_use]
    pub const fn sizes(&self) -> (u64, u64) {
        (self.own.log.size(), self.peer.log.size())
    }

    /// The latest head of a side, if there is one: all that an export can prove rests on these.
    #[must_use]
    pub fn head(&self, side: Side) -> Option<&SealedHead> {
        if side == self.fixed.our { self.own.head.as_ref() } else { self.peer.head.as_ref() }
    }

    /// Whether one of the two has stopped it. It still receives what was under way.
    #[must_use]
    pub const fn is_ended(&self) -> bool {
        self.own.ended
    }

    /// How many redactions we have announced.
    #[must_use]
    pub const fn redaction_count(&self) -> u32 {
        self.own.redactions
    }

    /// What was found so far, oldest first, and when; 100 at most.
    pub fn findings(&self) -> impl Iterator<Item = &(Timestamp, Finding)> {
        self.findings.values()
    }

    /// Appends a message of ours to our log. The block goes with its frame, whose `sent` is `now`.
    ///
    /// # Errors
    ///
    /// - [`ProtocolError::Closed`]: it has ended.
    /// - [`ProtocolError::Malformed`]: frames like this are not logged.
    pub fn append<R: CryptoRng + ?Sized>(
        &self,
        logged: &Logged<'_>,
        now: Timestamp,
        rng: &mut R,
    ) -> Result<(Block, Advance), ProtocolError> {
        if self.own.ended {
            return Err(ProtocolError::Closed);
        }
        if !logged.is_loggable() {
            return Err(ProtocolError::Malformed);
        }
        let mut salt = [0; Salt::LEN];
        rng.fill_bytes(&mut salt);
        let salt = Salt::from_bytes(salt);
        let mut draft = Draft::of(self.clone());
        let leaf = draft.append(logged, salt, now)?;
        let head = draft.is_head_due_with(logged, now).then(|| draft.seal(now));
        let (seq, seen, seen_hash) = (leaf.seq, leaf.seen, leaf.seen_hash);
        Ok((Block { seq, seen, seen_hash, salt, head }, draft.finish()))
    }

    /// States both logs as they are. The head goes to the peer as a body of its own.
    pub fn seal(&self, now: Timestamp) -> (SealedHead, Advance) {
        let mut draft = Draft::of(self.clone());
        let head = draft.seal(now);
        (head, draft.finish())
    }

    /// Whether both logs are covered by our latest head.
    #[must_use]
    pub fn is_sealed(&self) -> bool {
        let head = self.own.head.map(|head| (head.claim.own.size, head.claim.peer.size));
        head.unwrap_or_default() == self.sizes()
    }

    /// When a head is due that no message has carried; `None` while both logs are covered.
    #[must_use]
    pub fn head_due(&self) -> Option<Timestamp> {
        let since = self.own.uncovered.into_iter().chain(self.peer.uncovered).min()?;
        if self.own.ended {
            return None;
        }
        let covered = self.own.head.map_or(0, |head| head.claim.peer.size);
        let is_many = self.peer.log.size().saturating_sub(covered) >= ACKNOWLEDGE_EVERY;
        Some(if is_many { since } else { since.saturating_add(HEAD_AFTER) })
    }

    /// Ends it: nothing more is appended.
    pub fn end(&self) -> Advance {
        let mut draft = Draft::of(self.clone());
        draft.next.own.ended = true;
        draft.touch(Name::Own);
        draft.finish()
    }

    /// Asks for entries that are missing, when they have been for a while and were not asked for in
    /// the last ten minutes.
    #[must_use]
    pub fn ask(&self, now: Timestamp) -> Option<(LeafRequest, Advance)> {
        let first = self.waiting.first_key_value()?.0;
        let seq = self.peer.log.size();
        let is_recent = self.peer.asked <= now && now.since(self.peer.asked) < ASK_AFTER;
        if is_recent {
            return None;
        }
        let missing = first.saturating_sub(seq).clamp(1, MAX_LEAF_REQUEST.into());
        let count = u16::try_from(missing).unwrap_or(MAX_LEAF_REQUEST);
        let mut draft = Draft::of(self.clone());
        draft.next.peer.asked = now;
        draft.touch(Name::Peer);
        Some((LeafRequest { seq, count }, draft.finish()))
    }
}

/// A transcript on its way to the next state.
pub(super) struct Draft {
    pub(super) next: Transcript,
    touched: BTreeSet<Name>,
    pub(super) entries: Vec<Change>,
    pub(super) found: Vec<Finding>,
}

impl Draft {
    pub(super) const fn of(next: Transcript) -> Self {
        Self { next, touched: BTreeSet::new(), entries: Vec::new(), found: Vec::new() }
    }

    pub(super) fn touch(&mut self, name: Name) {
        self.touched.insert(name);
    }

    /// Builds the leaf of a message of ours.
    fn append(
        &mut self,
        logged: &Logged<'_>,
        salt: Salt,
        now: Timestamp,
    ) -> Result<Leaf, ProtocolError> {
        let cm = commitment_to_all(&logged.commitments(&salt)).ok_or(ProtocolError::Malformed)?;
        let (own, peer) = (&mut self.next.own, &self.next.peer.log);
        let leaf = Leaf {
            conversation: *self.next.fixed.conversation.id(),
            device: *self.next.fixed.conversation.device(self.next.fixed.our),
            seq: own.log.size(),
            prev: own.log.last(),
            seen: peer.size(),
            seen_hash: peer.last(),
            time: now,
            cm,
        };
        own.log.forget_before(self.next.peer.seen);
        own.log.push(leaf_hash(&leaf));
        own.uncovered = Some(earlier(own.uncovered, now));
        own.redactions += u32::from(matches!(logged.notice(), Some(TranscriptBody::Redaction(_))));
        let kept = Some(Kept::new(logged, Openings::Whole(salt)));
        self.put_entry(&leaf, kept, Version::ABSENT);
        self.touch(Name::Own);
        Ok(leaf)
    }

    /// A head goes with each message until the peer has spoken: a block does not name its conversation,
    /// and who has not spoken may be in another one. It goes with a notice as well, which is then
    /// signed as soon as it is said.
    fn is_head_due_with(&self, logged: &Logged<'_>, now: Timestamp) -> bool {
        let covered = self.next.own.head.map_or(0, |head| head.claim.own.size);
        logged.frame_type == FrameType::Transcript
            || !self.next.peer.has_spoken()
            || self.next.own.log.size().saturating_sub(covered) >= HEAD_EVERY
            || self.next.head_due().is_some_and(|due| due <= now)
    }

    fn seal(&mut self, now: Timestamp) -> SealedHead {
        let fixed = &self.next.fixed;
        let (own, peer) = (self.next.own.log.head(), self.next.peer.log.head());
        let claim = HeadClaim { own, peer, time: now };
        let head = fixed.conversation.seal(fixed.our, claim, &fixed.key);
        self.next.own.head = Some(head);
        self.next.own.uncovered = None;
        self.touch(Name::Own);
        if self.next.peer.uncovered.take().is_some() {
            self.touch(Name::Peer);
        }
        head
    }

    pub(super) fn put_entry(&mut self, leaf: &Leaf, kept: Option<Kept>, expected: Version) {
        let key = Entry::key(&leaf.conversation, &leaf.device, leaf.seq);
        let value = Zeroizing::new(Entry(State::Leaf { leaf: *leaf, kept }).encode());
        self.entries.push(Change::Put { key, expected, value });
    }

    /// The transcript after it, and each record that is another one now.
    pub(super) fn finish(mut self) -> Advance {
        let mut changes = self.entries;
        for name in self.touched {
            let key = self.next.key_of(name);
            let expected = self.next.versions.get(&name).copied().unwrap_or_default();
            match self.next.encode_record(name) {
                Some(value) => {
                    self.next.versions.insert(name, expected.next());
                    changes.push(Change::Put { key, expected, value });
                }
                None if expected == Version::ABSENT => {}
                None => {
                    self.next.versions.remove(&name);
                    changes.push(Change::Delete { key, expected });
                }
            }
        }
        Advance { next: self.next, changes, findings: self.found }
    }
}

/// Since when: a clock that was ahead and has been put right does not put it off.
pub(super) fn earlier(since: Option<Timestamp>, now: Timestamp) -> Timestamp {
    since.map_or(now, |since| since.min(now))
}
