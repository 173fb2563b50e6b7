//! What peers say about transcripts, filed.

use kuvert_core::transcript::Entry;
use kuvert_core::{Received, TranscriptEvent};
use kuvert_store::Store;
use kuvert_wire::transcript::{
    Consent, Erasure, ErasureReceipt, LogSide, Redaction, Target, TranscriptBody,
};
use kuvert_wire::{AccountId, Decode, DeviceId, Encode, MessageId, Timestamp};

use super::Erased;
use crate::client::filing::Filing;
use crate::client::{Client, lock};
use crate::record::{self, LeavesRecord, OwedErasure, SentRecord, Unshown, Versioned};
use crate::{Carrier, Error};

/// Entries of one redaction that are looked at; it takes more only from who wants to be slow.
const MAX_ENTRIES: u64 = 4096;

impl<S: Store, T: Carrier> Client<S, T> {
    /// Files what the device has found out.
    pub(in crate::client) fn file_transcript_event(
        &self,
        device: &DeviceId,
        event: &TranscriptEvent,
        at: Timestamp,
        filing: &mut Filing,
    ) -> Result<(), Error> {
        let event = event.encode();
        self.tell(device, Unshown::Transcript { at: at.as_millis(), event }, filing)
    }

    /// Files a frame of type 5.
    pub(in crate::client) fn file_transcript(
        &mut self,
        peer: &AccountId,
        received: &Received,
        at: Timestamp,
        sent: &mut SentRecord,
        filing: &mut Filing,
    ) -> Result<(), Error> {
        match TranscriptBody::decode(&received.frame.body) {
            Ok(TranscriptBody::LeafRequest(request)) => {
                let value = LeavesRecord { seq: request.seq, count: request.count };
                let mut owed = record::read_or_new(&self.store, record::leaves_key(peer))?;
                owed.value = value;
                filing.changes.push(owed.put()?);
                Ok(())
            }
            Ok(TranscriptBody::Redaction(redaction)) => {
                self.honour(peer, received, (&redaction, at), sent, filing)
            }
            Ok(TranscriptBody::ErasureReceipt(receipt)) => {
                self.file_event(peer, answered(&receipt, at), filing)
            }
            Ok(TranscriptBody::Consent(consent)) => {
                self.file_event(peer, consented(&consent, at), filing)
            }
            _ => Ok(()), // the device has done what there was to do
        }
    }

    /// Erases what the peer has erased, and owes it an answer.
    fn honour(
        &mut self,
        peer: &AccountId,
        received: &Received,
        (redaction, at): (&Redaction, Timestamp),
        sent: &mut SentRecord,
        filing: &mut Filing,
    ) -> Result<(), Error> {
        let Some(block) = received.frame.block.as_deref() else { return Ok(()) };
        let owed_key = record::owed_erasure_key(peer, block.seq);
        if self.store.get(&owed_key)?.is_some() {
            return Ok(()); // it came again
        }
        self.number(filing)?;
        let (mut ids, mut results) = (Vec::new(), Vec::new());
        for target in &redaction.targets {
            let erased = self.erase_target(peer, (&received.peer, target), sent, filing)?;
            results.push(result_of(&erased).code());
            ids.extend(erased.into_iter().flatten());
        }
        let policy = redaction.policy.as_str().to_owned();
        let owed = OwedErasure { seq: block.seq, policy: policy.clone(), results };
        filing.changes.push(Versioned::new(owed_key, owed).put()?);
        filing.changes.extend(self.owe_scrub()?);
        let ids = ids.iter().map(|id| *id.as_bytes()).collect();
        let reason = redaction.reason.code();
        self.file_event(peer, Unshown::Redacted { at: at.as_millis(), ids, reason, policy }, filing)
    }

    /// The messages of a target that were erased; `None` for an entry that is not held, or has nothing
    /// left to erase.
    fn erase_target(
        &self,
        peer: &AccountId,
        (their, target): (&DeviceId, &Target),
        sent: &mut SentRecord,
        filing: &mut Filing,
    ) -> Result<Vec<Option<MessageId>>, Error> {
        let mut erased = Vec::new();
        let count = u64::from(target.count).min(MAX_ENTRIES);
        for seq in target.first..target.first.saturating_add(count) {
            let entry = self.entry_of(their, target.log, seq)?;
            let done = match entry {
                Some(entry) => self.erase_entry(peer, entry, target.parts, sent, filing)?,
                None => None,
            };
            erased.push(done.map(|Erased { id }| id));
        }
        Ok(erased)
    }

    /// Entry `seq` of the newest transcript with a device in which there is one.
    fn entry_of(
        &self,
        their: &DeviceId,
        log: LogSide,
        seq: u64,
    ) -> Result<Option<(kuvert_core::Record, Entry)>, Error> {
        let keys: Vec<_> = {
            let device = lock(&self.device);
            let key = |log_of: &kuvert_core::transcript::Transcript| {
                let ours = log_of.our_side();
                let side = if log == LogSide::Sender { ours.other() } else { ours };
                Entry::key(log_of.id(), log_of.conversation().device(side), seq)
            };
            device.transcripts(their).into_iter().rev().map(key).collect()
        };
        for key in keys {
            if let Some(record) = self.store.get(&key)? {
                let entry = Entry::decode(&record.value).map_err(|_| record::damaged(&key))?;
                return Ok(Some((record, entry)));
            }
        }
        Ok(None)
    }
}

fn result_of(erased: &[Option<MessageId>]) -> Erasure {
    let done = erased.iter().flatten().count();
    match done {
        0 => Erasure::NotHeld,
        _ if done == erased.len() => Erasure::Erased,
        _ => Erasure::Partly,
    }
}

fn answered(receipt: &ErasureReceipt, at: Timestamp) -> Unshown {
    let is_gone = |result: &&Erasure| matches!(result, Erasure::Erased | Erasure::NotHeld);
    let gone = receipt.results.iter().filter(is_gone).count();
    let kept = receipt.results.len() - gone;
    let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    Unshown::ErasureAnswered { at: at.as_millis(), erased: number(gone), kept: number(kept) }
}

fn consented(consent: &Consent, at: Timestamp) -> Unshown {
    Unshown::Consent { at: at.as_millis(), consent: consent.encode() }
}
