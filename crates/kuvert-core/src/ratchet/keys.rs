//! The keys of the ratchet, one type for each role.
//!
//! A key that is advanced gives new keys and is dropped with the state it belonged to; a message key
//! is consumed by its one use.
//!
//! # Spec
//!
//! `spec/04-ratchet.md`, "Steps".

use alloc::vec::Vec;

use kuvert_wire::envelope::{Kind, VERSION};
use kuvert_wire::header::BURST_HEADER_LEN;
use kuvert_wire::{Decode, DecodeError, Encode, Header, RatchetPublicKey, SessionId};

use crate::crypto::aead::{self, TAG_LEN};
use crate::crypto::kdf::{Expander, Label, extract};
use crate::secret::Secret;

/// RK: takes in Diffie-Hellman results and post-quantum secrets.
#[derive(Debug)]
pub(crate) struct RootKey(Secret<32>);

/// What a root step gives.
pub(crate) struct RootStep {
    pub(crate) root: RootKey,
    pub(crate) chain: ChainKey,
    pub(crate) next_header: HeaderKey,
}

impl RootKey {
    /// `RootStep`: `mix` is a finished epoch's secret, or nothing (32 zero bytes).
    pub(crate) fn step(
        &self,
        dh: &Secret<32>,
        mix: Option<&Secret<32>>,
        session: &SessionId,
        new_key: &RatchetPublicKey,
        pq_mixed: u32,
    ) -> RootStep {
        let mix = mix.map_or(&[0; 32], Secret::expose);
        let prk = Expander::new(&extract(self.0.expose(), &[dh.expose(), mix]));
        let pq_mixed = pq_mixed.to_be_bytes();
        let context: &[&[u8]] = &[session.as_bytes(), new_key.as_bytes(), &pq_mixed];
        RootStep {
            root: RootKey::new(prk.expand(Label::RATCHET_ROOT, context)),
            chain: ChainKey::new(prk.expand(Label::RATCHET_CHAIN, context)),
            next_header: HeaderKey::new(prk.expand(Label::RATCHET_HEADER, context)),
        }
    }
}

/// CKs, CKr: one message key after another.
#[derive(Debug)]
pub(crate) struct ChainKey(Secret<32>);

impl ChainKey {
    /// `ChainStep`: the key of message `number` and the chain key after it.
    pub(crate) fn advance(&self, number: u32) -> (MessageKey, Self) {
        let key = Expander::new(&self.0);
        let message = key.expand(Label::CHAIN_MSG, &[&number.to_be_bytes()]);
        (MessageKey(message), Self::new(key.expand(Label::CHAIN_NEXT, &[])))
    }
}

/// MK: seals or opens one message.
#[derive(Debug)]
pub(crate) struct MessageKey(pub(crate) Secret<32>);

impl MessageKey {
    /// The key as it was kept for a late message.
    pub(super) fn from_kept(bytes: &[u8; 32]) -> Self {
        Self(Secret::copied_from(bytes))
    }
}

/// HKs, HKr, NHKs, NHKr: hides counters and ratchet keys of one chain.
#[derive(Debug)]
pub(crate) struct HeaderKey(Secret<32>);

impl HeaderKey {
    /// Appends `EH` to `out`: the header, sealed under a random nonce.
    pub(crate) fn seal_into(
        &self,
        kind: Kind,
        nonce: &[u8; 12],
        header: &Header,
        out: &mut Vec<u8>,
    ) {
        let start = out.len();
        header.encode_into(out);
        aead::seal_in_place(&self.0, nonce, &[kind.code(), VERSION], out, start);
    }

    /// Opens `EH`: `None` if this is not its key, else what the header says.
    pub(crate) fn open(
        &self,
        kind: Kind,
        nonce: &[u8; 12],
        sealed: &[u8],
    ) -> Option<Result<Header, DecodeError>> {
        let mut buffer = [0; BURST_HEADER_LEN];
        let header = buffer.get_mut(..sealed.len().checked_sub(TAG_LEN)?)?;
        aead::open_to(&self.0, nonce, &[kind.code(), VERSION], sealed, header).ok()?;
        Some(Header::decode(header))
    }
}

/// Keys of the state. A step works on a copy of the state that may yet be thrown away, so both copies
/// share a key that the step does not change; it is wiped when the last one goes.
macro_rules! shared {
    ($($key:ident),*) => {$(
        impl $key {
            pub(crate) const fn new(secret: Secret<32>) -> Self {
                Self(secret)
            }

            pub(super) fn share(&self) -> Self {
                Self(self.0.share())
            }

            pub(crate) const fn secret(&self) -> &Secret<32> {
                &self.0
            }
        }
    )*};
}
shared!(RootKey, ChainKey, HeaderKey);
