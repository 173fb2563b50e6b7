//! `cargo xtask test`: every check that a change must pass.

use anyhow::{Result, bail};
use xshell::cmd;

use crate::context::{Context, Finished};
use crate::counts::Counts;
use crate::steps::{Action, Outcome, Report, Step, TestsFailed};
use crate::tools::{DENY, NEXTEST};
use crate::{check, features, wasm};

/// The quick ones first, so that a slip shows within seconds.
const STEPS: &[Step] = &[
    step("fmt", "the code is formatted", fmt),
    step("text", "files are tidy and links in pages lead somewhere", check::text::step),
    step("ids", "spec, code and tests have the same check ids", check::ids::step),
    step("layers", "crates import only from lower layers", check::crates::step),
    step("modules", "the core's modules import only from their left", check::modules::step),
    step("relay", "relay and transports are built without the core", check::relay::step),
    step("deps", "each dependency has its row in the docs", check::dependencies::step),
    step("clippy", "no warning in any target", clippy),
    step("doc", "the documentation builds without a warning", doc),
    step("nextest", "the tests", nextest),
    step("portable", "the core's tests without the feature `fast`", portable),
    step("api", "the published crates show what was agreed on", crate::api::step),
    step("doctest", "the examples in the documentation", doctest),
    step("sim", "1,000 simulated lives lose nothing in silence", crate::sim::step),
    step("vectors", "the vectors are what the reference computes", crate::vectors::step),
    step("models", "the formal models hold, and their broken twins are found", crate::models::step),
    step("features", "the crates compile with each of their features alone", features::step),
    step("wasm32", "wire and core build without std, for the web and bare metal", wasm::step),
    step("benches", "the benchmarks are formatted and compile", benches),
    step("fuzz", "the fuzz targets compile, and their corpora replay", crate::fuzz::step),
    step("instructions", "no operation takes 3 % more of them", crate::instructions::step),
    step("deny", "licences, sources and banned crates", deny),
    step("advisories", "known weaknesses of dependencies", advisories),
];

const fn step(name: &'static str, about: &'static str, run: Action) -> Step {
    Step { name, about, run }
}

/// What to test.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Only these steps, in their usual order
    steps: Vec<String>,
    /// Print the steps and what they check
    #[arg(long)]
    list: bool,
}

/// Runs the steps that were asked for, or all; the last line counts tests. Whether all is well.
///
/// # Errors
///
/// When a step is asked for that does not exist.
pub(crate) fn run(context: &Context, arguments: &Arguments) -> Result<bool> {
    if arguments.list {
        STEPS.iter().for_each(|step| println!("{:<12} {}", step.name, step.about));
        return Ok(true);
    }
    let report = Report::of(context, chosen(&arguments.steps)?);
    println!("\n{}", report.summary());
    if arguments.steps.is_empty() || report.tests != Counts::default() {
        println!("{}", report.tests);
    }
    Ok(report.is_good())
}

fn chosen(names: &[String]) -> Result<Vec<&'static Step>> {
    if let Some(unknown) = names.iter().find(|name| STEPS.iter().all(|step| step.name != *name)) {
        bail!("no step is called {unknown}; `cargo xtask test --list` has them all");
    }
    let wanted = |step: &&Step| names.is_empty() || names.iter().any(|name| name == step.name);
    Ok(STEPS.iter().filter(wanted).collect())
}

fn fmt(context: &Context) -> Result<Outcome> {
    let shell = &context.shell;
    context.logged("fmt", cmd!(shell, "cargo fmt --all -- --check --files-with-diff"))?;
    Ok(Outcome::Passed(String::new()))
}

fn clippy(context: &Context) -> Result<Outcome> {
    let shell = &context.shell;
    let command = cmd!(
        shell,
        "cargo clippy --locked --workspace --all-targets --all-features -- -D warnings"
    );
    context.logged("clippy", command)?;
    Ok(Outcome::Passed(String::new()))
}

fn doc(context: &Context) -> Result<Outcome> {
    let shell = &context.shell;
    let command = cmd!(shell, "cargo doc --locked --workspace --no-deps --all-features");
    context.logged("doc", command.env("RUSTDOCFLAGS", "-D warnings"))?;
    Ok(Outcome::Passed(String::new()))
}

fn nextest(context: &Context) -> Result<Outcome> {
    let shell = &context.shell;
    let Ok(nextest) = NEXTEST.path(context) else {
        return plain_tests(context);
    };
    let command =
        cmd!(shell, "{nextest} nextest run --locked --workspace --all-features --profile ci");
    tested(&context.finish("nextest", command)?, Counts::of_nextest)
}

/// Every feature but the one that takes the place of code that others run.
fn portable(context: &Context) -> Result<Outcome> {
    let shell = &context.shell;
    let Ok(nextest) = NEXTEST.path(context) else {
        let command = cmd!(shell, "cargo test --locked -p kuvert-core --features hazmat,tap --lib");
        return tested(&context.finish("portable", command)?, Counts::of_libtest);
    };
    let command = cmd!(
        shell,
        "{nextest} nextest run --locked -p kuvert-core --features hazmat,tap --profile ci"
    );
    tested(&context.finish("portable", command)?, Counts::of_nextest)
}

/// Where cargo-nextest cannot be had, the tests still run.
fn plain_tests(context: &Context) -> Result<Outcome> {
    let shell = &context.shell;
    println!("cargo-nextest cannot be installed here; running `cargo test` instead");
    let command = cmd!(
        shell,
        "cargo test --locked --workspace --all-features --lib --bins --tests --examples --no-fail-fast"
    );
    tested(&context.finish("nextest", command)?, Counts::of_libtest)
}

fn doctest(context: &Context) -> Result<Outcome> {
    let shell = &context.shell;
    let command =
        cmd!(shell, "cargo test --locked --workspace --all-features --doc --no-fail-fast");
    tested(&context.finish("doctest", command)?, Counts::of_libtest)
}

/// Reads the counts of a test run that went well or badly.
fn tested(run: &Finished, read: fn(&str) -> Option<Counts>) -> Result<Outcome> {
    match (run.success, read(&run.text)) {
        (true, Some(counts)) => Ok(Outcome::Tested(counts)),
        (true, None) => bail!("the test runner ended well but printed no summary"),
        (false, Some(counts)) => Err(TestsFailed { counts, text: run.failure() }.into()),
        (false, None) => bail!(run.failure()),
    }
}

/// Packages of their own, which no other step looks at; the first as it is measured, and as it is counted.
fn benches(context: &Context) -> Result<Outcome> {
    let (shell, target) = (&context.shell, context.target().join("benches"));
    for (log, manifest, features) in [
        ("benches", "benches/Cargo.toml", None),
        ("benches-counted", "benches/Cargo.toml", Some("--no-default-features")),
        ("benches-timing", "benches/timing/Cargo.toml", None),
    ] {
        let formatted = cmd!(shell, "cargo fmt --manifest-path {manifest} -- --check");
        context.logged("benches-fmt", formatted)?;
        let command = cmd!(
            shell,
            "cargo clippy --locked --manifest-path {manifest} --target-dir {target} --all-targets --no-deps {features...} -- -D warnings"
        );
        context.logged(log, command)?;
    }
    Ok(Outcome::Passed(String::new()))
}

fn deny(context: &Context) -> Result<Outcome> {
    let shell = &context.shell;
    let deny = DENY.path(context)?;
    let command = cmd!(shell, "{deny} --locked --all-features check bans licenses sources");
    context.logged("deny", command)?;
    Ok(Outcome::Passed(String::new()))
}

/// A gate must not depend on a list that changes by itself and comes from the network.
fn advisories(_: &Context) -> Result<Outcome> {
    let why =
        "the list of advisories comes from the network: run `cargo deny check advisories` by hand";
    Ok(Outcome::Skipped(why.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_chosen_by_name_in_their_order() {
        let names: Vec<_> =
            chosen(&["ids".into(), "fmt".into()]).unwrap().iter().map(|s| s.name).collect();
        assert_eq!(names, ["fmt", "ids"]);
        assert_eq!(chosen(&[]).unwrap().len(), STEPS.len());
        assert!(chosen(&["nonsense".into()]).is_err());
    }

    fn ended(success: bool, text: &str) -> Finished {
        Finished { success, text: text.into(), complaint: String::new() }
    }

    #[test]
    fn red_tests_keep_their_counts() {
        let log = "Summary [ 1.0s] 3 tests run: 1 passed, 2 failed, 0 skipped";
        let error = tested(&ended(false, log), Counts::of_nextest).unwrap_err();
        let counts = error.downcast_ref::<TestsFailed>().unwrap().counts;
        assert_eq!(counts, Counts { passed: 1, failed: 2, skipped: 0 });
    }

    #[test]
    fn a_run_without_a_summary_is_no_success() {
        assert!(tested(&ended(true, "nothing"), Counts::of_nextest).is_err());
    }
}
