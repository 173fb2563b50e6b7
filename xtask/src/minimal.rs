//! `cargo xtask minimal`: the published crates compile with the least versions of what they depend on
//! that their manifests allow.
//!
//! A lock file hides that a manifest allows too much; whoever takes a crate into a lock file of their
//! own finds it.

use anyhow::Result;
use xshell::cmd;

use crate::context::Context;
use crate::features::PUBLISHED;

/// There is nothing to choose.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {}

/// Writes another lock file, in a copy, and compiles with it. Whether all compile.
///
/// # Errors
///
/// When no versions fit together, or a crate does not compile.
pub(crate) fn run(context: &Context, _: &Arguments) -> Result<bool> {
    let folder = context.target().join("minimal");
    let (source, target) = (folder.join("source"), folder.join("target"));
    context.copy_tracked(&source)?;
    let (shell, manifest) = (&context.shell, source.join("Cargo.toml"));
    // Only direct dependencies at their least: those behind them are their authors' business.
    let update = cmd!(shell, "cargo update -Z direct-minimal-versions --manifest-path {manifest}");
    context.logged("minimal-update", update.env("RUSTC_BOOTSTRAP", "1"))?;
    let packages = PUBLISHED.iter().chain(&["kuvert-cli"]).flat_map(|name| ["-p", name]);
    let check = cmd!(
        shell,
        "cargo check --locked {packages...} --features kuvert-core/fast --manifest-path {manifest} --target-dir {target}"
    );
    context.logged("minimal", check)?;
    println!("{} crates compile", PUBLISHED.len() + 1);
    Ok(true)
}
