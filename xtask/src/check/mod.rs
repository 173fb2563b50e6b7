//! Checks that read the tree: each holds a promise of the design against the files.

pub(crate) mod crates;
pub(crate) mod dependencies;
pub(crate) mod ids;
pub(crate) mod modules;
pub(crate) mod relay;
pub(crate) mod text;

use anyhow::{Result, bail};

use crate::steps::Outcome;

/// Passes with `note` when there is no finding, else fails with all of them.
fn verdict(findings: &[String], note: String) -> Result<Outcome> {
    if findings.is_empty() {
        return Ok(Outcome::Passed(note));
    }
    bail!(findings.join("\n"))
}
