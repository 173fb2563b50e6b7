//! The example bytes of `spec/09-storage.md`, which were computed by another implementation.

use std::fmt::Write as _;
use std::fs;

use kuvert_core::Key;
use kuvert_core::at_rest::SALT_LEN;
use kuvert_core::secret::Secret;

use super::header::Header;
use super::keys::Keys;
use super::unlock::Unlock;
use super::{ledger, record};

const SALT: [u8; SALT_LEN] = [0x5a; SALT_LEN];
const PASSPHRASE: &str = "correct horse battery staple";

/// 32 bytes that count up from `first`.
fn secret(first: u8) -> Secret<32> {
    Secret::zero_filled(|bytes| bytes.iter_mut().zip(first..).for_each(|(to, from)| *to = from))
}

/// Fails unless the chapter has these bytes in one of its code blocks, line breaks aside.
fn assert_in_chapter(name: &str, bytes: &[u8]) {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../spec/09-storage.md");
    let chapter: String = fs::read_to_string(path).unwrap().split_whitespace().collect();
    let mut hex = String::new();
    bytes.iter().for_each(|byte| write!(hex, "{byte:02x}").unwrap());
    assert!(chapter.contains(&hex), "the chapter has another {name} than {hex}");
}

#[test]
fn the_chapters_examples_are_what_is_written() {
    let (master, ledger_secret) = (secret(0), secret(32));
    let keys = Keys::new(&master, &ledger_secret);
    let name = keys.row_name("note/tea");
    assert_in_chapter("row name", &name);

    let plaintext = record::pad(&Key::new("note", "tea"), b"at four");
    let value = keys.seal_with(&SALT, &record::ad(&name, 1), &plaintext);
    assert_eq!(value.len(), 320);
    assert_in_chapter("commitment", &value[16..48]);
    assert_in_chapter("tag", &value[304..]);

    let mark = keys.mark(&name, 1);
    assert_in_chapter("mark", &mark);
    let rows = [&1_u64.to_be_bytes()[..], &mark].concat();
    assert_in_chapter("ledger", &keys.seal_with(&SALT, &ledger::ad(2), &rows));
    assert_in_chapter("slot", &crate::anchor::slot::encode(1, &keys.anchor_key()));

    let unlock = Unlock::Passphrase(PASSPHRASE);
    let header = Header::wrap(unlock, SALT, &master, &ledger_secret).unwrap();
    assert_in_chapter("header", &header.encode());
    let opened = Header::decode(&header.encode()).unwrap().open(unlock).unwrap();
    assert_eq!(opened.row_name("note/tea"), name);
}
