//! Text that people and programs type: addresses, relays, names, record names, safety numbers.

use kuvert::{Petname, SafetyNumber};
use kuvert_core::Key;
use kuvert_wire::{AccountKey, Address, RelayUrl};

pub(super) fn run(input: &[u8]) {
    let Ok(text) = core::str::from_utf8(input) else { return };
    // What is understood is shown as it was typed, so that nobody can pass one off as another.
    if let Ok(address) = text.parse::<Address>() {
        assert_eq!(address.to_string(), text);
        assert_eq!(address.relay.to_string().parse().as_ref(), Ok(&address.relay));
    }
    if let Ok(url) = text.parse::<RelayUrl>() {
        assert_eq!(url.to_string(), text.strip_suffix('/').unwrap_or(text));
    }
    if let Ok(name) = text.parse::<Petname>() {
        assert_eq!(name.as_str(), text);
        assert!(!text.chars().any(char::is_control));
        assert!(text.parse::<Address>().is_err(), "an address that passes for a name");
    }
    if let Some(key) = Key::parse(text) {
        assert_eq!(key.as_str(), text);
    }
    safety_number(text);
}

/// Only the sixty digits match, with whatever white space.
fn safety_number(text: &str) {
    let ours =
        SafetyNumber::between(&AccountKey::from_bytes([1; 32]), &AccountKey::from_bytes([2; 32]));
    let squeezed = |text: &str| text.split_whitespace().collect::<String>();
    assert_eq!(ours.compare(text).is_some(), squeezed(text) == squeezed(&ours.to_string()));
}
