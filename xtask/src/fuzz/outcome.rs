//! What came of a run, read from what libFuzzer prints.

use core::fmt;

use crate::context::Finished;

/// A run of one target.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    target: String,
    executions: u64,
    per_second: u64,
    edges: u64,
    features: u64,
    /// Why it ended before its time, and with which input.
    crash: Option<String>,
}

impl Outcome {
    pub(crate) const HEAD: &str =
        "target              executions    per second     edges  features  crashes";

    /// Reads the last of the lines `#1766 DONE cov: 2573 ft: 3036 corp: 31/102b …` and the statistics.
    pub(crate) fn read(target: &str, run: &Finished) -> Self {
        let pulse = run.text.lines().rfind(|line| line.starts_with('#') && line.contains(" cov: "));
        let pulse = pulse.unwrap_or_default();
        let statistic = |name: &str| {
            run.text
                .lines()
                .rev()
                .find_map(|line| number(line.strip_prefix("stat::")?.strip_prefix(name)?))
        };
        Self {
            target: target.to_owned(),
            executions: statistic("number_of_executed_units:").unwrap_or_default(),
            per_second: statistic("average_exec_per_sec:").unwrap_or_default(),
            edges: after(pulse, " cov: ").unwrap_or_default(),
            features: after(pulse, " ft: ").unwrap_or_default(),
            crash: (!run.success).then(|| cause(run)),
        }
    }

    /// Whether it went on to the end of its time.
    pub(crate) const fn is_good(&self) -> bool {
        self.crash.is_none()
    }
}

fn number(text: &str) -> Option<u64> {
    text.split_whitespace().next()?.parse().ok()
}

fn after(line: &str, word: &str) -> Option<u64> {
    number(line.split_once(word)?.1)
}

/// What was printed about it: the panic, and where the input is.
fn cause(run: &Finished) -> String {
    let is_said = |line: &&str| {
        line.contains("panicked at")
            || line.contains("ERROR: libFuzzer")
            || line.contains("unit written to")
    };
    let said: Vec<&str> = run.text.lines().filter(is_said).collect();
    if said.is_empty() { run.failure() } else { said.join("\n    ") }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { target, executions, per_second, edges, features, crash } = self;
        let crashes = u8::from(crash.is_some());
        write!(
            f,
            "{target:<18} {executions:>11} {per_second:>13} {edges:>9} {features:>9} {crashes:>8}"
        )?;
        crash.iter().try_for_each(|crash| write!(f, "\n    {crash}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUN: &str = "#2\tINITED cov: 80 ft: 81 corp: 1/1b exec/s: 0 rss: 30Mb\n\
        #766\tDONE   cov: 2573 ft: 3036 corp: 31/102b lim: 4 exec/s: 85 rss: 34Mb\n\
        stat::number_of_executed_units: 766\n\
        stat::average_exec_per_sec:     85\n";

    fn ended(success: bool, text: &str) -> Finished {
        Finished { success, text: text.into(), complaint: String::new() }
    }

    #[test]
    fn a_run_is_counted() {
        let outcome = Outcome::read("talk", &ended(true, RUN));
        let expected = (766, 85, 2573, 3036);
        let Outcome { executions, per_second, edges, features, .. } = outcome;
        assert_eq!((executions, per_second, edges, features), expected);
        assert!(outcome.is_good());
    }

    #[test]
    fn a_crash_is_told_with_its_input() {
        let text = format!("{RUN}thread panicked at x.rs:1\nTest unit written to a/crash-1\n");
        let outcome = Outcome::read("talk", &ended(false, &text));
        assert!(!outcome.is_good());
        assert!(outcome.to_string().contains("a/crash-1"), "{outcome}");
    }
}
