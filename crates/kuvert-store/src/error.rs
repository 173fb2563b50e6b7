//! What can go wrong with a store, and whose move it is then.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::PathBuf;

use kuvert_core::{Advice, Key, ProtocolError};

use crate::anchor::Rollback;
use crate::rows::RowError;

/// Why a store could not do what was asked. Whatever it says, nothing in the store has changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// A record has another version than the batch expected: someone else was first.
    #[error("record {key} has been changed by someone else")]
    Conflict {
        /// The first record that did not fit.
        key: Key,
    },
    /// Something is there and cannot be read. Never to be taken for "not there", and never to be
    /// written over.
    #[error("{what} cannot be read: damaged, or changed by someone without the key")]
    Unreadable {
        /// What it is.
        what: Part,
    },
    /// The store is sound, as far as one can tell, and the passphrase or key is not the right one.
    #[error("wrong passphrase")]
    WrongPassphrase,
    /// The store was written by a later version of this library.
    #[error("the store has format {found}, this program knows up to {known}")]
    UnsupportedVersion {
        /// The store's format.
        found: u8,
        /// The latest format known here.
        known: u8,
    },
    /// There is a file where a store was to be created.
    #[error("there is already a file {}", path.display())]
    AlreadyExists {
        /// The file: the one named, or a log of an earlier one of that name.
        path: PathBuf,
    },
    /// There is no file where a store was to be opened.
    #[error("there is no such file")]
    NotFound,
    /// The store is older than it has been before: an old copy has been put back. It can be read, and
    /// takes one batch alone, that of [`Store::accept_rollback`](crate::Store::accept_rollback).
    #[error("this is an old copy: {0}")]
    Rollback(Rollback),
    /// Another file has been put in the place of the store's file, or it was removed, while it was
    /// open. Whoever opens the store again finds what is there now.
    #[error("the store's file has been replaced or removed while it was open")]
    Replaced,
    /// Others hold the store for too long.
    #[error("the store is in use by another program")]
    Busy,
    /// There is no room left.
    #[error("no space left for the store")]
    Full,
    /// The file, or what has to stand beside it, cannot be read and written: no permission, or a disk
    /// that can only be read.
    #[error("the store cannot be read and written: no permission, or a read-only disk")]
    NotWritable,
    /// A prefix to scan that is neither empty nor ends in `/`.
    #[error("a prefix to scan must end in '/'")]
    BadPrefix,
    /// The operating system gave no random bytes.
    #[error("no random bytes from the operating system")]
    Rng,
    /// The device, the operating system or the database refuses.
    #[error("the store's device or database fails: {0}")]
    Io(#[source] Box<dyn Error + Send + Sync>),
}

/// A part of a store.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Part {
    /// The database file, or it is not a Kuvert store at all.
    File,
    /// The header, from which the key comes.
    Header,
    /// The ledger of what rows there are: some are missing, were put back, or are of another time.
    Ledger,
    /// The anchor: damaged, or that of another store.
    Anchor,
    /// One record.
    Record(Key),
    /// One record whose key could not be read either; the row's name, blinded.
    Row(Vec<u8>),
}

impl StoreError {
    /// Whose move it is.
    ///
    /// After a `Conflict` that is: load what has changed, then do it again. After a `Rollback`, the
    /// sessions are closed first (`Device::roll_back`, which the client does by itself), and the
    /// person is told that an old copy was put back.
    #[must_use]
    pub const fn advice(&self) -> Advice {
        match self {
            Self::Conflict { .. } | Self::Busy => Advice::RetryLater,
            Self::BadPrefix => Advice::FixCaller,
            Self::Rng => Advice::ReportBug,
            Self::Unreadable { .. }
            | Self::WrongPassphrase
            | Self::UnsupportedVersion { .. }
            | Self::AlreadyExists { .. }
            | Self::NotFound
            | Self::Rollback(_)
            | Self::Replaced
            | Self::Full
            | Self::NotWritable
            | Self::Io(_) => Advice::AskUser,
        }
    }

    /// For a [`Change`](kuvert_core::Change) of a kind that came after this crate.
    pub(crate) fn unknown_change() -> Self {
        Self::Io("this store does not know that kind of change".into())
    }

    pub(crate) const fn unreadable(what: Part) -> Self {
        Self::Unreadable { what }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File => f.write_str("the store's file"),
            Self::Header => f.write_str("the store's header"),
            Self::Ledger => f.write_str("the set of the store's records"),
            Self::Anchor => f.write_str("the anchor beside the store"),
            Self::Record(key) => write!(f, "record {key}"),
            Self::Row(name) => {
                f.write_str("a record in row ")?;
                name.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }
    }
}

impl From<RowError> for StoreError {
    fn from(error: RowError) -> Self {
        match error {
            RowError::Damaged => Self::Unreadable { what: Part::File },
            RowError::Replaced => Self::Replaced,
            RowError::Busy => Self::Busy,
            RowError::Full => Self::Full,
            RowError::NotWritable => Self::NotWritable,
            RowError::Io(source) => Self::Io(source),
        }
    }
}

impl From<io::Error> for StoreError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full,
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                Self::NotWritable
            }
            _ => Self::Io(Box::new(error)),
        }
    }
}

impl From<StoreError> for ProtocolError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Rng => Self::Rng,
            StoreError::Rollback(_) => Self::StateRollback,
            _ => Self::Storage,
        }
    }
}
