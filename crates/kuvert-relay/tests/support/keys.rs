//! Keys and signed structures of people who do not exist. Everything is made from small numbers, so that a test that
//! fails once fails again.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(dead_code, reason = "each test program uses some of it")]

use ed25519_dalek::{Signer, SigningKey};
use kuvert_relay::franking::FrankingKeys;
use kuvert_relay::proof as ids;
use kuvert_wire::envelope::{SEALED_HEADER_LEN, TAG_LEN};
use kuvert_wire::label::label;
use kuvert_wire::padding::FLOOR;
use kuvert_wire::relay::{
    Attachment, List, Nonce, OpenMailbox, Post, Publish, SealedEnvelope, StockQuery, TokenId, proof,
};
use kuvert_wire::{
    AccountId, AccountKey, DeliveryToken, DeviceCert, DeviceKey, IdentityKey, KemPrekey, MailboxId,
    MailboxKey, MediumPrekey, OneTimePrekey, PostId, PrekeyId, PrekeyPublic, Signature, Timestamp,
};

/// A key that owns a mailbox.
pub(crate) struct Owner(SigningKey);

impl Owner {
    pub(crate) fn new(number: u8) -> Self {
        Self(SigningKey::from_bytes(&[number; 32]))
    }

    pub(crate) fn key(&self) -> MailboxKey {
        MailboxKey::from_bytes(self.0.verifying_key().to_bytes())
    }

    pub(crate) fn mailbox(&self) -> MailboxId {
        ids::mailbox_id(&self.key())
    }

    pub(crate) fn open(&self, nonce: &Nonce, tokens: &[DeliveryToken]) -> OpenMailbox {
        let tokens: Vec<TokenId> = tokens.iter().map(ids::token_id).collect();
        let signature = sign(&self.0, &proof::open_mailbox(nonce, &self.key(), &tokens));
        OpenMailbox { key: self.key(), signature, tokens: List::new(tokens).unwrap() }
    }

    pub(crate) fn attachment(&self, nonce: &Nonce, after: u64) -> Attachment {
        let signature = sign(&self.0, &proof::attach(nonce, &self.key()));
        Attachment { key: self.key(), signature, after }
    }
}

/// A person's account and device.
pub(crate) struct Person {
    pub(crate) account: SigningKey,
    pub(crate) device: SigningKey,
    pub(crate) issued: u64,
}

impl Person {
    pub(crate) fn new(number: u8) -> Self {
        let account = SigningKey::from_bytes(&[number; 32]);
        Self { account, device: SigningKey::from_bytes(&[number ^ 0x80; 32]), issued: 1 }
    }

    /// The same account on another device, certified later.
    pub(crate) fn with_new_device(&self, number: u8) -> Self {
        let account = self.account.clone();
        let device = SigningKey::from_bytes(&[number ^ 0x40; 32]);
        Self { account, device, issued: self.issued + 1 }
    }

    pub(crate) fn account_id(&self) -> AccountId {
        ids::account_id(&AccountKey::from_bytes(self.account.verifying_key().to_bytes()))
    }

    pub(crate) fn front_door(&self) -> Owner {
        Owner(self.device.clone())
    }

    pub(crate) fn cert(&self) -> DeviceCert {
        let mut cert = DeviceCert {
            account_key: AccountKey::from_bytes(self.account.verifying_key().to_bytes()),
            device_key: DeviceKey::from_bytes(self.device.verifying_key().to_bytes()),
            identity_key: IdentityKey::from_bytes([3; 32]),
            issued: Timestamp::from_millis(self.issued),
            list_version: 1,
            signature: Signature::from_bytes([0; 64]),
        };
        let message = [label("sig device"), cert.signed_bytes()].concat();
        cert.signature = sign(&self.account, &message);
        cert
    }

    pub(crate) fn medium(&self, number: u32) -> MediumPrekey {
        let mut prekey = MediumPrekey {
            id: PrekeyId::new(number).unwrap(),
            created: Timestamp::from_millis(1),
            not_after: Timestamp::from_millis(2),
            x: PrekeyPublic::from_bytes([4; 32]),
            ek: KemPrekey::from_boxed(Box::new([5; KemPrekey::LEN])),
            signature: Signature::from_bytes([0; 64]),
        };
        prekey.signature = self.sign_prekey("sig medium-prekey", prekey.signed_bytes());
        prekey
    }

    pub(crate) fn one_time(&self, number: u32) -> OneTimePrekey {
        let mut prekey = OneTimePrekey {
            id: PrekeyId::new(number).unwrap(),
            x: PrekeyPublic::from_bytes([6; 32]),
            ek: KemPrekey::from_boxed(Box::new([7; KemPrekey::LEN])),
            signature: Signature::from_bytes([0; 64]),
        };
        prekey.signature = self.sign_prekey("sig onetime-prekey", prekey.signed_bytes());
        prekey
    }

    fn sign_prekey(&self, name: &str, prekey: Vec<u8>) -> Signature {
        let device = ids::device_id(&self.cert()).as_bytes().to_vec();
        sign(&self.device, &[label(name), device, prekey].concat())
    }

    pub(crate) fn publish(
        &self,
        nonce: &Nonce,
        one_time: impl IntoIterator<Item = u32>,
    ) -> Publish {
        let one_time = one_time.into_iter().map(|number| self.one_time(number)).collect();
        self.publish_parts(nonce, self.cert(), self.medium(u32::MAX), one_time)
    }

    /// Whatever the parts are, the proof over them is right.
    pub(crate) fn publish_parts(
        &self,
        nonce: &Nonce,
        cert: DeviceCert,
        medium: MediumPrekey,
        one_time: Vec<OneTimePrekey>,
    ) -> Publish {
        let signature = sign(&self.device, &proof::publish(nonce, &cert, &medium, &one_time));
        Publish { cert, medium, one_time: List::new(one_time).unwrap(), signature }
    }

    pub(crate) fn stock(&self, nonce: &Nonce) -> StockQuery {
        let device_key = DeviceKey::from_bytes(self.device.verifying_key().to_bytes());
        StockQuery { device_key, signature: sign(&self.device, &proof::stock(nonce, &device_key)) }
    }
}

pub(crate) fn post(mailbox: MailboxId, number: u8, envelope: &[u8]) -> Post {
    Post {
        mailbox,
        post_id: PostId::from_bytes([number; 16]),
        token: None,
        envelope: SealedEnvelope::new(envelope.to_vec()).unwrap(),
    }
}

/// Bytes that are laid out as a message of a session; `number` stands in every place of its franking commitment.
pub(crate) fn envelope(number: u8) -> Vec<u8> {
    let header_len = u16::try_from(SEALED_HEADER_LEN).unwrap().to_be_bytes();
    let header = [&[2, 1][..], &[7; 12], &header_len, &[7; SEALED_HEADER_LEN]].concat();
    [&header[..], &[7; 16], &[7; 32], &[number; 32], &[7; FLOOR + TAG_LEN]].concat()
}

/// A relay's first franking key, made at `now`.
pub(crate) fn franking_keys(number: u8, now: Timestamp) -> FrankingKeys {
    let made = FrankingKeys::default().renewed(now, || Ok::<_, ()>([number; 32]));
    made.unwrap().expect("the first key")
}

pub(crate) fn token(number: u8) -> DeliveryToken {
    DeliveryToken::from_bytes([number; 16])
}

fn sign(key: &SigningKey, message: &[u8]) -> Signature {
    Signature::from_bytes(key.sign(message).to_bytes())
}
