//! `cargo xtask timing --secrets`: valgrind runs cases in which secrets are marked as undefined, and tells
//! of every branch and every place in memory that depends on one.

use std::fs;

use anyhow::{Context as _, Result, ensure};
use xshell::cmd;

use super::CONTROL;
use crate::context::Context;

/// What may depend on a secret, entry by entry with its reason.
const ALLOWED: &str = "benches/timing/secrets.supp";

/// Builds and runs the cases whose names contain `filter`, and all controls. Whether nothing was found but
/// in the controls.
///
/// # Errors
///
/// When the cases do not build, valgrind is not there, or a case does not come to its end.
pub(super) fn run(context: &Context, filter: Option<&str>) -> Result<bool> {
    let shell = &context.shell;
    let version = cmd!(shell, "valgrind --version").quiet().ignore_stderr().read();
    println!("{}", version.context("valgrind is not there")?);
    let target = context.target().join("benches");
    let build = cmd!(
        shell,
        "cargo build --profile secrets --features secrets --bin secrets --locked --manifest-path benches/timing/Cargo.toml --target-dir {target}"
    );
    context.logged("secrets-build", build)?;
    let program = target.join("secrets").join("secrets");
    let report = context.target().join("xtask").join("secrets.valgrind");
    let valgrind = cmd!(
        shell,
        "valgrind -v --error-limit=no --num-callers=30 --suppressions={ALLOWED} --log-file={report} {program} {filter...}"
    );
    let cases = cases(&context.logged("secrets", valgrind)?)?;
    cases.iter().for_each(|case| println!("{}", case.line()));
    println!("what was found is in {}", report.display());
    let allowed = fs::read_to_string(context.root.join(ALLOWED)).context(ALLOWED)?;
    let report = fs::read_to_string(&report).context("valgrind's report")?;
    let unused = unused(&allowed, &report);
    // With a filter, what uses the others was left out.
    let is_stale = filter.is_none() && !unused.is_empty();
    unused.iter().filter(|_| is_stale).for_each(|name| println!("used by no case: {name}"));
    Ok(!is_stale && cases.iter().all(Case::is_as_expected))
}

/// Entries that nothing has needed: they allow what nobody has looked at, or a case does not get there any more.
fn unused<'a>(allowed: &'a str, report: &str) -> Vec<&'a str> {
    let lines: Vec<&str> = allowed.lines().collect();
    let names = lines.windows(2).filter(|pair| pair[0] == "{").map(|pair| pair[1].trim());
    let used: Vec<&str> =
        report.lines().filter(|line| line.contains("used_suppression:")).collect();
    names.filter(|name| !used.iter().any(|line| line.contains(name))).collect()
}

/// A case, and how often something in it depended on a secret.
#[derive(Debug, PartialEq, Eq)]
struct Case {
    name: String,
    found: u64,
}

impl Case {
    fn is_control(&self) -> bool {
        self.name.starts_with(CONTROL)
    }

    fn is_as_expected(&self) -> bool {
        self.is_control() == (self.found > 0)
    }

    fn line(&self) -> String {
        let word = match self.is_as_expected() {
            true if self.is_control() => "ok, the control is found",
            true => "ok",
            false => "FAILED",
        };
        format!("{:<28} {:>6} found  {word}", self.name, self.found)
    }
}

/// `secrets NAME COUNT`
fn cases(text: &str) -> Result<Vec<Case>> {
    let lines = text.lines().filter_map(|line| Some((line, line.strip_prefix("secrets ")?)));
    let cases = lines.map(|(line, rest)| case(rest).context(line.to_owned()));
    let cases = cases.collect::<Result<Vec<_>>>()?;
    ensure!(cases.iter().any(Case::is_control), "no control was run");
    Ok(cases)
}

fn case(rest: &str) -> Option<Case> {
    let (name, found) = rest.split_once(' ')?;
    Some(Case { name: name.to_owned(), found: found.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cases_are_read_and_judged() {
        let text = "secrets control_branch 31\nanything\nsecrets record_tag 0\n";
        let cases = cases(text).unwrap();
        assert_eq!(cases[1], Case { name: "record_tag".into(), found: 0 });
        assert!(cases.iter().all(Case::is_as_expected));
    }

    #[test]
    fn an_entry_that_nothing_needs_is_told() {
        let allowed =
            "# a reason\n{\n   outcome: a tag\n   fun:x\n}\n{\n   public: A\n   fun:y\n}\n";
        let report = "--1-- used_suppression:      3 outcome: a tag secrets.supp:2\n";
        assert_eq!(unused(allowed, report), ["public: A"]);
    }

    #[test]
    fn a_finding_and_a_blind_control_are_failures() {
        let case = |name: &str, found| Case { name: name.into(), found };
        assert!(!case("record_tag", 1).is_as_expected());
        assert!(!case("control_branch", 0).is_as_expected());
        assert!(super::cases("secrets record_tag 0\n").is_err());
        assert!(super::cases("secrets control_branch many\n").is_err());
    }
}
