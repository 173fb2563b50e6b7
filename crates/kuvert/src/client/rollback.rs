//! A store that is an old copy of itself: put back by a backup program, a file system or a thief.
//!
//! Nothing is sealed with what it holds. All sessions end, whatever waits is sealed anew in new ones,
//! and a person is told: what came between the copy and now is not here.

use kuvert_core::ProtocolError;
use kuvert_store::Store;
use kuvert_wire::AccountId;

use super::filing::Filing;
use super::{Client, lock};
use crate::record::{self, SentRecord, Unshown};
use crate::{Carrier, Error};

/// The account of events that are about no peer.
pub(super) const NOBODY: AccountId = AccountId::from_bytes([0; 32]);

impl<S: Store, T: Carrier> Client<S, T> {
    /// Ends what an old copy must not go on with, if the store is one.
    pub(super) fn settle_rollback(&mut self) -> Result<(), Error> {
        let Some(rollback) = self.store.rollback()? else { return Ok(()) };
        let mut filing = Filing::default();
        let at = self.now().as_millis();
        let what =
            Unshown::StateRollback { at, found: rollback.found, expected: rollback.expected };
        self.file_event(&NOBODY, what, &mut filing)?;
        filing.changes.extend(self.counted([ProtocolError::StateRollback])?);
        for sent in record::read_all::<SentRecord, _>(&self.store, record::SENT)? {
            if let Some(peer) = record::account_of(&sent.key) {
                self.repeat_all(&peer, &mut filing, |_| {})?;
            }
        }
        let mut device = lock(&self.device);
        let step = device.roll_back(self.around.now(), &mut self.around.random);
        let changes = core::mem::take(&mut filing.changes);
        let step = changes.into_iter().fold(step, |step, change| step.also(change));
        step.commit(|changes| self.store.accept_rollback(changes))?;
        drop(device);
        self.online.doubts_shelf = true;
        self.file_away(filing)
    }
}
