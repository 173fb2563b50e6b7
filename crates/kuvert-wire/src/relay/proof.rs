//! The bytes under the signatures by which a client proves on a connection that a key is its own.
//!
//! ```text
//! L(label) || nonce 32 || payload
//! ```
//!
//! The nonce is the relay's and fresh for each connection, so a proof that someone else has seen opens nothing anywhere
//! else. The label keeps the four apart, and apart from everything else that these keys sign. A mailbox's name, and a
//! token's, are hashes that both sides compute with their own SHA-256, over [`mailbox_id_bytes`] and [`token_id_bytes`].

use alloc::vec::Vec;

use super::{Nonce, TokenId};
use crate::bundle::{DeviceCert, MediumPrekey, OneTimePrekey};
use crate::codec::Encode;
use crate::id::DeliveryToken;
use crate::key::{DeviceKey, MailboxKey};
use crate::label::label;

/// Label of [`open_mailbox`].
pub const OPEN_MAILBOX: &str = "relay mailbox-open";
/// Label of [`attach`].
pub const ATTACH: &str = "relay mailbox-read";
/// Label of [`publish`].
pub const PUBLISH: &str = "relay publish";
/// Label of [`stock`].
pub const STOCK: &str = "relay stock";

/// What a mailbox's owner signs to open it: `key || token ids`.
#[must_use]
pub fn open_mailbox(nonce: &Nonce, key: &MailboxKey, tokens: &[TokenId]) -> Vec<u8> {
    let mut bytes = begin(OPEN_MAILBOX, nonce);
    key.encode_into(&mut bytes);
    tokens.iter().for_each(|token| token.encode_into(&mut bytes));
    bytes
}

/// What a mailbox's owner signs to read it: `key`.
#[must_use]
pub fn attach(nonce: &Nonce, key: &MailboxKey) -> Vec<u8> {
    let mut bytes = begin(ATTACH, nonce);
    key.encode_into(&mut bytes);
    bytes
}

/// What a device signs to publish its prekeys: `cert || medium || each one-time prekey`, all of fixed length.
#[must_use]
pub fn publish(
    nonce: &Nonce,
    cert: &DeviceCert,
    medium: &MediumPrekey,
    one_time: &[OneTimePrekey],
) -> Vec<u8> {
    let mut bytes = begin(PUBLISH, nonce);
    cert.encode_into(&mut bytes);
    medium.encode_into(&mut bytes);
    one_time.iter().for_each(|prekey| prekey.encode_into(&mut bytes));
    bytes
}

/// What a device signs to ask for its stock: `device_key`.
#[must_use]
pub fn stock(nonce: &Nonce, device_key: &DeviceKey) -> Vec<u8> {
    let mut bytes = begin(STOCK, nonce);
    device_key.encode_into(&mut bytes);
    bytes
}

/// What SHA-256 turns into a mailbox's name: `L("mailbox-id") || key`.
#[must_use]
pub fn mailbox_id_bytes(key: &MailboxKey) -> Vec<u8> {
    let mut bytes = label("mailbox-id");
    key.encode_into(&mut bytes);
    bytes
}

/// What SHA-256 turns into a token's name: `L("token-id") || token`.
#[must_use]
pub fn token_id_bytes(token: &DeliveryToken) -> Vec<u8> {
    let mut bytes = label("token-id");
    token.encode_into(&mut bytes);
    bytes
}

fn begin(name: &str, nonce: &Nonce) -> Vec<u8> {
    let mut bytes = label(name);
    nonce.encode_into(&mut bytes);
    bytes
}
