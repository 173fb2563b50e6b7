//! `cargo xtask vectors`: the vectors of the specification are what its reference computes.

use std::path::PathBuf;

use anyhow::{Result, bail};
use xshell::cmd;

use crate::context::Context;
use crate::steps::Outcome;

/// The one package that the reference needs.
const PACKAGE: &str = "cryptography";

/// What to do with the vectors.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Write them instead of comparing
    #[arg(long)]
    write: bool,
}

/// Compares the vectors with what the reference computes, or writes them. Whether all is well.
///
/// # Errors
///
/// When the vectors differ, or Python is not there and they are to be written.
pub(crate) fn run(context: &Context, arguments: &Arguments) -> Result<bool> {
    let python = match python(context) {
        Ok(python) => python,
        Err(error) if arguments.write => return Err(error),
        Err(error) => {
            println!("skipped: {error:#}");
            return Ok(true);
        }
    };
    let shell = &context.shell;
    if arguments.write {
        cmd!(shell, "{python} spec/reference/transcript.py --write").quiet().run()?;
        cmd!(shell, "{python} spec/reference/vectors.py").quiet().run()?;
        return Ok(true);
    }
    println!("{}", compared(context, &python)?);
    Ok(true)
}

/// The same as a step of `cargo xtask test`.
///
/// # Errors
///
/// When the vectors, the example bytes or the labels are not as the reference computes them.
pub(crate) fn step(context: &Context) -> Result<Outcome> {
    match python(context) {
        Ok(python) => Ok(Outcome::Passed(compared(context, &python)?)),
        Err(error) => Ok(Outcome::Skipped(format!("{error:#}"))),
    }
}

/// Vectors, example bytes, and that no label can change unnoticed. Returns the last word: the counts.
fn compared(context: &Context, python: &PathBuf) -> Result<String> {
    let shell = &context.shell;
    context.logged("examples", cmd!(shell, "{python} spec/reference/examples.py --check"))?;
    context.logged("transcripts", cmd!(shell, "{python} spec/reference/transcript.py --check"))?;
    let compare = cmd!(shell, "{python} spec/reference/vectors.py --check spec/vectors");
    let text = match context.logged("vectors", compare) {
        Ok(text) => text,
        Err(error) => bail!("{error:#}\n`cargo xtask vectors --write` writes them anew"),
    };
    context.logged("labels", cmd!(shell, "{python} spec/reference/vectors.py --labels"))?;
    let counts = text.lines().rfind(|line| line.starts_with("all")).unwrap_or_default();
    Ok(counts.split_whitespace().skip(1).collect::<Vec<_>>().join(" "))
}

/// A Python that has the package: the one of the system, or one of our own under `target/`.
fn python(context: &Context) -> Result<PathBuf> {
    let own = context.target().join("vectors-python");
    let candidates = [PathBuf::from("python3"), own.join("bin").join("python")];
    if let Some(python) = candidates.iter().find(|python| has_package(context, python)) {
        return Ok(python.clone());
    }
    let shell = &context.shell;
    if cmd!(shell, "python3 --version").quiet().ignore_stdout().ignore_stderr().run().is_err() {
        bail!("python3 is not there; the vectors cannot be computed again");
    }
    let python = own.join("bin").join("python");
    let made = context.logged("python-venv", cmd!(shell, "python3 -m venv {own}")).and_then(|_| {
        let install = cmd!(shell, "{python} -m pip install --quiet {PACKAGE}");
        context.logged("python-package", install)
    });
    match made {
        Ok(_) if has_package(context, &python) => Ok(python),
        _ => bail!("python3 has no package `{PACKAGE}`, and pip cannot install it"),
    }
}

fn has_package(context: &Context, python: &PathBuf) -> bool {
    let shell = &context.shell;
    let import = format!("import {PACKAGE}");
    cmd!(shell, "{python} -c {import}").quiet().ignore_stdout().ignore_stderr().run().is_ok()
}
