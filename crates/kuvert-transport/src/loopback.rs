//! A relay and its endpoints inside one process, for tests and demonstrations.
//!
//! ```text
//! LoopbackHub ── endpoint() ──▶ Loopback (Alice's device)
//!             └─ endpoint() ──▶ Loopback (Bob's device)
//! ```
//!
//! The rules are those of a real relay: mailboxes belong to keys, possession is proven by signature, tokens are checked,
//! one-time prekeys leave once. What is absent are rates, quotas, expiry, and tags for reports. Each endpoint has its own [`Faults`].

mod hub;
mod mailbox;
mod shelf;

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use ed25519_dalek::{Signature as Ed25519Signature, VerifyingKey};
use kuvert_wire::envelope::MAX_ENVELOPE;
use kuvert_wire::relay::{Delivered, MAX_TOKENS, Nonce, proof};
use kuvert_wire::{AccountId, DeliveryToken, DeviceKey, MailboxId, PostId, PrekeyBundle, RelayUrl};
use tokio::sync::watch;
use tokio::time::sleep_until;

pub use hub::LoopbackHub;

use crate::clock::after;
use crate::mutex::lock;
use crate::owner::token_id;
use crate::{
    Directory, MailboxCursor, MailboxOwner, Outage, Profile, Publication, Refusal, Route,
    Transport, TransportError,
};

/// What goes wrong between an endpoint and its hub. All off at first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// No request reaches the hub.
    pub offline: bool,
    /// Requests reach the hub and take effect, and no answer comes back. Waiting for envelopes is not affected.
    pub answers_lost: bool,
}

/// One device's connection to a [`LoopbackHub`].
#[derive(Debug)]
pub struct Loopback {
    hub: LoopbackHub,
    /// For each attached mailbox the position of the last envelope handed out.
    attached: Mutex<BTreeMap<MailboxId, u64>>,
    faults: watch::Sender<Faults>,
}

impl Loopback {
    fn new(hub: LoopbackHub) -> Self {
        Self { hub, attached: Mutex::default(), faults: watch::Sender::new(Faults::default()) }
    }

    /// Switches faults on or off, with effect on verbs that are waiting as well.
    pub fn set_faults(&self, faults: Faults) {
        self.faults.send_replace(faults);
    }

    /// Carries out one request at the hub, under the faults of the moment.
    fn ask<T>(
        &self,
        relay: &RelayUrl,
        request: impl FnOnce() -> Result<T, Refusal>,
    ) -> Result<T, TransportError> {
        let faults = *self.faults.borrow();
        let unreachable = |outage| TransportError::Unreachable { relay: relay.clone(), outage };
        if faults.offline {
            return Err(unreachable(Outage::Offline));
        }
        let answer = request();
        if faults.answers_lost {
            return Err(unreachable(Outage::Lost));
        }
        answer.map_err(TransportError::refused)
    }

    fn ask_home<T>(
        &self,
        request: impl FnOnce() -> Result<T, Refusal>,
    ) -> Result<T, TransportError> {
        self.ask(self.hub.url(), request)
    }

    fn attach_all(&self, mailboxes: &[MailboxCursor]) -> Result<(), Refusal> {
        let mut positions = Vec::with_capacity(mailboxes.len());
        for MailboxCursor { owner, after } in mailboxes {
            prove(owner, &proof::attach(&NONCE, owner.key()))?;
            let last = self.hub.last_position(&owner.mailbox()).ok_or(Refusal::NotFound)?;
            // A position never reached is of an earlier mailbox of this key.
            positions.push((owner.mailbox(), if *after <= last { *after } else { 0 }));
        }
        lock(&self.attached).extend(positions);
        self.hub.announce();
        Ok(())
    }

    fn take(&self) -> Option<Delivered> {
        let mut attached = lock(&self.attached);
        let (mailbox, stored) = self.hub.earliest(attached.iter())?;
        attached.insert(mailbox, stored.position);
        let (position, received) = (stored.position, stored.received);
        // No tag: there is nobody here to whom a report could be made.
        let (franked, envelope) = (None, stored.envelope);
        Some(Delivered { mailbox, position, received, franked, envelope })
    }

    fn is_attached(&self, mailbox: &MailboxId) -> Result<(), Refusal> {
        let attached = lock(&self.attached).contains_key(mailbox);
        attached.then_some(()).ok_or(Refusal::NotOwner)
    }
}

impl Transport for Loopback {
    fn profile(&self) -> Profile {
        Profile {
            max_len_bytes: MAX_ENVELOPE,
            ordered: true,
            duplicates: false,
            text_safe: false,
            lossy: false,
        }
    }

    async fn open(
        &self,
        owner: &MailboxOwner,
        tokens: &[DeliveryToken],
    ) -> Result<(), TransportError> {
        let tokens: Vec<_> = tokens.iter().map(token_id).collect();
        self.ask_home(|| {
            if tokens.len() > MAX_TOKENS {
                return Err(Refusal::TooMany);
            }
            prove(owner, &proof::open_mailbox(&NONCE, owner.key(), &tokens))?;
            self.hub.open(owner.mailbox(), tokens);
            Ok(())
        })
    }

    async fn attach(&self, mailboxes: &[MailboxCursor]) -> Result<(), TransportError> {
        if self.faults.borrow().offline {
            let positions = mailboxes.iter().map(|cursor| (cursor.owner.mailbox(), cursor.after));
            lock(&self.attached).extend(positions);
        }
        self.ask_home(|| self.attach_all(mailboxes))
    }

    async fn post(&self, route: &Route, id: PostId, envelope: &[u8]) -> Result<(), TransportError> {
        let envelope = self.profile().admit(envelope)?;
        self.ask(&route.relay, || self.hub.post(&route.mailbox, id, route.token.as_ref(), envelope))
    }

    async fn next(&self, wait: Duration) -> Result<Option<Delivered>, TransportError> {
        let deadline = after(wait);
        let mut news = self.hub.news();
        let mut faults = self.faults.subscribe();
        loop {
            news.mark_unchanged();
            let offline = faults.borrow_and_update().offline;
            if !offline && let Some(delivered) = self.take() {
                return Ok(Some(delivered));
            }
            tokio::select! {
                _ = news.changed() => {}
                _ = faults.changed() => {}
                () = sleep_until(deadline) => return self.ask_home(|| Ok(None)),
            }
        }
    }

    async fn confirm(&self, mailbox: &MailboxId, position: u64) -> Result<(), TransportError> {
        self.ask_home(|| {
            self.is_attached(mailbox)?;
            self.hub.confirm(mailbox, position);
            Ok(())
        })
    }

    async fn close(&self, mailbox: &MailboxId) -> Result<(), TransportError> {
        self.ask_home(|| {
            self.is_attached(mailbox)?;
            self.hub.close(mailbox);
            lock(&self.attached).remove(mailbox);
            Ok(())
        })
    }
}

impl Directory for Loopback {
    async fn publish(
        &self,
        device: &MailboxOwner,
        publication: &Publication,
    ) -> Result<(), TransportError> {
        self.ask_home(|| {
            is_of(device, &publication.cert.device_key)?;
            let Publication { cert, medium, one_time } = publication;
            prove(device, &proof::publish(&NONCE, cert, medium, one_time))?;
            self.hub.publish(publication)
        })
    }

    async fn stock(&self, device: &MailboxOwner) -> Result<u16, TransportError> {
        let key = DeviceKey::from_bytes(*device.key().as_bytes());
        self.ask_home(|| {
            prove(device, &proof::stock(&NONCE, &key))?;
            Ok(u16::try_from(self.hub.stock(&key)).unwrap_or(u16::MAX))
        })
    }

    async fn fetch_bundle(
        &self,
        relay: &RelayUrl,
        account: &AccountId,
    ) -> Result<PrekeyBundle, TransportError> {
        self.ask(relay, || self.hub.hand_out(account).ok_or(Refusal::NotFound))
    }
}

/// Stands for the nonce of a connection. It may be constant because nobody is between an endpoint and its hub.
const NONCE: Nonce = Nonce::from_bytes([0; 32]);

/// Holds an owner to what its key says.
fn prove(owner: &MailboxOwner, message: &[u8]) -> Result<(), Refusal> {
    let key =
        VerifyingKey::from_bytes(owner.key().as_bytes()).map_err(|_| Refusal::BadSignature)?;
    let signature = Ed25519Signature::from_bytes(owner.sign(message).as_bytes());
    key.verify_strict(message, &signature).map_err(|_| Refusal::BadSignature)
}

fn is_of(owner: &MailboxOwner, device: &DeviceKey) -> Result<(), Refusal> {
    let same = owner.key().as_bytes() == device.as_bytes();
    same.then_some(()).ok_or(Refusal::BadSignature)
}
