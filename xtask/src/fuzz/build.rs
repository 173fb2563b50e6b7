//! The two ways in which targets are built.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use xshell::cmd;

use crate::context::Context;
use crate::tools::FUZZ;

/// What takes the cryptography away.
const NULL: &str = "--cfg kuvert_null_crypto";
/// The same with what the core asks for beside it. cargo-fuzz adds that by itself.
pub(crate) const NULL_FLAGS: &str = "--cfg fuzzing --cfg kuvert_null_crypto";

/// With cryptography, or without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Build {
    Real,
    Null,
}

impl Build {
    pub(crate) const ALL: [Self; 2] = [Self::Real, Self::Null];

    /// Whether the target of this name is to be built like this.
    pub(crate) fn is_for(self, target: &str) -> bool {
        target.starts_with("null_") == (self == Self::Null)
    }

    /// A word for folders and logs.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Real => "real",
            Self::Null => "null",
        }
    }

    fn folder(self, context: &Context) -> PathBuf {
        context.target().join("fuzz").join(self.name())
    }

    /// Flags for a build by cargo itself, which does not know that it is for fuzzing.
    pub(crate) const fn flags(self) -> &'static str {
        match self {
            Self::Real => "--cfg fuzzing",
            Self::Null => NULL_FLAGS,
        }
    }

    /// Builds all targets like this: one run of cargo is quicker than one for each.
    pub(crate) fn make(self, context: &Context) -> Result<()> {
        let (shell, fuzz, folder) = (&context.shell, FUZZ.path(context)?, self.folder(context));
        let command = cmd!(shell, "{fuzz} fuzz build --sanitizer none --target-dir {folder}");
        let command = match self {
            Self::Real => command,
            Self::Null => command.env("RUSTFLAGS", NULL),
        };
        context.logged(&format!("fuzz-build-{}", self.name()), command)?;
        Ok(())
    }

    /// The program of a target.
    pub(crate) fn program(self, context: &Context, target: &str) -> Result<PathBuf> {
        let shell = &context.shell;
        let about = cmd!(shell, "rustc --version --verbose").quiet().read()?;
        let host = about.lines().find_map(|line| line.strip_prefix("host: "));
        let host = host.context("rustc does not say what it compiles for")?;
        Ok(self.folder(context).join(host).join("release").join(target))
    }
}
