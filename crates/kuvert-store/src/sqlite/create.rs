//! Creating a file: made under another name, then put in place whole.
//!
//! Whoever sees the file under its real name sees a complete store, whenever the program that makes
//! it ends. An existing file is never touched.

use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use rusqlite::{Connection, Row};

use super::SqliteRows;
use super::open::{APPLICATION_ID, SCHEMA, connect};
use crate::error::StoreError;
use crate::rows::{Durability, RowError};

/// What SQLite puts beside a file, by the end of the name.
const COMPANIONS: [&str; 3] = ["-wal", "-journal", "-shm"];

/// A file in the making. Dropped before [`Draft::publish`], it is gone.
pub(super) struct Draft {
    path: PathBuf,
    target: PathBuf,
}

impl Draft {
    /// Makes an empty file beside `target`, for its owner's eyes only.
    pub(super) fn beside(target: &Path) -> Result<Self, StoreError> {
        refuse_existing(target)?;
        let draft = Self { path: draft_name(target)?, target: target.to_owned() };
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.open(&draft.path)?;
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
        Ok(SqliteRows { connection, durability: Durability::Full })
    }

    /// Gives the finished file its real name, unless there is one by now, and opens it there.
    pub(super) fn publish(self, rows: SqliteRows) -> Result<SqliteRows, StoreError> {
        begin_log(rows.connection)?;
        match fs::hard_link(&self.path, &self.target) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                return Err(StoreError::AlreadyExists { path: self.target.clone() });
            }
            Err(_) => self.rename()?,
        }
        let open = || {
            sync_folder(&self.target)?;
            SqliteRows::open(&self.target)
        };
        open().inspect_err(|_| remove(&self.target))
    }

    /// For file systems without links: as good, but for a second creator in the same instant.
    fn rename(&self) -> Result<(), StoreError> {
        refuse_existing(&self.target)?;
        Ok(fs::rename(&self.path, &self.target)?)
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
fn remove(path: &Path) {
    // What cannot be removed stays; there is nobody left to tell.
    let _ = fs::remove_file(path);
    for companion in COMPANIONS {
        let _ = fs::remove_file(with_suffix(path, companion));
    }
}

/// A log without its file counts as well: SQLite would play it into a new file of that name.
fn refuse_existing(target: &Path) -> Result<(), StoreError> {
    let companions = COMPANIONS.map(|suffix| with_suffix(target, suffix));
    for path in companions.into_iter().chain([target.to_owned()]) {
        // Of the name itself: a link to nowhere is something, too.
        match fs::symlink_metadata(&path) {
            Ok(_) => return Err(StoreError::AlreadyExists { path }), // STO-1
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

fn draft_name(target: &Path) -> Result<PathBuf, StoreError> {
    let file = target.file_name().ok_or_else(|| io::Error::from(ErrorKind::InvalidInput))?;
    let number = getrandom::u64().map_err(|_| StoreError::Rng)?;
    let mut name = OsString::from(".");
    name.push(file);
    name.push(format!(".{number:016x}.new"));
    Ok(target.with_file_name(name))
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Makes a new name durable.
fn sync_folder(path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    if let Some(folder) = path.parent() {
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        fs::File::open(folder)?.sync_all()?;
    }
    Ok(())
}
