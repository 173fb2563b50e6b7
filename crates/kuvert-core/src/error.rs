//! What can go wrong, as one closed list, and whose move it is.
//!
//! # Spec
//!
//! `spec/00-conventions.md`, "Errors".

use kuvert_wire::DecodeError;

use crate::crypto::Unauthentic;

/// Every error of the protocol, for the local caller. Towards the network they are one and the same.
///
/// None carries a secret or a plaintext. None changes state, except [`ProtocolError::PqFailed`],
/// which closes its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[expect(clippy::exhaustive_enums, reason = "the protocol's list is closed")]
pub enum ProtocolError {
    /// The bytes follow no layout of the protocol.
    #[error("the data is malformed")]
    Malformed,
    /// A version or suite that this implementation does not speak.
    #[error("the data is of a version that is not supported")]
    UnsupportedVersion,
    /// A signature does not verify.
    #[error("a signature does not verify")]
    BadSignature,
    /// A public key that is no key: of small order, over the modulus, or our own.
    #[error("a public key is not acceptable")]
    BadKey,
    /// A prekey is past its time, or from the future.
    #[error("a prekey has expired, or a clock is wrong by more than a day")]
    Expired,
    /// The prekey named is not held (any more).
    #[error("the prekey named is not held any more")]
    UnknownPrekey,
    /// The peer's account key is not the one expected.
    #[error("the peer's identity is not the one expected")]
    IdentityChanged,
    /// There is no session with this peer to send on.
    #[error("there is no session with this peer")]
    NoSession,
    /// Nothing here opens it.
    #[error("the message cannot be opened")]
    Undecryptable,
    /// It has been opened before.
    #[error("the message has been received before")]
    Duplicate,
    /// It jumps over more messages than may be skipped.
    #[error("the message skips more than 1,000 others")]
    TooManySkipped,
    /// The peer began too many sessions in a day, or there are too many in all.
    #[error("too many sessions were begun")]
    TooManySessions,
    /// A sending chain has reached its end: an answer from the peer begins a new one.
    #[error("too many messages without an answer from the peer")]
    ChainExhausted,
    /// The post-quantum ratchet failed; the session is closed.
    #[error("the post-quantum ratchet failed and the session was closed")]
    PqFailed,
    /// It is over a size limit.
    #[error("the data is over its size limit")]
    TooLarge,
    /// The stored state is older than one seen before.
    #[error("the stored state is older than one seen before")]
    StateRollback,
    /// The session is closed.
    #[error("the session is closed")]
    Closed,
    /// The store failed or holds what cannot be read.
    #[error("the stored state cannot be read or written")]
    Storage,
    /// The source of randomness failed.
    #[error("the source of randomness failed")]
    Rng,
}

/// Whose move it is after an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Advice {
    /// Forget the input; nothing is lost.
    Drop,
    /// The same call may succeed later.
    RetryLater,
    /// Fetch the peer's prekey bundle anew and begin a session.
    FetchNewBundle,
    /// A person has to decide.
    AskUser,
    /// The call was wrong.
    FixCaller,
    /// Something that should not happen has happened.
    ReportBug,
}

impl ProtocolError {
    /// All of them, for tables and tests.
    pub const ALL: [Self; 19] = [
        Self::Malformed,
        Self::UnsupportedVersion,
        Self::BadSignature,
        Self::BadKey,
        Self::Expired,
        Self::UnknownPrekey,
        Self::IdentityChanged,
        Self::NoSession,
        Self::Undecryptable,
        Self::Duplicate,
        Self::TooManySkipped,
        Self::TooManySessions,
        Self::ChainExhausted,
        Self::PqFailed,
        Self::TooLarge,
        Self::StateRollback,
        Self::Closed,
        Self::Storage,
        Self::Rng,
    ];

    /// The name in the protocol's list, such as `Undecryptable`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Malformed => "Malformed",
            Self::UnsupportedVersion => "UnsupportedVersion",
            Self::BadSignature => "BadSignature",
            Self::BadKey => "BadKey",
            Self::Expired => "Expired",
            Self::UnknownPrekey => "UnknownPrekey",
            Self::IdentityChanged => "IdentityChanged",
            Self::NoSession => "NoSession",
            Self::Undecryptable => "Undecryptable",
            Self::Duplicate => "Duplicate",
            Self::TooManySkipped => "TooManySkipped",
            Self::TooManySessions => "TooManySessions",
            Self::ChainExhausted => "ChainExhausted",
            Self::PqFailed => "PqFailed",
            Self::TooLarge => "TooLarge",
            Self::StateRollback => "StateRollback",
            Self::Closed => "Closed",
            Self::Storage => "Storage",
            Self::Rng => "Rng",
        }
    }

    /// Its number in stored records: its place in [`ProtocolError::ALL`], from 1.
    pub(crate) fn code(self) -> u8 {
        let place = Self::ALL.iter().zip(1..).find(|(error, _)| **error == self);
        place.map_or(0, |(_, number)| number)
    }

    /// The error with this number.
    pub(crate) fn from_code(code: u8) -> Option<Self> {
        Self::ALL.get(usize::from(code).checked_sub(1)?).copied()
    }

    /// Whose move it is.
    #[must_use]
    pub const fn advice(self) -> Advice {
        match self {
            Self::Malformed
            | Self::UnsupportedVersion
            | Self::Undecryptable
            | Self::Duplicate
            | Self::TooManySkipped
            | Self::TooManySessions => Advice::Drop,
            Self::BadSignature | Self::BadKey | Self::IdentityChanged | Self::StateRollback => {
                Advice::AskUser
            }
            Self::Expired | Self::ChainExhausted | Self::Storage => Advice::RetryLater,
            Self::UnknownPrekey | Self::NoSession | Self::PqFailed | Self::Closed => {
                Advice::FetchNewBundle
            }
            Self::TooLarge => Advice::FixCaller,
            Self::Rng => Advice::ReportBug,
        }
    }
}

impl From<DecodeError> for ProtocolError {
    fn from(error: DecodeError) -> Self {
        match error {
            DecodeError::UnsupportedVersion { .. } => Self::UnsupportedVersion,
            DecodeError::TooLong { what: "envelope", .. } => Self::TooLarge,
            _ => Self::Malformed,
        }
    }
}

impl From<Unauthentic> for ProtocolError {
    fn from(_: Unauthentic) -> Self {
        Self::Undecryptable
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;

    #[test]
    fn the_list_is_whole_and_names_match() {
        for (i, error) in ProtocolError::ALL.iter().enumerate() {
            assert_eq!(format!("{error:?}"), error.name());
            assert!(!ProtocolError::ALL[..i].contains(error));
            assert_eq!(ProtocolError::from_code(error.code()), Some(*error));
        }
        for code in [0, 20, 255] {
            assert_eq!(ProtocolError::from_code(code), None);
        }
    }

    #[test]
    fn each_error_says_whose_move_it_is() {
        use Advice::{AskUser, Drop, FetchNewBundle, FixCaller, ReportBug, RetryLater};
        let of = |advice| {
            let all = ProtocolError::ALL.into_iter().filter(move |error| error.advice() == advice);
            all.map(ProtocolError::name).collect::<alloc::vec::Vec<_>>().join(" ")
        };
        let skipped = "Undecryptable Duplicate TooManySkipped TooManySessions";
        assert_eq!(of(Drop), format!("Malformed UnsupportedVersion {skipped}"));
        assert_eq!(of(AskUser), "BadSignature BadKey IdentityChanged StateRollback");
        assert_eq!(of(RetryLater), "Expired ChainExhausted Storage");
        assert_eq!(of(FetchNewBundle), "UnknownPrekey NoSession PqFailed Closed");
        assert_eq!((of(FixCaller), of(ReportBug)), ("TooLarge".into(), "Rng".into()));
    }

    #[test]
    fn texts_tell_errors_apart() {
        let texts = ProtocolError::ALL.map(|error| format!("{error}"));
        for (i, text) in texts.iter().enumerate() {
            assert!(text.starts_with(|c: char| c.is_lowercase()) && !text.ends_with('.'), "{text}");
            assert!(!texts[..i].contains(text), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_read_has_one_of_three_names() {
        let of = |error: DecodeError| ProtocolError::from(error);
        assert_eq!(
            of(DecodeError::UnsupportedVersion { found: 9 }),
            ProtocolError::UnsupportedVersion
        );
        assert_eq!(
            of(DecodeError::TooLong { what: "envelope", limit: 1 }),
            ProtocolError::TooLarge
        );
        assert_eq!(of(DecodeError::TooLong { what: "relay", limit: 1 }), ProtocolError::Malformed);
        assert_eq!(of(DecodeError::Invalid { what: "relay" }), ProtocolError::Malformed);
    }
}
