//! The one trait between the protocol and what is kept: read, list, and change atomically.

use kuvert_core::{Changes, Key, Record};

use crate::error::{Part, StoreError};

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
