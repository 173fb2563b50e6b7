//! `cargo xtask release`: builds the programs in two folders, compares them byte by byte, and writes
//! what is published beside them: a list of what they are built from, and their hashes.
//!
//! ```text
//! target/release-artifacts/   kuvert  kuvert-relay  NAME.cdx.json  SHA256SUMS
//! ```
//! Signing is the maintainer's, with a key that is not here: `scripts/sign-release.sh`.

mod build;
mod papers;

use std::fs;

use anyhow::{Context as _, Result};

use crate::context::Context;

/// The programs that are published: package and binary.
pub(crate) const PROGRAMS: [(&str, &str); 2] =
    [("kuvert-cli", "kuvert"), ("kuvert-relay", "kuvert-relay")];

/// What to build.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Build and compare, and write nothing beside the programs
    #[arg(long)]
    compare_only: bool,
}

/// Builds, compares and writes. Whether both builds are the same.
///
/// # Errors
///
/// When something does not build or cannot be written.
pub(crate) fn run(context: &Context, arguments: &Arguments) -> Result<bool> {
    // Two lengths, so that a path that gets into a program moves what comes after it.
    let builds = ["one", "the-other-one"].map(|name| build::build(context, name));
    let [one, other] = builds;
    let (one, other) = (one?, other?);
    let mut is_same = true;
    for ((name, first), (_, second)) in one.iter().zip(&other) {
        let hash = papers::sha256(context, first)?;
        let again = papers::sha256(context, second)?;
        is_same &= hash == again;
        let word = if hash == again { "reproduced" } else { "DIFFERS from" };
        println!("{hash}  {name}  {word} {again}");
    }
    if is_same && !arguments.compare_only {
        let folder = context.target().join("release-artifacts");
        fs::create_dir_all(&folder)?;
        for (name, program) in &one {
            fs::copy(program, folder.join(name)).with_context(|| format!("copying {name}"))?;
        }
        papers::bills(context, &folder)?;
        papers::sums(context, &folder)?;
        println!("{}", folder.display());
    }
    Ok(is_same)
}
