//! Who owns a mailbox: a key, and something that signs with it.

use std::fmt;
use std::sync::Arc;

use kuvert_wire::relay::{TokenId, proof};
use kuvert_wire::{DeliveryToken, MailboxId, MailboxKey, Signature};
use sha2::{Digest, Sha256};

type Sign = dyn Fn(&[u8]) -> Signature + Send + Sync;

/// The owner of a mailbox: its public key, and a signer that never shows the secret one.
///
/// A relay lets nobody else read, confirm or close the mailbox. A device's front door is owned by its device key; the
/// same owner then also proves possession of the device towards a [`Directory`](crate::Directory).
#[derive(Clone)]
pub struct MailboxOwner {
    key: MailboxKey,
    sign: Arc<Sign>,
}

impl MailboxOwner {
    /// An owner with public key `key`, whose secret half `sign` uses on complete messages, label included.
    ///
    /// `sign` is called again for each new connection, from whatever verb makes it. It must not block, nor take a lock
    /// that is held while a verb of the transport runs.
    #[must_use]
    pub fn new(key: MailboxKey, sign: impl Fn(&[u8]) -> Signature + Send + Sync + 'static) -> Self {
        Self { key, sign: Arc::new(sign) }
    }

    /// The public key, Ed25519, 32 bytes.
    #[must_use]
    pub const fn key(&self) -> &MailboxKey {
        &self.key
    }

    /// The name of the mailbox that this key owns: `HL("mailbox-id", key)`, 32 bytes.
    #[must_use]
    pub fn mailbox(&self) -> MailboxId {
        mailbox_id(&self.key)
    }

    /// Signs `message`, which begins with its label.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> Signature {
        (self.sign)(message)
    }
}

impl fmt::Debug for MailboxOwner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, sign: _ } = self;
        f.debug_struct("MailboxOwner").field("key", key).finish_non_exhaustive()
    }
}

/// The name of the mailbox that `key` owns.
pub(crate) fn mailbox_id(key: &MailboxKey) -> MailboxId {
    MailboxId::from_bytes(sha256(&proof::mailbox_id_bytes(key)))
}

/// What a relay knows of a delivery token.
pub(crate) fn token_id(token: &DeliveryToken) -> TokenId {
    TokenId::from_bytes(sha256(&proof::token_id_bytes(token)))
}

pub(crate) fn sha256(input: &[u8]) -> [u8; 32] {
    Sha256::digest(input).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mailbox_is_named_by_the_hash_of_its_key() {
        let owner =
            MailboxOwner::new(MailboxKey::from_bytes([7; 32]), |_| Signature::from_bytes([0; 64]));
        let by_hand = Sha256::digest([b"\x14kuvert-v1 mailbox-id".as_slice(), &[7; 32]].concat());
        assert_eq!(owner.mailbox().as_bytes().as_slice(), by_hand.as_slice());
    }

    #[test]
    fn debug_shows_the_key_alone() {
        let owner =
            MailboxOwner::new(MailboxKey::from_bytes([7; 32]), |_| Signature::from_bytes([0; 64]));
        assert_eq!(format!("{owner:?}"), "MailboxOwner { key: MailboxKey(07070707…), .. }");
    }
}
