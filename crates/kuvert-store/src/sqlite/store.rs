//! The sealed store in a file: what apps use.

use std::path::{Path, PathBuf};

use super::create::{Draft, remove};
use super::{ANCHOR_SUFFIX, SqliteRows};
use crate::anchor::FileAnchor;
use crate::anchored::Anchored;
use crate::error::StoreError;
use crate::new_file::{refuse_existing, with_suffix};
use crate::sealed::{Sealed, Unlock};

/// A sealed store in one SQLite file, with its anchor in another.
///
/// The files and what SQLite puts beside the first (`-wal`, `-shm`) hold no plaintext, no record's
/// name and no key. Several processes may have them open. It is `Send`, not `Sync`.
///
/// The anchor is the file `NAME-anchor`, unless it is named otherwise. With it, an old copy of the
/// store's file that is put back is noticed ([`Store::rollback`](crate::Store::rollback)). Where both
/// files are put back together, as by a backup of the folder, it is not: an app that has a place which
/// its backups leave out keeps the anchor there, by [`SqliteStore::create_anchored`] and
/// [`SqliteStore::open_anchored`]. Without an anchor, a store is a [`Sealed`] over [`SqliteRows`].
pub type SqliteStore = Anchored<Sealed<SqliteRows>, FileAnchor>;

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
    /// - [`StoreError::Unreadable`]: the file is damaged, or no Kuvert store; or that of the anchor is,
    ///   or is another store's.
    /// - `UnsupportedVersion`, `Busy`, `Io`.
    ///
    /// A store that was put back from an old copy opens: [`Store::rollback`](crate::Store::rollback)
    /// says so.
    pub fn open(path: impl AsRef<Path>, passphrase: &str) -> Result<Self, StoreError> {
        Self::open_with(path, Unlock::Passphrase(passphrase))
    }

    /// Like [`SqliteStore::create`], with a passphrase or an app's own key.
    ///
    /// # Errors
    ///
    /// As for [`SqliteStore::create`].
    pub fn create_with(path: impl AsRef<Path>, unlock: Unlock<'_>) -> Result<Self, StoreError> {
        let anchor = beside(path.as_ref());
        Self::create_anchored(path, unlock, anchor)
    }

    /// Like [`SqliteStore::open`], with a passphrase or an app's own key.
    ///
    /// # Errors
    ///
    /// As for [`SqliteStore::open`].
    pub fn open_with(path: impl AsRef<Path>, unlock: Unlock<'_>) -> Result<Self, StoreError> {
        let anchor = beside(path.as_ref());
        Self::open_anchored(path, unlock, anchor)
    }

    /// Like [`SqliteStore::create_with`], with the anchor in the file `anchor`, which must not exist.
    ///
    /// # Errors
    ///
    /// As for [`SqliteStore::create`].
    pub fn create_anchored(
        path: impl AsRef<Path>,
        unlock: Unlock<'_>,
        anchor: impl AsRef<Path>,
    ) -> Result<Self, StoreError> {
        refuse_existing(anchor.as_ref())?;
        let draft = Draft::beside(path.as_ref())?;
        let sealed = Sealed::create_over(draft.rows()?, unlock)?;
        let sealed = sealed.relocated(|rows| draft.publish(rows))?;
        anchored(sealed, anchor.as_ref()).inspect_err(|_| remove(path.as_ref()))
    }

    /// Like [`SqliteStore::open_with`], with the anchor in the file `anchor`. If there is none, it is
    /// made, and knows of nothing.
    ///
    /// # Errors
    ///
    /// As for [`SqliteStore::open`]; `Full`, `NotWritable` if the anchor cannot be made.
    pub fn open_anchored(
        path: impl AsRef<Path>,
        unlock: Unlock<'_>,
        anchor: impl AsRef<Path>,
    ) -> Result<Self, StoreError> {
        anchored(Sealed::open_over(SqliteRows::open(path)?, unlock)?, anchor.as_ref())
    }
}

fn beside(path: &Path) -> PathBuf {
    with_suffix(path, ANCHOR_SUFFIX)
}

fn anchored(sealed: Sealed<SqliteRows>, anchor: &Path) -> Result<SqliteStore, StoreError> {
    let anchor = FileAnchor::open(anchor, sealed.anchor_key())?;
    let mut store = SqliteStore::new(sealed, anchor);
    store.catch_up()?;
    Ok(store)
}
