//! The one trait between the protocol and what is kept: read, list, and change atomically.

use kuvert_core::{Changes, Key, Record};

use crate::anchor::Rollback;
use crate::error::{Part, StoreError};
use crate::rows::Durability;

/// Keeps records.
///
/// # Contract
///
/// - **Atomic.** A batch is applied whole or not at all, whatever ends the process or the machine.
/// - **Compare and swap.** Each change carries the version that its record is expected to have. If one
///   does not fit, nothing is changed and the answer is [`StoreError::Conflict`]. Of several handles
///   on one store that race for a record, one wins.
/// - **Absent is not unreadable.** `None`, or missing from a list, means that there is no such record.
///   What is there and cannot be read is [`StoreError::Unreadable`], and creating a record over it is
///   refused.
/// - **Durable.** What [`Store::apply`] has applied is there after a loss of power.
/// - **One moment.** Each call sees the store as it was at one moment, between two batches.
///
/// `store_suite!` (feature `suite`) tests an implementation against this list.
///
/// # Spec
///
/// `spec/09-storage.md`, "The store".
pub trait Store {
    /// The record of this key, if there is one.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreadable`] if it is damaged; `Busy`, `Io`.
    fn get(&self, key: &Key) -> Result<Option<Record>, StoreError>;

    /// All records whose keys begin with one of `prefixes`, as of one moment, sorted by key.
    ///
    /// A prefix ends in `/`, or is empty and stands for all records. This is how state that is
    /// spread over several collections is loaded: two scans could see two moments.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreadable`] if one of them is damaged; `BadPrefix`, `Busy`, `Io`.
    fn snapshot(&self, prefixes: &[&str]) -> Result<Vec<Record>, StoreError>;

    /// All records whose keys begin with `prefix`, sorted by key; see [`Store::snapshot`].
    ///
    /// # Errors
    ///
    /// As for [`Store::snapshot`].
    fn scan(&self, prefix: &str) -> Result<Vec<Record>, StoreError> {
        self.snapshot(&[prefix])
    }

    /// Whether there is a record whose key begins with `prefix`; see [`Store::snapshot`]. One that is
    /// damaged counts.
    ///
    /// The answer is that of [`Store::scan`], without reading what is there: a store should bring a
    /// way of its own if its lists can be long.
    ///
    /// # Errors
    ///
    /// `BadPrefix`, `Busy`, `Io`.
    fn has_any(&self, prefix: &str) -> Result<bool, StoreError> {
        match self.scan(prefix) {
            Ok(records) => Ok(!records.is_empty()),
            Err(StoreError::Unreadable { what: Part::Record(_) | Part::Row(_) }) => Ok(true),
            Err(error) => Err(error),
        }
    }

    /// Applies all of `changes`, or none. They are durable when this returns `Ok`.
    ///
    /// # Errors
    ///
    /// [`StoreError::Conflict`] with the first record that does not have the version expected, which
    /// includes deleting what is not there; `Busy`, `Full`, `Io`. Nothing has changed then.
    fn apply(&mut self, changes: &Changes) -> Result<(), StoreError>;

    /// Like [`Store::apply`], but a loss of power may take the batch away again, together with all
    /// later relaxed ones. The end of the process may not. The next `apply` makes it durable.
    ///
    /// Only for what is worth less than the wait for the device: never for state that a released
    /// message depends on.
    ///
    /// # Errors
    ///
    /// As for [`Store::apply`].
    fn apply_relaxed(&mut self, changes: &Changes) -> Result<(), StoreError> {
        self.apply(changes)
    }

    /// Leaves nothing of what was replaced or deleted in the store's files, as far as files go: what a
    /// device or a backup keeps of them is out of reach. Waits for others who are reading.
    ///
    /// To be called after a batch by which something was to be forgotten for good. A store that leaves
    /// nothing behind has nothing to do.
    ///
    /// # Errors
    ///
    /// `Busy` when others read for too long; `Io`. The records are as they were.
    fn scrub(&mut self) -> Result<(), StoreError> {
        Ok(())
    }

    /// Whether the store is an old copy of itself that has been put back, as of now.
    ///
    /// It can be read then, and refuses every batch with [`StoreError::Rollback`] but the one of
    /// [`Store::accept_rollback`]. Whoever opens a store asks this before it works with what is in it.
    /// A store that cannot tell says `None`; [`Anchored`](crate::Anchored) makes one that can.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreadable`] of the anchor or of what counts the batches; `Busy`, `Io`.
    fn rollback(&self) -> Result<Option<Rollback>, StoreError> {
        Ok(None)
    }

    /// Applies the one batch that an old copy takes, and goes on from that copy, both at once: whoever
    /// dies before has changed nothing, whoever dies after has done it all.
    ///
    /// The batch has to end every session of the old state, as `Device::roll_back` does: messages have
    /// been sealed and opened with their keys since. A store that is no old copy, because another
    /// process was first, takes the batch like any other.
    ///
    /// # Errors
    ///
    /// As for [`Store::apply`]. Nothing has changed then, and the copy is not accepted.
    fn accept_rollback(&mut self, changes: &Changes) -> Result<(), StoreError> {
        self.apply(changes)
    }
}

/// A store that counts its durable batches, so that an anchor can tell which of two states is older.
///
/// # Contract
///
/// - The *generation* is 0 for a new store. Each durable batch makes it larger, a relaxed one leaves it:
///   so a loss of power never makes it smaller.
/// - It is part of what is stored: an old copy put back has the generation that it had.
///
/// # Spec
///
/// `spec/09-storage.md`, "The ledger".
pub trait Counted: Store {
    /// How many durable batches there have been; more if an old copy has been accepted.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreadable`] if what counts them is damaged; `Busy`, `Io`.
    fn generation(&self) -> Result<u64, StoreError>;

    /// Applies all of `changes`, be it none, and gives the generation that the store has then: that of
    /// [`Floor::next`], which is to be asked while no other batch can be made.
    ///
    /// # Errors
    ///
    /// As for [`Store::apply`]; [`StoreError::Rollback`] by the floor.
    fn apply_above(
        &mut self,
        changes: &Changes,
        durability: Durability,
        floor: Floor,
    ) -> Result<u64, StoreError>;
}

/// The generation that a store had before, and what becomes of a store below it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Floor {
    /// It takes no batch.
    Refuse(u64),
    /// It is accepted by this batch, which takes it above.
    Accept(u64),
}

impl Floor {
    /// For batches that nothing is to be compared with.
    pub const NONE: Self = Self::Refuse(0);

    /// The generation after the next batch of a store that has `found`.
    ///
    /// # Errors
    ///
    /// [`StoreError::Rollback`] if there must be none.
    pub const fn next(self, found: u64, durability: Durability) -> Result<u64, StoreError> {
        match (self, durability) {
            (Self::Refuse(expected), _) if found < expected => {
                Err(StoreError::Rollback(Rollback { found, expected })) // STO-17
            }
            // Above all copies that there are: one of them is put back another time, and noticed.
            (Self::Accept(expected), _) if found < expected => Ok(expected.saturating_add(1)),
            (_, Durability::Full) => Ok(found.saturating_add(1)),
            (_, Durability::Relaxed) => Ok(found),
        }
    }
}

impl<S: Store + ?Sized> Store for Box<S> {
    fn get(&self, key: &Key) -> Result<Option<Record>, StoreError> {
        (**self).get(key)
    }

    fn snapshot(&self, prefixes: &[&str]) -> Result<Vec<Record>, StoreError> {
        (**self).snapshot(prefixes)
    }

    fn has_any(&self, prefix: &str) -> Result<bool, StoreError> {
        (**self).has_any(prefix)
    }

    fn apply(&mut self, changes: &Changes) -> Result<(), StoreError> {
        (**self).apply(changes)
    }

    fn apply_relaxed(&mut self, changes: &Changes) -> Result<(), StoreError> {
        (**self).apply_relaxed(changes)
    }

    fn scrub(&mut self) -> Result<(), StoreError> {
        (**self).scrub()
    }

    fn rollback(&self) -> Result<Option<Rollback>, StoreError> {
        (**self).rollback()
    }

    fn accept_rollback(&mut self, changes: &Changes) -> Result<(), StoreError> {
        (**self).accept_rollback(changes)
    }
}

/// A prefix without its last `/`: the path of a collection, or `None` for all records.
pub(crate) fn collection(prefix: &str) -> Result<Option<&str>, StoreError> {
    match prefix.strip_suffix('/') {
        Some(path) => Ok(Some(path)),
        None if prefix.is_empty() => Ok(None),
        None => Err(StoreError::BadPrefix),
    }
}

/// Sorts by key what was found under several prefixes, each record once.
pub(crate) fn in_order(mut records: Vec<Record>) -> Vec<Record> {
    records.sort_unstable_by(|a, b| a.key.cmp(&b.key));
    records.dedup_by(|a, b| a.key == b.key);
    records
}
