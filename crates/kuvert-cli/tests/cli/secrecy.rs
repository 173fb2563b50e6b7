//! What was said occurs in no file: not at the relay, not in the homes.

use std::path::Path;

use crate::person::{files, pair};
use crate::relay::Relay;

const CANARY: &str = "Kanarienvogel-7f3a9";

/// The ways in which a text may hide in a file.
fn disguises(text: &str) -> Vec<(&'static str, Vec<u8>)> {
    let utf16 = |to_bytes: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(to_bytes).collect();
    let mut found = vec![
        ("UTF-8", text.as_bytes().to_vec()),
        ("UTF-16LE", utf16(u16::to_le_bytes)),
        ("UTF-16BE", utf16(u16::to_be_bytes)),
        ("hex", hex::encode(text).into_bytes()),
        ("HEX", hex::encode_upper(text).into_bytes()),
    ];
    // Base64 of a text depends on where in a group of three bytes it begins.
    for skip in 0..3 {
        found.push(("base64", base64_core(text.as_bytes(), skip)));
    }
    found
}

/// The characters of base64 that depend on `text` alone when `skip` bytes stand before it.
fn base64_core(text: &[u8], skip: usize) -> Vec<u8> {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let bits: Vec<u8> =
        text.iter().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1)).collect();
    let first = (6 - skip * 8 % 6) % 6;
    bits[first..]
        .chunks_exact(6)
        .map(|six| ALPHABET[six.iter().fold(0, |n, bit| n * 2 + usize::from(*bit))])
        .collect()
}

fn assert_absent(folder: &Path, canary: &str) {
    let files = files(folder);
    assert!(!files.is_empty());
    for (path, bytes) in files {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        assert!(!name.contains(canary), "{name}");
        for (disguise, needle) in disguises(canary) {
            let is_in = bytes.windows(needle.len()).any(|window| window == needle);
            assert!(!is_in, "{canary} as {disguise} in {}", path.display());
        }
    }
}

#[test]
fn the_search_finds_what_is_there() {
    let encoded = b"eHhLYW5hcmllbnZvZ2VsLTdmM2E5eQ=="; // base64 of "xx" + CANARY + "y"
    let found = (0..3).any(|skip| {
        let needle = base64_core(CANARY.as_bytes(), skip);
        encoded.windows(needle.len()).any(|window| window == needle)
    });
    assert!(found);
}

#[test]
fn no_file_holds_what_was_said() {
    let mut relay = Relay::start();
    let (alice, bob) = pair(&relay);
    alice.ok(&["contact", "add", CANARY, &{
        let carol = crate::person::Person::at(&relay, "carol");
        carol.address()
    }]);
    alice.says(&bob, CANARY);
    bob.hears(1);
    bob.says(&alice, &format!("you said {CANARY}"));
    alice.hears(1);
    alice.says(&bob, &format!("{CANARY}, still on its way"));
    relay.kill();
    alice.says(&bob, &format!("{CANARY}, queued"));
    for folder in [relay.folder(), &alice.home(), &bob.home()] {
        assert_absent(folder, CANARY);
    }
    assert_absent(relay.folder(), "alice");
}
