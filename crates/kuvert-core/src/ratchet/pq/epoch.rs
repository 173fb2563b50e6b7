//! Key schedule of one epoch.
//!
//! ```text
//! MAC   = HM(XL(pqs_{e-1}, "pq-ek-mac", u32 e, 32), "pq-ek", ek)            pqs_0 = pq_0
//! PRK   = Extract(pqs_{e-1}, ss)    c = u32 e || SHA-256(ek) || SHA-256(ct)
//! mix_e = XL(PRK, "pq-mix", c, 32)  pqs_e = XL(PRK, "pq-next", c, 32)  kc_e = XL(PRK, "pq-confirm", c, 32)
//! ```
//!
//! The chain of `pqs` authenticates every exchange by all earlier ones: a key from outside the
//! session has no MAC, and a ciphertext from outside no confirmation.

use core::num::NonZeroU32;

use kuvert_wire::DecodeError;

use crate::crypto::kdf::{Expander, Label, expand, extract, mac};
use crate::secret::Secret;

/// The number of an epoch, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Epoch(NonZeroU32);

impl Epoch {
    /// The first: the initiator is its key side.
    pub(crate) const FIRST: Self = Self(NonZeroU32::MIN);

    /// The epoch with this number.
    pub(crate) fn from_number(number: u32) -> Result<Self, DecodeError> {
        NonZeroU32::new(number).map(Self).ok_or(DecodeError::Invalid { what: "pq epoch" })
    }

    /// The number.
    pub(crate) const fn number(self) -> u32 {
        self.0.get()
    }

    /// How many epochs are mixed while this one is on its way.
    pub(crate) const fn mixed_before(self) -> u32 {
        self.number() - 1
    }

    /// The one after; none after 2^32 − 1, which would take 2^36 messages, so the last one just stays.
    pub(crate) fn next(self) -> Option<Self> {
        self.0.checked_add(1).map(Self)
    }

    const fn bytes(self) -> [u8; 4] {
        self.number().to_be_bytes()
    }
}

/// What both sides derive from an epoch's encapsulation.
pub(crate) struct EpochSecrets {
    /// Goes into the root at the step that ends the epoch (`mix_e`).
    pub(crate) mix: Secret<32>,
    /// The next epoch's starting secret (`pqs_e`).
    pub(crate) next: Secret<32>,
    /// Proves to K that C has decapsulation's result and all earlier secrets (`kc_e`).
    pub(crate) confirmation: [u8; 32],
}

impl EpochSecrets {
    /// The epoch's outcome, from the secret before it and the SHA-256 of both public objects.
    pub(crate) fn derive(
        epoch: Epoch,
        previous: &Secret<32>,
        key_hash: &[u8; 32],
        ciphertext_hash: &[u8; 32],
        shared: &Secret<32>,
    ) -> Self {
        let prk = Expander::new(&extract(previous.expose(), &[shared.expose()]));
        let context: &[&[u8]] = &[&epoch.bytes(), key_hash, ciphertext_hash];
        Self {
            mix: prk.expand(Label::PQ_MIX, context),
            next: prk.expand(Label::PQ_NEXT, context),
            confirmation: prk.expand_public(Label::PQ_CONFIRM, context),
        }
    }
}

/// The MAC behind an encapsulation key, 32 bytes: only the session's peer can have made it.
pub(crate) fn key_mac(epoch: Epoch, previous: &Secret<32>, ek: &[u8]) -> [u8; 32] {
    let key: Secret<32> = expand(previous, Label::PQ_EK_MAC, &[&epoch.bytes()]);
    mac(key.expose(), Label::PQ_EK, &[ek])
}
