//! A store whose process may end before or after each batch.

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
        self.life.boundary();
        let applied = self.inner.apply(changes);
        self.life.boundary();
        applied
    }

    fn rollback(&self) -> Result<Option<Rollback>, StoreError> {
        self.inner.rollback()
    }

    fn accept_rollback(&mut self, changes: &Changes) -> Result<(), StoreError> {
        self.life.boundary();
        let applied = self.inner.accept_rollback(changes);
        self.life.boundary();
        applied
    }

    fn apply_relaxed(&mut self, changes: &Changes) -> Result<(), StoreError> {
        self.life.boundary();
        let applied = self.inner.apply_relaxed(changes);
        self.life.boundary();
        applied
    }
}
