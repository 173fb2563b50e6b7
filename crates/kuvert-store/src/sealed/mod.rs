//! Sealing: what makes a store of any rows.
//!
//! ```text
//! row "header"        how the store's two secrets come out of a passphrase or an app's key
//! row "ledger"        which rows there are, in which versions; sealed, rewritten by every batch
//! row blind(key)      one record with its real key; sealed, bound to the row's name and version
//! ```
//!
//! # Spec
//!
//! `spec/09-storage.md`, "Sealing".

#[cfg(test)]
mod examples;
mod header;
mod keys;
mod ledger;
mod record;
mod unlock;

use std::fmt;

use kuvert_core::{Changes, Key, Record};

use crate::anchor::AnchorKey;
use crate::error::{Part, StoreError};
use crate::rows::{Batch, Durability, Moment, Rows};
use crate::store::{Counted, Floor, Store, collection, in_order};

use header::Header;
use keys::{Keys, Salts};
use ledger::{Ledger, Written};
use record::SealedChange;

pub use unlock::Unlock;

/// A store over any rows that shows whoever has the rows nothing but how many there are, how large
/// they are in classes, and how often each was written.
///
/// Each record is bound to its row and version, so that rows cannot stand in for each other. A ledger
/// of all rows, sealed and rewritten by every batch, binds them together: a row that was removed, put
/// back, or put back to what it was once, is found when the store is opened. Only an old copy of
/// *all* rows looks right: [`Anchored`](crate::Anchored) notices that by an [`Anchor`](crate::Anchor)
/// elsewhere.
///
/// # Spec
///
/// `spec/09-storage.md`, "Sealing".
pub struct Sealed<R> {
    rows: R,
    keys: Keys,
    /// The ledger that this handle wrote last, which need not be opened again.
    written: Option<Written>,
}

/// Row names of one segment or more have a length that is a multiple of 16; these two have not.
const HEADER: &[u8] = b"header";
const LEDGER: &[u8] = b"ledger";

impl<R: Rows> Sealed<R> {
    /// Makes a store in `rows`, which must be empty, and opens it.
    ///
    /// # Errors
    ///
    /// - [`StoreError::Unreadable`]: there are rows already; they are left as they are.
    /// - `Rng`, `Busy`, `Full`, `Io`.
    pub fn create_over(mut rows: R, unlock: Unlock<'_>) -> Result<Self, StoreError> {
        let keys = initialise(&mut rows, unlock)?;
        Ok(Self { rows, keys, written: None })
    }

    /// Opens the store in `rows` and checks that all its rows are there, in their latest versions.
    ///
    /// # Errors
    ///
    /// - [`StoreError::WrongPassphrase`].
    /// - [`StoreError::Unreadable`]: header or ledger are damaged, or do not fit the rows.
    /// - `UnsupportedVersion`, `Busy`, `Io`.
    pub fn open_over(rows: R, unlock: Unlock<'_>) -> Result<Self, StoreError> {
        let header = rows.moment()?.get(HEADER)?;
        let header = header.ok_or(StoreError::unreadable(Part::Header))?;
        let keys = Header::decode(&header.value)?.open(unlock)?;
        check_ledger(&rows, &keys)?;
        Ok(Self { rows, keys, written: None })
    }

    /// The key that binds an anchor to this store.
    #[must_use]
    pub fn anchor_key(&self) -> AnchorKey {
        self.keys.anchor_key()
    }

    /// The same store after `relocate` has put its rows in another place.
    #[cfg(feature = "sqlite")]
    pub(crate) fn relocated(
        self,
        relocate: impl FnOnce(R) -> Result<R, StoreError>,
    ) -> Result<Self, StoreError> {
        Ok(Self { rows: relocate(self.rows)?, ..self })
    }

    fn write(&mut self, changes: &Changes, durability: Durability) -> Result<(), StoreError> {
        if !changes.is_empty() {
            self.apply_above(changes, durability, Floor::NONE)?;
        }
        Ok(())
    }
}

impl<R: Rows> Counted for Sealed<R> {
    fn generation(&self) -> Result<u64, StoreError> {
        let row = self.rows.moment()?.get(LEDGER)?;
        Ok(Ledger::open_or_known(row, self.written.as_ref(), &self.keys)?.generation())
    }

    fn apply_above(
        &mut self,
        changes: &Changes,
        durability: Durability,
        floor: Floor,
    ) -> Result<u64, StoreError> {
        // One each, and one for the ledger.
        let mut salts = Salts::fresh(changes.iter().count() + 1)?;
        let seal = |change| SealedChange::seal(change, &self.keys, &mut salts);
        let sealed: Vec<_> = changes.iter().map(seal).collect::<Result<_, _>>()?;

        let mut batch = self.rows.begin(durability)?;
        let row = batch.get(LEDGER)?;
        let mut ledger = Ledger::open_or_known(row, self.written.as_ref(), &self.keys)?;
        let generation = floor.next(ledger.generation(), durability)?;
        for (change, sealed) in changes.iter().zip(&sealed) {
            if !sealed.make(&mut batch)? {
                return Err(StoreError::Conflict { key: change.key().clone() }); // STO-14
            }
            ledger.note(sealed, &self.keys);
        }
        ledger.advance_to(generation);
        let written = ledger.write(&mut batch, &self.keys, &mut salts)?;
        batch.commit()?;
        self.written = Some(written);
        Ok(generation)
    }
}

impl<R: Rows> Store for Sealed<R> {
    fn get(&self, key: &Key) -> Result<Option<Record>, StoreError> {
        let row = self.rows.moment()?.get(&self.keys.row_name(key.as_str()))?;
        let Some(row) = row else { return Ok(None) };
        match record::open(&row, &self.keys) {
            Some(record) if record.key == *key => Ok(Some(record)),
            _ => Err(StoreError::unreadable(Part::Record(key.clone()))),
        }
    }

    fn snapshot(&self, prefixes: &[&str]) -> Result<Vec<Record>, StoreError> {
        let moment = self.rows.moment()?;
        let mut records = Vec::new();
        for prefix in prefixes {
            let name = collection(prefix)?.map(|path| self.keys.row_name(path));
            for row in moment.scan(&name.unwrap_or_default())? {
                if row.name != HEADER && row.name != LEDGER {
                    let record = record::open(&row, &self.keys);
                    records.push(record.ok_or(StoreError::unreadable(Part::Row(row.name)))?);
                }
            }
        }
        records.retain(|record| prefixes.iter().any(|p| record.key.as_str().starts_with(p)));
        Ok(in_order(records))
    }

    fn has_any(&self, prefix: &str) -> Result<bool, StoreError> {
        match collection(prefix)? {
            Some(path) => Ok(self.rows.moment()?.has_under(&self.keys.row_name(path))?),
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
        Ok(self.rows.scrub()?)
    }
}

impl<R: fmt::Debug> fmt::Debug for Sealed<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sealed").field("rows", &self.rows).finish_non_exhaustive()
    }
}

/// Writes header and ledger in one batch.
fn initialise<R: Rows>(rows: &mut R, unlock: Unlock<'_>) -> Result<Keys, StoreError> {
    let (header, keys) = Header::generate(unlock)?;
    let mut batch = rows.begin(Durability::Full)?;
    if !batch.put(HEADER, 0, &header.encode())? {
        return Err(StoreError::unreadable(Part::Header));
    }
    Ledger::default().write(&mut batch, &keys, &mut Salts::fresh(1)?)?;
    batch.commit()?;
    Ok(keys)
}

/// Whether the rows are those that the ledger knows. Reads all names and versions, no values.
fn check_ledger<R: Rows>(rows: &R, keys: &Keys) -> Result<(), StoreError> {
    let moment = rows.moment()?;
    let ledger = Ledger::open(moment.get(LEDGER)?, keys)?;
    let versions = moment.versions()?;
    let records = versions.iter().filter(|(name, _)| name != HEADER && name != LEDGER);
    if ledger.describes(records, keys) {
        Ok(())
    } else {
        Err(StoreError::unreadable(Part::Ledger)) // STO-9
    }
}
