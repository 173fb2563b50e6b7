//! The sealed store in a file: what apps use.

use std::path::Path;

use super::SqliteRows;
use super::create::Draft;
use crate::error::StoreError;
use crate::sealed::{Sealed, Unlock};

/// A sealed store in one SQLite file.
///
/// The file and what SQLite puts beside it (`-wal`, `-shm`) hold no plaintext, no record's name and no
/// key. Several processes may have it open. It is `Send`, not `Sync`.
pub type SqliteStore = Sealed<SqliteRows>;

impl SqliteStore {
    /// Makes a store with a passphrase, in a new file that only its owner may read (mode 0600 on
    /// Unix), and opens it. The folder must exist.
    ///
    /// # Errors
    ///
    /// [`StoreError::AlreadyExists`]: there is a file of this name, which stays as it is; `Full`,
    /// `Io`, `Rng`. No file is left behind then.
    pub fn create(path: impl AsRef<Path>, passphrase: &str) -> Result<Self, StoreError> {
        Self::create_with(path, Unlock::Passphrase(passphrase))
    }

    /// Opens an existing store with its passphrase.
    ///
    /// # Errors
    ///
    /// - [`StoreError::NotFound`]: there is no file of this name.
    /// - [`StoreError::WrongPassphrase`]: the store is sound, the passphrase is not its own.
    /// - [`StoreError::Unreadable`]: the file is damaged, or no Kuvert store.
    /// - `UnsupportedVersion`, `Busy`, `Io`.
    pub fn open(path: impl AsRef<Path>, passphrase: &str) -> Result<Self, StoreError> {
        Self::open_with(path, Unlock::Passphrase(passphrase))
    }

    /// Like [`SqliteStore::create`], with a passphrase or an app's own key.
    ///
    /// # Errors
    ///
    /// As for [`SqliteStore::create`].
    pub fn create_with(path: impl AsRef<Path>, unlock: Unlock<'_>) -> Result<Self, StoreError> {
        let draft = Draft::beside(path.as_ref())?;
        Self::create_over(draft.rows()?, unlock)?.relocated(|rows| draft.publish(rows))
    }

    /// Like [`SqliteStore::open`], with a passphrase or an app's own key.
    ///
    /// # Errors
    ///
    /// As for [`SqliteStore::open`].
    pub fn open_with(path: impl AsRef<Path>, unlock: Unlock<'_>) -> Result<Self, StoreError> {
        Self::open_over(SqliteRows::open(path)?, unlock)
    }
}
