//! Reports of single messages: what was in an envelope that a relay carried.
//!
//! ```text
//! fc  = HM(fk, "frank", Frame)                                        stood in the envelope
//! tag = kid u8 || HM(K_kid, "frank-tag", fc || to || from || time)    was added by the relay
//! ```
//! A report opens one frame and shows it to who has the relay's key. It is no proof to others: a MAC
//! convinces its maker alone. Where a transcript runs, entries around the message may go with it.
//!
//! # Spec
//!
//! `spec/06-transcript.md`, "Reports"; checks TRA-50 to TRA-53.

use kuvert_wire::transcript::{FrankingReport, FrankingTag};
use kuvert_wire::{Decode, Encode, Frame, MailboxId, Timestamp};

use super::conversation::Side;
use super::verify::{VerifiedItem, VerifiedTranscript};
use crate::crypto::ct_eq;
use crate::crypto::kdf::{Label, mac};
use crate::secret::Secret;

/// Why a report is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReportError {
    /// What is reported is no frame.
    #[error("what is reported is no message")]
    Malformed,
    /// The frame is not what the envelope committed to.
    #[error("the message is not the one that was in the envelope")]
    Commitment,
    /// The relay did not carry it like this, or its key of that time is gone.
    #[error("the relay has not carried this message to this mailbox at this time")]
    Tag,
    /// The transcript that goes with it does not have the message.
    #[error("the transcript does not have the reported message")]
    NotInContext,
}

/// Checks that a frame is what its envelope committed to, which the relay did not need to see.
///
/// # Errors
///
/// [`ReportError::Malformed`] and [`ReportError::Commitment`].
pub fn open(report: &FrankingReport) -> Result<Frame, ReportError> {
    let commitment = mac(&report.franking_key, Label::FRANK, &[&report.frame]);
    if !ct_eq(&commitment, &report.commitment) {
        return Err(ReportError::Commitment); // TRA-51
    }
    Frame::decode(&report.frame).map_err(|_| ReportError::Malformed) // TRA-50
}

/// What a relay with `key` adds to an envelope with `commitment` that it accepts.
#[must_use]
pub fn tag(
    key_id: u8,
    key: &Secret<32>,
    commitment: &[u8; 32],
    to: &MailboxId,
    from: &[u8; 32],
    time: Timestamp,
) -> FrankingTag {
    let time = time.encode();
    let parts: [&[u8]; 4] = [commitment, to.as_bytes(), from, &time];
    FrankingTag { key_id, mac: mac(key.expose(), Label::FRANK_TAG, &parts) }
}

/// Checks a report with the relay's keys: the frame, from whom, to whom and when.
///
/// # Errors
///
/// [`ReportError::Tag`] if the relay did not carry it like this; as [`open`] else.
pub fn verify<'k>(
    report: &FrankingReport,
    key: impl FnOnce(u8) -> Option<&'k Secret<32>>,
) -> Result<Frame, ReportError> {
    let FrankingReport { commitment, to, from, time, tag: found, .. } = report;
    let key = key(found.key_id).ok_or(ReportError::Tag)?; // TRA-52
    let expected = tag(found.key_id, key, commitment, to, from, *time);
    if !ct_eq(&expected.mac, &found.mac) {
        return Err(ReportError::Tag); // TRA-52
    }
    open(report)
}

/// The reported message among the entries that go with the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Context {
    /// Who wrote the reported message.
    pub author: Side,
    /// Its number in the author's log.
    pub seq: u64,
    /// How many entries are shown, the message itself among them.
    pub entries: u64,
    /// Whether nothing is left out between the first and the last of them, in either log.
    pub is_contiguous: bool,
}

/// Finds the reported message in a transcript that goes with it.
///
/// # Errors
///
/// [`ReportError::NotInContext`] if no entry shows exactly this message.
pub fn context(frame: &Frame, transcript: &VerifiedTranscript) -> Result<Context, ReportError> {
    let items = transcript.items();
    let is_reported = |item: &&VerifiedItem| {
        item.message() == Some((frame.frame_type, frame.message_id))
            && item.body() == Some(&frame.body)
            && item.leaf().time == frame.sent
    };
    let found = items.iter().find(is_reported).ok_or(ReportError::NotInContext)?; // TRA-53
    Ok(Context {
        author: found.side(),
        seq: found.leaf().seq,
        entries: items.len() as u64,
        is_contiguous: Side::BOTH.into_iter().all(|side| is_contiguous(items, side)),
    })
}

/// No entry of this log is missing between its first and last, nor one of the other log that was seen
/// in between.
fn is_contiguous(items: &[VerifiedItem], side: Side) -> bool {
    let of = |side: Side| items.iter().filter(move |item| item.side() == side);
    let has = |side: Side, seq: u64| of(side).any(|item| item.leaf().seq == seq);
    let (Some(first), Some(last)) = (of(side).next(), of(side).next_back()) else {
        return true;
    };
    let count = last.leaf().seq - first.leaf().seq + 1;
    let between = first.leaf().seen..last.leaf().seen;
    count == of(side).count() as u64 && between.into_iter().all(|seq| has(side.other(), seq))
}

#[cfg(test)]
mod tests {
    use kuvert_wire::{FrameType, MessageId};

    use super::*;

    fn key() -> Secret<32> {
        Secret::copied_from(&[3; 32])
    }

    fn report() -> FrankingReport {
        let frame = Frame {
            frame_type: FrameType::Message,
            sent: Timestamp::from_millis(5),
            message_id: MessageId::from_bytes([1; 16]),
            expire_seconds: 0,
            body: b"tea at four".to_vec(),
            block: None,
        }
        .encode();
        let franking_key = [7; 32];
        let commitment = mac(&franking_key, Label::FRANK, &[&frame]);
        let (to, from, time) = (MailboxId::from_bytes([8; 32]), [9; 32], Timestamp::from_millis(6));
        let tag = tag(4, &key(), &commitment, &to, &from, time);
        FrankingReport { frame, franking_key, commitment, to, from, time, tag }
    }

    fn verified(report: &FrankingReport) -> Result<Frame, ReportError> {
        let key = key();
        verify(report, |id| (id == 4).then_some(&key))
    }

    #[test]
    fn a_true_report_shows_its_frame() {
        assert_eq!(verified(&report()).unwrap().body, b"tea at four");
    }

    /// TRA-50
    #[test]
    fn what_is_reported_is_a_frame() {
        let mut report = report();
        report.frame.push(0);
        report.commitment = mac(&report.franking_key, Label::FRANK, &[&report.frame]);
        assert_eq!(open(&report), Err(ReportError::Malformed));
    }

    /// TRA-51 TRA-52
    #[test]
    fn no_byte_of_a_report_is_another() {
        let bytes = report().encode();
        let frame_len = report().frame.len();
        for place in 0..bytes.len() {
            let mut bad = bytes.clone();
            bad[place] ^= 1;
            let found = verified(&FrankingReport::decode(&bad).unwrap()).unwrap_err();
            let is_frame_or_key = place < frame_len + 32;
            let expected = if is_frame_or_key { ReportError::Commitment } else { ReportError::Tag };
            assert_eq!(found, expected, "byte {place}");
        }
    }
}
