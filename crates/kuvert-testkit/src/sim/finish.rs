//! Running a future to its end, where nothing ever has to wait.

use core::pin::pin;
use core::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

/// No verb of a simulated client takes longer, unless it hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// Polls `future` until it is done.
///
/// # Panics
///
/// If that takes a minute.
pub(crate) fn finish<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    let mut begun = None;
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
        let begun = begun.get_or_insert_with(Instant::now);
        assert!(begun.elapsed() < PATIENCE, "a verb did not come back");
        std::thread::yield_now();
    }
}
