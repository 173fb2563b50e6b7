//! Deadlines that cannot overflow.

use std::time::Duration;

use tokio::time::Instant;

/// Stands for "for ever": longer than any program waits, short enough for every platform's clock.
const FAR: Duration = Duration::from_secs(30 * 365 * 86_400);

/// The moment `wait` from now.
pub(crate) fn after(wait: Duration) -> Instant {
    let now = Instant::now();
    now.checked_add(wait.min(FAR)).unwrap_or(now)
}
