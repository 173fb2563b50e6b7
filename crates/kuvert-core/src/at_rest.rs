//! Sealing at rest: what a store needs of the primitives, and nothing more.
//!
//! ```text
//! sealed = commit 32 | AE(key, 0^12, "", plaintext)
//! ctx    = salt 16 || HL(ad label, ad)
//! key    = XL(master, key label, ctx, 32)      commit = XL(master, commit label, ctx, 32)
//! name   = HM(XL(master, "store-name-key", "", 32), "store-name", u8(len(parent)) || parent || segment)
//! ```
//! with the labels `store-key`, `store-commit`, `store-ad` for a store and `backup-key`,
//! `backup-commit`, `backup-ad` for a backup. The commitment makes it impossible that one record opens
//! under two master keys; the associated data, which names the record and its version, that it stands
//! in for another one. Salts must be fresh for each sealing; 16 random bytes are enough.
//!
//! Stretching a passphrase to a master key, file formats and what the associated data says are the
//! caller's.
//!
//! # Spec
//!
//! `spec/09-storage.md`.

use alloc::vec::Vec;
use core::fmt;

use zeroize::Zeroizing;

pub use crate::crypto::Unauthentic;
use crate::crypto::aead::{self, TAG_LEN, ZERO_NONCE};
use crate::crypto::commit::{COMMITMENT_LEN, CommitLabels, committed_key, committing_key};
use crate::crypto::kdf::{Expander, Label, Mac, hash};
use crate::secret::Secret;

/// Length of a salt in bytes.
pub const SALT_LEN: usize = 16;
/// How many bytes a sealed record is longer than its plaintext, salt not counted: commitment and tag.
pub const OVERHEAD: usize = COMMITMENT_LEN + TAG_LEN;
/// Length of a blinded name in bytes.
pub const NAME_LEN: usize = 32;

/// Seals and opens records under one master key.
pub struct RecordKey {
    master: Expander,
    labels: CommitLabels,
    ad_label: Label<'static>,
}

impl RecordKey {
    /// For the records of a store.
    #[must_use]
    pub fn for_store(master: &Secret<32>) -> Self {
        Self::new(master, CommitLabels::STORE, Label::STORE_AD)
    }

    /// For a backup.
    #[must_use]
    pub fn for_backup(master: &Secret<32>) -> Self {
        Self::new(master, CommitLabels::BACKUP, Label::BACKUP_AD)
    }

    fn new(master: &Secret<32>, labels: CommitLabels, ad_label: Label<'static>) -> Self {
        Self { master: Expander::new(master), labels, ad_label }
    }

    /// Seals `plaintext`: [`OVERHEAD`] bytes more than it.
    ///
    /// `salt` is 16 fresh random bytes, stored beside the record. `ad` is any number of bytes that
    /// say what the record is; opening needs the same.
    #[must_use]
    pub fn seal(&self, salt: &[u8; SALT_LEN], ad: &[u8], plaintext: &[u8]) -> Vec<u8> {
        let mut sealed = Vec::with_capacity(plaintext.len() + OVERHEAD);
        self.seal_into(salt, ad, plaintext, &mut sealed);
        sealed
    }

    /// Like [`RecordKey::seal`], appending to `out`.
    pub fn seal_into(&self, salt: &[u8; SALT_LEN], ad: &[u8], plaintext: &[u8], out: &mut Vec<u8>) {
        let ad = hash(self.ad_label, &[ad]);
        let (key, commitment) = committing_key(&self.master, self.labels, &[salt, &ad]);
        out.extend_from_slice(&commitment);
        let start = out.len();
        // Reserved first: growing later would leave plaintext behind in the old allocation.
        out.reserve(plaintext.len() + TAG_LEN);
        out.extend_from_slice(plaintext);
        aead::seal_in_place(&key, &ZERO_NONCE, b"", out, start);
    }

    /// Opens what [`RecordKey::seal`] made.
    ///
    /// # Errors
    ///
    /// [`Unauthentic`] when master key, salt, associated data or any byte is another.
    pub fn open(
        &self,
        salt: &[u8; SALT_LEN],
        ad: &[u8],
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, Unauthentic> {
        let (commitment, text) = sealed.split_first_chunk().ok_or(Unauthentic)?;
        let ad = hash(self.ad_label, &[ad]);
        let key = committed_key(&self.master, self.labels, &[salt, &ad], commitment)?;
        aead::open(&key, &ZERO_NONCE, b"", text)
    }
}

impl fmt::Debug for RecordKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecordKey").finish_non_exhaustive()
    }
}

/// Turns names of records into bytes that say nothing about them, the same each time.
pub struct NameKey(Mac);

impl NameKey {
    /// Derived from the master key, apart from every record key.
    #[must_use]
    pub fn new(master: &Secret<32>) -> Self {
        Self(Mac::new(&Expander::new(master).expand(Label::STORE_NAME_KEY, &[])))
    }

    /// The blinded name of `segment` below `parent`, 32 bytes.
    ///
    /// `parent` is the blinded name of the path so far, empty at the top, so that equal segments in
    /// different places have unrelated names and a scan at a segment boundary still works.
    ///
    /// # Panics
    ///
    /// If `parent` is longer than 255 bytes; a blinded name has 32 at most.
    #[must_use]
    pub fn blind(&self, parent: &[u8], segment: &[u8]) -> [u8; NAME_LEN] {
        let parent_len = u8::try_from(parent.len()).expect("a parent is a blinded name");
        self.0.mac(Label::STORE_NAME, &[&[parent_len], parent, segment])
    }
}

impl fmt::Debug for NameKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NameKey").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SALT: [u8; 16] = [5; 16];

    fn master(byte: u8) -> Secret<32> {
        Secret::copied_from(&[byte; 32])
    }

    #[test]
    fn a_record_opens_as_what_it_was_sealed() {
        let key = RecordKey::for_store(&master(1));
        let sealed = key.seal(&SALT, b"session/1 v2", b"state");
        assert_eq!(sealed.len(), 5 + OVERHEAD);
        assert_eq!(&**key.open(&SALT, b"session/1 v2", &sealed).unwrap(), b"state");
    }

    #[test]
    fn another_key_use_salt_name_or_byte_is_refused() {
        let key = RecordKey::for_store(&master(1));
        let sealed = key.seal(&SALT, b"name", b"state");
        assert!(RecordKey::for_store(&master(2)).open(&SALT, b"name", &sealed).is_err());
        assert!(RecordKey::for_backup(&master(1)).open(&SALT, b"name", &sealed).is_err());
        assert!(key.open(&[6; 16], b"name", &sealed).is_err());
        assert!(key.open(&SALT, b"nama", &sealed).is_err());
        for place in 0..sealed.len() {
            let mut bad = sealed.clone();
            bad[place] ^= 1;
            assert!(key.open(&SALT, b"name", &bad).is_err(), "byte {place}");
            assert!(key.open(&SALT, b"name", &sealed[..place]).is_err(), "first {place} bytes");
        }
    }

    /// A ciphertext made to open under the record keys of two masters: Poly1305 lets one be solved
    /// for. The commitment picks one of the two, whoever writes the record.
    #[test]
    fn a_ciphertext_for_two_keys_opens_as_a_record_under_one() {
        let text = "de3860ea79e668b76900df5eb974ab09010000000000000000000000000000\
                    0056474f9951ef65d79717c66f09234d3f";
        let text = hex::decode(text).unwrap();
        let ad = hash(Label::STORE_AD, &[b"name"]);
        let sealed = [1, 2].map(|byte| {
            let parent = Expander::new(&master(byte));
            let (key, commitment) = committing_key(&parent, CommitLabels::STORE, &[&SALT, &ad]);
            assert!(aead::open(&key, &ZERO_NONCE, b"", &text).is_ok(), "master {byte}");
            [&commitment, text.as_slice()].concat()
        });
        for (byte, [own, other]) in [(1, [0, 1]), (2, [1, 0])] {
            let key = RecordKey::for_store(&master(byte));
            assert!(key.open(&SALT, b"name", &sealed[own]).is_ok());
            assert!(key.open(&SALT, b"name", &sealed[other]).is_err());
        }
    }

    #[test]
    fn names_depend_on_key_parent_and_segment() {
        let names = NameKey::new(&master(1));
        let name = names.blind(b"", b"session");
        assert_eq!(name, NameKey::new(&master(1)).blind(b"", b"session"));
        assert_ne!(name, NameKey::new(&master(2)).blind(b"", b"session"));
        assert_ne!(name, names.blind(&name, b"session"));
        assert_ne!(names.blind(b"ab", b"c"), names.blind(b"a", b"bc"));
    }

    #[test]
    fn debug_shows_no_key() {
        let keys = (RecordKey::for_store(&master(1)), NameKey::new(&master(1)));
        assert_eq!(alloc::format!("{keys:?}"), "(RecordKey { .. }, NameKey { .. })");
    }
}
