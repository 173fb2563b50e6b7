//! `cargo xtask bench`: measures, and prints one table.
//!
//! The benchmarks are a package of their own, so that the peers' dependencies stay out of the
//! workspace.

use anyhow::Result;
use xshell::cmd;

use crate::context::Context;

/// What to measure.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Print the table of the last run again, and measure nothing
    #[arg(long)]
    last: bool,
    /// Measure only benchmarks whose name contains this
    filter: Option<String>,
}

/// Measures unless told otherwise, and prints the table.
///
/// # Errors
///
/// When the benchmarks do not build or do not run.
pub(crate) fn run(context: &Context, arguments: &Arguments) -> Result<bool> {
    let shell = &context.shell;
    let target = context.target().join("benches");
    let results = target.join("criterion");
    let cargo = |verb: &'static str| {
        let command = cmd!(
            shell,
            "cargo {verb} --locked --manifest-path benches/Cargo.toml --target-dir {target}"
        );
        command.quiet()
    };
    if !arguments.last {
        println!(
            "Measuring takes about five minutes, after the build; leave the machine alone meanwhile."
        );
        let filter = &arguments.filter;
        let command = cargo("bench").args(["--bench", "speed", "--"]).args(filter);
        context.logged("bench", command.env("CRITERION_HOME", &results))?;
        println!();
    }
    println!("{}\n", machine(context)?);
    cargo("run").args(["--release", "--quiet", "--bin", "table", "--"]).arg(results).run()?;
    Ok(true)
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
