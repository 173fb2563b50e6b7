//! Rows in an SQLite file: write-ahead log, one table, safe with several processes on one file.
//!
//! ```sql
//! CREATE TABLE rows (name BLOB PRIMARY KEY, version INTEGER NOT NULL, value BLOB NOT NULL)
//!     STRICT, WITHOUT ROWID
//! ```
//! Without a rowid there is one tree, ordered by name. Reading it through is then reading what every
//! look-up reads, so [`Moment::versions`] cannot find a row that [`Moment::get`] would miss. An index
//! beside a table could be damaged alone and turn "unreadable" into "absent".
//!
//! # Spec
//!
//! `spec/09-storage.md`, "The file".

mod create;
mod failure;
mod open;
mod store;

use std::fmt;
use std::path::PathBuf;

use rusqlite::{Connection, OptionalExtension as _, Transaction, TransactionBehavior};

pub use store::SqliteStore;

use crate::file_id::FileId;
use crate::rows::{Batch, Durability, Moment, Row, RowError, Rows};

/// Rows in an SQLite file.
///
/// `Send`, not `Sync`: a handle belongs to one thread at a time. Open the file again for another.
pub struct SqliteRows {
    connection: Connection,
    /// What `PRAGMA synchronous` stands at.
    durability: Durability,
    /// Where the file is, once it is where it stays.
    place: Option<Place>,
}

/// What a file is called in the folder of its store, behind its own name.
const ANCHOR_SUFFIX: &str = "-anchor";

/// The name of an open file, and which file it was.
struct Place {
    path: PathBuf,
    id: FileId,
}

/// What an [`SqliteRows`] looks at: a read transaction.
pub struct SqliteMoment<'a>(Transaction<'a>);

/// Changes to an [`SqliteRows`]: a write transaction.
pub struct SqliteBatch<'a>(Transaction<'a>);

const GET: &str = "SELECT name, version, value FROM rows WHERE name = ?1";
const SCAN: &str = "SELECT name, version, value FROM rows WHERE name >= ?1 AND name < ?2";
const SCAN_TO_END: &str = "SELECT name, version, value FROM rows WHERE name >= ?1";
const HAS_UNDER: &str = "SELECT EXISTS (SELECT 1 FROM rows WHERE name > ?1 AND name < ?2)";
const VERSIONS: &str = "SELECT name, version FROM rows ORDER BY name";
const INSERT: &str =
    "INSERT INTO rows (name, version, value) VALUES (?1, 1, ?2) ON CONFLICT DO NOTHING";
const UPDATE: &str =
    "UPDATE rows SET version = version + 1, value = ?3 WHERE name = ?1 AND version = ?2";
const SCRUB: &str = "PRAGMA wal_checkpoint(TRUNCATE)";
const DELETE: &str = "DELETE FROM rows WHERE name = ?1 AND version = ?2";

impl Rows for SqliteRows {
    type Moment<'a> = SqliteMoment<'a>;
    type Batch<'a> = SqliteBatch<'a>;

    fn moment(&self) -> Result<SqliteMoment<'_>, RowError> {
        Ok(SqliteMoment(self.connection.unchecked_transaction()?))
    }

    fn begin(&mut self, durability: Durability) -> Result<SqliteBatch<'_>, RowError> {
        self.refuse_replaced()?;
        self.set_durability(durability)?;
        // Immediate: the lock comes before the first read, so what is read cannot change.
        let immediate = TransactionBehavior::Immediate;
        Ok(SqliteBatch(self.connection.transaction_with_behavior(immediate)?))
    }

    /// The file itself has nothing left to scrub, as `secure_delete` is on. The log has: old pages stay
    /// in it until it is written over.
    fn scrub(&mut self) -> Result<(), RowError> {
        self.refuse_replaced()?;
        let is_blocked = |row: &rusqlite::Row<'_>| row.get::<_, bool>(0);
        let mut statement = self.connection.prepare_cached(SCRUB)?;
        if statement.query_row([], is_blocked)? { Err(RowError::Busy) } else { Ok(()) }
    }
}

impl Moment for SqliteMoment<'_> {
    fn get(&self, name: &[u8]) -> Result<Option<Row>, RowError> {
        get(&self.0, name)
    }

    fn scan(&self, prefix: &[u8]) -> Result<Vec<Row>, RowError> {
        Ok(match after(prefix) {
            Some(end) => read_rows(&self.0, SCAN, (prefix, end))?,
            None => read_rows(&self.0, SCAN_TO_END, [prefix])?,
        })
    }

    fn has_under(&self, prefix: &[u8]) -> Result<bool, RowError> {
        match after(prefix) {
            Some(end) => {
                let mut statement = self.0.prepare_cached(HAS_UNDER)?;
                Ok(statement.query_row((prefix, end), |row| row.get(0))?)
            }
            None => Ok(self.scan(prefix)?.iter().any(|row| row.name.len() > prefix.len())),
        }
    }

    fn versions(&self) -> Result<Vec<(Vec<u8>, u64)>, RowError> {
        let mut statement = self.0.prepare_cached(VERSIONS)?;
        let all = statement.query_map([], |row| Ok((row.get(0)?, version(row.get(1)?)?)))?;
        let all: Vec<(Vec<u8>, u64)> = all.collect::<Result<_, _>>()?;
        // Look-ups bisect: in a tree out of order they would miss rows that are there.
        if !all.is_sorted_by(|a, b| a.0 < b.0) {
            return Err(RowError::Damaged); // STO-3
        }
        Ok(all)
    }
}

impl Batch for SqliteBatch<'_> {
    fn get(&self, name: &[u8]) -> Result<Option<Row>, RowError> {
        get(&self.0, name)
    }

    fn put(&mut self, name: &[u8], expected: u64, value: &[u8]) -> Result<bool, RowError> {
        let written = if expected == 0 {
            self.0.prepare_cached(INSERT)?.execute((name, value))?
        } else {
            self.0.prepare_cached(UPDATE)?.execute((name, column(expected)?, value))?
        };
        Ok(written == 1)
    }

    fn delete(&mut self, name: &[u8], expected: u64) -> Result<bool, RowError> {
        Ok(self.0.prepare_cached(DELETE)?.execute((name, column(expected)?))? == 1)
    }

    fn commit(self) -> Result<(), RowError> {
        Ok(self.0.commit()?)
    }
}

impl Place {
    fn of(path: PathBuf) -> Self {
        let id = FileId::at(&path);
        Self { path, id }
    }

    fn has_changed(&self) -> bool {
        FileId::at(&self.path) != self.id
    }
}

impl SqliteRows {
    /// A connection goes on with the file it has, be it deleted: what is written there is lost.
    fn refuse_replaced(&self) -> Result<(), RowError> {
        if self.place.as_ref().is_some_and(Place::has_changed) {
            return Err(RowError::Replaced); // STO-18
        }
        Ok(())
    }

    fn set_durability(&mut self, durability: Durability) -> Result<(), RowError> {
        if self.durability != durability {
            self.connection.pragma_update(None, "synchronous", synchronous(durability))?;
            self.durability = durability;
        }
        Ok(())
    }
}

fn synchronous(durability: Durability) -> &'static str {
    match durability {
        Durability::Full => "FULL",
        Durability::Relaxed => "NORMAL",
    }
}

fn get(transaction: &Connection, name: &[u8]) -> Result<Option<Row>, RowError> {
    Ok(transaction.prepare_cached(GET)?.query_row([name], read_row).optional()?)
}

fn read_rows(
    transaction: &Connection,
    sql: &str,
    bounds: impl rusqlite::Params,
) -> rusqlite::Result<Vec<Row>> {
    transaction.prepare_cached(sql)?.query_map(bounds, read_row)?.collect()
}

fn read_row(row: &rusqlite::Row<'_>) -> rusqlite::Result<Row> {
    Ok(Row { name: row.get(0)?, version: version(row.get(1)?)?, value: row.get(2)? })
}

/// Versions begin with 1; anything else in the column is damage.
fn version(stored: i64) -> rusqlite::Result<u64> {
    match u64::try_from(stored) {
        Ok(version @ 1..) => Ok(version),
        _ => Err(rusqlite::Error::IntegralValueOutOfRange(1, stored)), // STO-3
    }
}

fn column(version: u64) -> Result<i64, RowError> {
    i64::try_from(version).map_err(|_| RowError::Damaged)
}

/// The first name after all names that begin with `prefix`, if there is one.
fn after(prefix: &[u8]) -> Option<Vec<u8>> {
    let last = prefix.iter().rposition(|&byte| byte != u8::MAX)?;
    let mut end = prefix[..=last].to_vec();
    end[last] += 1;
    Some(end)
}

impl fmt::Debug for SqliteRows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteRows").field("file", &self.connection.path()).finish_non_exhaustive()
    }
}

impl fmt::Debug for SqliteMoment<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteMoment").finish_non_exhaustive()
    }
}

impl fmt::Debug for SqliteBatch<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteBatch").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_prefix_ends_before_the_next_name() {
        assert_eq!(after(&[1, 2]), Some(vec![1, 3]));
        assert_eq!(after(&[1, 0xff, 0xff]), Some(vec![2]));
        assert_eq!(after(&[0xff, 0xff]), None);
        assert_eq!(after(&[]), None);
    }

    #[test]
    fn a_table_that_others_hold_is_busy_and_can_still_be_read() {
        let folder = tempfile::tempdir().unwrap();
        let mut ours = SqliteRows::create(folder.path().join("rows")).unwrap();
        let mut theirs = SqliteRows::open(folder.path().join("rows")).unwrap();
        ours.connection.busy_timeout(Duration::ZERO).unwrap();
        let held = theirs.begin(Durability::Full).unwrap();
        assert!(matches!(ours.begin(Durability::Full), Err(RowError::Busy)));
        assert_eq!(ours.moment().unwrap().get(b"a").unwrap(), None);
        drop(held);
        ours.begin(Durability::Full).unwrap();
    }

    #[test]
    fn scrubbing_waits_for_who_reads_an_old_row() {
        let folder = tempfile::tempdir().unwrap();
        let mut ours = SqliteRows::create(folder.path().join("rows")).unwrap();
        let theirs = SqliteRows::open(folder.path().join("rows")).unwrap();
        ours.connection.busy_timeout(Duration::ZERO).unwrap();
        for version in 0..2 {
            let reading = theirs.moment().unwrap();
            reading.get(b"a").unwrap();
            let mut batch = ours.begin(Durability::Full).unwrap();
            assert!(batch.put(b"a", version, b"tea").unwrap());
            batch.commit().unwrap();
            assert!(matches!(ours.scrub(), Err(RowError::Busy)));
            drop(reading);
            ours.scrub().unwrap();
        }
    }

    #[test]
    fn a_full_device_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let mut rows = SqliteRows::create(folder.path().join("rows")).unwrap();
        rows.connection.pragma_update(None, "max_page_count", 8).unwrap();
        let mut batch = rows.begin(Durability::Full).unwrap();
        assert!(batch.put(b"a", 0, b"tea").unwrap());
        assert!(matches!(batch.put(b"b", 0, &[0; 1 << 16]), Err(RowError::Full)));
        drop(batch);
        assert_eq!(rows.moment().unwrap().versions().unwrap(), []);
    }

    #[test]
    fn a_table_that_cannot_be_written_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let mut rows = SqliteRows::create(folder.path().join("rows")).unwrap();
        rows.connection.pragma_update(None, "query_only", true).unwrap();
        let refused = rows.begin(Durability::Full).and_then(|mut batch| batch.put(b"a", 0, b"tea"));
        assert!(matches!(refused, Err(RowError::NotWritable)), "{refused:?}");
    }

    #[test]
    fn durability_is_per_batch() {
        let folder = tempfile::tempdir().unwrap();
        let mut rows = SqliteRows::create(folder.path().join("rows")).unwrap();
        for (durability, level) in [(Durability::Relaxed, 1), (Durability::Full, 2)] {
            rows.begin(durability).unwrap().commit().unwrap();
            let now: i32 =
                rows.connection.pragma_query_value(None, "synchronous", |row| row.get(0)).unwrap();
            assert_eq!(now, level);
        }
    }
}
