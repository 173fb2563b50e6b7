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
/// anchor is never ahead of what is durable. A copy from which nothing but relaxed batches is missing
/// is not called old.
///
/// While it is open, a handle also remembers the generations that it has made itself, whatever the
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
    /// One that the anchor has not taken.
    owed: Option<u64>,
}

impl<S: Counted, A: Anchor> Anchored<S, A> {
    /// Puts `anchor` before `store`. An anchor that knows of nothing accepts the store as it is.
    ///
    /// [`Anchored::catch_up`] is to be called before anything is done with what is in the store.
    #[must_use]
    pub const fn new(store: S, anchor: A) -> Self {
        Self { store, anchor, made: 0, owed: None }
    }

    /// Raises the anchor to what is in the store, if it is behind: the last process may have died before
    /// it did. An old copy stays one.
    ///
    /// # Errors
    ///
    /// Those of [`Counted::generation`] and [`Anchor::raise`].
    pub fn catch_up(&mut self) -> Result<(), StoreError> {
        let generation = self.store.generation()?;
        if generation > self.anchor.highest()? { self.anchor.raise(generation) } else { Ok(()) }
    }

    /// How many durable batches the store has seen; more if an old copy has been accepted.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreadable`] if what counts them is damaged; `Busy`, `Io`.
    pub fn generation(&self) -> Result<u64, StoreError> {
        self.store.generation()
    }

    fn write(
        &mut self,
        changes: &Changes,
        durability: Durability,
        floor: impl FnOnce(u64) -> Floor,
    ) -> Result<(), StoreError> {
        self.pay()?;
        let anchored = self.anchor.highest()?;
        let floor = floor(anchored.max(self.made));
        let made = self.store.apply_above(changes, durability, floor)?;
        self.made = self.made.max(made);
        if made > anchored && self.anchor.raise(made).is_err() {
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

    fn scrub(&mut self) -> Result<(), StoreError> {
        self.store.scrub()
    }

    fn rollback(&self) -> Result<Option<Rollback>, StoreError> {
        // The anchor first: others may raise it past a generation that was read before.
        let expected = self.anchor.highest()?.max(self.made);
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
        assert_eq!((records.generation().unwrap(), anchor.highest().unwrap()), (1, 1));
        store.apply(&put(2)).unwrap();
        assert_eq!((records.generation().unwrap(), anchor.highest().unwrap()), (2, 2));
    }

    /// A loss of power takes relaxed batches away again. That is no rollback.
    #[test]
    fn a_copy_without_the_relaxed_batches_is_not_old() {
        let (records, anchor) = (MemoryStore::new(), MemoryAnchor::new());
        let open = || Anchored::new(records.clone(), anchor.clone());
        let mut store = open();
        store.apply(&put(0)).unwrap();
        let durable = records.copy();
        store.apply_relaxed(&put(1)).unwrap();
        records.put_back(&durable);
        assert_eq!((store.rollback().unwrap(), open().rollback().unwrap()), (None, None));
        store.apply(&put(1)).unwrap();
        records.put_back(&durable);
        assert_eq!(open().rollback().unwrap(), Some(Rollback { found: 1, expected: 2 }));
    }

    /// A process dies between a batch and the anchor. Whoever opens the store next releases what the
    /// batch left in it, and has raised the anchor before.
    #[test]
    fn the_next_process_catches_up() {
        let (records, anchor) = (MemoryStore::new(), Fragile::default());
        let open = || Anchored::new(records.clone(), anchor.clone());
        open().apply(&put(0)).unwrap();
        let old = records.copy();
        anchor.fails.store(true, Ordering::Relaxed);
        open().apply(&put(1)).unwrap();
        assert!(open().catch_up().is_err(), "it is not opened without");
        anchor.fails.store(false, Ordering::Relaxed);
        assert_eq!(anchor.highest().unwrap(), 1);
        open().catch_up().unwrap();
        assert_eq!(anchor.highest().unwrap(), 2);
        records.put_back(&old);
        open().catch_up().unwrap();
        assert!(open().rollback().unwrap().is_some(), "an old copy stays one");
    }

    /// Or it is running already: its next batch, relaxed or not, raises the anchor for both.
    #[test]
    fn the_next_batch_catches_up() {
        let (records, anchor) = (MemoryStore::new(), Fragile::default());
        let open = || Anchored::new(records.clone(), anchor.clone());
        let mut running = open();
        anchor.fails.store(true, Ordering::Relaxed);
        open().apply(&put(0)).unwrap();
        anchor.fails.store(false, Ordering::Relaxed);
        assert_eq!(anchor.highest().unwrap(), 0);
        running.apply_relaxed(&put(1)).unwrap();
        assert_eq!(anchor.highest().unwrap(), 1);
    }

    /// The handle itself knows what it has written.
    #[test]
    fn a_handle_notices_an_old_copy_without_an_anchor() {
        let (records, copy) = (MemoryStore::new(), MemoryStore::new());
        let mut store = Anchored::new(records.clone(), MemoryAnchor::new());
        store.apply(&put(0)).unwrap();
        store.anchor = MemoryAnchor::new();
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
