//! Transcripts: what two devices tell each other while one is running, and what is hashed and signed.
//!
//! ```text
//! start  (129) = mode u8 | nonce 32 | tsk_pk 32 | tsk_sig 64
//! leaf   (169) = version u8=1 | conv_id 32 | device_id 16 | seq u64 | prev 32 | seen u64 | seen_hash 32 | time u64 | cm 32
//! head   (136) = conv_id 32 | device_id 16 | claim 88
//! claim   (88) = own_size u64 | own_root 32 | peer_size u64 | peer_root 32 | time u64
//! block (81, 233) = seq u64 | seen u64 | seen_hash 32 | salt 32 | has_head u8 | [claim 88 | head_auth 64]
//! ```
//!
//! Bodies of frame type 5 are [`TranscriptBody`]; a logged frame carries a [`Block`] behind its body.
//!
//! # Spec
//!
//! `spec/06-transcript.md`.

use core::fmt;

use crate::codec::DecodeError;
use crate::id::bytes_newtype;

mod block;
mod body;
mod leaf;
mod notice;
mod report;

pub use block::{Block, HeadAuth, SealedHead};
pub use body::{LeafRequest, MAX_LEAF_REQUEST, Start, TranscriptBody};
pub use leaf::{Head, HeadClaim, Leaf, TreeHead};
pub use notice::{
    AskedBy, Consent, ConsentStep, Erasure, ErasureReceipt, LogSide, MAX_POLICY_LEN, MAX_TARGETS,
    MAX_WHAT_LEN, PolicyId, Reason, Redaction, Target,
};
pub use report::{FrankingReport, FrankingTag};

bytes_newtype!(
    /// A conversation under a transcript, 32 bytes: a hash of mode, accounts and nonces.
    ConversationId, 32);
bytes_newtype!(
    /// What one side contributes to a conversation's name, 32 random bytes.
    TranscriptNonce, 32);
bytes_newtype!(
    /// A conversation's signing key (`tsk_pk`), Ed25519, 32 bytes; zeros in the deniable mode.
    TranscriptKey, 32);
bytes_newtype!(
    /// A node of a log's tree: the hash of a leaf, or the root of a subtree. 32 bytes.
    TreeHash, 32);
bytes_newtype!(
    /// A commitment to one part of a message (`pc_j`) or to all of them (`cm`), 32 bytes.
    PartCommitment, 32);

impl TreeHash {
    /// What stands where there is no leaf before, or none seen.
    pub const NONE: Self = Self::from_bytes([0; 32]);
}

/// What makes commitments unguessable, 32 random bytes. Whoever has it can confirm a guess of the
/// content, so it goes when the content goes; `Debug` shows nothing of it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Salt([u8; 32]);

impl Salt {
    /// Length in bytes.
    pub const LEN: usize = 32;

    /// Wraps salt bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for Salt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Salt(32 bytes)")
    }
}

/// What a transcript can prove, and to whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(
    clippy::exhaustive_enums,
    reason = "the mode is part of what is signed: the list is closed"
)]
pub enum Mode {
    /// Signed by both (1): proves to anyone what was said.
    Signed,
    /// Under a MAC that both can make (2): convinces the two, and proves nothing to others.
    Deniable,
}

impl Mode {
    /// The byte on the wire.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Signed => 1,
            Self::Deniable => 2,
        }
    }

    /// The mode with this byte.
    ///
    /// # Errors
    ///
    /// [`DecodeError::Unknown`] for any but 1 and 2.
    pub const fn from_code(code: u8) -> Result<Self, DecodeError> {
        match code {
            1 => Ok(Self::Signed),
            2 => Ok(Self::Deniable),
            _ => Err(DecodeError::Unknown { what: "transcript mode" }), // TRA-2
        }
    }
}
