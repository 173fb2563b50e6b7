//! `cargo xtask api`: what the published crates show to their callers, as it was last agreed on.
//!
//! Each has a list of its public items beside its manifest, `public-api.txt`. A change to it is a change
//! that callers may notice, and is to be seen in the commit that makes it.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use public_api::{Builder, MINIMUM_NIGHTLY_RUST_VERSION};
use xshell::cmd;

use crate::context::Context;
use crate::features::PUBLISHED;
use crate::steps::Outcome;

/// What to do about a difference.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Take what is there now as agreed on
    #[arg(long)]
    accept: bool,
}

/// The public items of a crate, sorted, one a line.
type Items = BTreeSet<String>;

/// Compares, or accepts. Whether there is no difference any more.
///
/// # Errors
///
/// When a crate has no documentation, or a list cannot be read or written.
pub(crate) fn run(context: &Context, arguments: &Arguments) -> Result<bool> {
    document(context)?;
    let mut is_same = true;
    for name in PUBLISHED {
        let now = items(context, name)?;
        if arguments.accept {
            fs::write(list(context, name), text(&now))?;
            println!("{name:<18} {:>5} items", now.len());
            continue;
        }
        let lines = differences(&agreed(context, name)?, &now);
        println!("{name:<18} {:>5} items, {} differences", now.len(), lines.len());
        lines.iter().for_each(|line| println!("    {line}"));
        is_same &= lines.is_empty();
    }
    Ok(is_same)
}

/// As a step of `cargo xtask test`.
///
/// # Errors
///
/// When a list is not what is there.
pub(crate) fn step(context: &Context) -> Result<Outcome> {
    document(context)?;
    let mut count = 0;
    let mut lines = Vec::new();
    for name in PUBLISHED {
        let now = match items(context, name) {
            Ok(now) => now,
            // The form of these files changes with the compiler.
            Err(error) => return Ok(Outcome::Skipped(format!("{error:#}"))),
        };
        count += now.len();
        lines.extend(differences(&agreed(context, name)?, &now));
    }
    if lines.is_empty() {
        return Ok(Outcome::Passed(format!("{count} items of {} crates", PUBLISHED.len())));
    }
    bail!("{}\nif this is meant: cargo xtask api --accept", lines.join("\n"))
}

/// Writes what rustdoc knows of the crates as JSON, which a stable compiler does when it is asked to
/// behave as one that is not. Elsewhere than other builds: crates ask whether it does.
fn document(context: &Context) -> Result<()> {
    let (shell, target) = (&context.shell, folder(context));
    let packages = PUBLISHED.iter().flat_map(|name| ["-p", name]);
    let command =
        cmd!(shell, "cargo doc --locked --no-deps --lib {packages...} --target-dir {target}")
            .env("RUSTC_BOOTSTRAP", "1")
            .env("RUSTDOCFLAGS", "-Z unstable-options --output-format json");
    context.logged("api", command)?;
    Ok(())
}

fn folder(context: &Context) -> PathBuf {
    context.target().join("api")
}

fn items(context: &Context, name: &str) -> Result<Items> {
    let json = folder(context).join("doc").join(format!("{}.json", name.replace('-', "_")));
    let api = Builder::from_rustdoc_json(json)
        .omit_blanket_impls(true)
        .omit_auto_trait_impls(true)
        .omit_auto_derived_impls(true)
        .build()
        .with_context(|| {
            format!(
                "this compiler writes another form than {MINIMUM_NIGHTLY_RUST_VERSION} and later"
            )
        })?;
    Ok(api.items().map(ToString::to_string).collect())
}

fn list(context: &Context, name: &str) -> PathBuf {
    context.root.join("crates").join(name).join("public-api.txt")
}

fn agreed(context: &Context, name: &str) -> Result<Items> {
    let path = list(context, name);
    let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    Ok(text.lines().map(ToOwned::to_owned).collect())
}

fn text(items: &Items) -> String {
    items.iter().map(|item| format!("{item}\n")).collect()
}

fn differences(agreed: &Items, now: &Items) -> Vec<String> {
    let gone = agreed.difference(now).map(|item| format!("- {item}"));
    let new = now.difference(agreed).map(|item| format!("+ {item}"));
    gone.chain(new).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_gone_and_what_is_new_are_told() {
        let items = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Items>();
        let (agreed, now) = (
            items(&["pub fn a::b()", "pub fn a::c()"]),
            items(&["pub fn a::c()", "pub fn a::d()"]),
        );
        assert_eq!(differences(&agreed, &now), ["- pub fn a::b()", "+ pub fn a::d()"]);
        assert!(differences(&now, &now).is_empty());
        assert_eq!(text(&now), "pub fn a::c()\npub fn a::d()\n");
    }
}
