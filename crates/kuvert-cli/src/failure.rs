//! From the library's errors to what a person is told, and the exit code.

use kuvert::{Error, Part, ProtocolError, StoreError, TransportAdvice, TransportError};

use crate::exit::{Exit, Failure};

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let failure = Self::new(exit_of(&error), &error);
        match hint_of(&error) {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Error::from(error).into()
    }
}

/// Why a message was not sent: `Client::send` fails only before anything of it is stored.
pub(crate) fn not_sent(error: Error) -> Failure {
    match &error {
        Error::Store(_) | Error::Record { .. } | Error::Contended => {
            let advice = hint_of(&error).unwrap_or_default();
            Failure::from(error).hint(format!("The message was not sent. {advice}").trim_end())
        }
        _ => error.into(),
    }
}

fn exit_of(error: &Error) -> Exit {
    match error {
        Error::WrongIdentity { .. }
        | Error::OtherSafetyNumber
        | Error::IdentityQuestion { .. }
        | Error::DeviceRefused { .. } => Exit::Identity,
        Error::Transport(TransportError::Unreachable { .. } | TransportError::Garbage { .. }) => {
            Exit::NoConnection
        }
        Error::Protocol(ProtocolError::NoSession | ProtocolError::Closed) => Exit::NoConnection,
        Error::Transport(error) if matches!(error.advice(), TransportAdvice::RetryLater(_)) => {
            Exit::Policy
        }
        Error::UnknownPeer
        | Error::NoQuestion
        | Error::TranscriptRuns
        | Error::NoTranscript
        | Error::NotInTranscript { .. }
        | Error::TooMany { .. }
        | Error::NotReportable { .. }
        | Error::OwnAddress
        | Error::Name(_)
        | Error::NameTaken
        | Error::AlreadyNamed { .. }
        | Error::EmptyText
        | Error::TextTooLong { .. } => Exit::Usage,
        _ => Exit::Failed,
    }
}

fn hint_of(error: &Error) -> Option<&'static str> {
    Some(match error {
        Error::WrongIdentity { .. } => {
            "Nothing was sent. Ask the other person for the address again, not over this relay."
        }
        Error::IdentityQuestion { .. } => {
            "Nothing was sent. Ask the other person, not in here, whether it is a new device, and \
             compare the safety number (`kuvert verify NAME`). If so: `kuvert verify NAME --accept \
             DIGITS`, else `kuvert verify NAME --reject`."
        }
        Error::DeviceRefused { .. } => {
            "Nothing was sent. If it is a device of theirs after all, remove the contact, add it again, \
             and say yes when you are asked once more."
        }
        Error::Transport(TransportError::Unreachable { .. }) => {
            "Nothing is lost. Check the network and the relay, then try again."
        }
        Error::Transport(TransportError::Garbage { .. }) => {
            "Nothing was sent. Check the relay's address."
        }
        Error::Store(StoreError::WrongPassphrase) => "Nothing was changed. Try again.",
        Error::Store(StoreError::NotFound) | Error::NoAccount => {
            "Make an account with `kuvert init --relay URL`, or name its folder with --home DIR."
        }
        Error::Store(StoreError::Unreadable { what: Part::Anchor }) => {
            "Nothing was changed. Without the file whose name ends in `-anchor` the account opens \
             again, but cannot tell whether it was set back."
        }
        Error::Store(StoreError::Replaced) => "Nothing is lost. Run the command again.",
        Error::Store(StoreError::Unreadable { .. }) | Error::Record { .. } => {
            "Keep the folder as it is: what can be read of it may be all there is."
        }
        Error::Store(StoreError::Full) => "Free some space, then try again.",
        Error::Store(StoreError::Busy) | Error::Contended => {
            "Try again when the other programs are done."
        }
        Error::Store(StoreError::NotWritable) => {
            "Its folder and the files in it must be yours to read and write (`chmod -R u+rwX DIR`), \
             on a disk that can be written."
        }
        Error::UnknownPeer => "`kuvert contact list` shows the names that are known.",
        Error::OwnAddress => "Ask the other person for theirs: `kuvert address` prints it.",
        Error::NameTaken => "Choose another name, or remove that contact first.",
        Error::TextTooLong { .. } => "Nothing was sent. Send it in parts.",
        Error::TranscriptRuns => "Stop it first: `kuvert transcript stop NAME`.",
        Error::NoTranscript => {
            "`kuvert transcript start NAME --mode signed` offers one; it runs once both have said so."
        }
        Error::NotInTranscript { .. } => {
            "Nothing was changed. `kuvert --json history NAME` shows ids; those of a transcript have a \
             `mode` other than `off`."
        }
        Error::Protocol(ProtocolError::NoSession | ProtocolError::Closed) => {
            "Nothing was sent. Try again when there is a connection."
        }
        Error::NoKeysYet => "The keys come with the first connection to the contact's relay.",
        _ => return None,
    })
}
