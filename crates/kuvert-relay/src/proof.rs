//! Proofs of ownership: the only cryptography that a relay does.
//!
//! A key is the client's if it has signed this connection's nonce with it, under the label of the request. What has been
//! checked becomes a type with a private field, which the rules take instead of a claim. All signatures are checked
//! strictly: small-order keys and non-canonical encodings are refused.
//!
//! # Spec
//!
//! `spec/08-relay.md`, "Proofs"; checks REL-6 to REL-9, REL-17, REL-29 to REL-31.

use std::collections::HashSet;

use ed25519_dalek::VerifyingKey;
use kuvert_wire::label::label;
use kuvert_wire::relay::{
    Attachment, Nonce, OpenMailbox, Publish, Refusal, StockQuery, TokenId, proof,
};
use kuvert_wire::{
    AccountId, AccountKey, DeliveryToken, DeviceCert, DeviceId, DeviceKey, MailboxId, MailboxKey,
    MediumPrekey, OneTimePrekey, Signature,
};
use sha2::{Digest, Sha256};

/// A mailbox whose owner is on this connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProvenMailbox(MailboxId);

impl ProvenMailbox {
    /// Its name.
    #[must_use]
    pub const fn id(&self) -> &MailboxId {
        &self.0
    }

    /// Checks the proof in a request to open a mailbox.
    ///
    /// # Errors
    ///
    /// [`Refusal::BadSignature`].
    pub fn by_open(open: &OpenMailbox, nonce: &Nonce) -> Result<Self, Refusal> {
        let message = proof::open_mailbox(nonce, &open.key, &open.tokens);
        verify(open.key.as_bytes(), &message, &open.signature)?; // REL-6
        Ok(Self(mailbox_id(&open.key)))
    }

    /// Checks the proof in a request to read a mailbox.
    ///
    /// # Errors
    ///
    /// [`Refusal::BadSignature`].
    pub fn by_attach(attachment: &Attachment, nonce: &Nonce) -> Result<Self, Refusal> {
        let message = proof::attach(nonce, &attachment.key);
        verify(attachment.key.as_bytes(), &message, &attachment.signature)?; // REL-7
        Ok(Self(mailbox_id(&attachment.key)))
    }
}

/// A device that is on this connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProvenDevice(DeviceKey);

impl ProvenDevice {
    /// Its signing key.
    #[must_use]
    pub const fn key(&self) -> &DeviceKey {
        &self.0
    }

    /// Checks the proof in a question for the stock.
    ///
    /// # Errors
    ///
    /// [`Refusal::BadSignature`].
    pub fn by_stock(query: &StockQuery, nonce: &Nonce) -> Result<Self, Refusal> {
        let message = proof::stock(nonce, &query.device_key);
        verify(query.device_key.as_bytes(), &message, &query.signature)?; // REL-8
        Ok(Self(query.device_key))
    }
}

/// Prekeys of the device that is on this connection, each signed by it, and the device certified by its account.
#[derive(Clone, Debug)]
pub struct ProvenPublish {
    account: AccountId,
    front_door: ProvenMailbox,
    publish: Publish,
}

impl ProvenPublish {
    /// Checks every signature of a request to publish, and that no prekey occurs twice.
    ///
    /// # Errors
    ///
    /// [`Refusal::Malformed`] for a prekey id that occurs twice, [`Refusal::BadSignature`].
    pub fn check(publish: Publish, nonce: &Nonce) -> Result<Self, Refusal> {
        let Publish { cert, medium, one_time, signature } = &publish;
        let mut ids = HashSet::from([medium.id]);
        if !one_time.iter().all(|prekey| ids.insert(prekey.id)) {
            return Err(Refusal::Malformed); // REL-17
        }
        let device = cert.device_key.as_bytes();
        let message = proof::publish(nonce, cert, medium, one_time);
        verify(device, &message, signature)?; // REL-9
        let account = cert.account_key.as_bytes();
        verify(account, &cert_message(cert), &cert.signature)?; // REL-29
        let device_id = device_id(cert);
        let message = medium_message(&device_id, medium);
        verify(device, &message, &medium.signature)?; // REL-30
        for prekey in one_time.iter() {
            let message = one_time_message(&device_id, prekey);
            verify(device, &message, &prekey.signature)?; // REL-31
        }
        Ok(Self {
            account: account_id(&cert.account_key),
            front_door: ProvenMailbox(mailbox_id(&MailboxKey::from_bytes(*device))),
            publish,
        })
    }

    /// The account.
    #[must_use]
    pub const fn account(&self) -> &AccountId {
        &self.account
    }

    /// The mailbox for first messages, owned by the device key.
    #[must_use]
    pub const fn front_door(&self) -> &ProvenMailbox {
        &self.front_door
    }

    /// What is published.
    #[must_use]
    pub const fn contents(&self) -> &Publish {
        &self.publish
    }
}

fn cert_message(cert: &DeviceCert) -> Vec<u8> {
    [label("sig device"), cert.signed_bytes()].concat()
}

fn medium_message(device: &DeviceId, prekey: &MediumPrekey) -> Vec<u8> {
    let device = device.as_bytes().to_vec();
    [label("sig medium-prekey"), device, prekey.signed_bytes()].concat()
}

fn one_time_message(device: &DeviceId, prekey: &OneTimePrekey) -> Vec<u8> {
    let device = device.as_bytes().to_vec();
    [label("sig onetime-prekey"), device, prekey.signed_bytes()].concat()
}

fn verify(key: &[u8; 32], message: &[u8], signature: &Signature) -> Result<(), Refusal> {
    let signature = ed25519_dalek::Signature::from_bytes(signature.as_bytes());
    let key = VerifyingKey::from_bytes(key).map_err(|_| Refusal::BadSignature)?;
    key.verify_strict(message, &signature).map_err(|_| Refusal::BadSignature)
}

/// `HL("account-id", account_pk)`.
#[must_use]
pub fn account_id(key: &AccountKey) -> AccountId {
    AccountId::from_bytes(sha256(&[&label("account-id"), key.as_bytes()]))
}

/// The first half of `HL("device-id", sig_pk || dh_pk)`.
#[must_use]
pub fn device_id(cert: &DeviceCert) -> DeviceId {
    let (signing, identity) = (cert.device_key.as_bytes(), cert.identity_key.as_bytes());
    let hash = sha256(&[&label("device-id"), signing, identity]);
    let mut id = [0; DeviceId::LEN];
    id.copy_from_slice(&hash[..DeviceId::LEN]);
    DeviceId::from_bytes(id)
}

/// `HL("mailbox-id", mailbox_key)`.
#[must_use]
pub fn mailbox_id(key: &MailboxKey) -> MailboxId {
    MailboxId::from_bytes(sha256(&[&proof::mailbox_id_bytes(key)]))
}

/// `HL("token-id", token)`.
#[must_use]
pub fn token_id(token: &DeliveryToken) -> TokenId {
    TokenId::from_bytes(sha256(&[&proof::token_id_bytes(token)]))
}

fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    parts.iter().for_each(|part| hasher.update(part));
    hasher.finalize().into()
}

#[cfg(test)]
mod tests;
