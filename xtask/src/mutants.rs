//! `cargo xtask mutants`: changes wire and core in one place after the other, and lists the changes that no
//! unit test notices.

use std::fs;
use std::process::Command;

use anyhow::{Context as _, Result};
use xshell::cmd;

use crate::context::Context;
use crate::tools::{MUTANTS, NEXTEST};

/// What to change.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The crate; both without one
    #[arg(value_parser = PACKAGES)]
    package: Option<String>,
    /// Every N-th mutant only, from the K-th on (K/N, K from 0)
    #[arg(long, value_name = "K/N")]
    shard: Option<String>,
}

const PACKAGES: [&str; 2] = ["kuvert-wire", "kuvert-core"];

/// Runs cargo-mutants with `.cargo/mutants.toml`, crate by crate. Whether nothing survived.
///
/// # Errors
///
/// When cargo-mutants or nextest cannot be had or started.
pub(crate) fn run(context: &Context, arguments: &Arguments) -> Result<bool> {
    NEXTEST.path(context)?;
    let wanted = |package: &&str| arguments.package.as_deref().is_none_or(|only| only == *package);
    let mut all_caught = true;
    for package in PACKAGES.into_iter().filter(wanted) {
        all_caught &= mutate(context, package, arguments)?;
    }
    Ok(all_caught)
}

/// What it finds is kept in `target/xtask/mutants/PACKAGE/mutants.out`.
fn mutate(context: &Context, package: &str, arguments: &Arguments) -> Result<bool> {
    let (shell, tool) = (&context.shell, MUTANTS.path(context)?);
    let found = context.target().join("xtask").join("mutants").join(package);
    // Built apart, so that a run neither waits for other builds nor undoes them.
    let target = context.target().join("mutants");
    let features = (package == "kuvert-core").then_some("--features=hazmat");
    let shard =
        arguments.shard.iter().flat_map(|shard| ["--sharding=round-robin", "--shard", shard]);
    fs::create_dir_all(&found).with_context(|| format!("making {}", found.display()))?;
    let command = cmd!(shell, "{tool} mutants -p {package} {features...} {shard...} -o {found}")
        .env("CARGO_TARGET_DIR", target)
        // The smallest case that fails is not of interest.
        .env("PROPTEST_MAX_SHRINK_ITERS", "0")
        .quiet();
    Ok(Command::from(command).status().context("starting cargo-mutants")?.success())
}
