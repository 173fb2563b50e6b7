//! The client: one account's conversations over a store and a carrier.
//!
//! ```text
//! send:     text ─▶ {ratchet, outbox, log} in one batch ─▶ relay ─▶ outbox entry deleted
//! receive:  relay ─▶ {ratchet, inbox} in one batch ─▶ confirmed to the relay ─▶ {log, unshown} ─▶ event
//! ```
//! Whatever moment a process dies at, the next one goes on from what the store says: an envelope that
//! is still in the outbox is posted again under the same post id, a frame that is still in the inbox
//! is filed, an event that was not acknowledged is given again.
//!
//! Several processes may work on one store. Each batch names the versions it started from; who comes
//! second reads the new state and tries again.

mod account;
mod contacts;
mod filing;
#[cfg(feature = "hazmat")]
mod hazmat;
mod healing;
mod history;
mod intake;
mod next;
mod online;
mod outbox;
mod outcomes;
mod pending;
mod question;
mod receipts;
mod received;
mod reconcile;
mod report;
mod resend;
mod rollback;
mod route;
mod seal;
mod send;
mod sent;
mod sessions;
mod status;
#[cfg(test)]
mod tests;
mod transcripts;

pub use contacts::Contact;
pub(crate) use intake::Carried;
pub use report::AbuseReport;
pub use send::MAX_TEXT_BYTES;
pub use status::Status;
pub use transcripts::ErasurePolicy;

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kuvert_core::{Change, Changes, Device, Version};
use kuvert_store::{Store, StoreError};
use kuvert_transport::Delivered;
use kuvert_wire::{AccountId, Address, DeviceId, MailboxId, RelayUrl, Timestamp};

use crate::record::{self, AccountRecord, QuestionRecord, UnshownRecord, Versioned};
use crate::{Carrier, Error, Surroundings};

/// How often an operation is tried anew while other processes change the same records.
const MAX_ATTEMPTS: usize = 20;

/// One account on this device, and its conversations.
///
/// `S` keeps all state; `T` carries envelopes and prekeys. All verbs leave the store in a state from
/// which another process, or this one after a crash, goes on. Dropping the future of an async verb is
/// safe.
pub struct Client<S, T> {
    store: S,
    carrier: T,
    /// Shared with the carrier, which asks it for signatures. Never locked across an `await`.
    device: Arc<Mutex<Device>>,
    name: String,
    relay: RelayUrl,
    around: Surroundings,
    /// Version of the counter that goes with the state in memory.
    seen: Version,
    /// Events not acknowledged, oldest first; refreshed from the store when others change it.
    unshown: VecDeque<Versioned<UnshownRecord>>,
    /// The event given last.
    current: Option<Versioned<UnshownRecord>>,
    /// Devices about which a person is or was asked, by their accounts.
    questions: BTreeMap<AccountId, Versioned<QuestionRecord>>,
    /// Peers for whom another identity answers, not told yet.
    alarms: VecDeque<AccountId>,
    /// Peers for whom another identity answered: told once for each client.
    alarmed: Vec<AccountId>,
    /// An envelope that could not be stored. It goes before all others: confirming a later one would
    /// delete it at the relay.
    untaken: Option<Delivered>,
    /// Positions of envelopes that are safe here and may be deleted at the relay.
    unconfirmed: BTreeMap<MailboxId, u64>,
    /// How many envelopes that are.
    unconfirmed_count: usize,
    online: online::Online,
    /// Which redactions of peers are followed.
    erasure_policy: ErasurePolicy,
}

impl<S, T> core::fmt::Debug for Client<S, T> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let account = lock(&self.device).account_id();
        f.debug_struct("Client").field("account", &account).finish_non_exhaustive()
    }
}

impl<S: Store, T: Carrier> Client<S, T> {
    /// Own address, to be given to others.
    #[must_use]
    pub fn address(&self) -> Address {
        Address { relay: self.relay.clone(), account: self.account() }
    }

    /// Own account id, 32 bytes.
    #[must_use]
    pub fn account(&self) -> AccountId {
        lock(&self.device).account_id()
    }

    /// This device's id, 16 bytes.
    #[must_use]
    pub fn device(&self) -> DeviceId {
        *lock(&self.device).device_id()
    }

    /// Own name, as given when the account was made. It is never sent.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    fn now(&self) -> Timestamp {
        self.around.now()
    }

    /// Tries `attempt` until no other process changes the same records in between.
    fn contend<R>(
        &mut self,
        mut attempt: impl FnMut(&mut Self) -> Result<R, Error>,
    ) -> Result<R, Error> {
        for _ in 0..MAX_ATTEMPTS {
            match attempt(self) {
                Err(error) if error.is_conflict() => self.reload()?,
                Err(error) if error.is_rollback() => {
                    self.reload()?;
                    match self.settle_rollback() {
                        Err(error) if error.is_conflict() => self.reload()?,
                        settled => settled?,
                    }
                }
                result => return result,
            }
        }
        Err(Error::Contended)
    }

    /// Does the same for several peers. What the protocol refuses for one of them does not stop the
    /// others: it is looked at again the next time.
    fn for_each_peer(
        &mut self,
        peers: &[AccountId],
        mut each: impl FnMut(&mut Self, &AccountId) -> Result<(), Error>,
    ) -> Result<(), Error> {
        for peer in peers {
            match self.contend(|client| each(client, peer)) {
                Ok(()) | Err(Error::Protocol(_) | Error::IdentityQuestion { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Reads everything anew that others may have changed.
    fn reload(&mut self) -> Result<(), Error> {
        self.seen = account::counter_version(&self.store)?;
        *lock(&self.device) = account::load_device(&self.store)?;
        self.unshown = record::read_all(&self.store, record::UNSHOWN)?.into();
        self.questions = question::all(&self.store)?;
        self.online.forgetful = None;
        Ok(())
    }

    /// Reloads if another process has changed something since.
    fn refresh(&mut self) -> Result<(), Error> {
        if account::counter_version(&self.store)? == self.seen { Ok(()) } else { self.reload() }
    }

    /// Reserves `count` sequence numbers. They are taken by the batch that has the change in it, after
    /// which [`Client::reserved`] must be called.
    ///
    /// Every batch that changes the device has such a change in it. So it fails if another process has
    /// changed anything, and what is concluded after it is not concluded from an old state: an envelope
    /// that does not open now will not open later.
    fn reserve(&self, count: u64) -> Result<(u64, Change), Error> {
        let mut counter = record::read_or_new::<u64, _>(&self.store, record::counter_key())?;
        if counter.version != self.seen {
            return Err(StoreError::Conflict { key: counter.key }.into());
        }
        let first = counter.value;
        counter.value = first.saturating_add(count);
        Ok((first, counter.put()?))
    }

    /// Notes that the batch of the last reservation has been applied.
    const fn reserved(&mut self) {
        self.seen = self.seen.next();
    }

    /// Applies a batch of the client's own records.
    fn apply(&mut self, changes: impl IntoIterator<Item = Change>) -> Result<(), Error> {
        Ok(self.store.apply(&Changes::of(changes))?)
    }

    /// The same for what is worth less than the wait for the disk: it survives the end of the process.
    fn apply_relaxed(&mut self, changes: impl IntoIterator<Item = Change>) -> Result<(), Error> {
        Ok(self.store.apply_relaxed(&Changes::of(changes))?)
    }

    fn account_record(store: &S) -> Result<Option<Versioned<AccountRecord>>, Error> {
        record::read(store, &record::account_key())
    }
}

/// The device. A panic elsewhere leaves it as it was: steps change it in one go or not at all.
fn lock(device: &Mutex<Device>) -> MutexGuard<'_, Device> {
    device.lock().unwrap_or_else(PoisonError::into_inner)
}
