//! A table and an anchor whose every access is a place where another process may come in between.

use std::collections::BTreeMap;
use std::sync::Arc;

use kuvert_store::rows::{Batch, Durability, Moment, Row, RowError, Rows};
use kuvert_store::{Anchor, StoreError};
use shuttle::sync::atomic::{AtomicU64, Ordering};
use shuttle::sync::{Mutex, MutexGuard};

/// What is wrong with a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    Nothing,
    /// It writes whatever version a change expects.
    NeverCompares,
    /// It compares versions when a batch begins, and does not keep others away until it is committed.
    ComparesTooEarly,
}

/// Rows in memory, for `shuttle` to interleave.
#[derive(Clone)]
pub(crate) struct RacingRows {
    table: Arc<Mutex<Table>>,
    flaw: Flaw,
}

type Table = BTreeMap<Vec<u8>, Row>;

pub(crate) struct RacingMoment<'a>(MutexGuard<'a, Table>);

pub(crate) struct RacingBatch<'a> {
    rows: &'a RacingRows,
    /// Keeps others away; `None` if it does not.
    alone: Option<MutexGuard<'a, Table>>,
    /// The table as the batch began, with its changes.
    draft: Table,
    changed: Vec<Vec<u8>>,
}

impl RacingRows {
    pub(crate) fn new(flaw: Flaw) -> Self {
        Self { table: Arc::new(Mutex::new(Table::new())), flaw }
    }

    /// Makes these rows those of `copy`, as putting back a backup does.
    pub(crate) fn put_back(&self, copy: &Self) {
        let copy = copy.table.lock().unwrap().clone();
        *self.table.lock().unwrap() = copy;
    }

    /// Rows of their own, the same as these.
    pub(crate) fn copy(&self) -> Self {
        let copy = Self::new(self.flaw);
        copy.put_back(self);
        copy
    }
}

impl Rows for RacingRows {
    type Moment<'a> = RacingMoment<'a>;
    type Batch<'a> = RacingBatch<'a>;

    fn moment(&self) -> Result<RacingMoment<'_>, RowError> {
        Ok(RacingMoment(self.table.lock().unwrap()))
    }

    fn begin(&mut self, _: Durability) -> Result<RacingBatch<'_>, RowError> {
        let table = self.table.lock().unwrap();
        let draft = table.clone();
        let alone = (self.flaw != Flaw::ComparesTooEarly).then_some(table);
        Ok(RacingBatch { rows: self, alone, draft, changed: Vec::new() })
    }
}

impl Moment for RacingMoment<'_> {
    fn get(&self, name: &[u8]) -> Result<Option<Row>, RowError> {
        Ok(self.0.get(name).cloned())
    }

    fn scan(&self, prefix: &[u8]) -> Result<Vec<Row>, RowError> {
        Ok(self.0.values().filter(|row| row.name.starts_with(prefix)).cloned().collect())
    }

    fn versions(&self) -> Result<Vec<(Vec<u8>, u64)>, RowError> {
        Ok(self.0.values().map(|row| (row.name.clone(), row.version)).collect())
    }
}

impl Batch for RacingBatch<'_> {
    fn get(&self, name: &[u8]) -> Result<Option<Row>, RowError> {
        Ok(self.draft.get(name).cloned())
    }

    fn put(&mut self, name: &[u8], expected: u64, value: &[u8]) -> Result<bool, RowError> {
        let fits = self.fits(name, expected);
        if fits {
            let row = Row { name: name.to_vec(), version: expected + 1, value: value.to_vec() };
            self.draft.insert(name.to_vec(), row);
            self.changed.push(name.to_vec());
        }
        Ok(fits)
    }

    fn delete(&mut self, name: &[u8], expected: u64) -> Result<bool, RowError> {
        let fits = self.fits(name, expected);
        if fits {
            self.draft.remove(name);
            self.changed.push(name.to_vec());
        }
        Ok(fits)
    }

    fn commit(self) -> Result<(), RowError> {
        let mut table = self.alone.unwrap_or_else(|| self.rows.table.lock().unwrap());
        for name in &self.changed {
            match self.draft.get(name) {
                Some(row) => table.insert(name.clone(), row.clone()),
                None => table.remove(name),
            };
        }
        Ok(())
    }
}

impl RacingBatch<'_> {
    fn fits(&self, name: &[u8], expected: u64) -> bool {
        let version = self.draft.get(name).map_or(0, |row| row.version);
        version == expected || self.rows.flaw == Flaw::NeverCompares
    }
}

/// An anchor that several processes read and raise.
#[derive(Clone)]
pub(crate) struct RacingAnchor(Arc<AtomicU64>);

impl RacingAnchor {
    pub(crate) fn new() -> Self {
        Self(Arc::new(AtomicU64::new(0)))
    }
}

impl Anchor for RacingAnchor {
    fn highest(&self) -> Result<u64, StoreError> {
        Ok(self.0.load(Ordering::SeqCst))
    }

    fn raise(&mut self, generation: u64) -> Result<(), StoreError> {
        self.0.fetch_max(generation, Ordering::SeqCst);
        Ok(())
    }
}
