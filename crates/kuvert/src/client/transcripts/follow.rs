//! Redactions of the peer's: followed as far as the policy here says, and answered.
//!
//! What is erased and the receipt that says so go into one batch. A redaction of an entry that still
//! waits for those before it waits as well.

use std::collections::BTreeSet;

use kuvert_core::transcript::{Entry, Transcript};
use kuvert_core::{Content, Key};
use kuvert_store::Store;
use kuvert_wire::transcript::{
    ConversationId, Erasure, ErasureReceipt, LogSide, Redaction, Target,
};
use kuvert_wire::{AccountId, Decode, MessageId};

use super::redact::{Erasing, Found};
use crate::client::{Client, lock};
use crate::record::{self, OwedErasure, Unshown, Versioned};
use crate::{Carrier, Error};

/// Entries that one redaction reaches at most: beyond, it is refused.
const MAX_ENTRIES: u64 = 4096;

/// Which redactions of a peer's are followed without asking a person.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErasurePolicy {
    /// None: each is answered with a refusal.
    Nothing,
    /// Of what the peer itself has said.
    #[default]
    Theirs,
    /// Of what was said here as well.
    Everything,
}

/// What is done about one redaction.
struct Followed {
    ids: Vec<MessageId>,
    results: Vec<Erasure>,
}

impl<S: Store, T: Carrier> Client<S, T> {
    /// Says which redactions of peers are followed from now on, in this process.
    pub const fn set_erasure_policy(&mut self, policy: ErasurePolicy) {
        self.erasure_policy = policy;
    }

    /// Does what a redaction asks for, and answers it, unless it has to wait.
    pub(super) fn follow(&mut self, peer: &AccountId, key: &Key) -> Result<(), Error> {
        let owed = record::read::<OwedErasure, _>(&self.store, key)?;
        let Some(owed) = owed.filter(|_| self.require_settled(peer).is_ok()) else {
            return Ok(());
        };
        let redaction = Redaction::decode(&owed.value.redaction);
        let redaction = redaction.map_err(|_| record::damaged(key))?;
        let Some(transcript) = self.transcript_named(peer, &owed.value.conversation) else {
            return self.apply_relaxed([owed.delete()]);
        };
        if is_waiting(&transcript, &redaction) {
            return Ok(());
        }
        self.announce_if_due(peer)?;
        let mut erasing = Erasing::begin(self.sent_record(peer)?);
        let followed = self.follow_all(peer, &transcript, &redaction, &mut erasing)?;
        self.say_followed(peer, &owed, &redaction, followed, erasing)
    }

    fn say_followed(
        &mut self,
        peer: &AccountId,
        owed: &Versioned<OwedErasure>,
        redaction: &Redaction,
        Followed { ids, results }: Followed,
        erasing: Erasing,
    ) -> Result<(), Error> {
        let mut filing = erasing.finish()?;
        filing.changes.push(owed.delete());
        if !ids.is_empty() {
            filing.changes.push(self.owe_scrub()?);
            let at = self.now().as_millis();
            let ids = ids.iter().map(|id| *id.as_bytes()).collect();
            let (reason, policy) = (redaction.reason.code(), redaction.policy.as_str().to_owned());
            self.file_event(peer, Unshown::Redacted { at, ids, reason, policy }, &mut filing)?;
        }
        let place = self.number(&mut filing)?;
        let policy = redaction.policy.clone();
        let receipt = ErasureReceipt { seq: owed.value.seq, policy, results };
        self.seal_as(place, peer, &Content::erasure_receipt(&receipt), filing.changes)?;
        self.unshown.extend(filing.events);
        Ok(())
    }

    fn transcript_named(&self, peer: &AccountId, name: &[u8; 32]) -> Option<Transcript> {
        let name = ConversationId::from_bytes(*name);
        let device = lock(&self.device);
        let their = device.peer_of_account(peer)?.device_id();
        device.transcripts(&their).into_iter().find(|log| *log.id() == name).cloned()
    }

    fn follow_all(
        &self,
        peer: &AccountId,
        transcript: &Transcript,
        redaction: &Redaction,
        erasing: &mut Erasing,
    ) -> Result<Followed, Error> {
        let mut followed = Followed { ids: Vec::new(), results: Vec::new() };
        let (mut left, mut seen) = (MAX_ENTRIES, BTreeSet::new());
        for target in &redaction.targets {
            let reach = reach_of(transcript, target);
            if !self.is_followed(target.log) || reach.end - reach.start > left {
                followed.results.push(Erasure::Refused);
                continue;
            }
            left -= reach.end - reach.start;
            let (mut erased, mut held) = (0, 0);
            for seq in reach.filter(|seq| seen.insert((target.log.code(), *seq))) {
                let Some(entry) = self.entry_in(transcript, target.log, seq)? else { continue };
                held += u64::from(entry.1.is_open());
                if let Some(id) = self.erase_entry(peer, entry, target.parts, erasing)? {
                    followed.ids.push(id);
                    erased += 1;
                }
            }
            followed.results.push(result_of(erased, held));
        }
        Ok(followed)
    }

    const fn is_followed(&self, log: LogSide) -> bool {
        matches!(
            (self.erasure_policy, log),
            (ErasurePolicy::Everything, _) | (ErasurePolicy::Theirs, LogSide::Sender)
        )
    }

    fn entry_in(
        &self,
        transcript: &Transcript,
        log: LogSide,
        seq: u64,
    ) -> Result<Option<Found>, Error> {
        let ours = transcript.our_side();
        let side = if log == LogSide::Sender { ours.other() } else { ours };
        let key = Entry::key(transcript.id(), transcript.conversation().device(side), seq);
        let Some(found) = self.store.get(&key)? else { return Ok(None) };
        let entry = Entry::decode(&found.value).map_err(|_| record::damaged(&key))?;
        Ok(Some((found, entry, log != LogSide::Sender)))
    }
}

/// The entries of a target that there are.
fn reach_of(transcript: &Transcript, target: &Target) -> core::ops::Range<u64> {
    let (ours, theirs) = transcript.sizes();
    let size = if target.log == LogSide::Sender { theirs } else { ours };
    let end = target.first.saturating_add(target.count.into()).min(size);
    target.first.min(end)..end
}

/// Whether something that is to be erased is here, and waits for what was said before it.
fn is_waiting(transcript: &Transcript, redaction: &Redaction) -> bool {
    let theirs = redaction.targets.iter().filter(|target| target.log == LogSide::Sender);
    let mut seqs = theirs.flat_map(|target| {
        let count = u64::from(target.count).min(MAX_ENTRIES);
        target.first..target.first.saturating_add(count)
    });
    seqs.any(|seq| transcript.is_waiting(seq))
}

const fn result_of(erased: u64, held: u64) -> Erasure {
    match (erased, held) {
        (_, 0) => Erasure::NotHeld,
        (erased, held) if erased == held => Erasure::Erased,
        (0, _) => Erasure::Refused,
        _ => Erasure::Partly,
    }
}
