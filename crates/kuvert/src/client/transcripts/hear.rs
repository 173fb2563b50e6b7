//! What peers say about transcripts, filed.

use kuvert_core::{Received, TranscriptEvent};
use kuvert_store::Store;
use kuvert_wire::transcript::{
    Consent, Erasure, ErasureReceipt, LeafRequest, Redaction, TranscriptBody,
};
use kuvert_wire::{AccountId, Decode, DeviceId, Encode, Timestamp};

use crate::client::Client;
use crate::client::filing::Filing;
use crate::record::{self, LeavesRecord, OwedErasure, Unshown};
use crate::{Carrier, Error};

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

    /// Files a frame of type 5. What asks for something is noted, if it stands in the peer's log of a
    /// transcript with somebody who is accepted here: strangers get nothing by themselves.
    pub(in crate::client) fn file_transcript(
        &self,
        peer: &AccountId,
        received: &Received,
        at: Timestamp,
        filing: &mut Filing,
    ) -> Result<(), Error> {
        let is_logged = received.conversation.is_some();
        match TranscriptBody::decode(&received.frame.body) {
            Ok(TranscriptBody::LeafRequest(request)) => self.owe_leaves(peer, request, filing),
            Ok(TranscriptBody::Redaction(redaction)) => {
                self.owe_erasure(peer, received, &redaction, filing)
            }
            Ok(TranscriptBody::ErasureReceipt(receipt)) if is_logged => {
                self.file_event(peer, answered(&receipt, at), filing)
            }
            Ok(TranscriptBody::Consent(consent)) if is_logged => {
                self.file_event(peer, consented(&consent, at), filing)
            }
            _ => Ok(()), // the device has done what there was to do
        }
    }

    fn owe_leaves(
        &self,
        peer: &AccountId,
        LeafRequest { seq, count }: LeafRequest,
        filing: &mut Filing,
    ) -> Result<(), Error> {
        if !self.peers_with_transcripts()?.contains(peer) {
            return Ok(());
        }
        let mut owed =
            record::read_or_new::<LeavesRecord, _>(&self.store, record::leaves_key(peer))?;
        owed.value = LeavesRecord { seq, count };
        filing.changes.push(owed.put()?);
        Ok(())
    }

    fn owe_erasure(
        &self,
        peer: &AccountId,
        received: &Received,
        redaction: &Redaction,
        filing: &mut Filing,
    ) -> Result<(), Error> {
        let place = received.conversation.zip(received.frame.block.as_deref());
        let Some((conversation, block)) = place else { return Ok(()) };
        let key = record::owed_erasure_key(peer, &conversation, block.seq);
        if self.store.get(&key)?.is_none() {
            let conversation = *conversation.as_bytes();
            let owed = OwedErasure { conversation, seq: block.seq, redaction: redaction.encode() };
            filing.changes.push(record::insert(key, &owed)?);
        }
        Ok(())
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
