//! The ledger: which rows there are, and in which versions.
//!
//! ```text
//! mark(name, version) = HM(XL(ledger key, "store-name-key", "", 32), "store-name", u8 8 || u64 version || name)
//! ledger (40 or 48)   = rows u64 | sum 32 [| generation u64]      sum = XOR of mark(name, version) over all records' rows
//! row "ledger"        = salt 16 | RecordKey(master).seal(salt, ad = "ledger" || u64 version, ledger)
//! generation          = how many durable batches there have been; not written if it is version - 1
//! ```
//! Every batch rewrites the ledger, at the price of two marks a change whatever the number of rows. As
//! the marks and the sum are secret, nobody without the key finds another set of rows with that sum.
//!
//! # Spec
//!
//! `spec/09-storage.md`, "The ledger".

use kuvert_wire::{DecodeError, Reader};

use super::LEDGER;
use super::keys::{Keys, Salts};
use super::record::SealedChange;
use crate::error::{Part, StoreError};
use crate::rows::{Batch, Row};

/// The length of a ledger whose generation is implied.
const IMPLIED_LEN: usize = 40;

/// Which rows there are. The default is that of a store that has not been written yet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Ledger {
    /// The version of the ledger's own row.
    version: u64,
    rows: u64,
    sum: [u8; 32],
    generation: u64,
}

/// A ledger's row as it was written, and what is in it.
pub(super) struct Written {
    value: Vec<u8>,
    ledger: Ledger,
}

impl Ledger {
    /// Opens the ledger's row, unless it is the one that was `written` last.
    pub(super) fn open_or_known(
        row: Option<Row>,
        written: Option<&Written>,
        keys: &Keys,
    ) -> Result<Self, StoreError> {
        let is_row = |written: &&Written| {
            row.as_ref().is_some_and(|row| {
                row.version == written.ledger.version && row.value == written.value
            })
        };
        match written.filter(is_row) {
            Some(Written { ledger, .. }) => Ok(ledger.clone()),
            None => Self::open(row, keys),
        }
    }

    /// Opens the ledger's row, which every store has.
    pub(super) fn open(row: Option<Row>, keys: &Keys) -> Result<Self, StoreError> {
        let row = row.ok_or_else(unreadable)?; // STO-8
        let opened = keys.open(&ad(row.version), &row.value);
        let opened = opened.ok_or_else(unreadable)?; // STO-8
        Self::decode(row.version, &opened).map_err(|_| unreadable())
    }

    fn decode(version: u64, bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        let (rows, sum) = (reader.u64()?, reader.array()?);
        let implied = version.saturating_sub(1);
        let generation = if bytes.len() == IMPLIED_LEN { implied } else { reader.u64()? };
        reader.finish()?;
        // One encoding: what is implied is not written.
        if bytes.len() != IMPLIED_LEN && generation == implied {
            return Err(DecodeError::Invalid { what: "generation" }); // STO-8
        }
        Ok(Self { version, rows, sum, generation })
    }

    /// How many durable batches there have been; more after an accepted rollback.
    pub(super) const fn generation(&self) -> u64 {
        self.generation
    }

    /// Makes `generation` that of the batch being written.
    pub(super) const fn advance_to(&mut self, generation: u64) {
        self.generation = generation;
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
    pub(super) fn write(
        self,
        batch: &mut impl Batch,
        keys: &Keys,
        salts: &mut Salts,
    ) -> Result<Written, StoreError> {
        let value = keys.seal(salts, &ad(self.version + 1), &self.encode())?;
        if !batch.put(LEDGER, self.version, &value)? {
            return Err(unreadable());
        }
        Ok(Written { value, ledger: Self { version: self.version + 1, ..self } })
    }

    fn encode(&self) -> Vec<u8> {
        let mut bytes = [&self.rows.to_be_bytes()[..], &self.sum].concat();
        // As implied by the version that is being written, which is the next one.
        if self.generation != self.version {
            bytes.extend_from_slice(&self.generation.to_be_bytes());
        }
        bytes
    }

    /// Whether these are the rows, all of them and in these versions.
    pub(super) fn describes<'a>(
        &self,
        rows: impl Iterator<Item = &'a (Vec<u8>, u64)>,
        keys: &Keys,
    ) -> bool {
        let mut found = Self { rows: 0, sum: [0; 32], ..*self };
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
    use crate::rows::RowError;

    type Rows = Vec<(Vec<u8>, u64)>;

    fn ledger_of(rows: &Rows) -> Ledger {
        let (mut ledger, keys) = (Ledger::default(), test_keys());
        rows.iter().for_each(|(name, version)| ledger.toggle(&keys.mark(name, *version)));
        ledger.rows = u64::try_from(rows.len()).unwrap();
        ledger
    }

    fn salts() -> Salts {
        Salts::fresh(1).unwrap()
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
            let (name, value) =
                (LEDGER.to_vec(), keys.seal(&mut salts(), &ad(1), plaintext).unwrap());
            Some(Row { name, version, value })
        };
        assert!(Ledger::open(row(1, &[0; 40]), &keys).is_ok());
        let lengths = [39, 41, 47, 49, 0].map(|len| row(1, &vec![1; len]));
        let versions = [0, 2].map(|version| row(version, &[0; 40]));
        let implied_and_written = row(1, &[0; 48]);
        for bad in lengths.into_iter().chain(versions).chain([implied_and_written, None]) {
            assert!(Ledger::open(bad, &keys).is_err());
        }
    }

    /// A row in memory, written as batches are.
    struct OneRow(Option<Row>);

    impl Batch for OneRow {
        fn get(&self, _: &[u8]) -> Result<Option<Row>, RowError> {
            Ok(self.0.clone())
        }

        fn put(&mut self, name: &[u8], expected: u64, value: &[u8]) -> Result<bool, RowError> {
            let (name, value) = (name.to_vec(), value.to_vec());
            self.0 = Some(Row { name, version: expected + 1, value });
            Ok(true)
        }

        fn delete(&mut self, _: &[u8], _: u64) -> Result<bool, RowError> {
            Ok(false)
        }

        fn commit(self) -> Result<(), RowError> {
            Ok(())
        }
    }

    #[test]
    fn what_was_written_is_known_and_no_other_row_is_taken_for_it() {
        let (keys, mut rows) = (test_keys(), OneRow(None));
        let ledger = ledger_of(&vec![row("a", 1)]);
        let written = ledger.write(&mut rows, &keys, &mut salts()).unwrap();
        let of = |row: &Option<Row>| Ledger::open_or_known(row.clone(), Some(&written), &keys).ok();
        assert_eq!(of(&rows.0), Some(written.ledger.clone()));
        assert_eq!(of(&rows.0), Ledger::open(rows.0.clone(), &keys).ok());
        let another = ledger_of(&vec![row("a", 1), row("b", 1)]);
        let mut by_others = OneRow(None);
        another.write(&mut by_others, &keys, &mut salts()).unwrap();
        assert_eq!(of(&by_others.0).map(|ledger| ledger.rows), Some(2));
        let mut damaged = rows.0.clone();
        damaged.iter_mut().for_each(|row| row.value[20] ^= 1);
        let mut of_another_version = rows.0.clone();
        of_another_version.iter_mut().for_each(|row| row.version += 1);
        for bad in [damaged, of_another_version, None] {
            assert_eq!(of(&bad), None);
        }
    }

    #[test]
    fn a_generation_stays_behind_the_version_and_jumps_ahead() {
        let keys = test_keys();
        let mut ledger = Ledger::default();
        for (version, generation) in [(0, 0), (1, 1), (2, 1), (3, 2), (4, 17), (5, 17), (6, 6)] {
            ledger.advance_to(generation);
            let value = keys.seal(&mut salts(), &ad(version + 1), &ledger.encode()).unwrap();
            assert_eq!(value.len(), if generation == version { 104 } else { 112 });
            let row = Row { name: LEDGER.to_vec(), version: version + 1, value };
            ledger = Ledger::open(Some(row), &keys).unwrap();
            assert_eq!(ledger.generation(), generation);
        }
    }
}
