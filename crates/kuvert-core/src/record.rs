//! Records: how the state is named and versioned in a store.
//!
//! The core never touches storage. It says which records a step puts and deletes, and which version
//! of each it started from, so that a store can refuse a step that another process has overtaken.
//!
//! # Spec
//!
//! `spec/09-storage.md`, "Records".

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::{self, Write};

use zeroize::Zeroizing;

/// The bytes that segments are made of.
const PLAIN: [bool; 256] = {
    let mut plain = [false; 256];
    let mut byte = 0_u8;
    while byte < 128 {
        let is_mark = matches!(byte, b'-' | b'_' | b'.');
        plain[byte as usize] = byte.is_ascii_alphanumeric() || is_mark;
        byte += 1;
    }
    plain
};

/// Room for most ids, so that a key is not moved about while it is written.
const KEY_HINT: usize = 72;

/// A record's name: an ASCII path such as `session/9f3a…`, at most 200 bytes.
///
/// Segments are joined by `/`; a store can list all records under a prefix that ends in `/`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Key(String);

impl Key {
    /// The longest key in bytes.
    pub const MAX_LEN: usize = 200;

    /// The record `id` in `collection`: `collection/id`.
    ///
    /// # Panics
    ///
    /// If the parts make no valid key; both come from the program, never from a peer.
    #[must_use]
    pub fn new(collection: &str, id: impl fmt::Display) -> Self {
        let mut key = Self(String::with_capacity(collection.len() + KEY_HINT));
        write!(key.0, "{collection}/{id}").expect("a string takes everything");
        assert!(Self::is_valid(&key.0), "keys are built by this program");
        key
    }

    /// Reads a key back from its text; `None` if it is not one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::is_valid(text).then(|| Self(text.into()))
    }

    fn is_valid(text: &str) -> bool {
        // One pass: this is done for each record of each step.
        let (mut is_plain, mut before) = (true, b'/');
        for byte in text.bytes() {
            is_plain &= PLAIN[usize::from(byte)] || (byte == b'/' && before != b'/');
            before = byte;
        }
        text.len() <= Self::MAX_LEN && is_plain && before != b'/'
    }

    /// The key's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How often a record has been written: 0 where there is none, 1 after the first put, one more after
/// each. A record that was deleted may be put again, from version 1: only where another record of the
/// same batch, whose version never comes back, stands guard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Version(u64);

impl Version {
    /// No such record.
    pub const ABSENT: Self = Self(0);

    /// The version with this number.
    #[must_use]
    pub const fn from_number(number: u64) -> Self {
        Self(number)
    }

    /// The number.
    #[must_use]
    pub const fn number(self) -> u64 {
        self.0
    }

    /// The version after one more put.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// A stored record. Its value is wiped on drop.
#[derive(Clone, PartialEq, Eq)]
pub struct Record {
    /// Its name.
    pub key: Key,
    /// How often it has been written.
    pub version: Version,
    /// Its content.
    pub value: Zeroizing<Vec<u8>>,
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, version, value } = self;
        write!(f, "Record({key}, version {}, {} bytes)", version.number(), value.len())
    }
}

/// One change to a store, valid only if the record still has the version expected.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Change {
    /// Writes a record; its version becomes `expected.next()`.
    Put {
        /// Its name.
        key: Key,
        /// The version it has before; [`Version::ABSENT`] for a new one.
        expected: Version,
        /// Its new content.
        value: Zeroizing<Vec<u8>>,
    },
    /// Deletes a record.
    Delete {
        /// Its name.
        key: Key,
        /// The version it has before.
        expected: Version,
    },
}

impl Change {
    /// The record's name.
    #[must_use]
    pub const fn key(&self) -> &Key {
        match self {
            Self::Put { key, .. } | Self::Delete { key, .. } => key,
        }
    }

    /// The version the record must have for the change to be valid.
    #[must_use]
    pub const fn expected(&self) -> Version {
        match self {
            Self::Put { expected, .. } | Self::Delete { expected, .. } => *expected,
        }
    }
}

impl fmt::Debug for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Put { key, expected, value } => {
                write!(f, "Put({key} over {}, {} bytes)", expected.number(), value.len())
            }
            Self::Delete { key, expected } => write!(f, "Delete({key} at {})", expected.number()),
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;

    #[test]
    fn keys_are_plain_paths() {
        assert_eq!(Key::new("session", "9f3a").as_str(), "session/9f3a");
        for bad in ["", "/", "a/", "/a", "a//b", "a b", "å/b", &"a".repeat(201)] {
            assert_eq!(Key::parse(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn debug_shows_no_content() {
        let value = Zeroizing::new(b"tea at four".to_vec());
        let put = Change::Put { key: Key::new("a", "b"), expected: Version::ABSENT, value };
        assert_eq!(format!("{put:?}"), "Put(a/b over 0, 11 bytes)");
    }

    #[test]
    fn debug_of_a_record_tells_name_version_and_size() {
        let value = Zeroizing::new(b"tea at four".to_vec());
        let record = Record { key: Key::new("a", "b"), version: Version::from_number(3), value };
        assert_eq!(format!("{record:?}"), "Record(a/b, version 3, 11 bytes)");
        let delete = Change::Delete { key: Key::new("a", "b"), expected: Version::from_number(3) };
        assert_eq!(format!("{delete:?}"), "Delete(a/b at 3)");
        assert_eq!((delete.key().as_str(), delete.expected().number()), ("a/b", 3));
    }
}
