//! People for tests: real keys and prekeys, as far as a relay can check them.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ed25519_dalek::{Signer, SigningKey};
use kuvert_wire::label::label;
use kuvert_wire::{
    AccountId, AccountKey, DeliveryToken, DeviceCert, DeviceKey, IdentityKey, KemPrekey,
    MailboxKey, MediumPrekey, OneTimePrekey, PostId, PrekeyId, PrekeyPublic, RelayUrl, Signature,
    Timestamp,
};

use crate::owner::sha256;
use crate::{MailboxCursor, MailboxOwner, Publication, Route};

/// Someone with an account and a device. Keys are fresh for each; agreement keys are random bytes, which nobody uses.
#[derive(Debug)]
pub struct Person {
    account: SigningKey,
    device: SigningKey,
    identity: IdentityKey,
}

impl Person {
    /// Someone nobody has seen before.
    ///
    /// # Panics
    ///
    /// Without randomness from the system.
    #[must_use]
    pub fn new() -> Self {
        let signing_key = || SigningKey::from_bytes(&random());
        let identity = IdentityKey::from_bytes(random());
        Self { account: signing_key(), device: signing_key(), identity }
    }

    /// The owner of the person's front door.
    #[must_use]
    pub fn device(&self) -> MailboxOwner {
        owner(self.device.clone())
    }

    /// The name of the person's account.
    #[must_use]
    pub fn account(&self) -> AccountId {
        let key = self.account.verifying_key().to_bytes();
        AccountId::from_bytes(sha256(&[&label("account-id"), key.as_slice()].concat()))
    }

    /// Fresh prekeys, `one_time` of them one-time.
    ///
    /// # Panics
    ///
    /// Without randomness from the system.
    #[must_use]
    pub fn publication(&self, one_time: usize) -> Publication {
        let one_time = (0..one_time).map(|_| self.one_time()).collect();
        Publication { cert: self.cert(), medium: self.medium(), one_time }
    }

    fn cert(&self) -> DeviceCert {
        let mut cert = DeviceCert {
            account_key: AccountKey::from_bytes(self.account.verifying_key().to_bytes()),
            device_key: DeviceKey::from_bytes(self.device.verifying_key().to_bytes()),
            identity_key: self.identity,
            issued: Timestamp::from_millis(1_700_000_000_000),
            list_version: 1,
            signature: Signature::from_bytes([0; 64]),
        };
        cert.signature = sign(&self.account, &[&label("sig device"), &cert.signed_bytes()]);
        cert
    }

    fn medium(&self) -> MediumPrekey {
        let created = now();
        let mut prekey = MediumPrekey {
            id: prekey_id(),
            created,
            not_after: created.saturating_add(Duration::from_secs(14 * 86_400)),
            x: PrekeyPublic::from_bytes(random()),
            ek: KemPrekey::from_boxed(Box::new([0; KemPrekey::LEN])),
            signature: Signature::from_bytes([0; 64]),
        };
        prekey.signature = self.sign_prekey("sig medium-prekey", &prekey.signed_bytes());
        prekey
    }

    fn one_time(&self) -> OneTimePrekey {
        let mut prekey = OneTimePrekey {
            id: prekey_id(),
            x: PrekeyPublic::from_bytes(random()),
            ek: KemPrekey::from_boxed(Box::new([0; KemPrekey::LEN])),
            signature: Signature::from_bytes([0; 64]),
        };
        prekey.signature = self.sign_prekey("sig onetime-prekey", &prekey.signed_bytes());
        prekey
    }

    fn sign_prekey(&self, name: &str, signed_bytes: &[u8]) -> Signature {
        let device_key = self.device.verifying_key().to_bytes();
        let keys = [&label("device-id"), device_key.as_slice(), self.identity.as_bytes()].concat();
        sign(&self.device, &[&label(name), &sha256(&keys)[..16], signed_bytes])
    }
}

impl Default for Person {
    fn default() -> Self {
        Self::new()
    }
}

/// A mailbox with a key of its own, as a session has.
pub(super) fn some_mailbox() -> MailboxOwner {
    owner(SigningKey::from_bytes(&random()))
}

/// One who names the key of `victim` and signs with another.
pub(super) fn impostor_of(victim: &MailboxOwner) -> MailboxOwner {
    let own = SigningKey::from_bytes(&random());
    MailboxOwner::new(*victim.key(), move |message| sign(&own, &[message]))
}

pub(super) fn cursor(owner: &MailboxOwner, after: u64) -> MailboxCursor {
    MailboxCursor { owner: owner.clone(), after }
}

pub(super) fn route(relay: RelayUrl, owner: &MailboxOwner) -> Route {
    Route { relay, mailbox: owner.mailbox(), token: None }
}

pub(super) fn post_id() -> PostId {
    PostId::from_bytes(random())
}

pub(super) fn token() -> DeliveryToken {
    DeliveryToken::from_bytes(random())
}

fn owner(key: SigningKey) -> MailboxOwner {
    let public = MailboxKey::from_bytes(key.verifying_key().to_bytes());
    MailboxOwner::new(public, move |message| sign(&key, &[message]))
}

fn sign(key: &SigningKey, parts: &[&[u8]]) -> Signature {
    Signature::from_bytes(key.sign(&parts.concat()).to_bytes())
}

fn prekey_id() -> PrekeyId {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    PrekeyId::new(NEXT.fetch_add(1, Ordering::Relaxed)).expect("no test makes 2^32 prekeys")
}

fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the system has randomness");
    bytes
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
