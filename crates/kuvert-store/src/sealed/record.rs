//! One record as a row.
//!
//! ```text
//! row         = name 16 × segments | version | salt 16 | sealed
//! sealed      = RecordKey(master).seal(salt, ad = "record" || u64 version || name, plaintext)
//! plaintext   = key_len u8 | key | value | 0x80 | 0x00…        length max(256, padme(…))
//! ```
//! The version in the associated data is the one that the row has with this value. The key inside is
//! the real one: names only lead to a record, they do not say what it is.
//!
//! # Spec
//!
//! `spec/09-storage.md`, "Records".

use std::ops::Range;

use kuvert_core::{Change, Key, Record, Version};
use kuvert_wire::padding;
use zeroize::Zeroizing;

use super::keys::{Keys, Salts};
use crate::error::StoreError;
use crate::rows::{Batch, Row, RowError};

const PADDING_START: u8 = 0x80;

/// A change to a record as a change to a row.
pub(super) struct SealedChange {
    name: Vec<u8>,
    expected: u64,
    /// Salt and sealed record; `None` deletes.
    value: Option<Vec<u8>>,
}

impl SealedChange {
    pub(super) fn seal(
        change: &Change,
        keys: &Keys,
        salts: &mut Salts,
    ) -> Result<Self, StoreError> {
        let name = keys.row_name(change.key().as_str());
        let expected = change.expected().number();
        let value = match change {
            Change::Put { key, expected, value } => {
                let mut plaintext = pad(key, value);
                let ad = ad(&name, expected.next().number());
                let sealed = keys.seal(salts, &ad, &plaintext)?;
                // Emptied, it is wiped in one go instead of byte by byte.
                plaintext.clear();
                Some(sealed)
            }
            Change::Delete { .. } => None,
            _ => return Err(StoreError::unknown_change()),
        };
        Ok(Self { name, expected, value })
    }

    /// Makes the change, or says that the row has another version.
    pub(super) fn make(&self, batch: &mut impl Batch) -> Result<bool, RowError> {
        match &self.value {
            Some(value) => batch.put(&self.name, self.expected, value),
            None => batch.delete(&self.name, self.expected),
        }
    }

    pub(super) fn name(&self) -> &[u8] {
        &self.name
    }

    pub(super) const fn expected(&self) -> u64 {
        self.expected
    }

    /// The row's version when the change is made, 0 if there is no row then.
    pub(super) const fn version_after(&self) -> u64 {
        if self.value.is_some() { self.expected + 1 } else { 0 }
    }
}

/// The record in a row; `None` if it is not whole, or not the record of this row and version.
pub(super) fn open(row: &Row, keys: &Keys) -> Option<Record> {
    let mut plaintext = keys.open(&ad(&row.name, row.version), &row.value)?; // STO-10
    let (key, value) = unpad(&plaintext)?;
    if keys.row_name(key.as_str()) != row.name {
        return None; // STO-13
    }
    // Where it is: a copy would be one more to wipe.
    plaintext.truncate(value.end);
    plaintext.drain(..value.start);
    Some(Record { key, version: Version::from_number(row.version), value: plaintext })
}

pub(super) fn ad(name: &[u8], version: u64) -> Vec<u8> {
    [b"record", &version.to_be_bytes()[..], name].concat()
}

pub(super) fn pad(key: &Key, value: &[u8]) -> Zeroizing<Vec<u8>> {
    let key = key.as_str().as_bytes();
    let key_len = u8::try_from(key.len()).expect("a key has at most 200 bytes");
    let padded_len = padding::class(1 + key.len() + value.len() + 1);
    // All of it at once: a buffer that grows leaves copies behind.
    let mut plaintext = Zeroizing::new(Vec::with_capacity(padded_len));
    plaintext.push(key_len);
    plaintext.extend_from_slice(key);
    plaintext.extend_from_slice(value);
    plaintext.push(PADDING_START);
    plaintext.resize(padded_len, 0);
    plaintext
}

/// The key, and where the value is.
fn unpad(plaintext: &[u8]) -> Option<(Key, Range<usize>)> {
    let end = plaintext.iter().rposition(|&byte| byte != 0)?;
    if plaintext[end] != PADDING_START || plaintext.len() != padding::class(end + 1) {
        return None; // STO-11
    }
    let (&key_len, rest) = plaintext[..end].split_first()?;
    let key = rest.get(..usize::from(key_len))?;
    let key_end = 1 + key.len();
    let key = Key::parse(str::from_utf8(key).ok()?)?; // STO-12
    Some((key, key_end..end))
}

#[cfg(test)]
mod tests {
    use super::super::keys::test_keys;
    use super::*;

    /// A row in which `plaintext` is sealed as it is.
    fn row(key: &str, version: u64, plaintext: &[u8]) -> Row {
        let keys = test_keys();
        let name = keys.row_name(key);
        let value =
            keys.seal(&mut Salts::fresh(1).unwrap(), &ad(&name, version), plaintext).unwrap();
        Row { name, version, value }
    }

    fn plaintext(key: &str, value: &[u8]) -> Vec<u8> {
        pad(&Key::parse(key).unwrap(), value).to_vec()
    }

    fn opens(row: &Row) -> bool {
        open(row, &test_keys()).is_some()
    }

    #[test]
    fn a_record_reads_back_from_its_row() {
        let sealed = row("note/a", 3, &plaintext("note/a", b"tea"));
        let record = open(&sealed, &test_keys()).unwrap();
        assert_eq!(record.key.as_str(), "note/a");
        assert_eq!((record.version.number(), &**record.value), (3, &b"tea"[..]));
    }

    #[test]
    fn a_plaintext_fills_its_class() {
        assert_eq!(plaintext("note/a", &[1; 248]).len(), 256);
        assert_eq!(plaintext("note/a", &[1; 249]).len(), 272);
        for value in [&b""[..], &[0; 5], &[0x80; 3], &[0x80, 0], &[0; 300]] {
            let padded = plaintext("note/a", value);
            assert_eq!(padded[unpad(&padded).unwrap().1], *value);
        }
    }

    /// STO-10
    #[test]
    fn another_version_or_name_is_refused() {
        let (keys, good) = (test_keys(), row("note/a", 3, &plaintext("note/a", b"tea")));
        assert!(opens(&good));
        for version in [0, 2, 4] {
            let good = good.clone();
            assert!(!opens(&Row { version, ..good }), "version {version}");
        }
        // Below `open`, which would also see that the key inside is another.
        let other = keys.row_name("note/b");
        assert!(keys.open(&ad(&good.name, 3), &good.value).is_some());
        assert!(keys.open(&ad(&other, 3), &good.value).is_none());
    }

    /// STO-11
    #[test]
    fn padding_has_one_form() {
        let good = plaintext("note/a", b"tea");
        let mut marked_otherwise = good.clone();
        marked_otherwise[10] = 0x81;
        let mut not_zero = good.clone();
        not_zero[200] = 1;
        let unmarked = vec![0; 256];
        let longer = [&good[..], &[0; 16]].concat();
        let shorter = good[..11].to_vec();
        for bad in [marked_otherwise, not_zero, unmarked, longer, shorter, Vec::new()] {
            assert!(!opens(&row("note/a", 1, &bad)), "{bad:02x?}");
        }
        assert!(opens(&row("note/a", 1, &good)));
    }

    /// STO-12
    #[test]
    fn the_key_inside_is_a_key() {
        let good = plaintext("note/a", b"tea");
        let with = |at: usize, byte: u8| {
            let mut bad = good.clone();
            bad[at] = byte;
            row("note/a", 1, &bad)
        };
        for bad in [with(0, 0), with(0, 5), with(0, 255), with(1, b' '), with(1, 0xff)] {
            assert!(!opens(&bad));
        }
    }

    /// STO-13
    #[test]
    fn the_key_inside_is_that_of_the_row() {
        assert!(!opens(&row("note/a", 1, &plaintext("note/b", b"tea"))));
        assert!(!opens(&row("note/a", 1, &plaintext("note", b"tea"))));
    }
}
