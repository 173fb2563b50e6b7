//! What a file proves, in numbers and words.

use alloc::vec::Vec;

use kuvert_wire::transcript::{ConversationId, Mode};
use kuvert_wire::{AccountKey, DeviceId, Timestamp};

use super::super::conversation::Side;

/// One of the two whose word a transcript is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Signer {
    /// The account: to be compared with the one that is known.
    pub account: AccountKey,
    /// Its device.
    pub device: DeviceId,
    /// Whether a head of this device is in the file.
    pub has_signed: bool,
}

/// Entries that are covered by heads and not in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Missing {
    /// In which log.
    pub side: Side,
    /// The first one's number.
    pub first: u64,
    /// How many.
    pub count: u64,
}

/// An entry that contradicts another entry of the file, though both are authentic: the one who wrote
/// it had another history, or has miscounted its redactions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Contradiction {
    /// In which log.
    pub side: Side,
    /// Its number.
    pub seq: u64,
}

/// What a file proves.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// What kind of proof it is.
    pub mode: Mode,
    /// The conversation.
    pub conversation: ConversationId,
    /// The two, the lower account key first.
    pub signers: [Signer; 2],
    /// Entries in the file.
    pub entries: u64,
    /// Entries of which something is not shown.
    pub redacted: u64,
    /// Those of them whose erasure is announced in the file.
    pub announced: u64,
    /// How many redactions each side has announced, as far as the file shows.
    pub redactions: [u32; 2],
    /// Earliest and latest time in the entries: claims of those who wrote them.
    pub span: Option<(Timestamp, Timestamp)>,
    /// Entries covered by a head of their sender's.
    pub signed: u64,
    /// Entries covered by a head of their receiver's.
    pub acknowledged: u64,
    /// The sizes of both logs at the latest heads: the checkpoint.
    pub checkpoint: [u64; 2],
    /// What is missing before the checkpoint.
    pub missing: Vec<Missing>,
    /// What does not fit together.
    pub contradictions: Vec<Contradiction>,
    /// The file's digest, 32 bytes: its name, where one file is spoken of.
    pub digest: [u8; 32],
}

impl Report {
    /// Whether every entry before the checkpoint is in the file.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        self.missing.is_empty()
    }

    /// The number of entries of both logs before the checkpoint.
    #[must_use]
    pub const fn checkpoint_entries(&self) -> u64 {
        self.checkpoint[0] + self.checkpoint[1]
    }

    /// What the mode means, in a sentence that must be shown with every verified file.
    #[must_use]
    pub const fn statement(&self) -> &'static str {
        match self.mode {
            Mode::Signed => {
                "Signed: the devices named have signed what is marked as signed. Times are their \
                 claims; nothing is proven about what came after the checkpoint."
            }
            Mode::Deniable => {
                "Deniable: this file proves nothing to others. Anyone who has seen its nonces, which \
                 stand in the file, could have made it."
            }
        }
    }
}
