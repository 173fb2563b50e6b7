//! Messages that wait for a session: the peer's keys could not be fetched when they were written.

use kuvert_core::ProtocolError;
use kuvert_store::Store;
use kuvert_wire::{AccountId, Decode, Frame};

use super::Client;
use super::filing::Filing;
use super::seal::Logged;
use crate::record::{self, LogRecord, PendingRecord, Unshown, Versioned};
use crate::{Carrier, Error};

impl<S: Store, T: Carrier> Client<S, T> {
    /// Begins the sessions that messages wait for, and seals those messages in their order.
    pub(super) async fn seal_pending(&mut self) -> Result<(), Error> {
        let mut problem = None;
        for peer in self.peers_with_pending()? {
            match self.seal_pending_of(&peer).await {
                Ok(()) => {}
                Err(Error::WrongIdentity { .. }) => self.alarm(peer),
                Err(Error::IdentityQuestion { .. } | Error::DeviceRefused { .. }) => {}
                // What one peer's session refuses does not stop the others.
                Err(Error::Protocol(_)) => {}
                Err(error) => problem = Some(error.network()?),
            }
        }
        problem.map_or(Ok(()), Err)
    }

    async fn seal_pending_of(&mut self, peer: &AccountId) -> Result<(), Error> {
        self.require_settled(peer)?;
        if self.sending_to(peer).is_none() {
            self.begin_by_itself(peer).await?;
        }
        if self.sending_to(peer).is_none() {
            return Ok(()); // it is due later
        }
        let prefix = record::pending_prefix(peer);
        // Once more from the beginning: while these were sealed, others may have come to wait.
        while self.store.has_any(&prefix)? {
            for waiting in record::read_all::<PendingRecord, _>(&self.store, &prefix)? {
                self.contend(|client| client.seal_one_pending(peer, &waiting))?;
            }
        }
        Ok(())
    }

    /// Seals a waiting message, the oldest there is.
    fn seal_one_pending(
        &mut self,
        peer: &AccountId,
        waiting: &Versioned<PendingRecord>,
    ) -> Result<(), Error> {
        if self.store.get(&waiting.key)?.is_none() {
            return Ok(()); // another process has sealed it
        }
        let seq = record::seq_of(&waiting.key).ok_or_else(|| record::damaged(&waiting.key))?;
        let logged = self.logged(peer, seq)?;
        self.announce_if_due(peer)?;
        let (place, counter) = self.reserve(1)?;
        match self.seal_logged(place, peer, logged, vec![waiting.delete(), counter]) {
            // It was written before a transcript began, in which it has no room.
            Err(Error::Protocol(ProtocolError::TooLarge)) => self.give_up(peer, seq, waiting),
            result => result,
        }
    }

    fn give_up(
        &mut self,
        peer: &AccountId,
        seq: u64,
        waiting: &Versioned<PendingRecord>,
    ) -> Result<(), Error> {
        let mut filing = Filing::default();
        filing.changes.push(waiting.delete());
        if let Some(unacked) = self.unacked(peer, seq)? {
            let mut sent = self.sent_record(peer)?;
            if unacked.value.is_held {
                sent.value.leave(&unacked.value);
                filing.changes.push(sent.put()?);
            }
            filing.changes.extend(self.undelivered(peer, &unacked)?);
            let (ids, at) = (vec![unacked.value.id], self.now().as_millis());
            self.file_event(peer, Unshown::Undelivered { ids, at }, &mut filing)?;
        }
        self.file_away(filing)
    }

    /// An own message in the log.
    fn logged(&self, peer: &AccountId, seq: u64) -> Result<Logged, Error> {
        let key = record::log_key(peer, seq);
        let log = record::read::<LogRecord, _>(&self.store, &key)?;
        let log = log.ok_or_else(|| record::damaged(&key))?;
        let frame = Frame::decode(&log.value.frame).map_err(|_| record::damaged(&key))?;
        Ok(Logged { log, frame })
    }

    fn peers_with_pending(&self) -> Result<Vec<AccountId>, Error> {
        let records = self.store.scan(record::PENDING)?;
        let mut peers: Vec<_> =
            records.iter().filter_map(|record| record::account_of(&record.key)).collect();
        peers.dedup();
        Ok(peers)
    }
}
