//! `cargo xtask bench`: measures, prints tables, and writes the same numbers for programs to
//! `target/benches/results.json`.
//!
//! The benchmarks are a package of their own, so that the peers' dependencies stay out of the
//! workspace.

mod page;
mod sections;

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use xshell::{Cmd, cmd};

use crate::context::Context;
use sections::Sections;

/// What to measure.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Print the tables of the last run again, and measure nothing
    #[arg(long)]
    last: bool,
    /// Print bytes on the wire, bytes kept, and what the worst envelopes cost, and nothing else
    #[arg(long, conflicts_with_all = ["last", "write", "quick", "filter"])]
    sizes: bool,
    /// Fill the tables of docs/performance.md
    #[arg(long, conflicts_with_all = ["quick", "filter"])]
    write: bool,
    /// Measure each time only briefly: to see that all works, not how long it takes
    #[arg(long)]
    quick: bool,
    /// Measure only times whose name contains this; all others are those of the last run
    filter: Option<String>,
}

/// Measures unless told otherwise, and prints the tables.
///
/// # Errors
///
/// When the benchmarks do not build or do not run, or the documentation has no place for a table.
pub(crate) fn run(context: &Context, arguments: &Arguments) -> Result<bool> {
    if arguments.sizes {
        let sizes = report(context, &["--sizes".into()])?;
        print!("{}", sizes.with("hostile", &costs(context)?));
        return Ok(true);
    }
    let folder = context.target().join("benches");
    let kept = folder.join("results.txt");
    let sections = if arguments.last {
        let text = fs::read_to_string(&kept).context("there is no last run")?;
        Sections::parse(&text)
    } else {
        let sections = measure(context, arguments)?;
        fs::write(&kept, sections.to_string())?;
        sections
    };
    print!("{sections}");
    println!("The same for programs: {}", folder.join("results.json").display());
    if arguments.write {
        page::fill(context, &sections)?;
    }
    Ok(true)
}

fn measure(context: &Context, arguments: &Arguments) -> Result<Sections> {
    let folder = context.target().join("benches");
    let (criterion, json) = (folder.join("criterion"), folder.join("results.json"));
    println!("Measuring takes some minutes, after the build; leave the machine alone meanwhile.");
    let command = cargo(context, "bench").args(["--bench", "speed", "--"]);
    let command = command.args(arguments.quick.then_some("--quick")).args(&arguments.filter);
    context.logged("bench", command.env("CRITERION_HOME", &criterion))?;
    if arguments.filter.is_none() {
        measure_fast(context, arguments, &criterion)?;
    }
    let measured = report(context, &[criterion.into_os_string(), json.clone().into()])?;
    let (machine, costs) = (machine(context)?, costs(context)?);
    let mut numbers: Value = serde_json::from_slice(&fs::read(&json)?)?;
    numbers["machine"] = machine.trim_end().into();
    numbers["hostile"] = costs.lines().skip(1).filter_map(cost).collect();
    fs::write(&json, format!("{numbers:#}\n"))?;
    Ok(Sections::default().with("machine", &machine).and(measured).with("hostile", &costs))
}

/// Kuvert alone, with its feature `fast`: what does not depend on it was measured before.
fn measure_fast(context: &Context, arguments: &Arguments, criterion: &Path) -> Result<()> {
    let command = cargo(context, "bench").args(["--features", "fast", "--bench", "speed", "--"]);
    let command = command.args(arguments.quick.then_some("--quick")).arg("/kuvert-fast");
    context.logged("bench-fast", command.env("CRITERION_HOME", criterion))?;
    Ok(())
}

fn report(context: &Context, arguments: &[std::ffi::OsString]) -> Result<Sections> {
    let run = cargo(context, "run").args(["--release", "--quiet", "--bin", "report", "--"]);
    Ok(Sections::parse(&run.args(arguments).read()?))
}

/// The table that a test prints: the test holds the bounds, this shows the numbers.
fn costs(context: &Context) -> Result<String> {
    let shell = &context.shell;
    let command = cmd!(
        shell,
        "cargo test --release --locked -p kuvert-core --test hostile -- --nocapture --include-ignored --test-threads 1"
    );
    let text = context.logged("hostile", command)?;
    // The head first, and last what is measured in time alone.
    let mut rows: Vec<_> = text.lines().filter(|line| is_row(line)).collect();
    rows.sort_by_key(|line| (line.contains(" - "), !line.ends_with("at best")));
    Ok(rows.into_iter().map(|line| line.to_owned() + "\n").collect())
}

/// Two columns of numbers, or their heads, behind a name.
fn is_row(line: &str) -> bool {
    line.len() == NAME + 12 + 12
}

/// Columns of a name.
const NAME: usize = 44;

/// Such a row for programs.
fn cost(row: &str) -> Option<Value> {
    let (name, numbers) = row.split_at_checked(NAME)?;
    let mut numbers = numbers.split_whitespace().map(|number| number.parse::<f64>().ok());
    Some(json!({ "what": name.trim_end(), "kib": numbers.next()?, "ms": numbers.next()? }))
}

/// Cargo on the package of the benchmarks.
fn cargo<'s>(context: &'s Context, verb: &str) -> Cmd<'s> {
    let (shell, target) = (&context.shell, context.target().join("benches"));
    let command = cmd!(
        shell,
        "cargo {verb} --locked --manifest-path benches/Cargo.toml --target-dir {target}"
    );
    command.quiet()
}

/// The processor, the compiler and the day: without them a time says nothing.
fn machine(context: &Context) -> Result<String> {
    let shell = &context.shell;
    let compiler = cmd!(shell, "rustc --version").quiet().read()?;
    let day = cmd!(shell, "date -u +%F").quiet().read()?;
    let facts = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = facts.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let processor = model.map_or(std::env::consts::ARCH, |(_, model)| model);
    let cores = std::thread::available_parallelism()?;
    let flags = std::env::var("RUSTFLAGS");
    let flags = flags.map_or("no RUSTFLAGS".into(), |flags| format!("RUSTFLAGS {flags}"));
    Ok(format!("{day}: {processor}, {cores} cores; {compiler}; release build, {flags}\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cost_becomes_numbers() {
        let row = format!("{:<44}{:>12}{:>12}", "one, two", "4.2", "0.045");
        assert!(is_row(&row));
        assert_eq!(cost(&row), Some(json!({ "what": "one, two", "kib": 4.2, "ms": 0.045 })));
        let row = format!("{:<44}{:>12}{:>12}", "many", "-", "13.669");
        assert_eq!(cost(&row), Some(json!({ "what": "many", "kib": null, "ms": 13.669 })));
    }
}
