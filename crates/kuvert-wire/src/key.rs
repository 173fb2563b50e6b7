//! Public keys and signatures, each with its role in its type.
//!
//! Keys are carried and compared as the exact bytes received; whether they are acceptable is decided where they are used.
//!
//! # Spec
//!
//! `spec/01-identity.md`, `spec/02-prekeys.md`.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

use crate::codec::{Decode, DecodeError, Encode, Reader};
use crate::id::bytes_newtype;

bytes_newtype!(
    /// An account's public key (`account_pk`), Ed25519, 32 bytes. Peers pin it.
    AccountKey, 32);
bytes_newtype!(
    /// A device's signing key (`sig_pk`), Ed25519, 32 bytes. It signs prekeys and owns the device's front door.
    DeviceKey, 32);
bytes_newtype!(
    /// A device's identity key (`dh_pk`, IK), X25519, 32 bytes.
    IdentityKey, 32);
bytes_newtype!(
    /// The initiator's ephemeral key (EK), X25519, 32 bytes.
    EphemeralKey, 32);
bytes_newtype!(
    /// The X25519 half of a prekey (MP, OT), 32 bytes.
    PrekeyPublic, 32);
bytes_newtype!(
    /// A ratchet key (DHs, DHr), X25519, 32 bytes.
    RatchetPublicKey, 32);
bytes_newtype!(
    /// The key that owns a mailbox, Ed25519, 32 bytes.
    MailboxKey, 32);
bytes_newtype!(
    /// An Ed25519 signature, 64 bytes.
    Signature, 64);

/// The ML-KEM-1024 half of a prekey: an encapsulation key of 1,568 bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct KemPrekey(Box<[u8; KemPrekey::LEN]>);

impl KemPrekey {
    /// Length in bytes.
    pub const LEN: usize = 1568;

    /// Wraps an encapsulation key.
    #[must_use]
    pub const fn from_boxed(bytes: Box<[u8; Self::LEN]>) -> Self {
        Self(bytes)
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; Self::LEN] {
        &self.0
    }
}

impl fmt::Debug for KemPrekey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KemPrekey(1568 bytes)")
    }
}

impl Encode for KemPrekey {
    fn encode_into(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&*self.0);
    }

    fn encoded_len(&self) -> usize {
        Self::LEN
    }
}

impl Decode for KemPrekey {
    fn decode_from(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let mut bytes = Box::new([0; Self::LEN]);
        bytes.copy_from_slice(reader.take(Self::LEN)?);
        Ok(Self(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kem_prekey_is_the_bytes_received() {
        let mut bytes = [0; KemPrekey::LEN];
        bytes[KemPrekey::LEN - 1] = 7;
        let prekey = KemPrekey::decode(&bytes).expect("of its length");
        assert_eq!(prekey.as_bytes(), &bytes);
        assert_eq!(prekey.encode(), bytes);
    }
}
