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

use kuvert_core::at_rest::SALT_LEN;
use kuvert_core::{Change, Key, Record, Version};
use kuvert_wire::padding;
use zeroize::Zeroizing;

use super::keys::{Keys, salt};
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
    pub(super) fn seal(change: &Change, keys: &Keys) -> Result<Self, StoreError> {
        let name = keys.row_name(change.key().as_str());
        let expected = change.expected().number();
        let value = match change {
            Change::Put {
                key,
                expected,
                value,
            } => {
                let plaintext = pad(key, value);
                Some(seal(&name, expected.next().number(), &plaintext, keys)?)
            }
            _ => None,
        };
        Ok(Self {
            name,
            expected,
            value,
        })
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
        if self.value.is_some() {
            self.expected + 1
        } else {
            0
        }
    }
}

fn seal(name: &[u8], version: u64, plaintext: &[u8], keys: &Keys) -> Result<Vec<u8>, StoreError> {
    let salt = salt()?;
    let mut value = salt.to_vec();
    keys.records
        .seal_into(&salt, &ad(name, version), plaintext, &mut value);
    Ok(value)
}

/// The record in a row; `None` if it is not whole, or not the record of this row and version.
pub(super) fn open(row: &Row, keys: &Keys) -> Option<Record> {
    let (salt, sealed) = row.value.split_first_chunk::<SALT_LEN>()?;
    let plaintext = keys
        .records
        .open(salt, &ad(&row.name, row.version), sealed)
        .ok()?; // STO-8
    let (key, value) = unpad(&plaintext)?;
    if keys.row_name(key.as_str()) != row.name {
        return None; // STO-11
    }
    let version = Version::from_number(row.version);
    Some(Record {
        key,
        version,
        value: Zeroizing::new(value.to_vec()),
    })
}

fn ad(name: &[u8], version: u64) -> Vec<u8> {
    [b"record", &version.to_be_bytes()[..], name].concat()
}

fn pad(key: &Key, value: &[u8]) -> Zeroizing<Vec<u8>> {
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

fn unpad(plaintext: &[u8]) -> Option<(Key, &[u8])> {
    let end = plaintext.iter().rposition(|&byte| byte != 0)?;
    if plaintext[end] != PADDING_START || plaintext.len() != padding::class(end + 1) {
        return None; // STO-9
    }
    let (&key_len, rest) = plaintext[..end].split_first()?;
    let (key, value) = rest.split_at_checked(usize::from(key_len))?;
    let key = Key::parse(str::from_utf8(key).ok()?)?; // STO-10
    Some((key, value))
}
