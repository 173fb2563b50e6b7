//! The keys of a store's file, worked out from the file and its passphrase.
//!
//! # Spec
//!
//! `spec/09-storage.md`, "The header".

use std::path::Path;

use argon2::{Algorithm, Argon2, Params, Version};
use kuvert_core::at_rest::RecordKey;
use kuvert_core::secret::Secret;
use kuvert_store::SqliteRows;
use kuvert_store::rows::{Moment as _, Rows as _};

use crate::life::PASSPHRASE;
use crate::watch::Secrets;

/// Bytes before the wrapped keys, and where the salt is in them.
const FRONT: usize = 30;
const SALT: usize = 14;
/// The checksum.
const CRC: usize = 4;

/// Adds the stretched passphrase and the keys that it wraps.
pub(crate) fn add_keys(file: &Path, secrets: &mut Secrets) {
    let rows = SqliteRows::open(file).unwrap();
    let header = rows.moment().unwrap().get(b"header").unwrap().unwrap().value;
    let (front, sealed) = header[..header.len() - CRC].split_at(FRONT);
    let salt: [u8; 16] = front[SALT..].try_into().unwrap();
    let mut stretched = [0; 32];
    let cost = |at: usize| u32::from_be_bytes(front[at..at + 4].try_into().unwrap());
    let params = Params::new(cost(2), cost(6), cost(10), Some(32)).unwrap();
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    argon2.hash_password_into(PASSPHRASE.as_bytes(), &salt, &mut stretched).unwrap();
    secrets.add("the stretched passphrase", &stretched);
    let wrapping = RecordKey::for_store(&Secret::copied_from(&stretched));
    let keys = wrapping.open(&salt, &[b"header", front].concat(), sealed).unwrap();
    secrets.add("a key of the store", &keys[..32]);
    secrets.add("a key of the store", &keys[32..]);
}
