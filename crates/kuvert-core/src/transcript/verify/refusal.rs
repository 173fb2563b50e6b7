//! Why a file is refused, and at which entry.

use core::fmt;

use kuvert_wire::DeviceId;

use super::super::json::NotCanonical;
use crate::error::ProtocolError;

/// What is wrong with a file. Each is one check of the specification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cause {
    /// A line is not written as the canonical form has it (TRA-30).
    NotCanonical,
    /// The file is of a version that this program does not know (TRA-31).
    Version,
    /// A certificate does not hold, or is not that of the account it stands for (TRA-32).
    Certificate,
    /// A signing key is not certified by its device for this conversation (TRA-33).
    SigningKey,
    /// A head is not authentic (TRA-34).
    Head,
    /// A head is of another conversation or of neither device (TRA-35).
    HeadPlace,
    /// Heads are missing, doubled or not in order (TRA-36).
    HeadOrder,
    /// Two heads exclude each other (TRA-37).
    HeadsDisagree,
    /// An entry stands before one that it should stand behind, or twice (TRA-38).
    Order,
    /// A leaf is not of the conversation, device and number that its entry says (TRA-39).
    LeafPlace,
    /// An entry does not follow the one before it (TRA-40).
    Chain,
    /// The content is not what was committed to (TRA-41).
    Content,
    /// The parts are not those of a message (TRA-42).
    Parts,
    /// An entry is not proven to be in its log, or one is missing where the run says it is there
    /// (TRA-43).
    Proof,
    /// A log does not go on from what an earlier head covered (TRA-44).
    Consistency,
    /// The file is not the one that was written (TRA-45).
    Digest,
    /// A line is longer than any entry (TRA-47).
    TooLong,
    /// The heads of a proof of a fork do not contradict each other (TRA-48).
    NoFork,
    /// The file ends before its end, or goes on behind it (TRA-49).
    Incomplete,
}

impl Cause {
    /// The check in the specification, such as `TRA-41`.
    #[must_use]
    pub const fn check(self) -> &'static str {
        match self {
            Self::NotCanonical => "TRA-30",
            Self::Version => "TRA-31",
            Self::Certificate => "TRA-32",
            Self::SigningKey => "TRA-33",
            Self::Head => "TRA-34",
            Self::HeadPlace => "TRA-35",
            Self::HeadOrder => "TRA-36",
            Self::HeadsDisagree => "TRA-37",
            Self::Order => "TRA-38",
            Self::LeafPlace => "TRA-39",
            Self::Chain => "TRA-40",
            Self::Content => "TRA-41",
            Self::Parts => "TRA-42",
            Self::Proof => "TRA-43",
            Self::Consistency => "TRA-44",
            Self::Digest => "TRA-45",
            Self::TooLong => "TRA-47",
            Self::NoFork => "TRA-48",
            Self::Incomplete => "TRA-49",
        }
    }

    const fn text(self) -> &'static str {
        match self {
            Self::NotCanonical => "it is not written as exported files are",
            Self::Version => "it is of a version that is not known here",
            Self::Certificate => "a certificate does not hold",
            Self::SigningKey => "a signing key is not certified by its device",
            Self::Head => "the checkpoint is not authentic",
            Self::HeadPlace => "the checkpoint belongs to another conversation or device",
            Self::HeadOrder => "checkpoints are missing, doubled or out of order",
            Self::HeadsDisagree => "two checkpoints exclude each other",
            Self::Order => "it is out of order or stands there twice",
            Self::LeafPlace => "its leaf belongs to another place",
            Self::Chain => "it does not follow the entry before it",
            Self::Content => "its content is not what was said",
            Self::Parts => "its parts are not those of a message",
            Self::Proof => "it is not proven to be in the log",
            Self::Consistency => "the log does not go on from an earlier checkpoint",
            Self::Digest => "the file is not the one that was written",
            Self::TooLong => "it is longer than any entry",
            Self::NoFork => "the two checkpoints do not exclude each other",
            Self::Incomplete => "the file ends early, or goes on behind its end",
        }
    }
}

/// A file is refused. Nothing of it is to be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub struct Refused {
    /// What is wrong.
    pub cause: Cause,
    /// The line at which it was noticed, from 1.
    pub line: u64,
    /// The entry that is wrong, where it is one: whose log, and its number.
    pub entry: Option<(DeviceId, u64)>,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (cause, check) = (self.cause.text(), self.cause.check());
        match self.entry {
            Some((device, seq)) => write!(f, "entry {seq} of device {device}: {cause} ({check})"),
            None => write!(f, "line {}: {cause} ({check})", self.line),
        }
    }
}

impl From<Cause> for ProtocolError {
    /// The name in the protocol's closed list: what is written wrongly, and what was not said like this.
    fn from(cause: Cause) -> Self {
        match cause {
            Cause::Version => Self::UnsupportedVersion,
            Cause::TooLong => Self::TooLarge,
            Cause::NotCanonical
            | Cause::HeadPlace
            | Cause::HeadOrder
            | Cause::Order
            | Cause::LeafPlace
            | Cause::Parts
            | Cause::Incomplete => Self::Malformed,
            Cause::Certificate
            | Cause::SigningKey
            | Cause::Head
            | Cause::HeadsDisagree
            | Cause::Chain
            | Cause::Content
            | Cause::Proof
            | Cause::Consistency
            | Cause::Digest
            | Cause::NoFork => Self::BadSignature,
        }
    }
}

impl From<Refused> for ProtocolError {
    fn from(refused: Refused) -> Self {
        refused.cause.into()
    }
}

impl From<NotCanonical> for Cause {
    fn from(_: NotCanonical) -> Self {
        Self::NotCanonical
    }
}

/// A cause, and the number of the entry it is about, in the log that is being read.
pub(super) struct Wrong {
    pub(super) cause: Cause,
    pub(super) entry: Option<u64>,
}

impl From<Cause> for Wrong {
    fn from(cause: Cause) -> Self {
        Self { cause, entry: None }
    }
}

impl Cause {
    pub(super) const fn at(self, seq: u64) -> Wrong {
        Wrong { cause: self, entry: Some(seq) }
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;
    use ProtocolError::{BadSignature, Malformed, TooLarge, UnsupportedVersion};

    /// Each check of a file, and what a program that knows only the protocol's errors is told.
    const ALL: [(Cause, &str, ProtocolError); 19] = [
        (Cause::NotCanonical, "TRA-30", Malformed),
        (Cause::Version, "TRA-31", UnsupportedVersion),
        (Cause::Certificate, "TRA-32", BadSignature),
        (Cause::SigningKey, "TRA-33", BadSignature),
        (Cause::Head, "TRA-34", BadSignature),
        (Cause::HeadPlace, "TRA-35", Malformed),
        (Cause::HeadOrder, "TRA-36", Malformed),
        (Cause::HeadsDisagree, "TRA-37", BadSignature),
        (Cause::Order, "TRA-38", Malformed),
        (Cause::LeafPlace, "TRA-39", Malformed),
        (Cause::Chain, "TRA-40", BadSignature),
        (Cause::Content, "TRA-41", BadSignature),
        (Cause::Parts, "TRA-42", Malformed),
        (Cause::Proof, "TRA-43", BadSignature),
        (Cause::Consistency, "TRA-44", BadSignature),
        (Cause::Digest, "TRA-45", BadSignature),
        (Cause::TooLong, "TRA-47", TooLarge),
        (Cause::NoFork, "TRA-48", BadSignature),
        (Cause::Incomplete, "TRA-49", Malformed),
    ];

    #[test]
    fn each_cause_names_its_check_and_is_told_apart() {
        for (i, (cause, check, error)) in ALL.into_iter().enumerate() {
            assert_eq!(cause.check(), check);
            assert_eq!(ProtocolError::from(Refused { cause, line: 1, entry: None }), error);
            assert!(ALL[..i].iter().all(|(other, ..)| other.text() != cause.text()), "{cause:?}");
        }
    }

    #[test]
    fn a_refusal_is_of_an_entry_or_of_a_line() {
        let device = DeviceId::from_bytes([7; 16]);
        for (cause, check, _) in ALL {
            let text = cause.text();
            let refused = Refused { cause, line: 12, entry: None };
            assert_eq!(format!("{refused}"), format!("line 12: {text} ({check})"));
            let refused = Refused { cause, line: 12, entry: Some((device, 3)) };
            let entry = format!("entry 3 of device {device}: {text} ({check})");
            assert_eq!(format!("{refused}"), entry);
        }
    }
}
