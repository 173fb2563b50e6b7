//! Transcripts: opt-in by both, signed or deniable, provable entry by entry, redactable.
//!
//! ```text
//! message ─▶ parts, each under its own salt ─▶ commitment ─▶ leaf ─▶ tree of its sender's log
//!                                                              │            │
//!                              the other log as far as seen ◀──┘            └─▶ head over both logs,
//!                                                                               signed or under a MAC
//! ```
//!
//! What the module owns: the two switches ([`Switch`]), both logs as they run ([`Transcript`]), files
//! that prove to others ([`Export`], [`verify`]), what a person reads of them ([`render`]), and reports
//! of single messages ([`franking`]). It neither sends nor stores: bodies and records come out.
//!
//! What a transcript does not prove: when something was said (times are claims), that a device was in
//! its owner's hands, and that nothing was said after the last head, or beside the transcript.
//!
//! # Spec
//!
//! `spec/06-transcript.md`.

mod commitment;
mod conversation;
mod document;
mod entry;
mod export;
mod finding;
mod fork;
pub mod franking;
mod json;
mod log;
mod receive;
pub mod render;
mod running;
mod stored;
mod switch;
#[cfg(test)]
mod tests;
mod tree;
mod verify;
mod waiting;

pub use commitment::{Logged, MAX_PARTS, commitment_to_all};
pub use conversation::{Conversation, Party, Side};
pub use document::MAX_LINE;
pub use entry::Entry;
pub use export::{Export, ExportError, Show};
pub use finding::{Evidence, Finding};
pub use fork::ForkProof;
pub use receive::{MAX_FINDINGS, MAX_WAITING, WAITING_AGE};
pub use running::{ACKNOWLEDGE_EVERY, Advance, HEAD_AFTER, HEAD_EVERY, Transcript};
pub use switch::{Statement, Switch, SwitchState, Turn};
pub use tree::{Frontier, Tree, is_consistent, leaf_hash, root_of_run, roots_of_prefix};
pub use verify::{
    Cause, ContentState, Contradiction, Missing, Refused, Report, Signer, VerifiedItem,
    VerifiedTranscript, Verifier, verify,
};
#[cfg(any(test, feature = "hazmat"))]
pub(crate) use {commitment::part_commitments, conversation::mac_auth, tree::hash_of_leaf};
