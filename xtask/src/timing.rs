//! `cargo xtask timing`: whether time tells what it must not. The cases and what each stands for are
//! in `docs/timing.md`; a package of its own measures them.

mod secrets;

use anyhow::{Context as _, Result};
use xshell::cmd;

use crate::context::Context;

/// Above this, dudect's authors speak of evidence of a leak: once in some 100,000 cases by chance.
const LIMIT: f64 = 4.5;
/// Cases that show that the measurement bites.
const CONTROL: &str = "control_";
/// Cases that differ by design: told and not judged.
const BY_DESIGN: &str = "differs_";

/// What to measure.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Calls of each case
    #[arg(long, default_value_t = 1_000_000)]
    samples: u32,
    /// Look for branches and places in memory that depend on a secret, with valgrind, instead of measuring
    #[arg(long)]
    secrets: bool,
    /// Measure only cases whose name contains this
    filter: Option<String>,
}

/// Measures and prints |t| of each case. Whether all are below the limit, and the control above it.
///
/// # Errors
///
/// When the cases do not build or do not run.
pub(crate) fn run(context: &Context, arguments: &Arguments) -> Result<bool> {
    if arguments.secrets {
        return secrets::run(context, arguments.filter.as_deref());
    }
    println!("Leave the machine alone meanwhile: other work is noise.");
    let shell = &context.shell;
    let target = context.target().join("benches");
    let filter = arguments.filter.iter().flat_map(|filter| ["--filter", filter]);
    let command = cmd!(
        shell,
        "cargo run --release --locked --manifest-path benches/timing/Cargo.toml --target-dir {target} -- {filter...}"
    );
    let command = command.env("KUVERT_TIMING_SAMPLES", arguments.samples.to_string());
    let cases = cases(&context.logged("timing", command)?)?;
    println!("{} samples a case, limit {LIMIT}\n", arguments.samples);
    cases.iter().for_each(|case| println!("{}", case.line()));
    Ok(cases.iter().all(Case::is_as_expected))
}

/// A case and its t.
#[derive(Debug, PartialEq)]
struct Case {
    name: String,
    t: f64,
}

impl Case {
    fn is_as_expected(&self) -> bool {
        match &self.name {
            name if name.starts_with(BY_DESIGN) => true,
            name if name.starts_with(CONTROL) => self.t.abs() >= LIMIT,
            // Not a number is no success.
            _ => self.t.abs() < LIMIT,
        }
    }

    fn line(&self) -> String {
        let word = match self.is_as_expected() {
            _ if self.name.starts_with(BY_DESIGN) => "differs by design",
            true if self.name.starts_with(CONTROL) => "ok, the control is found",
            true => "ok",
            false => "FAILED",
        };
        format!("{:<36} |t| {:>9.2}  {word}", self.name, self.t.abs())
    }
}

/// `bench NAME ... : n == …, max t = …, max tau = …`
fn cases(text: &str) -> Result<Vec<Case>> {
    let lines = text.lines().filter(|line| line.starts_with("bench ") && line.contains("max t = "));
    let cases: Result<Vec<_>> = lines.map(|line| case(line).context(line.to_owned())).collect();
    let cases = cases?;
    anyhow::ensure!(!cases.is_empty(), "nothing was measured");
    Ok(cases)
}

fn case(line: &str) -> Option<Case> {
    let name = line.split_whitespace().nth(1)?.to_owned();
    let t = line.split_once("max t = ")?.1.split(',').next()?.trim().parse().ok()?;
    Some(Case { name, t })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "running 2 benches\nbench secret seeded with 0x1\n\
        bench secret ... : n == +0.098M, max t = -1.25, max tau = -0.005, (5/tau)^2 = 1\n\
        bench control_x ... : n == +0.098M, max t = +150.5, max tau = +0.5, (5/tau)^2 = 1\n";

    #[test]
    fn cases_are_read_and_judged() {
        let cases = cases(TEXT).unwrap();
        assert_eq!(cases[0], Case { name: "secret".into(), t: -1.25 });
        assert!(cases.iter().all(Case::is_as_expected));
    }

    #[test]
    fn a_leak_a_blind_control_and_no_number_are_failures() {
        let case = |name: &str, t| Case { name: name.into(), t };
        assert!(!case("secret", -4.5).is_as_expected());
        assert!(!case("secret", f64::NAN).is_as_expected());
        assert!(!case("control_x", 4.4).is_as_expected());
        assert!(!case("control_x", f64::NAN).is_as_expected());
        assert!(case("differs_x", 99.0).is_as_expected());
        assert!(super::cases("nothing").is_err());
    }
}
