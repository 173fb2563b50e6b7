//! `cargo xtask instructions`: no operation takes more instructions than the baseline says.
//!
//! Times differ from run to run and from machine to machine; counts by valgrind repeat. They depend on
//! the compiler, on valgrind, and on what the processor offers: where one of these is another than the
//! baseline's, the comparison is shown and fails nothing.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};
use xshell::cmd;

use crate::context::Context;
use crate::steps::Outcome;

const BASELINE: &str = "benches/instructions.json";
/// More than this fails, in thousandths of the baseline.
const ALLOWED_PER_MILLE: u64 = 30;

/// What to do with the counts.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Make them the new baseline instead of comparing
    #[arg(long)]
    accept: bool,
}

/// Counts and compares, or writes a new baseline. Whether all is well.
///
/// # Errors
///
/// When nothing can be counted.
pub(crate) fn run(context: &Context, arguments: &Arguments) -> Result<bool> {
    let now = Baseline::measured(context)?;
    if arguments.accept {
        fs::write(path(context), now.encode())?;
        println!("{} counts are the new baseline, {BASELINE}", now.counts.len());
        return Ok(true);
    }
    let comparison = Comparison::of(&Baseline::read(context)?, &now);
    println!("{}", comparison.table());
    println!("{}", comparison.verdict());
    Ok(comparison.is_good())
}

/// The same as a step of `cargo xtask test`.
///
/// # Errors
///
/// When an operation takes more instructions than it may.
pub(crate) fn step(context: &Context) -> Result<Outcome> {
    if let Err(error) = valgrind(context) {
        return Ok(Outcome::Skipped(format!("{error:#}")));
    }
    let comparison = Comparison::of(&Baseline::read(context)?, &Baseline::measured(context)?);
    if comparison.is_good() {
        return Ok(Outcome::Passed(comparison.verdict()));
    }
    bail!("{}\n{}", comparison.table(), comparison.verdict());
}

fn path(context: &Context) -> PathBuf {
    context.root.join(BASELINE)
}

fn valgrind(context: &Context) -> Result<String> {
    let version = cmd!(context.shell, "valgrind --version").quiet().ignore_stderr().read();
    version.context("valgrind is not there, so instructions cannot be counted")
}

/// Counts, and what they depend on beside the code.
#[derive(Debug, PartialEq, Eq)]
struct Baseline {
    basis: BTreeMap<String, String>,
    counts: BTreeMap<String, u64>,
}

impl Baseline {
    /// Builds and counts, in a plain build: flags would make other code.
    fn measured(context: &Context) -> Result<Self> {
        let basis = basis(context)?;
        let (shell, target) = (&context.shell, context.target().join("benches"));
        let command = cmd!(
            shell,
            "cargo bench --locked --manifest-path benches/Cargo.toml --target-dir {target} --no-default-features --bench instructions"
        );
        let command = command.env_remove("RUSTFLAGS").env_remove("CARGO_ENCODED_RUSTFLAGS");
        let counts = counts(&context.logged("instructions", command)?);
        if counts.is_empty() {
            bail!("nothing was counted");
        }
        Ok(Self { basis, counts })
    }

    fn read(context: &Context) -> Result<Self> {
        let text = fs::read_to_string(path(context)).with_context(|| {
            format!("reading {BASELINE}; `cargo xtask instructions --accept` makes it")
        })?;
        Self::decode(&text).with_context(|| format!("{BASELINE} is damaged"))
    }

    fn encode(&self) -> String {
        format!("{:#}\n", json!({ "basis": self.basis, "counts": self.counts }))
    }

    fn decode(text: &str) -> Result<Self> {
        let value: Value = serde_json::from_str(text)?;
        let fields = |name: &str| value[name].as_object().context("a field is missing");
        let basis = fields("basis")?
            .iter()
            .map(|(name, value)| Ok((name.clone(), value.as_str().context("no text")?.to_owned())));
        let counts = fields("counts")?
            .iter()
            .map(|(name, value)| Ok((name.clone(), value.as_u64().context("no count")?)));
        Ok(Self { basis: basis.collect::<Result<_>>()?, counts: counts.collect::<Result<_>>()? })
    }
}

fn basis(context: &Context) -> Result<BTreeMap<String, String>> {
    let shell = &context.shell;
    let compiler = cmd!(shell, "rustc --version").quiet().read()?;
    // Valgrind shows programs no more than AVX2 of what is newer.
    let facts = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let avx2 = if facts.split_whitespace().any(|word| word == "avx2") { " with AVX2" } else { "" };
    let processor = format!("{}{avx2}", std::env::consts::ARCH);
    let basis = [("rustc", compiler), ("valgrind", valgrind(context)?), ("processor", processor)];
    Ok(basis.map(|(name, value)| (name.to_owned(), value)).into())
}

/// The lines `NAME tab COUNT` of a log.
fn counts(log: &str) -> BTreeMap<String, u64> {
    let counts = log.lines().filter_map(|line| {
        let (name, count) = line.split_once('\t')?;
        Some((name.to_owned(), count.parse().ok()?))
    });
    counts.collect()
}

/// Two sets of counts side by side.
struct Comparison {
    /// Name, count in the baseline, count now.
    rows: Vec<(String, Option<u64>, Option<u64>)>,
    /// What the baseline was counted with, where that is something else.
    other_basis: Vec<String>,
}

impl Comparison {
    fn of(baseline: &Baseline, now: &Baseline) -> Self {
        let mut names: Vec<_> = baseline.counts.keys().chain(now.counts.keys()).collect();
        names.sort_unstable();
        names.dedup();
        let row = |name: &String| {
            let [before, now] = [baseline, now].map(|one| one.counts.get(name).copied());
            (name.clone(), before, now)
        };
        let other =
            now.basis.iter().filter(|(name, value)| baseline.basis.get(*name) != Some(value));
        let other = other.map(|(name, value)| {
            let before = baseline.basis.get(name).map_or("nothing", String::as_str);
            format!("{before}, here it is {value}")
        });
        Self { rows: names.into_iter().map(row).collect(), other_basis: other.collect() }
    }

    /// Names of what takes too many, or is not in both.
    fn bad(&self) -> Vec<&str> {
        let bad = self.rows.iter().filter(|row| match row {
            (_, Some(before), Some(now)) => now * 1000 > before * (1000 + ALLOWED_PER_MILLE),
            _ => true,
        });
        bad.map(|(name, ..)| name.as_str()).collect()
    }

    fn is_good(&self) -> bool {
        !self.other_basis.is_empty() || self.bad().is_empty()
    }

    fn table(&self) -> String {
        let number = |count: Option<u64>| count.map_or("-".into(), |count| count.to_string());
        let head = format!("{:<26}{:>14}{:>14}{:>9}", "", "baseline", "now", "change");
        let rows = self.rows.iter().map(|(name, before, now)| {
            let change =
                change(*before, *now).map_or("-".into(), |change| format!("{change:+.2} %"));
            format!("{name:<26}{:>14}{:>14}{change:>9}", number(*before), number(*now))
        });
        [head].into_iter().chain(rows).collect::<Vec<_>>().join("\n")
    }

    fn verdict(&self) -> String {
        if !self.other_basis.is_empty() {
            let other = self.other_basis.join("; ");
            let worst = self.worst();
            return format!("{worst}, which fails nothing: the baseline is of {other}");
        }
        match self.bad().as_slice() {
            [] => format!("{} operations, {}", self.rows.len(), self.worst()),
            bad => format!(
                "too many instructions, or not in both: {}; CONTRIBUTING.md says when to accept that",
                bad.join(", ")
            ),
        }
    }

    fn worst(&self) -> String {
        let changes = self.rows.iter().filter_map(|(_, before, now)| change(*before, *now));
        format!("{:+.2} % at worst", changes.fold(f64::NEG_INFINITY, f64::max))
    }
}

/// In per cent of the baseline.
fn change(before: Option<u64>, now: Option<u64>) -> Option<f64> {
    let (before, now) = (before? as f64, now? as f64);
    Some((now / before - 1.0) * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn baseline(compiler: &str, counts: &[(&str, u64)]) -> Baseline {
        let basis = [("rustc".to_owned(), compiler.to_owned())].into();
        let counts = counts.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect();
        Baseline { basis, counts }
    }

    #[test]
    fn three_per_cent_pass_and_more_fail() {
        let before = baseline("1", &[("a", 1000), ("b", 1000)]);
        let good = Comparison::of(&before, &baseline("1", &[("a", 1030), ("b", 10)]));
        assert!(good.is_good(), "{}", good.verdict());
        let bad = Comparison::of(&before, &baseline("1", &[("a", 1031), ("b", 10)]));
        assert_eq!((bad.is_good(), bad.bad()), (false, vec!["a"]));
    }

    #[test]
    fn what_is_not_in_both_fails() {
        let (one, two) = (baseline("1", &[("a", 1)]), baseline("1", &[("a", 1), ("b", 1)]));
        assert_eq!(Comparison::of(&one, &two).bad(), ["b"]);
        assert_eq!(Comparison::of(&two, &one).bad(), ["b"]);
    }

    #[test]
    fn another_compiler_fails_nothing_and_is_told() {
        let comparison = Comparison::of(&baseline("1", &[("a", 1)]), &baseline("2", &[("a", 100)]));
        assert!(comparison.is_good());
        assert!(comparison.verdict().contains("of 1, here it is 2"), "{}", comparison.verdict());
    }

    #[test]
    fn counts_are_read_from_a_log() {
        let log = "   Compiling a\nencrypt-64\t123\nnothing\tof it\n";
        assert_eq!(counts(log), [("encrypt-64".to_owned(), 123)].into());
    }

    #[test]
    fn a_baseline_comes_back() {
        let before = baseline("rustc 1", &[("a", 1), ("b", 20)]);
        assert_eq!(Baseline::decode(&before.encode()).unwrap(), before);
    }
}
