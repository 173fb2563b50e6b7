//! What a client tells of transcripts.

use kuvert_core::transcript::Finding;
use kuvert_wire::transcript::{Consent, Mode, Reason};
use kuvert_wire::{MessageId, Timestamp};

use crate::Sender;

/// Something about the transcript with a peer.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TranscriptNews {
    /// With whom.
    pub peer: Sender,
    /// When it was noticed here.
    pub at: Timestamp,
    /// What.
    pub what: TranscriptChange,
}

/// What happened to a transcript.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TranscriptChange {
    /// The peer would like one. It runs once a person here says so too
    /// ([`Client::start_transcript`](crate::Client::start_transcript)).
    Asked(Mode),
    /// It runs from now on: both have said so.
    Started(Mode),
    /// It does not run any more.
    Stopped,
    /// The peer writes one of what it sends, and none runs here: one side has forgotten.
    NotRunning,
    /// Something in it does not fit.
    Finding(Box<Finding>),
    /// The peer has erased the content of messages, and so has this side. Their places stay.
    Redacted {
        /// Which.
        ids: Vec<MessageId>,
        /// Why.
        reason: Reason,
        /// Under which policy; may be empty.
        policy: String,
    },
    /// The peer has answered a redaction.
    ErasureAnswered {
        /// Targets that it has erased, or never had.
        erased: u32,
        /// Targets that it keeps, in whole or in part.
        kept: u32,
    },
    /// The peer asks for a consent, gives or withdraws one.
    Consent(Consent),
}

/// What a written file holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Exported {
    /// Entries that are in the file.
    pub entries: u64,
    /// Of these, entries whose content has been erased.
    pub redacted: u64,
    /// Entries that are proven to exist and not shown.
    pub hidden: u64,
}
