//! One stored record, two keys: as with messages, the commitment is to one.

use super::salamander::right_under_both;
use crate::at_rest::RecordKey;
use crate::crypto::aead::{self, ZERO_NONCE};
use crate::crypto::commit::{CommitLabels, committing_key};
use crate::crypto::kdf::{Expander, Label, hash};
use crate::secret::Secret;

/// Mallory builds a record that is right under the master keys of two stores, so that a restored file
/// says one thing with one passphrase and another with another; it opens with neither, whichever of
/// the two commitments stands in front.
#[test]
fn two_key_record() {
    let (salt, ad) = ([1; 16], b"session/1 version 3");
    let masters = [5, 6].map(|byte| Secret::copied_from(&[byte; 32]));
    let hashed = hash(Label::STORE_AD, &[ad]);
    let context: &[&[u8]] = &[&salt, &hashed];
    let keys = masters
        .each_ref()
        .map(|master| committing_key(&Expander::new(master), CommitLabels::STORE, context));
    let sealed = aead::seal(&keys[0].0, &ZERO_NONCE, &[], &[b'x'; 256]);
    let ciphertext = right_under_both(&sealed[..256], &keys[0].0, &keys[1].0);
    for (key, _) in &keys {
        assert!(aead::open(key, &ZERO_NONCE, &[], &ciphertext).is_ok(), "the cipher allows it");
    }
    for (at, master) in masters.iter().enumerate() {
        for (other, (_, commitment)) in keys.iter().enumerate() {
            let record = [&commitment[..], &ciphertext].concat();
            let opened = RecordKey::for_store(master).open(&salt, ad, &record);
            assert_eq!(opened.is_ok(), at == other, "one commitment, one key");
        }
    }
}
