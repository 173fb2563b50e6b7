//! What can go wrong for an app, and whose move it is.

use kuvert_core::ProtocolError;
use kuvert_core::prekey::BundleError;
use kuvert_store::StoreError;
use kuvert_transport::{Advice as TransportAdvice, Refusal, TransportError};
use kuvert_wire::{AccountId, AddressError, MessageId};

use crate::{NameError, NotText};

/// Why an operation of a [`Client`](crate::Client) did not do what was asked.
///
/// Unless a variant says otherwise, nothing has changed, here or elsewhere.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The store could not be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The network, or what answers there.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// The protocol refused.
    #[error(transparent)]
    Protocol(#[from] ProtocolError),
    /// What answers for `peer` has another identity, or a bundle that its identity did not sign.
    #[error("what the relay hands out for this address does not belong to it: {cause}")]
    WrongIdentity {
        /// The account that was asked for.
        peer: AccountId,
        /// What was wrong.
        cause: BundleError,
    },
    /// Another device speaks for `peer`, and no person has said yet whether it may. Nothing is sent to
    /// either until then.
    #[error("another device speaks for this contact")]
    IdentityQuestion {
        /// The account.
        peer: AccountId,
    },
    /// The only device that the relay knows for `peer` is one that a person has refused.
    #[error("the relay knows this contact only by a device that you have refused")]
    DeviceRefused {
        /// The account.
        peer: AccountId,
    },
    /// Nothing was asked about this peer, or it has been answered.
    #[error("there is no question about this contact")]
    NoQuestion,
    /// The peer's prekeys are out of date, or one of the two clocks is wrong by more than a day.
    #[error("the prekeys of this contact cannot be used: {0}")]
    Bundle(BundleError),
    /// The relay in the address does not know the account in it.
    #[error("the relay does not know this address")]
    UnknownAddress,
    /// A text is not an address, or not a relay's URL.
    #[error("this is not an address: {0}")]
    Address(#[from] AddressError),
    /// A message is not text.
    #[error(transparent)]
    NotText(#[from] NotText),
    /// The store holds no account.
    #[error("there is no account here")]
    NoAccount,
    /// The store holds an account already.
    #[error("there is an account here already")]
    AccountExists,
    /// A record of this client does not have its format. The store is damaged, or of a newer version.
    #[error("the record {key} cannot be read")]
    Record {
        /// The record's name.
        key: String,
    },
    /// The peer is not known: neither a contact nor someone who has written.
    #[error("there is no such contact")]
    UnknownPeer,
    /// The peer's account key is not known yet: there has been no session with it.
    #[error("the keys of this contact are not known yet")]
    NoKeysYet,
    /// The address is one's own.
    #[error("this is your own address")]
    OwnAddress,
    /// The name is not acceptable.
    #[error(transparent)]
    Name(#[from] NameError),
    /// Another contact has this name.
    #[error("another contact has this name")]
    NameTaken,
    /// The address has another name.
    #[error("this address is already the contact \u{201c}{name}\u{201d}")]
    AlreadyNamed {
        /// The name it has.
        name: String,
    },
    /// A text of no characters.
    #[error("there is no text to send")]
    EmptyText,
    /// The text does not fit a frame.
    #[error("the text has {len_bytes} bytes; at most {max_len_bytes} fit one message")]
    TextTooLong {
        /// Length of the text in UTF-8.
        len_bytes: usize,
        /// The limit.
        max_len_bytes: usize,
    },
    /// Safety numbers of another pair of people.
    #[error("the safety number that matched is not the one of this contact")]
    OtherSafetyNumber,
    /// A transcript with this contact runs already.
    #[error("a transcript with this contact runs already")]
    TranscriptRuns,
    /// No transcript runs with this contact, or there is nothing in it that could be proven.
    #[error("there is no transcript with this contact")]
    NoTranscript,
    /// The message is not in the transcript, or nothing of it is left to erase.
    #[error("message {id} is not in the transcript, or was erased before")]
    NotInTranscript {
        /// Its name.
        id: MessageId,
    },
    /// None, or more than go into one request.
    #[error("at least one and at most {limit} messages at a time")]
    TooMany {
        /// How many go.
        limit: usize,
    },
    /// A message cannot be reported.
    #[error("message {id} cannot be reported: {why}")]
    NotReportable {
        /// Its name.
        id: MessageId,
        /// Why.
        why: &'static str,
    },
    /// The transcript cannot be exported.
    #[error("the transcript cannot be exported: {0}")]
    Export(String),
    /// What an export was to be written to fails.
    #[error("the file cannot be written: {0}")]
    Output(String),
    /// Other processes changed the same records again and again.
    #[error("the home is too busy: other processes keep changing it")]
    Contended,
    /// The operating system gives no randomness.
    #[error("the operating system gives no randomness")]
    Rng,
}

impl Error {
    /// Whether the network is the reason, so that the same may succeed later without any change.
    #[must_use]
    pub const fn is_temporary(&self) -> bool {
        match self {
            Self::Transport(error) => matches!(error.advice(), TransportAdvice::RetryLater(_)),
            _ => false,
        }
    }

    /// Whether a relay does not know what it was asked about.
    pub(crate) const fn is_not_found(&self) -> bool {
        matches!(self, Self::Transport(TransportError::Refused { reason: Refusal::NotFound, .. }))
    }

    /// Parts what the network or a peer's prekeys are the reason for (`Ok`) from what is wrong here.
    pub(crate) fn network(self) -> Result<Self, Self> {
        match self {
            Self::Transport(_)
            | Self::WrongIdentity { .. }
            | Self::Bundle(_)
            | Self::UnknownAddress => Ok(self),
            other => Err(other),
        }
    }

    /// Whether the store was found to be an old copy of itself.
    pub(crate) const fn is_rollback(&self) -> bool {
        matches!(self, Self::Store(StoreError::Rollback(_)))
    }

    /// Whether someone else changed a record in between: reload and try again.
    pub(crate) const fn is_conflict(&self) -> bool {
        matches!(self, Self::Store(StoreError::Conflict { .. }))
    }
}
