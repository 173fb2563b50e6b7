//! What peers are owed about transcripts: entries they lack, receipts for what was erased.

use kuvert_core::transcript::Entry;
use kuvert_store::Store;
use kuvert_wire::transcript::Leaf;
use kuvert_wire::{AccountId, Decode};

use crate::client::{Client, lock};
use crate::record::{self, LeavesRecord, OwedErasure, Versioned};
use crate::{Carrier, Error};

/// Leaves sent in one answer: a peer that lacks more asks again.
const MAX_LEAVES: u16 = 64;

impl<S: Store, T: Carrier> Client<S, T> {
    pub(super) fn answer_all(&mut self) -> Result<(), Error> {
        for owed in record::read_all::<LeavesRecord, _>(&self.store, record::LEAVES)? {
            if let Some(peer) = record::account_of(&owed.key)
                && self.sending_to(&peer).is_some()
            {
                self.answer_leaves(&peer, &owed)?;
            }
        }
        for owed in record::read_all::<OwedErasure, _>(&self.store, record::OWED_ERASURES)? {
            if let Some(peer) = record::account_of(&owed.key)
                && self.sending_to(&peer).is_some()
                && self.contact_record(&peer)?.value.accepted
            {
                self.contend(|client| client.follow(&peer, &owed.key))?;
            }
        }
        Ok(())
    }

    fn answer_leaves(
        &mut self,
        peer: &AccountId,
        owed: &Versioned<LeavesRecord>,
    ) -> Result<(), Error> {
        let LeavesRecord { seq, count } = owed.value;
        for seq in seq..seq.saturating_add(count.min(MAX_LEAVES).into()) {
            let Some(leaf) = self.own_leaf(peer, seq)? else { break };
            self.say(peer, Vec::new(), |device, their, now, random| {
                device.send_leaf(their, &leaf, now, random).map(Some)
            })?;
        }
        match self.apply_relaxed([owed.delete()]) {
            Err(error) if error.is_conflict() => Ok(()), // it has asked for more in between
            result => result,
        }
    }

    /// Our entry `seq` in the newest transcript with a peer.
    fn own_leaf(&self, peer: &AccountId, seq: u64) -> Result<Option<Leaf>, Error> {
        let key = {
            let device = lock(&self.device);
            let their = device.peer_of_account(peer).map(|view| view.device_id());
            let log = their.and_then(|their| device.transcripts(&their).pop());
            log.map(|log| Entry::key(log.id(), log.conversation().device(log.our_side()), seq))
        };
        let Some(key) = key else { return Ok(None) };
        let Some(record) = self.store.get(&key)? else { return Ok(None) };
        let entry = Entry::decode(&record.value).map_err(|_| record::damaged(&key))?;
        Ok(entry.leaf().copied())
    }
}
