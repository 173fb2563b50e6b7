//! A store that may refuse a batch, and whose process may end before or after it.

use kuvert_core::{Changes, Key, Record};
use kuvert_store::{Rollback, Store, StoreError};

use super::process::Life;

/// A handle on an app's store, held by one process.
#[derive(Clone)]
pub(super) struct Disk<S> {
    inner: S,
    life: Life,
}

impl<S> Disk<S> {
    pub(super) const fn new(inner: S, life: Life) -> Self {
        Self { inner, life }
    }

    fn between_boundaries(
        &mut self,
        apply: impl FnOnce(&mut S) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        if self.life.is_refused() {
            return Err(StoreError::Full);
        }
        self.life.boundary();
        let applied = apply(&mut self.inner);
        self.life.boundary();
        applied
    }
}

impl<S: Store> Store for Disk<S> {
    fn get(&self, key: &Key) -> Result<Option<Record>, StoreError> {
        self.inner.get(key)
    }

    fn snapshot(&self, prefixes: &[&str]) -> Result<Vec<Record>, StoreError> {
        self.inner.snapshot(prefixes)
    }

    fn has_any(&self, prefix: &str) -> Result<bool, StoreError> {
        self.inner.has_any(prefix)
    }

    fn apply(&mut self, changes: &Changes) -> Result<(), StoreError> {
        self.between_boundaries(|store| store.apply(changes))
    }

    fn apply_relaxed(&mut self, changes: &Changes) -> Result<(), StoreError> {
        self.between_boundaries(|store| store.apply_relaxed(changes))
    }

    fn rollback(&self) -> Result<Option<Rollback>, StoreError> {
        self.inner.rollback()
    }

    fn accept_rollback(&mut self, changes: &Changes) -> Result<(), StoreError> {
        self.between_boundaries(|store| store.accept_rollback(changes))
    }
}
