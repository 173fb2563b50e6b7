//! `cargo xtask sim`: two people talk through everything that can go wrong, and a table says what share
//! of their messages is delivered.

use anyhow::{Context as _, Result, bail};
use xshell::cmd;

use crate::context::Context;
use crate::steps::Outcome;

/// What to simulate.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// What `kuvert-sim` takes; `cargo xtask sim --help` tells
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

/// Builds the simulator, optimised and with all checks on, and runs it. Whether nothing was found.
///
/// # Errors
///
/// When it does not build.
pub(crate) fn run(context: &Context, arguments: &Arguments) -> Result<bool> {
    let program = build(context)?;
    let shell = &context.shell;
    let status = cmd!(shell, "{program}").args(&arguments.arguments).quiet().ignore_status();
    Ok(std::process::Command::from(status).status().context("starting the simulator")?.success())
}

/// The same as a step of `cargo xtask test`: a thousand seeds of two thousand events each.
///
/// # Errors
///
/// When something happened that must never happen; the log says which seeds replay it.
pub(crate) fn step(context: &Context) -> Result<Outcome> {
    let program = build(context)?;
    let shell = &context.shell;
    let text = context.logged("sim", cmd!(shell, "{program}"))?;
    println!();
    text.lines().filter(|line| line.starts_with('|')).for_each(|line| println!("    {line}"));
    let Some(counts) = text.lines().rfind(|line| line.contains("seeds")) else {
        bail!("the simulator printed no summary");
    };
    Ok(Outcome::Passed(counts.to_owned()))
}

fn build(context: &Context) -> Result<std::path::PathBuf> {
    let shell = &context.shell;
    let command = cmd!(
        shell,
        "cargo build --locked --profile sim -p kuvert-testkit --features sim --bin kuvert-sim"
    );
    context.logged("sim-build", command)?;
    Ok(context.target().join("sim").join(format!("kuvert-sim{}", std::env::consts::EXE_SUFFIX)))
}
