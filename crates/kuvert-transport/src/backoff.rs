//! When to try again: exponential backoff with full jitter, as pure arithmetic.
//!
//! The k-th delay is drawn evenly from zero to a ceiling: 100 ms, then 1, 2, 4, 8, 16, 30, 30 … seconds. The first is
//! small because most outages are a relay that restarts. Full jitter spreads the clients of a relay that comes back over
//! the whole interval instead of letting them knock in waves.
//!
//! No clock and no randomness of its own: the caller sleeps, the seed comes from outside.

use std::time::Duration;

/// Ceiling of the first delay: long enough for a socket to be bound again, short enough not to be noticed.
const FIRST_CEILING: Duration = Duration::from_millis(100);

/// Ceiling of the second delay; each later one doubles it.
const SECOND_CEILING: Duration = Duration::from_secs(1);

/// No ceiling is higher: after an outage of any length a client is back half a minute later at the latest.
const MAX_CEILING: Duration = Duration::from_secs(30);

/// Counts failures in a row and gives the delay after each.
#[derive(Clone, Debug)]
pub struct Backoff {
    failures: u32,
    jitter: SplitMix,
}

impl Backoff {
    /// Starts without failures. Equal seeds give equal delays; clients should not share one.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self { failures: 0, jitter: SplitMix(seed) }
    }

    /// Notes one more failure and says how long to wait before the next attempt.
    pub fn fail(&mut self) -> Duration {
        let ceiling = self.ceiling();
        self.failures = self.failures.saturating_add(1);
        let micros = u64::try_from(ceiling.as_micros()).unwrap_or(u64::MAX);
        Duration::from_micros(self.jitter.next() % (micros + 1))
    }

    /// The longest delay that the next failure can give.
    #[must_use]
    pub fn ceiling(&self) -> Duration {
        match self.failures {
            0 => FIRST_CEILING,
            failures => SECOND_CEILING
                .saturating_mul(1_u32.checked_shl(failures - 1).unwrap_or(u32::MAX))
                .min(MAX_CEILING),
        }
    }

    /// Notes a success: the next failure is a first one again.
    pub const fn reset(&mut self) {
        self.failures = 0;
    }
}

/// SplitMix64 (Steele, Lea, Flood 2014). It spreads load and guards nothing, so it need not be unpredictable.
#[derive(Clone, Debug)]
struct SplitMix(u64);

impl SplitMix {
    const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ceilings_double_up_to_half_a_minute() {
        let mut backoff = Backoff::new(1);
        let ceilings = std::array::from_fn::<_, 8, _>(|_| {
            let ceiling = backoff.ceiling();
            backoff.fail();
            ceiling.as_millis()
        });
        assert_eq!(ceilings, [100, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);
    }

    #[test]
    fn delays_stay_under_their_ceilings_and_fill_them() {
        let mut highest = Duration::ZERO;
        for seed in 0..1000 {
            let mut backoff = Backoff::new(seed);
            backoff.fail();
            let delay = backoff.fail();
            assert!(delay <= SECOND_CEILING);
            highest = highest.max(delay);
        }
        assert!(highest > Duration::from_millis(900), "full jitter uses the whole interval");
    }

    #[test]
    fn a_seed_decides_every_delay() {
        let delays = |seed| {
            let mut backoff = Backoff::new(seed);
            std::array::from_fn::<_, 5, _>(|_| backoff.fail())
        };
        assert_eq!(delays(7), delays(7));
        assert_ne!(delays(7), delays(8));
    }

    #[test]
    fn success_starts_over_and_failures_never_overflow() {
        let mut backoff = Backoff::new(3);
        for _ in 0..100 {
            assert!(backoff.fail() <= MAX_CEILING);
        }
        backoff.reset();
        assert_eq!(backoff.ceiling(), FIRST_CEILING);
    }
}
