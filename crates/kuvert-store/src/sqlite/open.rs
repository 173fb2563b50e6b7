//! Opening a file: is it one of ours, and how SQLite has to treat it.

use std::fs;
use std::io;
use std::path::{Path, absolute};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::{Place, SqliteRows};
use crate::error::{Part, StoreError};
use crate::rows::{Durability, RowError};

/// `KVST`, in the file's `application_id`.
pub(super) const APPLICATION_ID: i32 = i32::from_be_bytes(*b"KVST");

/// The whole schema. A file with one object more or less is not ours.
pub(super) const SCHEMA: &str = "CREATE TABLE rows (name BLOB PRIMARY KEY, \
    version INTEGER NOT NULL, value BLOB NOT NULL) STRICT, WITHOUT ROWID";

/// How long to wait for others. A batch takes milliseconds, so this is many of them; more would look
/// like a program that hangs.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

impl SqliteRows {
    /// Opens an existing file.
    ///
    /// # Errors
    ///
    /// - [`StoreError::NotFound`]: there is no such file.
    /// - [`StoreError::Unreadable`] of the file: damaged, or no Kuvert store.
    /// - `Busy`, `Io`.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        let path = path.as_ref();
        match fs::metadata(path) {
            Ok(found) if found.is_file() => {}
            Ok(_) => return Err(StoreError::unreadable(Part::File)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(StoreError::NotFound);
            }
            Err(error) => return Err(error.into()),
        }
        let connection = connect(path)?;
        if !is_ours(&connection).map_err(RowError::from)? {
            return Err(StoreError::unreadable(Part::File)); // STO-2
        }
        let place = Some(Place::of(absolute(path)?));
        Ok(Self { connection, durability: Durability::Full, place })
    }
}

/// A connection to an existing file, whatever is in it.
pub(super) fn connect(path: &Path) -> Result<Connection, StoreError> {
    // SQLite takes names that begin with "file:" for URLs; an absolute path does not.
    let path = absolute(path)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(RowError::from)?;
    configure(&connection).map_err(RowError::from)?;
    Ok(connection)
}

fn configure(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    // The file may come from an attacker: nothing in it is to run.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_VIEW, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    // What a record was must not stay in free space once the protocol has forgotten it.
    connection.pragma_update(None, "secure_delete", true)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    // macOS: fsync alone stops at the drive's cache.
    connection.pragma_update(None, "fullfsync", true)?;
    connection.pragma_update(None, "checkpoint_fullfsync", true)?;
    connection.pragma_update(None, "synchronous", "FULL")
}

fn is_ours(connection: &Connection) -> rusqlite::Result<bool> {
    let id: i32 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    if id != APPLICATION_ID {
        return Ok(false);
    }
    let journal: String = connection.pragma_query_value(None, "journal_mode", |row| row.get(0))?;
    let mut statement = connection.prepare("SELECT sql FROM sqlite_schema")?;
    let objects = statement.query_map([], |row| row.get(0))?;
    let objects: Vec<Option<String>> = objects.collect::<Result<_, _>>()?;
    Ok(journal == "wal" && objects == [Some(SCHEMA.to_owned())])
}
