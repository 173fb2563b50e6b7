//! Records as they are: the row's name is the key, its value the content.

use kuvert_core::{Change, Changes, Key, Record, Version};
use zeroize::Zeroizing;

use crate::error::{Part, StoreError};
use crate::memory::MemoryRows;
use crate::rows::{Batch, Durability, Moment, Row, Rows};
use crate::store::{Store, collection, in_order};

/// A store that protects nothing: whoever has the rows reads the records.
///
/// For rows that live in memory, for tests, and to measure what sealing costs.
#[derive(Clone, Debug, Default)]
pub struct Unsealed<R>(R);

/// A store in memory. A clone is a second handle on the same records.
pub type MemoryStore = Unsealed<MemoryRows>;

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

impl<R: Rows> Unsealed<R> {
    /// A store over `rows`.
    #[must_use]
    pub const fn over(rows: R) -> Self {
        Self(rows)
    }

    fn write(&mut self, changes: &Changes, durability: Durability) -> Result<(), StoreError> {
        let mut batch = self.0.begin(durability)?;
        for change in changes.iter() {
            let (name, expected) = (change.key().as_str().as_bytes(), change.expected().number());
            let fits = match change {
                Change::Put { value, .. } => batch.put(name, expected, value)?,
                Change::Delete { .. } => batch.delete(name, expected)?,
                _ => return Err(StoreError::unknown_change()),
            };
            if !fits {
                return Err(StoreError::Conflict { key: change.key().clone() });
            }
        }
        Ok(batch.commit()?)
    }
}

impl<R: Rows> Store for Unsealed<R> {
    fn get(&self, key: &Key) -> Result<Option<Record>, StoreError> {
        self.0.moment()?.get(key.as_str().as_bytes())?.map(record).transpose()
    }

    fn snapshot(&self, prefixes: &[&str]) -> Result<Vec<Record>, StoreError> {
        let moment = self.0.moment()?;
        let mut records = Vec::new();
        for prefix in prefixes {
            collection(prefix)?;
            for row in moment.scan(prefix.as_bytes())? {
                records.push(record(row)?);
            }
        }
        Ok(in_order(records))
    }

    fn has_any(&self, prefix: &str) -> Result<bool, StoreError> {
        collection(prefix)?;
        Ok(self.0.moment()?.has_under(prefix.as_bytes())?)
    }

    fn apply(&mut self, changes: &Changes) -> Result<(), StoreError> {
        self.write(changes, Durability::Full)
    }

    fn apply_relaxed(&mut self, changes: &Changes) -> Result<(), StoreError> {
        self.write(changes, Durability::Relaxed)
    }
}

fn record(row: Row) -> Result<Record, StoreError> {
    let key = str::from_utf8(&row.name).ok().and_then(Key::parse);
    let key = key.ok_or_else(|| StoreError::unreadable(Part::Row(row.name)))?;
    let version = Version::from_number(row.version);
    Ok(Record { key, version, value: Zeroizing::new(row.value) })
}
