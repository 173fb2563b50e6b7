//! A store with an anchor: an old copy that is put back is noticed before anything is built on it.

use kuvert_core::{Changes, Key, Record};

use crate::anchor::{Anchor, Rollback};
use crate::error::StoreError;
use crate::rows::Durability;
use crate::store::{Counted, Floor, Store};

/// A store that is compared with an anchor, when it is asked and before each batch.
///
/// The anchor is raised after a durable batch and before its output is released. So no state whose
/// output has left comes back unnoticed, and a process that dies in between makes no false alarm: the
/// anchor is never ahead of what is durable. For that reason it is not raised for relaxed batches.
///
/// While it is open, a handle also remembers the generations that it has seen itself, whatever the
/// anchor says.
///
/// # Spec
///
/// `spec/09-storage.md`, "The anchor".
#[derive(Debug)]
pub struct Anchored<S, A> {
    store: S,
    anchor: A,
    /// The highest generation that this handle has made.
    made: u64,
    /// The highest one of these that is durable and that the anchor has not taken.
    owed: Option<u64>,
}

impl<S: Counted, A: Anchor> Anchored<S, A> {
    /// Puts `anchor` before `store`. An anchor that knows of nothing accepts the store as it is.
    #[must_use]
    pub const fn new(store: S, anchor: A) -> Self {
        Self { store, anchor, made: 0, owed: None }
    }

    /// How many batches the store has seen; more if an old copy has been accepted.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreadable`] if what counts them is damaged; `Busy`, `Io`.
    pub fn generation(&self) -> Result<u64, StoreError> {
        self.store.generation()
    }

    /// The generation below which this store is an old copy.
    fn expected(&self) -> Result<u64, StoreError> {
        Ok(self.anchor.highest()?.max(self.made))
    }

    fn write(
        &mut self,
        changes: &Changes,
        durability: Durability,
        floor: impl FnOnce(u64) -> Floor,
    ) -> Result<(), StoreError> {
        self.pay()?;
        let floor = floor(self.expected()?);
        let made = self.store.apply_above(changes, durability, floor)?;
        self.made = self.made.max(made);
        // A relaxed batch can be lost with the power, and the anchor be ahead for good.
        if durability == Durability::Full && self.anchor.raise(made).is_err() {
            // The batch is in. Who is told that it is not would make it again.
            self.owed = Some(made);
        }
        Ok(())
    }

    /// Raises the anchor to what it has not taken after the last batch. If it still does not, there is
    /// no further batch: an anchor that cannot be raised must not go unnoticed.
    fn pay(&mut self) -> Result<(), StoreError> {
        if let Some(owed) = self.owed {
            self.anchor.raise(owed)?;
            self.owed = None;
        }
        Ok(())
    }
}

impl<S: Counted, A: Anchor> Store for Anchored<S, A> {
    fn get(&self, key: &Key) -> Result<Option<Record>, StoreError> {
        self.store.get(key)
    }

    fn snapshot(&self, prefixes: &[&str]) -> Result<Vec<Record>, StoreError> {
        self.store.snapshot(prefixes)
    }

    fn has_any(&self, prefix: &str) -> Result<bool, StoreError> {
        self.store.has_any(prefix)
    }

    fn apply(&mut self, changes: &Changes) -> Result<(), StoreError> {
        if changes.is_empty() {
            return Ok(());
        }
        self.write(changes, Durability::Full, Floor::Refuse)
    }

    fn apply_relaxed(&mut self, changes: &Changes) -> Result<(), StoreError> {
        if changes.is_empty() {
            return Ok(());
        }
        self.write(changes, Durability::Relaxed, Floor::Refuse)
    }

    fn rollback(&self) -> Result<Option<Rollback>, StoreError> {
        // The anchor first: others may raise it past a generation that was read before.
        let expected = self.expected()?;
        let found = self.store.generation()?;
        Ok((found < expected).then_some(Rollback { found, expected }))
    }

    fn accept_rollback(&mut self, changes: &Changes) -> Result<(), StoreError> {
        self.write(changes, Durability::Full, Floor::Accept)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use kuvert_core::{Change, Version};

    use super::*;
    use crate::{MemoryAnchor, MemoryStore};

    /// An anchor that can be made to fail.
    #[derive(Clone, Default)]
    struct Fragile {
        anchor: MemoryAnchor,
        fails: Arc<AtomicBool>,
    }

    impl Anchor for Fragile {
        fn highest(&self) -> Result<u64, StoreError> {
            self.anchor.highest()
        }

        fn raise(&mut self, generation: u64) -> Result<(), StoreError> {
            if self.fails.load(Ordering::Relaxed) {
                return Err(StoreError::NotWritable);
            }
            self.anchor.raise(generation)
        }
    }

    fn put(expected: u64) -> Changes {
        let (key, expected) = (Key::new("note", "a"), Version::from_number(expected));
        Changes::of([Change::Put { key, expected, value: Vec::new().into() }])
    }

    #[test]
    fn a_batch_stays_when_the_anchor_fails_and_the_next_one_waits_for_it() {
        let (records, anchor) = (MemoryStore::new(), Fragile::default());
        let mut store = Anchored::new(records.clone(), anchor.clone());
        anchor.fails.store(true, Ordering::Relaxed);
        store.apply(&put(0)).unwrap();
        assert_eq!((records.generation().unwrap(), anchor.highest().unwrap()), (1, 0));
        for _ in 0..2 {
            assert!(matches!(store.apply(&put(1)), Err(StoreError::NotWritable)));
            assert!(matches!(store.apply_relaxed(&put(1)), Err(StoreError::NotWritable)));
        }
        assert_eq!(records.generation().unwrap(), 1);
        anchor.fails.store(false, Ordering::Relaxed);
        store.apply_relaxed(&put(1)).unwrap();
        assert_eq!((records.generation().unwrap(), anchor.highest().unwrap()), (2, 1));
    }

    /// A loss of power takes relaxed batches away again. That is no rollback.
    #[test]
    fn a_relaxed_batch_does_not_raise_the_anchor() {
        let (records, anchor) = (MemoryStore::new(), MemoryAnchor::new());
        let open = || Anchored::new(records.clone(), anchor.clone());
        open().apply(&put(0)).unwrap();
        let durable = records.copy();
        open().apply_relaxed(&put(1)).unwrap();
        records.put_back(&durable);
        assert_eq!(open().rollback().unwrap(), None);
        open().apply(&put(1)).unwrap();
        records.put_back(&durable);
        assert_eq!(open().rollback().unwrap(), Some(Rollback { found: 1, expected: 2 }));
    }

    /// The handle itself knows what it has written.
    #[test]
    fn a_handle_notices_an_old_copy_without_an_anchor() {
        let (records, copy) = (MemoryStore::new(), MemoryStore::new());
        let mut store = Anchored::new(records.clone(), MemoryAnchor::new());
        store.apply_relaxed(&put(0)).unwrap();
        records.put_back(&copy);
        assert!(matches!(store.apply_relaxed(&put(0)), Err(StoreError::Rollback(_))));
        assert_eq!(store.rollback().unwrap(), Some(Rollback { found: 0, expected: 1 }));
    }

    #[test]
    fn a_batch_without_changes_is_nothing() {
        let records = MemoryStore::new();
        let mut store = Anchored::new(records.clone(), MemoryAnchor::new());
        store.apply(&Changes::of([])).unwrap();
        store.apply_relaxed(&Changes::of([])).unwrap();
        assert_eq!(records.generation().unwrap(), 0);
    }

    /// A process dies after the batch that accepts and before the anchor is raised, or before both.
    #[test]
    fn an_acceptance_is_one_moment() {
        let (records, anchor) = (MemoryStore::new(), Fragile::default());
        let open = || Anchored::new(records.clone(), anchor.clone());
        open().apply(&put(0)).unwrap();
        let old = records.copy();
        open().apply(&put(1)).unwrap();
        records.put_back(&old);
        let before = records.copy();
        anchor.fails.store(true, Ordering::Relaxed);
        open().accept_rollback(&put(1)).unwrap();
        assert_eq!(anchor.highest().unwrap(), 2, "the anchor was not raised");
        assert_eq!(open().rollback().unwrap(), None);
        records.put_back(&before);
        assert!(open().rollback().unwrap().is_some());
    }
}
