//! What a database has to do: keep named, versioned bytes and change several at once.
//!
//! A database knows rows, not records. It never sees a key, a plaintext or a passphrase: names and
//! values come from [`Sealed`](crate::Sealed) and look random. Whoever brings another database
//! implements [`Rows`], [`Moment`] and [`Batch`], and gets a sealed [`Store`](crate::Store).
//!
//! # Contract
//!
//! - Several handles, in one process or in many, may work on one table.
//! - A [`Moment`] sees whole batches only, and the same ones for as long as it lives.
//! - A [`Batch`] has the table to itself: what it reads stays so until it is committed or dropped.
//! - A row that cannot be read is an error, never an absent row.
//!
//! The conformance kit of the feature `suite`, run on `Sealed` over the database, tests all of it.
//!
//! # Spec
//!
//! `spec/09-storage.md`, "Rows".

use std::error::Error;

/// A table of rows.
pub trait Rows {
    /// See [`Moment`].
    type Moment<'a>: Moment
    where
        Self: 'a;
    /// See [`Batch`].
    type Batch<'a>: Batch
    where
        Self: 'a;

    /// Looks at the table as it is now.
    ///
    /// # Errors
    ///
    /// [`RowError`] but for `Full`.
    fn moment(&self) -> Result<Self::Moment<'_>, RowError>;

    /// Begins a batch of changes; waits a while for others to end theirs.
    ///
    /// # Errors
    ///
    /// [`RowError`]; `Busy` when the others take too long.
    fn begin(&mut self, durability: Durability) -> Result<Self::Batch<'_>, RowError>;

    /// Leaves nothing of replaced and removed rows in files; see
    /// [`Store::scrub`](crate::Store::scrub).
    ///
    /// # Errors
    ///
    /// [`RowError`]; `Busy` when others read for too long.
    fn scrub(&mut self) -> Result<(), RowError> {
        Ok(())
    }
}

/// The table as it was at one moment.
pub trait Moment {
    /// The row `name`, if there is one.
    ///
    /// # Errors
    ///
    /// [`RowError`] but for `Full`.
    fn get(&self, name: &[u8]) -> Result<Option<Row>, RowError>;

    /// All rows whose names begin with `prefix`, in any order.
    ///
    /// # Errors
    ///
    /// As for [`Moment::get`].
    fn scan(&self, prefix: &[u8]) -> Result<Vec<Row>, RowError>;

    /// Whether there is a row whose name begins with `prefix` and is longer.
    ///
    /// # Errors
    ///
    /// As for [`Moment::get`].
    fn has_under(&self, prefix: &[u8]) -> Result<bool, RowError> {
        Ok(self.scan(prefix)?.iter().any(|row| row.name.len() > prefix.len()))
    }

    /// Name and version of every row, found in the way [`Moment::get`] finds them: a row that `get`
    /// would miss must be missing here too, or make an error.
    ///
    /// # Errors
    ///
    /// As for [`Moment::get`].
    fn versions(&self) -> Result<Vec<(Vec<u8>, u64)>, RowError>;
}

/// Changes that are made together. Dropped without [`Batch::commit`], none of them is.
pub trait Batch {
    /// The row `name` with the batch's own changes, if there is one.
    ///
    /// # Errors
    ///
    /// As for [`Moment::get`].
    fn get(&self, name: &[u8]) -> Result<Option<Row>, RowError>;

    /// Writes `value` if the row has the version `expected`, 0 meaning that there is none, and says
    /// whether it did. The row then has the version `expected + 1`.
    ///
    /// # Errors
    ///
    /// [`RowError`]; the batch is then to be dropped.
    fn put(&mut self, name: &[u8], expected: u64, value: &[u8]) -> Result<bool, RowError>;

    /// Removes the row if it has the version `expected`, 1 and up, and says whether it did.
    ///
    /// # Errors
    ///
    /// [`RowError`]; the batch is then to be dropped.
    fn delete(&mut self, name: &[u8], expected: u64) -> Result<bool, RowError>;

    /// Makes the changes, as durable as asked for.
    ///
    /// # Errors
    ///
    /// [`RowError`]; nothing has changed then.
    fn commit(self) -> Result<(), RowError>;
}

/// A row as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Name, unique.
    pub name: Vec<u8>,
    /// How often the row has been written since it came into being: 1 and up.
    pub version: u64,
    /// Value.
    pub value: Vec<u8>,
}

/// What a batch survives once it is committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Durability {
    /// The end of the process and a loss of power.
    Full,
    /// The end of the process. A loss of power may take the latest batches away again, last first.
    Relaxed,
}

/// Why a database could not do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RowError {
    /// The database's own structures are damaged. Never to be taken for "there is no such row".
    #[error("the database is damaged")]
    Damaged,
    /// Another database has been put in the place of the one that was opened.
    #[error("the database has been replaced")]
    Replaced,
    /// Others hold the database for too long.
    #[error("the database is in use")]
    Busy,
    /// There is no room left.
    #[error("no space left")]
    Full,
    /// The database cannot be written: no permission, or a disk that can only be read.
    #[error("the database cannot be written")]
    NotWritable,
    /// The device, the operating system or the database refuses.
    #[error("{0}")]
    Io(#[source] Box<dyn Error + Send + Sync>),
}
