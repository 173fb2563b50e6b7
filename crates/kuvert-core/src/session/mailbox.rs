//! Mailboxes: each side of a session names a fresh one of its own, inside the session.
//!
//! A mailbox is owned by a signing key and needs a token to post to, so that the relay can neither
//! link the two ends of a conversation by name nor let a stranger fill it.
//!
//! # Spec
//!
//! `spec/05-messages.md`, "Mailboxes"; `spec/08-relay.md`.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use kuvert_wire::{
    Decode, DecodeError, DeliveryToken, Encode, MailboxId, MailboxKey, Reader, Signature, Timestamp,
};
use rand_core::CryptoRng;

use crate::crypto::sign::SigningSecret;
use crate::limits::MAILBOX_ROTATION;
use crate::secret::Secret;

/// Where a peer's messages go. At most 305 bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// The mailbox to post to.
    pub mailbox: MailboxId,
    /// The right to post to it, where one is needed.
    pub token: Option<DeliveryToken>,
    /// The relay it is at, as its owner spelled it; empty for the relay in the peer's address.
    pub relay: String,
}

impl Encode for Route {
    fn encode_into(&self, out: &mut Vec<u8>) {
        self.mailbox.encode_into(out);
        out.push(u8::from(self.token.is_some()));
        if let Some(token) = self.token {
            token.encode_into(out);
        }
        let relay = &self.relay.as_bytes()[..self.relay.len().min(255)];
        out.push(u8::try_from(relay.len()).unwrap_or(u8::MAX));
        out.extend_from_slice(relay);
    }

    fn encoded_len(&self) -> usize {
        let token = self.token.map_or(0, |_| DeliveryToken::LEN);
        MailboxId::LEN + 1 + token + 1 + self.relay.len().min(255)
    }
}

impl Decode for Route {
    fn decode_from(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let mailbox = MailboxId::decode_from(reader)?;
        let has_token = reader.flag("has_token")?;
        let token = has_token.then(|| DeliveryToken::decode_from(reader)).transpose()?;
        let len = usize::from(reader.u8()?);
        let relay = core::str::from_utf8(reader.take(len)?)
            .map_err(|_| DecodeError::Invalid { what: "relay" })?;
        Ok(Self { mailbox, token, relay: relay.into() })
    }
}

/// A mailbox of ours, for one session.
#[derive(Clone)]
pub(crate) struct OurMailbox {
    /// Shared, not copied: it does not change while the mailbox is in use.
    seed: Arc<Secret<32>>,
    pub(crate) key: MailboxKey,
    pub(crate) token: DeliveryToken,
    pub(crate) created: Timestamp,
    /// The peer has been told.
    pub(crate) announced: bool,
}

impl OurMailbox {
    /// A fresh mailbox that nobody knows of yet.
    pub(crate) fn generate<R: CryptoRng + ?Sized>(now: Timestamp, rng: &mut R) -> Self {
        let seed = Secret::random(rng);
        let mut token = [0; DeliveryToken::LEN];
        rng.fill_bytes(&mut token);
        Self {
            key: MailboxKey::from_bytes(SigningSecret::from_seed(&seed).public()),
            seed: Arc::new(seed),
            token: DeliveryToken::from_bytes(token),
            created: now,
            announced: false,
        }
    }

    /// Whether another should take its place.
    pub(crate) fn is_rotation_due(&self, now: Timestamp) -> bool {
        self.announced && now.since(self.created) > MAILBOX_ROTATION
    }

    /// Signs a relay request as the mailbox's owner; `message` is whole, its label included.
    pub(crate) fn sign(&self, message: &[u8]) -> Signature {
        SigningSecret::from_seed(&self.seed).sign_bytes(&[message])
    }
}

impl Encode for OurMailbox {
    fn encode_into(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.seed.expose());
        self.key.encode_into(out);
        self.token.encode_into(out);
        self.created.encode_into(out);
        out.push(u8::from(self.announced));
    }

    fn encoded_len(&self) -> usize {
        32 + 32 + DeliveryToken::LEN + 8 + 1
    }
}

impl Decode for OurMailbox {
    fn decode_from(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            seed: Arc::new(Secret::copied_from(reader.array_ref()?)),
            key: MailboxKey::decode_from(reader)?,
            token: DeliveryToken::decode_from(reader)?,
            created: Timestamp::decode_from(reader)?,
            announced: reader.flag("announced")?,
        })
    }
}
