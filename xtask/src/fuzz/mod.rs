//! `cargo xtask fuzz`: lets libFuzzer loose on every target, and prints what came of it.
//!
//! The targets are a package of their own, so that libFuzzer stays out of the workspace. Those whose
//! names begin with `null_` are built without cryptography, in a folder of their own.

mod build;
mod corpus;
mod coverage;
mod outcome;

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use xshell::cmd;

use crate::context::Context;
use crate::steps::Outcome as StepOutcome;
use build::Build;
use outcome::Outcome;

/// What to fuzz.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// How long each target runs
    #[arg(long, default_value_t = 60)]
    seconds: u32,
    /// Before the run, write the first inputs: vectors, and bytes of real runs
    #[arg(long)]
    seeds: bool,
    /// After the run, make the checked-in corpora the fewest inputs that cover what was covered
    #[arg(long)]
    minimise: bool,
    /// Fuzz nothing; print which lines of the crates the checked-in corpora cover
    #[arg(long, conflicts_with_all = ["seeds", "minimise"])]
    coverage: bool,
    /// Run one target on this input and show what it says
    #[arg(long, conflicts_with_all = ["seeds", "minimise", "coverage"])]
    replay: Option<PathBuf>,
    /// Only these targets
    targets: Vec<String>,
}

/// Fuzzes each target in turn, or prints the coverage. Whether nothing was found.
///
/// # Errors
///
/// When a target does not exist, or does not build.
pub(crate) fn run(context: &Context, arguments: &Arguments) -> Result<bool> {
    if arguments.coverage {
        coverage::print(context)?;
        return Ok(true);
    }
    let chosen = chosen(context, &arguments.targets)?;
    if let Some(input) = &arguments.replay {
        return replay(context, &chosen, input);
    }
    if arguments.seeds {
        corpus::write_seeds(context, &chosen)?;
    }
    let mut is_good = true;
    println!("{}", Outcome::HEAD);
    for build in Build::ALL {
        let targets: Vec<_> = chosen.iter().filter(|target| build.is_for(target)).collect();
        if targets.is_empty() {
            continue;
        }
        build.make(context)?;
        for target in targets {
            let outcome = fuzz(context, build, target, arguments.seconds)?;
            println!("{outcome}");
            is_good &= outcome.is_good();
            if arguments.minimise {
                corpus::minimise(context, build, target)?;
            }
        }
    }
    Ok(is_good)
}

/// The names of the targets: of all programs in the package, sorted.
fn chosen(context: &Context, wanted: &[String]) -> Result<Vec<String>> {
    let programs = fs::read_dir(context.root.join("fuzz").join("fuzz_targets"))?;
    let mut all = Vec::new();
    for program in programs {
        all.extend(program?.path().file_stem().map(|name| name.to_string_lossy().into_owned()));
    }
    all.sort();
    if let Some(unknown) = wanted.iter().find(|name| !all.contains(name)) {
        bail!("no target is called {unknown}; there are {}", all.join(", "));
    }
    all.retain(|name| wanted.is_empty() || wanted.contains(name));
    Ok(all)
}

/// Runs one target on its working corpus, which begins as the one that is checked in.
fn fuzz(context: &Context, build: Build, target: &str, seconds: u32) -> Result<Outcome> {
    let shell = &context.shell;
    let (working, artifacts) =
        (corpus::working(context, target)?, corpus::artifacts(context, target)?);
    let prefix = format!("-artifact_prefix={}/", artifacts.display());
    let program = build.program(context, target)?;
    let command = cmd!(shell, "{program} {working}")
        .args(corpus::checked_in(context, target))
        .args(corpus::options(context, target)?)
        .args([prefix, format!("-max_total_time={seconds}"), "-print_final_stats=1".into()]);
    let finished = context.finish(&format!("fuzz-{target}"), command)?;
    Ok(Outcome::read(target, &finished))
}

/// Runs one target on one input, and lets it print. Whether it ends well.
fn replay(context: &Context, chosen: &[String], input: &PathBuf) -> Result<bool> {
    let [target] = chosen else { bail!("name the one target that it is an input of") };
    let build = Build::ALL.into_iter().find(|build| build.is_for(target));
    let build = build.context("every target is for one build")?;
    build.make(context)?;
    let (shell, program) = (&context.shell, build.program(context, target)?);
    Ok(cmd!(shell, "{program} {input}").env("RUST_BACKTRACE", "1").quiet().run().is_ok())
}

/// As a step of `cargo xtask test`: the programs compile, and what was found once is not found again by
/// a build without cryptography. With it, the corpora are replayed by the tests.
///
/// # Errors
///
/// When they do not compile, or an input fails.
pub(crate) fn step(context: &Context) -> Result<StepOutcome> {
    let (shell, target) = (&context.shell, context.target().join("fuzz").join("replay"));
    let check = cmd!(
        shell,
        "cargo clippy --locked --manifest-path fuzz/Cargo.toml --target-dir {target} -- -D warnings"
    );
    context.logged("fuzz-check", check.env("RUSTFLAGS", build::NULL_FLAGS))?;
    let replay = cmd!(
        shell,
        "cargo test --locked -p kuvert-testkit --features fuzz --test fuzz --target-dir {target}"
    );
    context.logged("fuzz-replay", replay.env("RUSTFLAGS", build::NULL_FLAGS))?;
    Ok(StepOutcome::Passed(String::new()))
}
