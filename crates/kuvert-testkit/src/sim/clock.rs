//! Time: one for the world, and what each person's clock makes of it.

use core::time::Duration;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use kuvert_wire::Timestamp;

/// The day on which all runs begin, in 2026.
const BEGINNING: u64 = 1_782_000_000_000;

/// A clock that shows the time of the world, and may be put forward or back.
#[derive(Clone, Debug)]
pub(super) struct Clock {
    world: Arc<AtomicU64>,
    /// How far it is ahead, in milliseconds.
    ahead: Arc<AtomicI64>,
}

impl Clock {
    /// The clock of the world.
    pub(super) fn new() -> Self {
        Self { world: Arc::new(AtomicU64::new(BEGINNING)), ahead: Arc::default() }
    }

    /// A clock of someone who lives in the same world.
    pub(super) fn another(&self) -> Self {
        Self { world: Arc::clone(&self.world), ahead: Arc::default() }
    }

    pub(super) fn now(&self) -> Timestamp {
        let ahead = self.ahead.load(Ordering::Relaxed);
        Timestamp::from_millis(self.world.load(Ordering::Relaxed).saturating_add_signed(ahead))
    }

    /// Time passes, for all.
    pub(super) fn pass(&self, span: Duration) {
        self.world.fetch_add(millis(span).unsigned_abs(), Ordering::Relaxed);
    }

    /// This clock alone is put forward, or back.
    pub(super) fn jump(&self, span: Duration, is_back: bool) {
        let by = if is_back { -millis(span) } else { millis(span) };
        self.ahead.fetch_add(by, Ordering::Relaxed);
    }

    /// This clock is put right.
    pub(super) fn put_right(&self) {
        self.ahead.store(0, Ordering::Relaxed);
    }

    /// How much time has passed since the beginning.
    pub(super) fn elapsed(&self) -> Duration {
        Duration::from_millis(self.world.load(Ordering::Relaxed) - BEGINNING)
    }
}

fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}
