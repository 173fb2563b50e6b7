//! What is published beside the programs: what they are built from, and their hashes.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use xshell::cmd;

use super::PROGRAMS;
use crate::context::Context;
use crate::tools::CYCLONEDX;

const SUMS: &str = "SHA256SUMS";

/// The hash of a file, in hex.
pub(super) fn sha256(context: &Context, file: &Path) -> Result<String> {
    let shell = &context.shell;
    let line = cmd!(shell, "sha256sum --binary {file}").quiet().read()?;
    Ok(line.split_whitespace().next().context("sha256sum prints a hash")?.to_owned())
}

/// Writes `NAME.cdx.json` for each program: all crates that it is built from, with licences and
/// hashes, as `CycloneDX`. The tool writes beside each manifest, so it works on a copy.
pub(super) fn bills(context: &Context, folder: &Path) -> Result<()> {
    let shell = &context.shell;
    let tool = CYCLONEDX.path(context)?;
    let source = context.target().join("reproduce").join("one").join("source");
    let manifest = source.join("Cargo.toml");
    let time = cmd!(shell, "git log -1 --format=%ct").quiet().read()?;
    let command = cmd!(
        shell,
        "{tool} cyclonedx --manifest-path {manifest} --format json --spec-version 1.5 --override-filename bom"
    );
    context.logged("cyclonedx", command.env("SOURCE_DATE_EPOCH", time))?;
    for (package, program) in PROGRAMS {
        let bill = source.join("crates").join(package).join("bom.json");
        let text = fs::read_to_string(&bill).with_context(|| format!("the bill of {package}"))?;
        // Crates of our own are named by where they are, which is nobody's business.
        let text = text.replace(&source.display().to_string(), "/kuvert");
        fs::write(folder.join(format!("{program}.cdx.json")), text)?;
    }
    Ok(())
}

/// Writes the hashes of everything in `folder`, in the form that `sha256sum --check` reads.
pub(super) fn sums(context: &Context, folder: &Path) -> Result<()> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if !name.starts_with(SUMS) {
            names.push(name);
        }
    }
    names.sort();
    let mut sums = String::new();
    for name in names {
        sums += &format!("{}  {name}\n", sha256(context, &folder.join(&name))?);
    }
    fs::write(folder.join(SUMS), sums).context("writing the hashes")
}
