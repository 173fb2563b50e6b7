//! Where a message stands in our log of the transcript is kept with the message: whoever sends it again
//! says the same.

use kuvert_core::{Change, Record};
use kuvert_store::Store;
use kuvert_wire::transcript::Block;
use kuvert_wire::{AccountId, Decode, Encode, Frame, Timestamp};

use crate::client::Client;
use crate::record::{self, LogRecord, Versioned};
use crate::{Carrier, Error};

impl<S: Store, T: Carrier> Client<S, T> {
    /// Puts `block` into the own message that stands at `place` in the conversation, which `changes`
    /// may be about to write.
    pub(in crate::client) fn with_block(
        &self,
        peer: &AccountId,
        place: u64,
        (block, sent): (&Block, Timestamp),
        mut changes: Vec<Change>,
    ) -> Result<Vec<Change>, Error> {
        let key = record::log_key(peer, place);
        let planned = changes.iter().position(|change| *change.key() == key);
        let record = match planned.map(|at| changes.remove(at)) {
            Some(Change::Put { key, expected, value }) => Record { key, version: expected, value },
            _ => self.store.get(&key)?.ok_or_else(|| record::damaged(&key))?,
        };
        let mut log = Versioned::<LogRecord>::from_record(record)?;
        let frame = Frame::decode(&log.value.frame).map_err(|_| record::damaged(&key))?;
        log.value.frame = Frame { block: Some(Box::new(*block)), sent, ..frame }.encode();
        changes.push(log.put()?);
        Ok(changes)
    }
}
