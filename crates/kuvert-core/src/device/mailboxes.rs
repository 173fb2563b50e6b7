//! The device's mailboxes at its relay, and the right to read them.
//!
//! # Spec
//!
//! `spec/05-messages.md`, "Mailboxes"; `spec/08-relay.md`.

use kuvert_wire::{DeliveryToken, DeviceId, MailboxKey, Signature};

use super::Device;
use crate::identity::token_id;
use crate::session::OurMailbox;

/// A mailbox of the device's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mailbox {
    /// The key that owns it.
    pub key: MailboxKey,
    /// The peer that it is for; `None` for the front door.
    pub peer: Option<DeviceId>,
    /// The token that the peer posts with; `None` for the front door, which is open to all.
    pub token: Option<DeliveryToken>,
}

impl Mailbox {
    /// What the relay has to know of its tokens: their hashes, 32 bytes each. None for the front
    /// door, which is open to first messages.
    pub fn token_hashes(&self) -> impl Iterator<Item = [u8; 32]> {
        self.token.iter().map(token_id)
    }
}

impl Device {
    /// The front door first, then the mailboxes of all sessions, the ones being replaced included.
    pub fn mailboxes(&self) -> impl Iterator<Item = Mailbox> {
        let front_door = Mailbox { key: self.front_door_key(), peer: None, token: None };
        core::iter::once(front_door).chain(self.session_mailboxes().map(|(peer, mailbox)| {
            Mailbox { key: mailbox.key, peer: Some(peer), token: Some(mailbox.token) }
        }))
    }

    /// Signs a relay request as the owner of one of the device's mailboxes. `message` is whole, its
    /// label included; labels of relay requests are used for nothing else.
    ///
    /// `None` when the mailbox is not this device's.
    #[must_use]
    pub fn sign_for_relay(&self, key: &MailboxKey, message: &[u8]) -> Option<Signature> {
        if *key == self.front_door_key() {
            return Some(self.identity.device().sign_bytes(&[message]));
        }
        let (_, mailbox) = self.session_mailboxes().find(|(_, mailbox)| mailbox.key == *key)?;
        Some(mailbox.sign(message))
    }

    /// The key that owns the front door: the device's signing key.
    #[must_use]
    pub const fn front_door_key(&self) -> MailboxKey {
        MailboxKey::from_bytes(*self.cert().device_key.as_bytes())
    }

    /// Mailboxes that the peers know of.
    fn session_mailboxes(&self) -> impl Iterator<Item = (DeviceId, &OurMailbox)> {
        self.sessions.values().flat_map(|stored| {
            let head = &stored.value.head;
            let mailboxes = core::iter::once(&head.mailbox).chain(&head.previous_mailbox);
            mailboxes.map(|mailbox| (head.peer, mailbox))
        })
    }
}
