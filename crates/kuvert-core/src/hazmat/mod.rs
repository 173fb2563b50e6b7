//! Single steps of the protocol with given keys, for known answers and second implementations.
//!
//! Nothing here is for applications: keys come in and go out as plain bytes, nothing is checked that
//! the protocol checks elsewhere, and nothing keeps a step from being taken twice.
//!
//! # Spec
//!
//! The operations of `kuvert-conformance kat`, one function each.

mod attachment;
mod crypto;
mod merkle;
mod ratchet;
mod transcript;

pub use attachment::{ChunkInput, attach_chunk};
pub use crypto::{
    AgreementInput, AgreementOutput, BadInput, agreement, device_id, expand, frank, hash, mac,
    safety, x25519,
};
pub use merkle::{merkle_consistency, merkle_inclusion, merkle_root};
pub use ratchet::{
    EpochOutput, MessageContext, RootStepInput, RootStepOutput, SealedFrame, chain_step, open,
    padme, pq_epoch, root_step, rs_decode, rs_fragment, seal,
};
pub use transcript::{HeadFields, HeadKey, LeafFields, tr_cm, tr_head, tr_leaf};

#[cfg(test)]
pub(crate) mod kat;
