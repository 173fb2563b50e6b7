//! In what kind of transcript a message stands.

use kuvert_core::transcript::Entry;
use kuvert_store::Store;
use kuvert_wire::transcript::Mode;
use kuvert_wire::{AccountId, Decode, Frame};

use crate::client::{Client, lock};
use crate::record;
use crate::{Carrier, Error};

impl<S: Store, T: Carrier> Client<S, T> {
    /// The mode of the transcript with `peer` that has this message; `None` if none has.
    pub(in crate::client) fn mode_of(
        &self,
        peer: &AccountId,
        frame: &Frame,
        outgoing: bool,
    ) -> Result<Option<Mode>, Error> {
        let Some(block) = &frame.block else { return Ok(None) };
        let places: Vec<_> = {
            let device = lock(&self.device);
            let their = device.peer_of_account(peer).map(|view| view.device_id());
            let logs = their.map(|their| device.transcripts(&their)).unwrap_or_default();
            let place = |log: &kuvert_core::transcript::Transcript| {
                let side = if outgoing { log.our_side() } else { log.our_side().other() };
                (log.mode(), Entry::key(log.id(), log.conversation().device(side), block.seq))
            };
            logs.into_iter().rev().map(place).collect()
        };
        for (mode, key) in places {
            let Some(found) = self.store.get(&key)? else { continue };
            let entry = Entry::decode(&found.value).map_err(|_| record::damaged(&key))?;
            if entry.message().is_some_and(|(_, id)| id == frame.message_id) {
                return Ok(Some(mode));
            }
        }
        Ok(None)
    }
}
