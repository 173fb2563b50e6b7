//! How many tests ran, read from the closing lines of the test runners.

use std::fmt;
use std::ops::AddAssign;

/// Tests that passed, failed, or were not run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) passed: usize,
    pub(crate) failed: usize,
    pub(crate) skipped: usize,
}

impl Counts {
    /// Reads the summary line of cargo-nextest:
    /// `Summary [ 1.2s] 9 tests run: 7 passed (1 slow), 1 failed, 1 timed out, 2 skipped`.
    ///
    /// What ran and did not pass has failed, whatever word the runner has for it.
    pub(crate) fn of_nextest(log: &str) -> Option<Self> {
        let line = log.lines().rev().find(|line| line.trim_start().starts_with("Summary ["))?;
        let (_, rest) = line.split_once(']')?;
        let (run, parts) = rest.split_once(" run: ")?;
        // Interrupted runs say `3/9 tests run`.
        let run = run.trim().split([' ', '/']).next()?.parse::<usize>().ok()?;
        let passed = number_before(parts, "passed").unwrap_or(0);
        let skipped = number_before(parts, "skipped").unwrap_or(0);
        Some(Self { passed, failed: run.checked_sub(passed)?, skipped })
    }

    /// Adds up the `test result:` lines of libtest and of documentation tests.
    pub(crate) fn of_libtest(log: &str) -> Option<Self> {
        let mut counts = None;
        for line in log.lines().filter(|line| line.starts_with("test result: ")) {
            let sum: &mut Self = counts.get_or_insert_default();
            sum.passed += number_before(line, "passed").unwrap_or(0);
            sum.failed += number_before(line, "failed").unwrap_or(0);
            sum.skipped += number_before(line, "ignored").unwrap_or(0);
        }
        counts
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed, {} skipped", self.passed, self.failed, self.skipped)
    }
}

/// The number in front of `word`, as in `7 passed`.
fn number_before(text: &str, word: &str) -> Option<usize> {
    let words: Vec<&str> =
        text.split([' ', ',', ';', '.', '(', ')']).filter(|w| !w.is_empty()).collect();
    words.windows(2).find(|pair| pair[1] == word).and_then(|pair| pair[0].parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nextest_summaries() {
        let all = "noise\n     Summary [   0.008s] 4 tests run: 4 passed, 0 skipped\n";
        assert_eq!(Counts::of_nextest(all), Some(Counts { passed: 4, failed: 0, skipped: 0 }));
        let mixed = "  Summary [  61.0s] 9 tests run: 6 passed (1 slow, 2 leaky), 2 failed, 1 timed out, 5 skipped";
        assert_eq!(Counts::of_nextest(mixed), Some(Counts { passed: 6, failed: 3, skipped: 5 }));
        let one = "  Summary [ 1.0s] 1 test run: 0 passed, 1 exec failed, 0 skipped";
        assert_eq!(Counts::of_nextest(one), Some(Counts { passed: 0, failed: 1, skipped: 0 }));
        assert_eq!(Counts::of_nextest("error: could not compile"), None);
    }

    #[test]
    fn libtest_results_add_up() {
        let log = "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out\n\
                   test result: FAILED. 2 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out\n";
        assert_eq!(Counts::of_libtest(log), Some(Counts { passed: 5, failed: 1, skipped: 1 }));
        assert_eq!(Counts::of_libtest("nothing ran"), None);
    }

    #[test]
    fn the_closing_line() {
        let counts = Counts { passed: 12, failed: 0, skipped: 3 };
        assert_eq!(counts.to_string(), "12 passed, 0 failed, 3 skipped");
    }
}
