//! `cargo xtask bench`: measures, and prints tables: times, bytes, transcripts, and what the worst
//! envelopes cost.
//!
//! The benchmarks are a package of their own, so that the peers' dependencies stay out of the
//! workspace.

use anyhow::Result;
use xshell::{Cmd, cmd};

use crate::context::Context;

/// What to measure.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Print the table of the last run again, and measure nothing
    #[arg(long)]
    last: bool,
    /// Print bytes on the wire, bytes kept, and what the worst envelopes cost, and nothing else
    #[arg(long)]
    sizes: bool,
    /// Measure only benchmarks whose name contains this
    filter: Option<String>,
}

/// Measures unless told otherwise, and prints the tables.
///
/// # Errors
///
/// When the benchmarks do not build or do not run.
pub(crate) fn run(context: &Context, arguments: &Arguments) -> Result<bool> {
    if !arguments.sizes {
        times(context, arguments)?;
        println!();
    }
    sizes(context)?;
    println!();
    transcript(context)?;
    println!("\nWhat an envelope costs its receiver (fastest of 30)\n");
    println!("{}", costs(context)?);
    Ok(true)
}

fn times(context: &Context, arguments: &Arguments) -> Result<()> {
    let results = context.target().join("benches").join("criterion");
    if !arguments.last {
        println!(
            "Measuring takes about five minutes, after the build; leave the machine alone meanwhile."
        );
        let command = cargo(context, "bench").args(["--bench", "speed", "--"]);
        let command = command.args(&arguments.filter).env("CRITERION_HOME", &results);
        context.logged("bench", command)?;
        println!();
    }
    println!("{}\n", machine(context)?);
    let table = ["--release", "--quiet", "--bin", "table", "--"];
    Ok(cargo(context, "run").args(table).arg(results).run()?)
}

fn sizes(context: &Context) -> Result<()> {
    Ok(cargo(context, "run").args(["--release", "--quiet", "--bin", "sizes"]).run()?)
}

fn transcript(context: &Context) -> Result<()> {
    Ok(cargo(context, "run").args(["--release", "--quiet", "--bin", "transcript"]).run()?)
}

/// The table that a test prints: the test holds the bounds, this shows the numbers.
fn costs(context: &Context) -> Result<String> {
    let shell = &context.shell;
    let command = cmd!(
        shell,
        "cargo test --release --locked -p kuvert-core --test hostile -- --nocapture --include-ignored --test-threads 1"
    );
    let text = context.logged("hostile", command)?;
    Ok(text.lines().filter(|line| is_row(line)).collect::<Vec<_>>().join("\n"))
}

/// Two columns of numbers, or their heads, behind a name.
fn is_row(line: &str) -> bool {
    line.len() == 44 + 12 + 12
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

/// The processor and the compiler: without them a time says nothing.
fn machine(context: &Context) -> Result<String> {
    let shell = &context.shell;
    let compiler = cmd!(shell, "rustc --version").quiet().read()?;
    let facts = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = facts.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let processor = model.map_or(std::env::consts::ARCH, |(_, model)| model);
    let cores = std::thread::available_parallelism()?;
    let flags = std::env::var("RUSTFLAGS");
    let flags = flags.map_or("no RUSTFLAGS".into(), |flags| format!("RUSTFLAGS {flags}"));
    Ok(format!("{processor}, {cores} cores; {compiler}; release build, {flags}"))
}
