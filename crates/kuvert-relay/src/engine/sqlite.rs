//! The embedded engine: one SQLite database in the data folder.
//!
//! Write-ahead log with a full sync at each commit: what was committed survives a power cut. One thread owns the
//! connection, and the database is locked for this process alone. Erased rows are overwritten.

mod directory;
mod mailbox;

use std::path::Path;
use std::time::Duration;

use rusqlite::types::Value;
use rusqlite::{CachedStatement, Connection, ErrorCode, Row as SqlRow};

use super::{Batch, EngineError, Result};

/// The database's name in the data folder.
pub const FILE_NAME: &str = "relay.sqlite";

/// Version of the tables. A database with a later one is not touched.
const SCHEMA_VERSION: i64 = 2;
/// "KUVR": marks the file as a relay's.
const APPLICATION_ID: i64 = 0x4b55_5652;
const SCHEMA: &str = include_str!("sqlite/schema.sql");
const FROM_1: &str = include_str!("sqlite/from_1.sql");
/// Bytes of a page. Larger pages keep an envelope in fewer of them.
const PAGE_LEN: u64 = 8192;
/// How long to wait for a predecessor that is about to end.
const BUSY_TIMEOUT: Duration = Duration::from_secs(1);
/// Pages given back to the file system at a time: 8 MiB, some ten milliseconds.
const SHRINK_PAGES: u32 = 1024;
/// More than there are statements here, so that each is prepared once.
const STATEMENTS: usize = 64;

/// Rows in an SQLite database.
#[derive(Debug)]
pub struct SqliteEngine {
    db: Connection,
}

impl SqliteEngine {
    /// Opens the database in `data_dir`, or makes it. It grows to `max_bytes` at most; then posts are refused.
    ///
    /// # Errors
    ///
    /// [`EngineError`] when the folder cannot be used, another process has the database, or it is not a relay's of
    /// this version. Nothing is changed then.
    pub fn open(data_dir: &Path, max_bytes: u64) -> Result<Self> {
        let db = Connection::open(data_dir.join(FILE_NAME))?;
        db.busy_timeout(BUSY_TIMEOUT)?;
        Self::prepare(db, max_bytes)
    }

    /// Opens a database in memory, for tests.
    ///
    /// # Errors
    ///
    /// [`EngineError`] when there is no memory for it.
    pub fn in_memory() -> Result<Self> {
        Self::prepare(Connection::open_in_memory()?, u64::MAX)
    }

    fn prepare(db: Connection, max_bytes: u64) -> Result<Self> {
        db.set_prepared_statement_cache_capacity(STATEMENTS);
        db.execute_batch(&format!(
            "PRAGMA locking_mode = EXCLUSIVE;
             PRAGMA page_size = {PAGE_LEN};
             PRAGMA auto_vacuum = INCREMENTAL;
             PRAGMA journal_mode = WAL;
             PRAGMA synchronous = FULL;
             PRAGMA secure_delete = ON;
             PRAGMA temp_store = MEMORY;
             PRAGMA journal_size_limit = 67108864;"
        ))?;
        let pages = (max_bytes / PAGE_LEN).clamp(64, u64::from(u32::MAX - 1));
        db.pragma_update(None, "max_page_count", sql(pages))?;
        let engine = Self { db };
        engine.prepare_tables()?;
        Ok(engine)
    }

    fn prepare_tables(&self) -> Result<()> {
        let number = |name| self.db.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
        match (number("application_id")?, number("user_version")?) {
            (APPLICATION_ID, SCHEMA_VERSION) => Ok(()),
            (0, 0) if self.is_empty()? => self.change_tables(SCHEMA),
            (APPLICATION_ID, 1) => self.change_tables(FROM_1),
            (APPLICATION_ID, version) => {
                let text = format!("the database has version {version}, not {SCHEMA_VERSION}");
                Err(EngineError::new(text))
            }
            _ => Err(EngineError::new("the database is not a relay's")),
        }
    }

    /// All of it or nothing, at whatever moment the process ends.
    fn change_tables(&self, sql: &str) -> Result<()> {
        Ok(self.db.execute_batch(&format!(
            "BEGIN IMMEDIATE; {sql}
             PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {SCHEMA_VERSION};
             COMMIT;"
        ))?)
    }

    fn is_empty(&self) -> Result<bool> {
        let count = "SELECT count(*) FROM sqlite_schema";
        Ok(self.db.query_row(count, [], |row| row.get::<_, i64>(0))? == 0)
    }

    /// Every column of every table, as `table.column`, sorted. The published list is held against it.
    ///
    /// # Errors
    ///
    /// [`EngineError`] when the database cannot be read.
    pub fn columns(&self) -> Result<Vec<String>> {
        let sql = "SELECT t.name || '.' || c.name FROM sqlite_schema t, pragma_table_info(t.name) c
                   WHERE t.type = 'table' ORDER BY 1";
        let mut statement = self.db.prepare(sql)?;
        let names = statement.query_map([], |row| row.get(0))?;
        Ok(names.collect::<rusqlite::Result<_>>()?)
    }

    fn statement(&self, sql: &str) -> Result<CachedStatement<'_>> {
        Ok(self.db.prepare_cached(sql)?)
    }

    /// Runs a statement and says how many rows it changed.
    fn change<P: rusqlite::Params>(&self, sql: &str, params: P) -> Result<usize> {
        Ok(self.statement(sql)?.execute(params)?)
    }

    /// The first row that a query finds.
    fn first<T, P: rusqlite::Params>(
        &self,
        sql: &str,
        params: P,
        read: impl FnOnce(&SqlRow<'_>) -> rusqlite::Result<T>,
    ) -> Result<Option<T>> {
        let mut statement = self.statement(sql)?;
        let mut rows = statement.query(params)?;
        Ok(rows.next()?.map(read).transpose()?)
    }

    /// Deletes the oldest rows of `table` while `column` lies before `moment`, at most `limit`.
    ///
    /// Row ids grow with time, so the walk starts at the oldest row and needs no index. The names are constants.
    fn delete_oldest(&self, table: &str, column: &str, moment: i64, limit: usize) -> Result<usize> {
        let sql = format!(
            "DELETE FROM {table} WHERE id IN
                 (SELECT id FROM (SELECT id, {column} AS at FROM {table} ORDER BY id LIMIT ?2)
                  WHERE at < ?1)"
        );
        self.change(&sql, [Value::from(moment), Value::from(sql_len(limit))])
    }
}

impl Batch for SqliteEngine {
    fn begin(&mut self) -> Result<()> {
        self.change("BEGIN IMMEDIATE", []).map(drop)
    }

    fn mark(&mut self) -> Result<()> {
        self.change("SAVEPOINT work", []).map(drop)
    }

    fn keep(&mut self) -> Result<()> {
        self.change("RELEASE work", []).map(drop)
    }

    fn undo(&mut self) -> Result<()> {
        self.change("ROLLBACK TO work", [])?;
        self.keep()
    }

    fn commit(&mut self) -> Result<()> {
        self.change("COMMIT", []).map(drop)
    }

    fn shrink(&mut self) -> Result<()> {
        let mut statement = self.statement("PRAGMA incremental_vacuum")?;
        let mut steps = statement.query([])?;
        // Each step gives back one page.
        let mut pages = 0;
        while pages < SHRINK_PAGES && steps.next()?.is_some() {
            pages += 1;
        }
        Ok(())
    }

    fn abort(&mut self) {
        // A full disk may have ended the transaction already; then there is nothing to take back.
        if !self.db.is_autocommit() && self.change("ROLLBACK", []).is_err() {
            tracing::error!("a batch could not be taken back");
        }
    }
}

impl From<rusqlite::Error> for EngineError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                Self::new("another process is using it")
            }
            _ => Self::new(error),
        }
    }
}

/// A number as SQLite keeps it; positions, lengths and times never come near the limit.
fn sql(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn sql_len(len: usize) -> i64 {
    i64::try_from(len).unwrap_or(i64::MAX)
}

/// A number as SQLite gave it; never negative unless someone else wrote it.
fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

fn len(number: i64) -> usize {
    usize::try_from(number).unwrap_or(0)
}

/// A stored value that does not decode: the file was changed behind the relay's back.
fn damaged(table: &'static str) -> EngineError {
    EngineError::new(format!("a row of {table} is damaged"))
}

#[cfg(test)]
mod tests {
    use kuvert_wire::relay::TokenId;
    use kuvert_wire::{MailboxId, PostId};

    use super::*;
    use crate::engine::MailboxRows;

    #[test]
    fn a_second_process_cannot_open_the_same_folder() {
        let dir = tempfile::tempdir().unwrap();
        let first = SqliteEngine::open(dir.path(), u64::MAX).unwrap();
        assert!(SqliteEngine::open(dir.path(), u64::MAX).is_err());
        drop(first);
        assert!(SqliteEngine::open(dir.path(), u64::MAX).is_ok());
    }

    #[test]
    fn a_foreign_or_newer_database_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(FILE_NAME);
        let foreign = Connection::open(&path).unwrap();
        foreign.execute_batch("CREATE TABLE recipe (name TEXT)").unwrap();
        drop(foreign);
        let error = SqliteEngine::open(dir.path(), u64::MAX).unwrap_err();
        assert_eq!(error.to_string(), "the database is not a relay's");

        std::fs::remove_file(&path).unwrap();
        drop(SqliteEngine::open(dir.path(), u64::MAX).unwrap());
        let newer = Connection::open(&path).unwrap();
        newer.pragma_update(None, "user_version", 3).unwrap();
        drop(newer);
        let error = SqliteEngine::open(dir.path(), u64::MAX).unwrap_err();
        assert_eq!(error.to_string(), "the database has version 3, not 2");
    }

    /// A database as an earlier version left it.
    fn version_1() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        let old = Connection::open(dir.path().join(FILE_NAME)).unwrap();
        old.execute_batch(include_str!("../../tests/fixtures/version-1.sql")).unwrap();
        dir
    }

    #[test]
    fn an_older_database_is_brought_up_to_date_with_all_that_is_in_it() {
        let dir = version_1();
        let fresh = SqliteEngine::in_memory().unwrap().columns().unwrap();
        for _ in 0..2 {
            let mut engine = SqliteEngine::open(dir.path(), u64::MAX).unwrap();
            assert_eq!(engine.columns().unwrap(), fresh);
            let name = MailboxId::from_bytes([1; 32]);
            let mailbox = engine.mailbox(&name).unwrap().unwrap();
            assert_eq!((mailbox.last_position, mailbox.queued_messages), (3, 2));
            assert!(engine.has_token(mailbox.row, &TokenId::from_bytes([2; 32])).unwrap());
            assert!(engine.has_post(mailbox.row, &PostId::from_bytes([5; 16])).unwrap());
            let headings = engine.headings(mailbox.row, 0, 9).unwrap();
            let waiting = headings.iter().map(|heading| engine.delivered(&name, *heading).unwrap());
            let waiting: Vec<_> =
                waiting.map(|it| (it.envelope.into_bytes(), it.franked)).collect();
            assert_eq!(waiting, [(b"first".to_vec(), None), (b"second".to_vec(), None)]);
        }
    }

    #[test]
    fn an_update_that_is_cut_off_begins_again() {
        let dir = version_1();
        let old = Connection::open(dir.path().join(FILE_NAME)).unwrap();
        old.execute_batch(&format!("BEGIN IMMEDIATE; {FROM_1}")).unwrap();
        drop(old);
        assert!(SqliteEngine::open(dir.path(), u64::MAX).is_ok());
    }

    #[test]
    fn a_committed_batch_is_synced_and_erased_rows_are_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        let engine = SqliteEngine::open(dir.path(), u64::MAX).unwrap();
        let pragma = |name| {
            let value = engine.db.pragma_query_value(None, name, |row| row.get::<_, Value>(0));
            value.unwrap()
        };
        assert_eq!(pragma("synchronous"), Value::Integer(2));
        assert_eq!(pragma("secure_delete"), Value::Integer(1));
        assert_eq!(pragma("journal_mode"), Value::Text("wal".into()));
    }
}
