//! What a person or an app opens a store with, and how a passphrase becomes a key.

use std::fmt;

use argon2::{Algorithm, Argon2, Params, Version};
use kuvert_core::at_rest::SALT_LEN;
use kuvert_core::secret::Secret;

use crate::error::{Part, StoreError};

/// What a store is opened with.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub enum Unlock<'a> {
    /// A passphrase, stretched by Argon2id. Any text; the bytes have to be the same each time.
    Passphrase(&'a str),
    /// A random key from the app's or the platform's key store.
    Key(&'a Secret<32>),
}

/// How much work one guess at the passphrase costs. Stored in the header, so that later versions can
/// ask for more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cost {
    pub(super) memory_kib: u32,
    pub(super) passes: u32,
    pub(super) lanes: u32,
}

impl Cost {
    /// For new stores: 46 MiB, one pass. The first choice of the OWASP list with one lane, and about
    /// 40 ms on a desktop core; memory is what makes guessing dear.
    pub(super) const NEW: Self = Self { memory_kib: 47_104, passes: 1, lanes: 1 };

    /// Where no passphrase is stretched.
    pub(super) const NONE: Self = Self { memory_kib: 0, passes: 0, lanes: 0 };

    /// A header is read before anything proves that it is ours. Without a bound, one that has been
    /// tampered with could take all memory, or the day.
    pub(super) fn is_bounded(self) -> bool {
        (1..=16).contains(&self.lanes)
            && (1..=16).contains(&self.passes)
            && (8 * self.lanes..=1 << 20).contains(&self.memory_kib)
    }
}

/// `Argon2id(passphrase, salt)`, version 0x13, 32 bytes.
pub(super) fn stretch(
    passphrase: &str,
    salt: &[u8; SALT_LEN],
    cost: Cost,
) -> Result<Secret<32>, StoreError> {
    let params = Params::new(cost.memory_kib, cost.passes, cost.lanes, Some(32));
    let params = params.map_err(|_| StoreError::unreadable(Part::Header))?;
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let mut stretched = Ok(());
    let key = Secret::zero_filled(|key| {
        stretched = argon2.hash_password_into(passphrase.as_bytes(), salt, key);
    });
    // The one thing left that can fail is getting the memory.
    stretched.map_err(|error| StoreError::Io(error.to_string().into()))?;
    Ok(key)
}

impl fmt::Debug for Unlock<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Passphrase(_) => "Passphrase",
            Self::Key(_) => "Key",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stretching_is_argon2id() {
        // Reference: argon2-cffi 25.1, hash_secret_raw(b"tea at four", bytes(16), 1, 47104, 1, 32, ID).
        let key = stretch("tea at four", &[0; SALT_LEN], Cost::NEW).unwrap();
        let hex: String = key.expose().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, "4852712a0ef38611a78a276a8fe3c2d8ecba3f74b4dc45424fc9efa0570ed22c");
    }

    #[test]
    fn debug_shows_no_passphrase() {
        assert_eq!(format!("{:?}", Unlock::Passphrase("tea at four")), "Passphrase");
    }
}
