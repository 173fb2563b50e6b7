//! A build whose bytes depend on the sources, the lock file and the compiler, and on nothing else.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use xshell::cmd;

use super::PROGRAMS;
use crate::context::Context;

/// Builds the programs from a copy of all tracked files in a folder of this name; their paths.
pub(super) fn build(context: &Context, name: &str) -> Result<Vec<(&'static str, PathBuf)>> {
    let folder = context.target().join("reproduce").join(name);
    let (source, target) = (folder.join("source"), folder.join("target"));
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("clearing {}", folder.display()))?;
    }
    context.copy_tracked(&source)?;
    println!("building in {}", folder.display());
    let shell = &context.shell;
    let packages = PROGRAMS.iter().flat_map(|(package, _)| ["-p", package]);
    let manifest = source.join("Cargo.toml");
    let command = cmd!(
        shell,
        "cargo build --release --locked --bins {packages...} --manifest-path {manifest} --target-dir {target}"
    );
    let time = cmd!(shell, "git log -1 --format=%ct").quiet().read()?;
    let places = places(&source, &target)?;
    let command = command
        .env("RUSTFLAGS", flags("--remap-path-prefix", &places))
        .env("CFLAGS", flags("-ffile-prefix-map", &places))
        .env("SOURCE_DATE_EPOCH", time)
        .env("CARGO_INCREMENTAL", "0")
        .env_remove("CARGO_BUILD_RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS");
    context.logged(&format!("release-{name}"), command)?;
    let built = target.join("release");
    Ok(PROGRAMS.iter().map(|(_, program)| (*program, built.join(program))).collect())
}

/// What is on this machine alone, and what stands for it in a program.
fn places(source: &Path, target: &Path) -> Result<[(PathBuf, &'static str); 3]> {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let default = || std::env::home_dir().map(|home| home.join(".cargo"));
    let cargo = home.or_else(default).context("where cargo keeps its registry")?;
    Ok([(source.to_owned(), "/kuvert"), (target.to_owned(), "/target"), (cargo, "/cargo")])
}

fn flags(flag: &str, places: &[(PathBuf, &str)]) -> String {
    let flags = places.iter().map(|(from, to)| format!("{flag}={}={to}", from.display()));
    flags.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_has_a_flag() {
        let places = places(Path::new("/a/source"), Path::new("/a/target")).unwrap();
        let flags = flags("--remap-path-prefix", &places);
        assert!(flags.starts_with(
            "--remap-path-prefix=/a/source=/kuvert --remap-path-prefix=/a/target=/target "
        ));
        assert!(flags.ends_with("=/cargo"));
    }
}
