//! What an open store holds: the keys for sealing, for row names, and for the ledger's marks.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::vec;

use kuvert_core::at_rest::{NameKey, OVERHEAD, RecordKey, SALT_LEN};
use kuvert_core::secret::Secret;
use zeroize::Zeroizing;

use crate::anchor::AnchorKey;
use crate::error::StoreError;

/// How much of a blinded segment is kept. All that counts is that no two meet: with 2^40 records the
/// odds are 1 to 2^49, and a record that met another would be unreadable, not wrong.
const SEGMENT_LEN: usize = 16;

/// The keys of an open store.
pub(super) struct Keys {
    records: RecordKey,
    names: NameKey,
    marks: NameKey,
    /// First segments that were blinded before, of which a program has a dozen: half of all there are to blind.
    first_segments: Mutex<BTreeMap<Box<str>, [u8; SEGMENT_LEN]>>,
}

/// A program that makes up collections as it goes must not fill the memory.
const MAX_REMEMBERED: usize = 64;

impl Keys {
    /// From the store's two secrets.
    pub(super) fn new(master: &Secret<32>, ledger: &Secret<32>) -> Self {
        Self {
            records: RecordKey::for_store(master),
            names: NameKey::new(master),
            marks: NameKey::new(ledger),
            first_segments: Mutex::default(),
        }
    }

    /// A row's value that holds `plaintext`: `salt 16 || sealed`. `ad` says which row it is for.
    pub(super) fn seal(
        &self,
        salts: &mut Salts,
        ad: &[u8],
        plaintext: &[u8],
    ) -> Result<Vec<u8>, StoreError> {
        Ok(self.seal_with(&salts.take()?, ad, plaintext))
    }

    pub(super) fn seal_with(&self, salt: &[u8; SALT_LEN], ad: &[u8], plaintext: &[u8]) -> Vec<u8> {
        let mut value = Vec::with_capacity(SALT_LEN + plaintext.len() + OVERHEAD);
        value.extend_from_slice(salt);
        self.records.seal_into(salt, ad, plaintext, &mut value);
        value
    }

    /// What was sealed in a row's value; `None` if it is damaged or for another row.
    pub(super) fn open(&self, ad: &[u8], value: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (salt, sealed) = value.split_first_chunk()?;
        self.records.open(salt, ad, sealed).ok()
    }

    /// The row name of a path: 16 bytes a segment, each depending on all segments before it. So the
    /// name of a collection is the beginning of the names of what is in it.
    pub(super) fn row_name(&self, path: &str) -> Vec<u8> {
        let mut segments = path.split('/');
        let first = self.first_segment(segments.next().unwrap_or_default());
        segments.fold(first.to_vec(), |mut name, segment| {
            let blinded = self.blind(&name[name.len() - SEGMENT_LEN..], segment);
            name.extend_from_slice(&blinded);
            name
        })
    }

    fn first_segment(&self, segment: &str) -> [u8; SEGMENT_LEN] {
        let mut known = self.first_segments.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(blinded) = known.get(segment) {
            return *blinded;
        }
        let blinded = self.blind(&[], segment);
        if known.len() < MAX_REMEMBERED {
            known.insert(segment.into(), blinded);
        }
        blinded
    }

    fn blind(&self, parent: &[u8], segment: &str) -> [u8; SEGMENT_LEN] {
        let blinded = self.names.blind(parent, segment.as_bytes());
        blinded.first_chunk().copied().unwrap_or_default()
    }

    /// What a row of this name and version adds to the ledger's sum.
    pub(super) fn mark(&self, name: &[u8], version: u64) -> [u8; 32] {
        self.marks.blind(&version.to_be_bytes(), name)
    }

    /// The key of this store's anchor. Its parent has 6 bytes, those of marks have 8.
    pub(super) fn anchor_key(&self) -> AnchorKey {
        let secret = Zeroizing::new(self.marks.blind(b"anchor", b""));
        AnchorKey::new(&Secret::copied_from(&secret))
    }
}

/// Fresh salts, taken from the operating system all at once: a call for each costs as much as sealing does.
///
/// They are for one batch and do not outlive it. A process that was split in two must not have the same.
pub(super) struct Salts(vec::IntoIter<[u8; SALT_LEN]>);

impl Salts {
    pub(super) fn fresh(number: usize) -> Result<Self, StoreError> {
        let mut salts = vec![[0; SALT_LEN]; number];
        getrandom::fill(salts.as_flattened_mut()).map_err(|_| StoreError::Rng)?;
        Ok(Self(salts.into_iter()))
    }

    /// One that nobody has had.
    pub(super) fn take(&mut self) -> Result<[u8; SALT_LEN], StoreError> {
        if let Some(salt) = self.0.next() {
            return Ok(salt);
        }
        *self = Self::fresh(1)?;
        self.take()
    }
}

/// A fresh random secret.
pub(super) fn random_secret() -> Result<Secret<32>, StoreError> {
    let mut filled = Ok(());
    let secret = Secret::zero_filled(|bytes| filled = getrandom::fill(bytes));
    filled.map_err(|_| StoreError::Rng)?;
    Ok(secret)
}

#[cfg(test)]
pub(super) fn test_keys() -> Keys {
    Keys::new(&Secret::copied_from(&[1; 32]), &Secret::copied_from(&[2; 32]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_collection_is_the_beginning_of_its_records() {
        let keys = test_keys();
        let (collection, record) = (keys.row_name("session"), keys.row_name("session/9f"));
        assert_eq!((collection.len(), record.len()), (16, 32));
        assert!(record.starts_with(&collection));
        assert!(!record.starts_with(&keys.row_name("sess")));
    }

    #[test]
    fn equal_segments_in_different_places_have_unrelated_names() {
        let keys = test_keys();
        assert_ne!(keys.row_name("a/x")[16..], keys.row_name("b/x")[16..]);
        assert_ne!(keys.row_name("x/x")[..16], keys.row_name("x/x")[16..]);
    }

    #[test]
    fn a_name_is_the_same_whether_its_first_segment_is_remembered_or_not() {
        let (keys, other) = (test_keys(), test_keys());
        for at in 0..2 * MAX_REMEMBERED {
            let path = format!("collection-{at}/9f");
            let name = keys.row_name(&path);
            assert_eq!(name, keys.row_name(&path));
            assert_eq!(name, other.row_name(&path), "{at} before it");
            other.first_segments.lock().unwrap().clear();
        }
        assert_eq!(keys.first_segments.lock().unwrap().len(), MAX_REMEMBERED);
    }

    #[test]
    fn a_mark_depends_on_name_and_version() {
        let keys = test_keys();
        assert_ne!(keys.mark(b"a", 1), keys.mark(b"a", 2));
        assert_ne!(keys.mark(b"a", 1), keys.mark(b"b", 1));
    }
}
