//! Creating a file: made under another name, then put in place whole.
//!
//! Whoever sees the file under its real name sees a complete store, whenever the program that makes
//! it ends. An existing file is never touched.

use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, Row};

use super::open::{APPLICATION_ID, SCHEMA, connect};
use super::{ANCHOR_SUFFIX, SqliteRows};
use crate::error::StoreError;
use crate::new_file::{
    create_private, draft_name, give_name, refuse_existing, sync_folder, with_suffix,
};
use crate::rows::{Durability, RowError};

/// What stands beside a file, by the end of the name: SQLite's companions, and the anchor.
const COMPANIONS: [&str; 4] = ["-wal", "-journal", "-shm", ANCHOR_SUFFIX];

/// A file in the making. Dropped before [`Draft::publish`], it is gone.
pub(super) struct Draft {
    path: PathBuf,
    target: PathBuf,
}

impl Draft {
    /// Makes an empty file beside `target`, for its owner's eyes only.
    pub(super) fn beside(target: &Path) -> Result<Self, StoreError> {
        refuse_leftovers(target)?;
        let draft = Self { path: draft_name(target)?, target: target.to_owned() };
        create_private(&draft.path)?;
        Ok(draft)
    }

    /// An empty table in the file.
    pub(super) fn rows(&self) -> Result<SqliteRows, StoreError> {
        let connection = connect(&self.path)?;
        let fill = || {
            connection.pragma_update(None, "application_id", APPLICATION_ID)?;
            connection.execute_batch(SCHEMA)
        };
        fill().map_err(RowError::from)?;
        Ok(SqliteRows { connection, durability: Durability::Full, place: None })
    }

    /// Gives the finished file its real name, unless there is one by now, and opens it there.
    pub(super) fn publish(self, rows: SqliteRows) -> Result<SqliteRows, StoreError> {
        begin_log(rows.connection)?;
        give_name(&self.path, &self.target)?;
        let open = || {
            sync_folder(&self.target)?;
            SqliteRows::open(&self.target)
        };
        open().inspect_err(|_| remove(&self.target))
    }
}

impl SqliteRows {
    /// Makes an empty table in a new file that only its owner may read, and opens it. What
    /// [`SqliteStore::create`](crate::SqliteStore::create) does, without anything sealed in it.
    ///
    /// # Errors
    ///
    /// [`StoreError::AlreadyExists`]: there is a file of this name, which stays as it is; `Full`,
    /// `Io`, `Rng`. No file is left behind then.
    pub fn create(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        let draft = Draft::beside(path.as_ref())?;
        let rows = draft.rows()?;
        draft.publish(rows)
    }
}

/// Switches to the log and closes. Last of all, so that until then every commit is in the file itself
/// and not in a log beside it.
fn begin_log(connection: Connection) -> Result<(), StoreError> {
    let set = |row: &Row<'_>| row.get::<_, String>(0);
    let mode = connection.pragma_update_and_check(None, "journal_mode", "WAL", set);
    if mode.map_err(RowError::from)? != "wal" {
        return Err(StoreError::Io("this file system holds no write-ahead log".into()));
    }
    connection.close().map_err(|(_, error)| RowError::from(error))?;
    Ok(())
}

impl Drop for Draft {
    fn drop(&mut self) {
        remove(&self.path);
    }
}

/// Removes a file that was made here, with its companions.
pub(super) fn remove(path: &Path) {
    // What cannot be removed stays; there is nobody left to tell.
    let _ = fs::remove_file(path);
    for companion in COMPANIONS {
        let _ = fs::remove_file(with_suffix(path, companion));
    }
}

/// A log without its file counts as well: SQLite would play it into a new file of that name. So does
/// an anchor: it is another store's.
fn refuse_leftovers(target: &Path) -> Result<(), StoreError> {
    let companions = COMPANIONS.map(|suffix| with_suffix(target, suffix));
    companions.iter().map(PathBuf::as_path).chain([target]).try_for_each(refuse_existing)
}
