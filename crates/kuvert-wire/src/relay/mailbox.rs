//! Requests about mailboxes, and what comes out of them.
//!
//! ```text
//! Post        = mailbox 32 | post_id 16 | has_token u8 (0/1) | [token 16] | envelope (1 to 73,728, to the end)
//! OpenMailbox = key 32 | signature 64 | count u16 ≤ 64 | count × token_id 32
//! Attach      = count u16 ≤ 256 | count × (key 32 | signature 64 | after u64)
//! Fetch       = limit u16
//! Confirm     = mailbox 32 | position u64
//! Delivered   = mailbox 32 | position u64 | received u64 | has_tag u8 (0/1) | [from 32 | tag 33] | len u32 | envelope
//! ```

use alloc::vec::Vec;
use core::fmt;

use super::{Franked, List, MAX_ATTACH, MAX_TOKENS, TokenId};
use crate::codec::{Decode, DecodeError, Encode, Reader};
use crate::envelope::MAX_ENVELOPE;
use crate::id::{DeliveryToken, MailboxId, PostId, Timestamp};
use crate::key::{MailboxKey, Signature};

/// An envelope as the relay carries it: 1 to 73,728 bytes that it does not look into. `Debug` shows the length only.
#[derive(Clone, PartialEq, Eq)]
pub struct SealedEnvelope(Vec<u8>);

impl SealedEnvelope {
    /// Takes bytes as they are.
    ///
    /// # Errors
    ///
    /// [`DecodeError::Invalid`] when there are none, [`DecodeError::TooLong`] above 72 KiB.
    pub fn new(bytes: Vec<u8>) -> Result<Self, DecodeError> {
        check_envelope_len(bytes.len()).map(|_| Self(bytes))
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The bytes, without a copy.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

impl fmt::Debug for SealedEnvelope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealedEnvelope({} bytes)", self.0.len())
    }
}

fn check_envelope_len(len: usize) -> Result<usize, DecodeError> {
    match len {
        0 => Err(DecodeError::Invalid { what: "envelope length" }), // REL-4
        1..=MAX_ENVELOPE => Ok(len),
        _ => Err(DecodeError::TooLong { what: "envelope", limit: MAX_ENVELOPE }), // REL-4
    }
}

/// Puts an envelope into someone's mailbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Post {
    /// Whose.
    pub mailbox: MailboxId,
    /// Chosen by the sender, the same for each retry: the relay stores the envelope once.
    pub post_id: PostId,
    /// The right to post, for a mailbox that asks for one.
    pub token: Option<DeliveryToken>,
    /// The envelope.
    pub envelope: SealedEnvelope,
}

impl Encode for Post {
    fn encode_into(&self, out: &mut Vec<u8>) {
        self.mailbox.encode_into(out);
        self.post_id.encode_into(out);
        out.push(u8::from(self.token.is_some()));
        if let Some(token) = &self.token {
            token.encode_into(out);
        }
        out.extend_from_slice(self.envelope.as_bytes());
    }

    fn encoded_len(&self) -> usize {
        let token = self.token.as_ref().map_or(0, Encode::encoded_len);
        MailboxId::LEN + PostId::LEN + 1 + token + self.envelope.0.len()
    }
}

impl Decode for Post {
    fn decode_from(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let mailbox = MailboxId::decode_from(reader)?;
        let post_id = PostId::decode_from(reader)?;
        let has_token = reader.flag("has_token")?;
        let token = has_token.then(|| DeliveryToken::decode_from(reader)).transpose()?;
        let len = check_envelope_len(reader.remaining())?;
        let envelope = SealedEnvelope(reader.take(len)?.to_vec());
        Ok(Self { mailbox, post_id, token, envelope })
    }
}

/// Makes a mailbox, or gives an existing one of the same key another set of tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenMailbox {
    /// The key that owns it; the mailbox's name is its hash.
    pub key: MailboxKey,
    /// By `key`, over [`super::proof::open_mailbox`].
    pub signature: Signature,
    /// Who may post. Empty: anyone who knows the name.
    pub tokens: List<TokenId, MAX_TOKENS>,
}

impl Encode for OpenMailbox {
    fn encode_into(&self, out: &mut Vec<u8>) {
        self.key.encode_into(out);
        self.signature.encode_into(out);
        self.tokens.encode_into(out);
    }

    fn encoded_len(&self) -> usize {
        MailboxKey::LEN + Signature::LEN + self.tokens.encoded_len()
    }
}

impl Decode for OpenMailbox {
    fn decode_from(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            key: MailboxKey::decode_from(reader)?,
            signature: Signature::decode_from(reader)?,
            tokens: List::decode_from(reader)?,
        })
    }
}

/// One mailbox to read on this connection. 104 bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attachment {
    /// The key that owns it.
    pub key: MailboxKey,
    /// By `key`, over [`super::proof::attach`].
    pub signature: Signature,
    /// The last position that the client has safely stored; 0 for none.
    pub after: u64,
}

impl Encode for Attachment {
    fn encode_into(&self, out: &mut Vec<u8>) {
        self.key.encode_into(out);
        self.signature.encode_into(out);
        out.extend_from_slice(&self.after.to_be_bytes());
    }

    fn encoded_len(&self) -> usize {
        MailboxKey::LEN + Signature::LEN + 8
    }
}

impl Decode for Attachment {
    fn decode_from(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            key: MailboxKey::decode_from(reader)?,
            signature: Signature::decode_from(reader)?,
            after: reader.u64()?,
        })
    }
}

/// Proves that these mailboxes are the client's, and reads them on this connection from now on.
pub type Attach = List<Attachment, MAX_ATTACH>;

/// Asks for what has arrived in all attached mailboxes. 2 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fetch {
    /// At most so many envelopes; the relay may give fewer.
    pub limit: u16,
}

impl Encode for Fetch {
    fn encode_into(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.limit.to_be_bytes());
    }

    fn encoded_len(&self) -> usize {
        2
    }
}

impl Decode for Fetch {
    fn decode_from(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        reader.u16().map(|limit| Self { limit })
    }
}

/// Says that everything up to a position is safely stored: the relay erases it. 40 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Confirm {
    /// An attached mailbox.
    pub mailbox: MailboxId,
    /// The last position to erase.
    pub position: u64,
}

impl Encode for Confirm {
    fn encode_into(&self, out: &mut Vec<u8>) {
        self.mailbox.encode_into(out);
        out.extend_from_slice(&self.position.to_be_bytes());
    }

    fn encoded_len(&self) -> usize {
        MailboxId::LEN + 8
    }
}

impl Decode for Confirm {
    fn decode_from(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { mailbox: MailboxId::decode_from(reader)?, position: reader.u64()? })
    }
}

/// One envelope on its way to the mailbox's owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivered {
    /// The mailbox it lies in.
    pub mailbox: MailboxId,
    /// Its place there: 1, 2, 3 … in order of arrival.
    pub position: u64,
    /// When the relay stored it.
    pub received: Timestamp,
    /// What its owner needs to report it; `None` for what no device would open, and of relays that make no tags.
    pub franked: Option<Franked>,
    /// The envelope.
    pub envelope: SealedEnvelope,
}

impl Delivered {
    /// Bytes in front of the envelope, at most.
    pub const HEAD_LEN: usize = MailboxId::LEN + 8 + 8 + 1 + Franked::LEN + 4;
}

impl Encode for Delivered {
    fn encode_into(&self, out: &mut Vec<u8>) {
        self.mailbox.encode_into(out);
        out.extend_from_slice(&self.position.to_be_bytes());
        self.received.encode_into(out);
        out.push(u8::from(self.franked.is_some()));
        if let Some(franked) = &self.franked {
            franked.encode_into(out);
        }
        let len = u32::try_from(self.envelope.0.len()).expect("an envelope has at most 72 KiB");
        out.extend_from_slice(&len.to_be_bytes());
        out.extend_from_slice(self.envelope.as_bytes());
    }

    fn encoded_len(&self) -> usize {
        let without_tag = if self.franked.is_some() { 0 } else { Franked::LEN };
        Self::HEAD_LEN - without_tag + self.envelope.0.len()
    }
}

impl Decode for Delivered {
    fn decode_from(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            mailbox: MailboxId::decode_from(reader)?,
            position: reader.u64()?,
            received: Timestamp::decode_from(reader)?,
            franked: {
                let has_tag = reader.flag("has_tag")?;
                has_tag.then(|| Franked::decode_from(reader)).transpose()?
            },
            envelope: {
                let len = check_envelope_len(reader.len32("envelope", MAX_ENVELOPE)?)?;
                SealedEnvelope(reader.take(len)?.to_vec())
            },
        })
    }
}
