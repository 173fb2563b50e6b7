//! Whether this relay carried the message that somebody reports.

use hmac::Mac;
use kuvert_wire::transcript::FrankingReport;
use kuvert_wire::{Decode, Frame, MailboxId, Timestamp};

use super::keys::FrankingKeys;
use super::mac;

/// Why a report is not valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReportError {
    /// The frame is not what the envelope committed to.
    #[error("the message is not the one that was in the envelope")]
    Commitment,
    /// The tag is not this relay's, or not for this mailbox, sender and time.
    #[error(
        "this relay has not carried this message to this mailbox, from this sender, at this time"
    )]
    Tag,
    /// The key of that time is gone.
    #[error(
        "the message is too old: the relay keeps its keys for 90 days, and can say nothing about earlier messages"
    )]
    TooOld,
    /// There is no key of this number, and the message is not old.
    #[error(
        "the relay has no key of this number: another relay carried the message, or this one has lost its keys"
    )]
    UnknownKey,
    /// What was in the envelope is no frame.
    #[error("what was in the envelope is no message")]
    Malformed,
}

/// A reported message that this relay carried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reported {
    /// What was said.
    pub frame: Frame,
    /// The mailbox to which it came.
    pub mailbox: MailboxId,
    /// Hash of the token with which it was posted; zeros where the mailbox asked for none.
    pub from: [u8; 32],
    /// When this relay accepted it.
    pub received: Timestamp,
}

/// Checks a report with the relay's keys.
///
/// # Errors
///
/// [`ReportError`].
///
/// # Spec
///
/// `spec/08-relay.md`, "Reports"; checks REL-33 to REL-36.
pub fn verify(
    report: &FrankingReport,
    keys: &FrankingKeys,
    now: Timestamp,
) -> Result<Reported, ReportError> {
    keys.check(report, now)?;
    let FrankingReport { frame, franking_key, commitment, to, from, time, .. } = report;
    let committed = mac(franking_key, "frank", &[frame]).verify_slice(commitment);
    committed.map_err(|_| ReportError::Commitment)?; // REL-33
    let frame = Frame::decode(frame).map_err(|_| ReportError::Malformed)?; // REL-36
    Ok(Reported { frame, mailbox: *to, from: *from, received: *time })
}
