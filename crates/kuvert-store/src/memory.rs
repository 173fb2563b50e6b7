//! Rows in memory: for tests, for apps that keep nothing, and as the smallest example of a database.

use std::collections::BTreeMap;
use std::fmt;
use std::mem;
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use zeroize::Zeroizing;

use crate::rows::{Batch, Durability, Moment, Row, RowError, Rows};

/// Rows in memory. A clone is a second handle on the same rows, as a second process would have.
///
/// Values are wiped when they are replaced or deleted.
#[derive(Clone, Default)]
pub struct MemoryRows(Arc<Mutex<Table>>);

/// What a [`MemoryRows`] looks at; it holds the lock.
pub struct MemoryMoment<'a>(MutexGuard<'a, Table>);

/// Changes to a [`MemoryRows`]; it holds the lock and knows how to go back.
pub struct MemoryBatch<'a> {
    table: MutexGuard<'a, Table>,
    /// What was there before each change.
    undo: Vec<(Vec<u8>, Option<Cell>)>,
}

type Table = BTreeMap<Vec<u8>, Cell>;

#[derive(Clone)]
struct Cell {
    version: u64,
    value: Zeroizing<Vec<u8>>,
}

impl MemoryRows {
    /// An empty table.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Rows of their own, the same as these.
    #[must_use]
    pub fn copy(&self) -> Self {
        Self(Arc::new(Mutex::new(self.lock().clone())))
    }

    /// Makes these rows those of `copy`, for all handles on them: what putting back a backup does.
    pub fn put_back(&self, copy: &Self) {
        // One after the other: the two may be the same.
        let rows = copy.lock().clone();
        *self.lock() = rows;
    }

    /// A thread that panicked has left no half batch: dropping its batch has undone it.
    fn lock(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Rows for MemoryRows {
    type Moment<'a> = MemoryMoment<'a>;
    type Batch<'a> = MemoryBatch<'a>;

    fn moment(&self) -> Result<MemoryMoment<'_>, RowError> {
        Ok(MemoryMoment(self.lock()))
    }

    fn begin(&mut self, _: Durability) -> Result<MemoryBatch<'_>, RowError> {
        Ok(MemoryBatch { table: self.lock(), undo: Vec::new() })
    }
}

impl Moment for MemoryMoment<'_> {
    fn get(&self, name: &[u8]) -> Result<Option<Row>, RowError> {
        Ok(self.0.get(name).map(|cell| cell.to_row(name)))
    }

    fn scan(&self, prefix: &[u8]) -> Result<Vec<Row>, RowError> {
        let from_prefix_on = self.0.range(prefix.to_vec()..);
        let under_prefix = from_prefix_on.take_while(|(name, _)| name.starts_with(prefix));
        Ok(under_prefix.map(|(name, cell)| cell.to_row(name)).collect())
    }

    fn has_under(&self, prefix: &[u8]) -> Result<bool, RowError> {
        let mut longer = self.0.range((Bound::Excluded(prefix.to_vec()), Bound::Unbounded));
        Ok(longer.next().is_some_and(|(name, _)| name.starts_with(prefix)))
    }

    fn versions(&self) -> Result<Vec<(Vec<u8>, u64)>, RowError> {
        Ok(self.0.iter().map(|(name, cell)| (name.clone(), cell.version)).collect())
    }
}

impl Batch for MemoryBatch<'_> {
    fn get(&self, name: &[u8]) -> Result<Option<Row>, RowError> {
        Ok(self.table.get(name).map(|cell| cell.to_row(name)))
    }

    fn put(&mut self, name: &[u8], expected: u64, value: &[u8]) -> Result<bool, RowError> {
        let fits = self.version(name) == expected;
        if fits {
            let value = Zeroizing::new(value.to_vec());
            let before = self.table.insert(name.to_vec(), Cell { version: expected + 1, value });
            self.undo.push((name.to_vec(), before));
        }
        Ok(fits)
    }

    fn delete(&mut self, name: &[u8], expected: u64) -> Result<bool, RowError> {
        let fits = expected != 0 && self.version(name) == expected;
        if fits {
            let before = self.table.remove(name);
            self.undo.push((name.to_vec(), before));
        }
        Ok(fits)
    }

    fn commit(mut self) -> Result<(), RowError> {
        self.undo.clear();
        Ok(())
    }
}

impl MemoryBatch<'_> {
    fn version(&self, name: &[u8]) -> u64 {
        self.table.get(name).map_or(0, |cell| cell.version)
    }
}

impl Drop for MemoryBatch<'_> {
    fn drop(&mut self) {
        for (name, before) in mem::take(&mut self.undo).into_iter().rev() {
            match before {
                Some(cell) => self.table.insert(name, cell),
                None => self.table.remove(&name),
            };
        }
    }
}

impl Cell {
    fn to_row(&self, name: &[u8]) -> Row {
        Row { name: name.to_vec(), version: self.version, value: self.value.to_vec() }
    }
}

impl fmt::Debug for MemoryRows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryRows").finish_non_exhaustive()
    }
}

impl fmt::Debug for MemoryMoment<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryMoment").finish_non_exhaustive()
    }
}

impl fmt::Debug for MemoryBatch<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryBatch").field("changes", &self.undo.len()).finish_non_exhaustive()
    }
}
