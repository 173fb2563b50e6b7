//! Delivery receipts: batched, late by chance, and only for accepted peers.
//!
//! What has arrived is noted per peer. Ten seconds after the first, give or take half, one receipt
//! goes for all: the relay cannot tell from its time which message it answers.

use core::time::Duration;

use kuvert_core::{Change, Content};
use kuvert_store::Store;
use kuvert_wire::frame::MAX_RECEIPT;
use kuvert_wire::{AccountId, MessageId, Receipt, Timestamp};

use super::Client;
use crate::record::{self, ReceiptRecord};
use crate::{Carrier, Error};

/// The shortest time from the first message to the receipt: 10 s less half.
const MIN_DELAY: Duration = Duration::from_secs(5);
/// The longest.
const MAX_DELAY_MILLIS: u64 = 15_000;
/// How much longer it may take, by chance.
const JITTER_MILLIS: u64 = 10_000;

impl<S: Store, T: Carrier> Client<S, T> {
    /// Adds a message to the receipt owed to its sender.
    pub(super) fn owe_receipt(
        &mut self,
        peer: &AccountId,
        id: &MessageId,
    ) -> Result<Option<Change>, Error> {
        let mut owed =
            record::read_or_new::<ReceiptRecord, _>(&self.store, record::receipt_key(peer))?;
        if owed.value.ids.contains(id.as_bytes()) {
            return Ok(None);
        }
        if owed.value.ids.is_empty() {
            owed.value.due = self.receipt_time().as_millis();
        }
        owed.value.ids.push(*id.as_bytes());
        owed.put().map(Some)
    }

    fn receipt_time(&mut self) -> Timestamp {
        let jitter = u64::from_le_bytes(self.around.bytes()) % (JITTER_MILLIS + 1);
        self.now().saturating_add(MIN_DELAY + Duration::from_millis(jitter))
    }

    /// Seals the receipts that are due.
    pub(super) fn seal_receipts(&mut self) -> Result<(), Error> {
        for owed in record::read_all::<ReceiptRecord, _>(&self.store, record::RECEIPTS)? {
            if let Some(peer) = record::account_of(&owed.key)
                && self.is_due(&owed.value)
            {
                while self.contend(|client| client.seal_receipt(&peer))? {}
            }
        }
        Ok(())
    }

    /// Seals one receipt of what is owed to `peer`; says whether more is owed.
    fn seal_receipt(&mut self, peer: &AccountId) -> Result<bool, Error> {
        let mut owed =
            record::read_or_new::<ReceiptRecord, _>(&self.store, record::receipt_key(peer))?;
        let is_held_back = self.is_asked_about(peer);
        if owed.value.ids.is_empty() || is_held_back || self.sending_to(peer).is_none() {
            return Ok(false);
        }
        self.announce_if_due(peer)?;
        let count = owed.value.ids.len().min(MAX_RECEIPT);
        let message_ids = owed.value.ids.drain(..count).map(MessageId::from_bytes).collect();
        let receipt = Content::receipt(&Receipt { read: false, message_ids });
        self.seal(peer, &receipt, vec![owed.put()?])?;
        Ok(!owed.value.ids.is_empty())
    }

    pub(super) fn is_receipt_due(&self) -> Result<bool, Error> {
        Ok(self.next_receipt()?.is_some_and(|due| due <= self.now()))
    }

    /// When the next receipt is due.
    pub(super) fn next_receipt(&self) -> Result<Option<Timestamp>, Error> {
        let owed = record::read_all::<ReceiptRecord, _>(&self.store, record::RECEIPTS)?;
        let waiting = owed.iter().filter(|owed| !owed.value.ids.is_empty());
        let now = self.now().as_millis();
        let due = |due: u64| if is_due(due, now) { now } else { due };
        Ok(waiting.map(|owed| Timestamp::from_millis(due(owed.value.due))).min())
    }

    fn is_due(&self, owed: &ReceiptRecord) -> bool {
        !owed.ids.is_empty() && is_due(owed.due, self.now().as_millis())
    }
}

/// A receipt that seems to be due in more than 15 seconds was noted by a clock that has been put right.
const fn is_due(due: u64, now: u64) -> bool {
    due <= now || due - now > MAX_DELAY_MILLIS
}
