//! The small tools that the steps need, installed when they are not there.

use std::path::PathBuf;

use anyhow::Result;
use xshell::cmd;

use crate::context::Context;

/// A cargo tool and the version that is installed where there is none.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tool {
    name: &'static str,
    version: &'static str,
    /// What `cargo install` needs to be told besides.
    install: &'static [&'static str],
    /// No other version will do.
    exact: bool,
}

/// Runs tests, each in a process of its own.
pub(crate) const NEXTEST: Tool =
    Tool { name: "cargo-nextest", version: "0.9.151", install: &[], exact: false };
/// Checks licences, sources and banned crates.
pub(crate) const DENY: Tool =
    Tool { name: "cargo-deny", version: "0.20.2", install: &[], exact: false };
/// Lists what a program is built from.
pub(crate) const CYCLONEDX: Tool =
    Tool { name: "cargo-cyclonedx", version: "0.5.9", install: &[], exact: false };
/// Searches the formal models. What it finds depends on its version. It asks for a newer compiler
/// than ours and does not need it.
pub(crate) const VERIFPAL: Tool =
    Tool { name: "verifpal", version: "1.6.7", install: &["--ignore-rust-version"], exact: true };
/// Builds targets for libFuzzer.
pub(crate) const FUZZ: Tool =
    Tool { name: "cargo-fuzz", version: "0.13.2", install: &[], exact: false };
/// Tells which lines a test has run.
pub(crate) const LLVM_COV: Tool =
    Tool { name: "cargo-llvm-cov", version: "0.8.7", install: &[], exact: false };
/// Changes code in one place after the other, and runs the tests.
pub(crate) const MUTANTS: Tool =
    Tool { name: "cargo-mutants", version: "27.1.0", install: &[], exact: false };
/// Compiles crates with their features one by one.
pub(crate) const HACK: Tool =
    Tool { name: "cargo-hack", version: "0.6.46", install: &[], exact: false };

impl Tool {
    /// The tool's path: from `PATH`, from `target/tools`, or built from source into the latter.
    ///
    /// # Errors
    ///
    /// When it is missing and cannot be built.
    pub(crate) fn path(self, context: &Context) -> Result<PathBuf> {
        let own = context.target().join("tools").join("bin").join(self.name);
        for candidate in [PathBuf::from(self.name), own.clone()] {
            if self.answers(context, &candidate) {
                return Ok(candidate);
            }
        }
        self.install(context)?;
        Ok(own)
    }

    fn answers(self, context: &Context, program: &PathBuf) -> bool {
        let shell = &context.shell;
        // A cargo subcommand takes its own name first.
        let subcommand = self.name.strip_prefix("cargo-");
        let command = cmd!(shell, "{program} {subcommand...} --version").quiet().ignore_stderr();
        let fits = |said: String| !self.exact || said.ends_with(self.version);
        command.read().is_ok_and(fits)
    }

    /// Builds for a short build, not for speed: the tools run for seconds.
    fn install(self, context: &Context) -> Result<()> {
        let shell = &context.shell;
        let Self { name, version, install, .. } = self;
        let root = context.target().join("tools");
        let command = cmd!(
            shell,
            "cargo install --locked {install...} {name} --version {version} --root {root}"
        )
        .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1")
        .env("CARGO_PROFILE_RELEASE_LTO", "off")
        .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16")
        .env("CARGO_PROFILE_RELEASE_DEBUG", "0");
        context.logged(&format!("install-{name}"), command)?;
        Ok(())
    }
}
