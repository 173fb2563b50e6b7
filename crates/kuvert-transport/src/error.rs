//! What can go wrong on the way, grouped by whose move it is.

use std::time::Duration;

use kuvert_wire::RelayUrl;
use kuvert_wire::relay::Refusal;

/// Why a verb of a transport or a directory did not do its work.
///
/// A verb that fails may still have taken effect, when the connection broke after the request had left. Each may
/// therefore be repeated without harm; posts are told apart by their [`PostId`](kuvert_wire::PostId).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TransportError {
    /// No answer from the relay.
    #[error("no connection to {relay}: {outage}")]
    Unreachable {
        /// The relay that was asked.
        relay: RelayUrl,
        /// What happened instead of an answer.
        outage: Outage,
    },
    /// Something answers there, and it does not speak this protocol.
    #[error("what answers at {relay} is not a kuvert relay: {what}")]
    Garbage {
        /// The relay that was asked.
        relay: RelayUrl,
        /// What was wrong with the answer.
        what: &'static str,
    },
    /// The relay understood and will not do it. Nothing changed there.
    #[error("refused by the relay: {reason}")]
    Refused {
        /// The relay's reason.
        reason: Refusal,
        /// How long the relay asks to wait before the next attempt; zero if it does not say.
        retry_after: Duration,
    },
    /// The envelope exceeds the [`Profile`](crate::Profile). Nothing was sent.
    #[error("envelope of {len_bytes} bytes is over the limit of {max_len_bytes}")]
    TooLarge {
        /// Length of the envelope.
        len_bytes: usize,
        /// The limit that it exceeds.
        max_len_bytes: usize,
    },
    /// This end has been closed by its owner.
    #[error("transport is closed")]
    Closed,
}

/// How a connection failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Outage {
    /// None could be made: no such host, nobody listens, no network, no valid certificate.
    #[error("{0}")]
    Connect(String),
    /// It was made, and no answer came in time.
    #[error("no answer within {} ms", .0.as_millis())]
    TimedOut(Duration),
    /// It broke off before the answer came.
    #[error("the connection broke off")]
    Lost,
    /// A switch of this program keeps it offline.
    #[error("switched offline")]
    Offline,
}

/// Whose move it is after an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Advice {
    /// Keep what was to be sent and try again, after this long at the earliest.
    RetryLater(Duration),
    /// The route or address leads nowhere now: look for a new one, at the peer's front door or in the directory.
    FindNewRoute,
    /// A person should look at what was entered, most likely the relay's address.
    AskUser,
    /// The caller broke a rule of this interface; the same call will fail again.
    FixCaller,
}

impl TransportError {
    /// Refused, with nothing said about when it might not be.
    pub(crate) const fn refused(reason: Refusal) -> Self {
        Self::Refused { reason, retry_after: Duration::ZERO }
    }

    /// Says what to do about it.
    #[must_use]
    pub const fn advice(&self) -> Advice {
        match self {
            Self::Unreachable { .. } => Advice::RetryLater(Duration::ZERO),
            Self::Garbage { .. } => Advice::AskUser,
            Self::Refused { reason, retry_after } => refusal_advice(*reason, *retry_after),
            Self::TooLarge { .. } | Self::Closed => Advice::FixCaller,
        }
    }
}

const fn refusal_advice(reason: Refusal, retry_after: Duration) -> Advice {
    match reason {
        Refusal::NotFound => Advice::FindNewRoute,
        Refusal::RateLimited | Refusal::MailboxFull | Refusal::Unavailable => {
            Advice::RetryLater(retry_after)
        }
        _ => Advice::FixCaller,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn refused(reason: Refusal) -> Advice {
        TransportError::Refused { reason, retry_after: SECOND }.advice()
    }

    #[test]
    fn advice_names_the_next_move() {
        assert_eq!(refused(Refusal::MailboxFull), Advice::RetryLater(SECOND));
        assert_eq!(refused(Refusal::NotFound), Advice::FindNewRoute);
        assert_eq!(refused(Refusal::NotOwner), Advice::FixCaller);
        assert_eq!(TransportError::Closed.advice(), Advice::FixCaller);
    }

    #[test]
    fn a_limit_is_named() {
        let error = TransportError::TooLarge { len_bytes: 80_000, max_len_bytes: 73_728 };
        assert_eq!(error.to_string(), "envelope of 80000 bytes is over the limit of 73728");
    }
}
