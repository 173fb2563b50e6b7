//! The published crates compile with each of their features alone, with none and with all.

use anyhow::Result;
use xshell::cmd;

use crate::context::Context;
use crate::steps::Outcome;
use crate::tools::HACK;

/// What is meant to be published, and whose callers choose features.
pub(crate) const PUBLISHED: [&str; 6] =
    ["kuvert-wire", "kuvert-core", "kuvert-store", "kuvert-transport", "kuvert", "kuvert-relay"];

/// Compiles them one by one: built as a workspace, one crate gets the features another asked for.
///
/// `--no-dev-deps` is not used. It rewrites the manifests while it runs, under the eyes of whatever
/// else is building, and this resolver leaves features of development out of `cargo check` anyway.
///
/// # Errors
///
/// When a crate does not compile with some feature.
pub(crate) fn step(context: &Context) -> Result<Outcome> {
    let (shell, hack) = (&context.shell, HACK.path(context)?);
    let packages = PUBLISHED.iter().flat_map(|name| ["-p", name]);
    let command = cmd!(shell, "{hack} hack check --locked --each-feature {packages...}");
    let log = context.logged("features", command)?;
    Ok(Outcome::Passed(format!("{} combinations", combinations(&log))))
}

/// cargo-hack says `info: running ... (3/14)` before each.
fn combinations(log: &str) -> usize {
    log.lines().filter(|line| line.starts_with("info: running ")).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn combinations_are_counted() {
        let log = "info: running `cargo check` on a (1/2)\nwarning: x\ninfo: running `cargo check --features b` on a (2/2)\n";
        assert_eq!(combinations(log), 2);
    }
}
