//! Wire and core where there is no `std`: built for the web and for a microcontroller, and tested as
//! WebAssembly in Node.

use anyhow::{Result, bail};
use xshell::cmd;

use crate::context::Context;
use crate::counts::Counts;
use crate::steps::Outcome;
use crate::targets::{BARE, WASI, WEB, have};

/// What to run.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Only tests whose names contain this
    filter: Option<String>,
}

/// Builds for both targets without `std`, then runs the tests in Node. Whether all is well.
///
/// # Errors
///
/// When something does not build, or Node or a target is missing.
pub(crate) fn run(context: &Context, arguments: &Arguments) -> Result<bool> {
    for target in [WEB, BARE] {
        have(context, target)?;
        build(context, target)?;
        println!("{target:<24} builds");
    }
    have(context, WASI)?;
    let counts = tested(context, arguments.filter.as_deref())?;
    println!("{WASI:<24} {counts}");
    Ok(counts.failed == 0 && counts.passed > 0)
}

/// As a step of `cargo xtask test`: that both build. The tests take longer than a step may.
///
/// # Errors
///
/// When a target is there and one of the crates does not build for it.
pub(crate) fn step(context: &Context) -> Result<Outcome> {
    for target in [WEB, BARE] {
        if let Err(error) = have(context, target) {
            return Ok(Outcome::Skipped(format!("the target {target} is not to be had: {error}")));
        }
        build(context, target)?;
    }
    Ok(Outcome::Passed(String::new()))
}

fn build(context: &Context, target: &str) -> Result<()> {
    let shell = &context.shell;
    let command = cmd!(
        shell,
        "cargo build --locked -p kuvert-wire -p kuvert-core --no-default-features --target {target}"
    );
    context.logged(target, command)?;
    Ok(())
}

/// The unit tests of both crates; those in `tests/` need processes and threads.
fn tested(context: &Context, filter: Option<&str>) -> Result<Counts> {
    let (shell, root) = (&context.shell, context.root.display());
    let command = cmd!(
        shell,
        "cargo test --locked -p kuvert-wire -p kuvert-core --lib --no-fail-fast --target {WASI} -- {filter...}"
    )
    .env("CARGO_TARGET_WASM32_WASIP1_RUNNER", format!("node --no-warnings {root}/xtask/wasi.mjs {root}"));
    let run = context.finish(WASI, command)?;
    match Counts::of_libtest(&run.text) {
        Some(counts) if run.success == (counts.failed == 0) => Ok(counts),
        // A panic ends a WebAssembly program before it has printed a summary.
        _ => bail!(run.failure()),
    }
}
