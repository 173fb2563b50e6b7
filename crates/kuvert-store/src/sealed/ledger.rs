//! The ledger: which rows there are, and in which versions.
//!
//! ```text
//! mark(name, version) = HM(XL(ledger key, "store-name-key", "", 32), "store-name", u8 8 || u64 version || name)
//! ledger (40)         = rows u64 | sum 32           sum = XOR of mark(name, version) over all records' rows
//! row "ledger"        = salt 16 | RecordKey(master).seal(salt, ad = "ledger" || u64 version, ledger)      104 bytes
//! ```
//! Every batch rewrites the ledger, at the price of two marks a change whatever the number of rows. As
//! the marks and the sum are secret, nobody without the key finds another set of rows with that sum.
//!
//! # Spec
//!
//! `spec/09-storage.md`, "The ledger".

use kuvert_wire::{DecodeError, Reader};

use super::LEDGER;
use super::keys::Keys;
use super::record::SealedChange;
use crate::error::{Part, StoreError};
use crate::rows::{Batch, Row};

/// Which rows there are. The default is that of a store that has not been written yet.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Ledger {
    /// The version of the ledger's own row.
    version: u64,
    rows: u64,
    sum: [u8; 32],
}

impl Ledger {
    /// Opens the ledger's row, which every store has.
    pub(super) fn open(row: Option<Row>, keys: &Keys) -> Result<Self, StoreError> {
        let row = row.ok_or_else(unreadable)?; // STO-8
        let opened = keys.open(&ad(row.version), &row.value);
        let opened = opened.ok_or_else(unreadable)?; // STO-8
        Self::decode(row.version, &opened).map_err(|_| unreadable())
    }

    fn decode(version: u64, bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        let ledger = Self { version, rows: reader.u64()?, sum: reader.array()? };
        reader.finish()?;
        Ok(ledger)
    }

    /// How many batches there have been since the store was made.
    pub(super) const fn generation(&self) -> u64 {
        self.version.saturating_sub(1)
    }

    /// Takes in a change that is being made.
    pub(super) fn note(&mut self, change: &SealedChange, keys: &Keys) {
        let (before, after) = (change.expected(), change.version_after());
        if before != 0 {
            self.toggle(&keys.mark(change.name(), before));
            self.rows = self.rows.saturating_sub(1);
        }
        if after != 0 {
            self.toggle(&keys.mark(change.name(), after));
            self.rows = self.rows.saturating_add(1);
        }
    }

    /// Writes the ledger's next version.
    pub(super) fn write(&self, batch: &mut impl Batch, keys: &Keys) -> Result<(), StoreError> {
        let value = keys.seal(&ad(self.version + 1), &self.encode())?;
        let written = batch.put(LEDGER, self.version, &value)?;
        if written { Ok(()) } else { Err(unreadable()) }
    }

    fn encode(&self) -> Vec<u8> {
        [&self.rows.to_be_bytes()[..], &self.sum].concat()
    }

    /// Whether these are the rows, all of them and in these versions.
    pub(super) fn describes<'a>(
        &self,
        rows: impl Iterator<Item = &'a (Vec<u8>, u64)>,
        keys: &Keys,
    ) -> bool {
        let mut found = Self { version: self.version, ..Self::default() };
        for (name, version) in rows {
            found.toggle(&keys.mark(name, *version));
            found.rows += 1;
        }
        found == *self
    }

    /// Adds a mark to the sum, or takes it out: XOR is both.
    fn toggle(&mut self, mark: &[u8; 32]) {
        self.sum.iter_mut().zip(mark).for_each(|(sum, mark)| *sum ^= mark);
    }
}

pub(super) fn ad(version: u64) -> Vec<u8> {
    [LEDGER, &version.to_be_bytes()].concat()
}

const fn unreadable() -> StoreError {
    StoreError::unreadable(Part::Ledger)
}

#[cfg(test)]
mod tests {
    use super::super::keys::test_keys;
    use super::*;

    type Rows = Vec<(Vec<u8>, u64)>;

    fn ledger_of(rows: &Rows) -> Ledger {
        let (mut ledger, keys) = (Ledger::default(), test_keys());
        rows.iter().for_each(|(name, version)| ledger.toggle(&keys.mark(name, *version)));
        ledger.rows = u64::try_from(rows.len()).unwrap();
        ledger
    }

    fn row(name: &str, version: u64) -> (Vec<u8>, u64) {
        (name.as_bytes().to_vec(), version)
    }

    /// STO-9
    #[test]
    fn a_ledger_describes_its_rows_in_any_order_and_no_others() {
        let keys = test_keys();
        let rows = vec![row("a", 1), row("b", 2), row("c", 1)];
        let ledger = ledger_of(&rows);
        assert!(ledger.describes(rows.iter(), &keys));
        assert!(ledger.describes(rows.iter().rev(), &keys));
        for other in [
            vec![row("a", 1), row("b", 2)],
            vec![row("a", 1), row("b", 1), row("c", 1)],
            vec![row("a", 1), row("b", 2), row("c", 1), row("d", 1)],
            vec![row("a", 1), row("b", 2), row("d", 1)],
            vec![row("a", 2), row("b", 1), row("c", 1)],
            vec![row("a", 1), row("b", 2), row("c", 1), row("d", 1), row("d", 1)],
            Vec::new(),
        ] {
            assert!(!ledger.describes(other.iter(), &keys), "{other:?}");
        }
    }

    /// STO-8
    #[test]
    fn a_ledger_of_another_length_or_version_is_refused() {
        let keys = test_keys();
        let row = |version: u64, plaintext: &[u8]| {
            let (name, value) = (LEDGER.to_vec(), keys.seal(&ad(1), plaintext).unwrap());
            Some(Row { name, version, value })
        };
        assert!(Ledger::open(row(1, &[0; 40]), &keys).is_ok());
        let lengths = [39, 41, 0].map(|len| row(1, &vec![0; len]));
        let versions = [0, 2].map(|version| row(version, &[0; 40]));
        for bad in lengths.into_iter().chain(versions).chain([None]) {
            assert!(Ledger::open(bad, &keys).is_err());
        }
    }
}
