//! How a piece of work on an engine ends when it does not succeed.

use std::time::Duration;

use kuvert_wire::relay::{Refusal, Refused};

use crate::engine::EngineError;

/// Why a request was not done. Nothing has changed then.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// The rules forbid it.
    #[error("{}", .0.reason)]
    Refused(Refused),
    /// The engine could not do it.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

impl From<Refusal> for Failure {
    fn from(reason: Refusal) -> Self {
        Self::Refused(refused(reason))
    }
}

/// A refusal that waiting does not change.
#[must_use]
pub const fn refused(reason: Refusal) -> Refused {
    Refused { reason, retry_after_ms: 0 }
}

/// A refusal that may be gone after `wait`.
#[must_use]
pub fn refused_for(reason: Refusal, wait: Duration) -> Refused {
    let millis = u32::try_from(wait.as_millis()).unwrap_or(u32::MAX);
    Refused { reason, retry_after_ms: millis.max(1) }
}
