//! Inputs: those that are checked in, those that a run works on, and those at which one ended.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use xshell::cmd;

use super::build::{Build, NULL_FLAGS};
use crate::context::Context;

/// Bytes of one target's corpus that are checked in, the shortest inputs first: a clone stays small.
const MAX_CORPUS_BYTES: usize = 32 * 1024;

/// What `git` has: the corpus, and what was once a finding.
pub(crate) fn checked_in(context: &Context, target: &str) -> Vec<PathBuf> {
    let folders = ["corpus", "fixtures"];
    let folders = folders.map(|folder| context.root.join("fuzz").join(folder).join(target));
    folders.into_iter().filter(|folder| folder.exists()).collect()
}

/// Where a run puts what it finds new.
pub(crate) fn working(context: &Context, target: &str) -> Result<PathBuf> {
    made(context.target().join("fuzz").join("corpus").join(target))
}

/// Where the inputs are put at which a run ended.
pub(crate) fn artifacts(context: &Context, target: &str) -> Result<PathBuf> {
    made(context.target().join("fuzz").join("artifacts").join(target))
}

fn made(folder: PathBuf) -> Result<PathBuf> {
    fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
    Ok(folder)
}

/// Arguments of a target: its dictionary, and what its file of options says.
pub(crate) fn options(context: &Context, target: &str) -> Result<Vec<String>> {
    let folder = context.root.join("fuzz").join("options");
    let dictionary = folder.join(format!("{target}.dict"));
    let mut options = Vec::new();
    if dictionary.exists() {
        options.push(format!("-dict={}", dictionary.display()));
    }
    let file = folder.join(format!("{target}.options"));
    let text = if file.exists() { fs::read_to_string(file)? } else { String::new() };
    let said = text.lines().filter_map(|line| line.split_once('='));
    options.extend(said.map(|(name, value)| format!("-{}={}", name.trim(), value.trim())));
    Ok(options)
}

/// Writes the first inputs of these targets into their working corpora.
///
/// All by a build without cryptography: what has to have good tags is among the vectors.
pub(crate) fn write_seeds(context: &Context, targets: &[String]) -> Result<()> {
    let (shell, target) = (&context.shell, context.target().join("fuzz").join("replay"));
    let folder = context.target().join("fuzz").join("corpus");
    let command = cmd!(
        shell,
        "cargo run --locked -p kuvert-testkit --features fuzz --example fuzz_seeds --target-dir {target} -- {folder} {targets...}"
    );
    context.logged("fuzz-seeds", command.env("RUSTFLAGS", NULL_FLAGS))?;
    Ok(())
}

/// Makes the checked-in corpus the fewest and smallest inputs that cover what both corpora cover.
pub(crate) fn minimise(context: &Context, build: Build, target: &str) -> Result<()> {
    let fewest = made(context.target().join("fuzz").join("fewest").join(target))?;
    fs::remove_dir_all(&fewest)?;
    fs::create_dir_all(&fewest)?;
    let (shell, program) = (&context.shell, build.program(context, target)?);
    let command = cmd!(shell, "{program} -set_cover_merge=1 {fewest}")
        .args(options(context, target)?)
        .args(checked_in(context, target))
        .arg(working(context, target)?);
    context.logged(&format!("fuzz-merge-{target}"), command)?;
    let corpus = context.root.join("fuzz").join("corpus").join(target);
    if corpus.exists() {
        fs::remove_dir_all(&corpus)?;
    }
    let (count, bytes) = copied(&fewest, &made(corpus)?)?;
    println!("    {count} inputs, {bytes} bytes");
    Ok(())
}

/// Copies the shortest files, up to a bound for all.
fn copied(from: &Path, to: &Path) -> Result<(usize, usize)> {
    let mut files = Vec::new();
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        files.push((fs::read(entry.path())?, entry.file_name()));
    }
    files.sort_by_key(|(input, _)| input.len());
    let (mut count, mut bytes) = (0, 0);
    for (input, name) in files {
        if bytes + input.len() > MAX_CORPUS_BYTES {
            break;
        }
        fs::write(to.join(name), &input)?;
        (count, bytes) = (count + 1, bytes + input.len());
    }
    Ok((count, bytes))
}
