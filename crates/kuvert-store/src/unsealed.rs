//! Records as they are: the row's name is the key, its value the content.

use kuvert_core::{Change, Changes, Key, Record, Version};
use zeroize::Zeroizing;

use crate::error::{Part, StoreError};
use crate::memory::MemoryRows;
use crate::rows::{Batch, Durability, Moment, Row, Rows};
use crate::store::{Counted, Floor, Store, collection, in_order};

/// A store that protects nothing: whoever has the rows reads the records.
///
/// For rows that live in memory, for tests, and to measure what sealing costs.
#[derive(Clone, Debug, Default)]
pub struct Unsealed<R>(R);

/// The row that counts the batches: a name that no key has. Its value is the generation.
const COUNT: &[u8] = b"#generation";

/// A store in memory. A clone is a second handle on the same records.
pub type MemoryStore = Unsealed<MemoryRows>;

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A store of its own with the same records, as a backup has them. A clone is another handle on
    /// this one.
    #[must_use]
    pub fn copy(&self) -> Self {
        Self(self.0.copy())
    }

    /// Makes the records those of `copy`, for all handles on this store: what putting back a backup
    /// does.
    pub fn put_back(&self, copy: &Self) {
        self.0.put_back(&copy.0);
    }
}

impl<R: Rows> Unsealed<R> {
    /// A store over `rows`.
    #[must_use]
    pub const fn over(rows: R) -> Self {
        Self(rows)
    }

    fn write(&mut self, changes: &Changes, durability: Durability) -> Result<(), StoreError> {
        if !changes.is_empty() {
            self.apply_above(changes, durability, Floor::NONE)?;
        }
        Ok(())
    }
}

impl<R: Rows> Counted for Unsealed<R> {
    fn generation(&self) -> Result<u64, StoreError> {
        Ok(Count::read(self.0.moment()?.get(COUNT)?)?.generation)
    }

    fn apply_above(
        &mut self,
        changes: &Changes,
        durability: Durability,
        floor: Floor,
    ) -> Result<u64, StoreError> {
        let mut batch = self.0.begin(durability)?;
        let count = Count::read(batch.get(COUNT)?)?;
        let generation = floor.next(count.generation, durability)?;
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
        count.write(generation, &mut batch)?;
        batch.commit()?;
        Ok(generation)
    }
}

/// The row that counts the batches.
struct Count {
    version: u64,
    generation: u64,
}

impl Count {
    fn read(row: Option<Row>) -> Result<Self, StoreError> {
        let Some(row) = row else { return Ok(Self { version: 0, generation: 0 }) };
        let generation = row.value.try_into().map(u64::from_be_bytes);
        let generation = generation.map_err(|_| StoreError::unreadable(Part::Ledger))?;
        Ok(Self { version: row.version, generation })
    }

    fn write(&self, generation: u64, batch: &mut impl Batch) -> Result<(), StoreError> {
        let written = batch.put(COUNT, self.version, &generation.to_be_bytes())?;
        if written { Ok(()) } else { Err(StoreError::unreadable(Part::Ledger)) }
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
            let rows = moment.scan(prefix.as_bytes())?;
            for row in rows.into_iter().filter(|row| row.name != COUNT) {
                records.push(record(row)?);
            }
        }
        Ok(in_order(records))
    }

    fn has_any(&self, prefix: &str) -> Result<bool, StoreError> {
        match collection(prefix)? {
            Some(_) => Ok(self.0.moment()?.has_under(prefix.as_bytes())?),
            None => Ok(!self.scan(prefix)?.is_empty()),
        }
    }

    fn apply(&mut self, changes: &Changes) -> Result<(), StoreError> {
        self.write(changes, Durability::Full)
    }

    fn apply_relaxed(&mut self, changes: &Changes) -> Result<(), StoreError> {
        self.write(changes, Durability::Relaxed)
    }

    fn scrub(&mut self) -> Result<(), StoreError> {
        Ok(self.0.scrub()?)
    }
}

fn record(row: Row) -> Result<Record, StoreError> {
    let key = str::from_utf8(&row.name).ok().and_then(Key::parse);
    let key = key.ok_or_else(|| StoreError::unreadable(Part::Row(row.name)))?;
    let version = Version::from_number(row.version);
    Ok(Record { key, version, value: Zeroizing::new(row.value) })
}
