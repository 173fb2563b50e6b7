//! Single steps of the protocol with given keys, for known answers and second implementations.
//!
//! Nothing here is for applications: keys come in and go out as plain bytes, nothing is checked that
//! the protocol checks elsewhere, and nothing keeps a step from being taken twice.
//!
//! # Spec
//!
//! The operations of `kuvert-conformance kat`, one function each.

mod crypto;
mod ratchet;

pub use crypto::{
    AgreementInput, AgreementOutput, BadInput, agreement, device_id, expand, frank, hash, mac,
    safety,
};
pub use ratchet::{
    EpochOutput, MessageContext, RootStepInput, RootStepOutput, SealedFrame, chain_step, open,
    padme, pq_epoch, root_step, rs_decode, rs_fragment, seal,
};

#[cfg(test)]
pub(crate) mod kat;
