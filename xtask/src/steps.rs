//! Named steps, run in order, each printed with its outcome and its time.

use std::io::{self, Write};
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::context::Context;
use crate::counts::Counts;

/// What a step that did not fail has to say.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// All is well; a word on what was looked at, or nothing.
    Passed(String),
    /// Tests ran and all passed.
    Tested(Counts),
    /// Not done, and why.
    Skipped(String),
}

/// What a step does.
pub(crate) type Action = fn(&Context) -> Result<Outcome>;

/// One named step.
#[derive(Debug)]
pub(crate) struct Step {
    /// The name it is printed and asked for by.
    pub(crate) name: &'static str,
    /// What it checks, in half a sentence.
    pub(crate) about: &'static str,
    /// Runs it.
    pub(crate) run: Action,
}

/// A step whose tests failed: the counts matter as much as the text.
#[derive(Debug)]
pub(crate) struct TestsFailed {
    pub(crate) counts: Counts,
    pub(crate) text: String,
}

impl std::fmt::Display for TestsFailed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for TestsFailed {}

/// The sum of a run.
#[derive(Debug, Default)]
pub(crate) struct Report {
    /// Tests, not steps.
    pub(crate) tests: Counts,
    failed: Vec<&'static str>,
    skipped: Vec<&'static str>,
    passed: usize,
}

impl Report {
    /// Runs `steps` to the end, whatever fails on the way.
    pub(crate) fn of<'s>(context: &Context, steps: impl IntoIterator<Item = &'s Step>) -> Self {
        let mut report = Self::default();
        for step in steps {
            report.take(context, step);
        }
        report
    }

    /// Nothing failed: neither a step nor a test.
    pub(crate) fn is_good(&self) -> bool {
        self.failed.is_empty() && self.tests.failed == 0
    }

    fn take(&mut self, context: &Context, step: &Step) {
        print!("{:<13}", step.name);
        // What is running now should be readable while it runs.
        let _ = io::stdout().flush();
        let begun = Instant::now();
        let outcome = (step.run)(context);
        let time = seconds(begun.elapsed());
        match outcome {
            Ok(Outcome::Passed(note)) => {
                self.passed += 1;
                println!("{}", format!("ok      {time}  {note}").trim_end());
            }
            Ok(Outcome::Tested(counts)) => {
                self.passed += 1;
                self.tests += counts;
                println!("ok      {time}  {} tests", counts.passed);
            }
            Ok(Outcome::Skipped(why)) => {
                self.skipped.push(step.name);
                println!("skipped {time}  {why}");
            }
            Err(error) => {
                self.failed.push(step.name);
                println!("FAILED  {time}");
                if let Some(failed) = error.downcast_ref::<TestsFailed>() {
                    self.tests += failed.counts;
                }
                println!("{}", indented(&format!("{error:#}")));
            }
        }
    }

    /// One line on the steps, for a person.
    pub(crate) fn summary(&self) -> String {
        let mut text = format!("{} steps ok", self.passed);
        if !self.skipped.is_empty() {
            text += &format!(", skipped: {}", self.skipped.join(", "));
        }
        if !self.failed.is_empty() {
            text += &format!(", FAILED: {}", self.failed.join(", "));
        }
        text
    }
}

fn seconds(time: Duration) -> String {
    format!("{:>6.1} s", time.as_secs_f64())
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("    {line}")).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::bail;

    const GOOD: Step = Step {
        name: "good",
        about: "",
        run: |_| Ok(Outcome::Tested(Counts { passed: 2, failed: 0, skipped: 1 })),
    };
    const BAD: Step = Step { name: "bad", about: "", run: |_| bail!("no") };
    const RED: Step = Step {
        name: "red",
        about: "",
        run: |_| {
            let counts = Counts { passed: 1, failed: 3, skipped: 0 };
            Err(TestsFailed { counts, text: "three".into() }.into())
        },
    };

    #[test]
    fn one_failed_step_fails_the_run_but_stops_nothing() {
        let context = Context::of_workspace().unwrap();
        let report = Report::of(&context, &[BAD, GOOD]);
        assert!(!report.is_good());
        assert_eq!(report.tests, Counts { passed: 2, failed: 0, skipped: 1 });
        assert_eq!(report.summary(), "1 steps ok, FAILED: bad");
    }

    #[test]
    fn failed_tests_are_counted() {
        let context = Context::of_workspace().unwrap();
        let report = Report::of(&context, &[GOOD, RED]);
        assert_eq!(report.tests, Counts { passed: 3, failed: 3, skipped: 1 });
        assert!(!report.is_good());
    }
}
