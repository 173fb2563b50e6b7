//! The corpora of the fuzz targets, without a fuzzer: what was found once is not found again.

#![cfg(feature = "fuzz")]
#![allow(clippy::unwrap_used, reason = "a test that fails panics")]

use std::collections::BTreeSet;
use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

use kuvert_testkit::fuzz::Target;

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz")
}

/// The inputs of a target: its corpus, and what has once been a finding.
fn inputs(target: &str) -> Vec<PathBuf> {
    let folders = ["corpus", "fixtures"].map(|folder| fuzz().join(folder).join(target));
    let there = folders.iter().filter(|folder| folder.exists());
    let mut paths: Vec<_> = there
        .flat_map(|folder| fs::read_dir(folder).unwrap())
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    paths
}

/// Runs all inputs of one target, and names those at which it fails.
fn replay(target: &Target) {
    let inputs = inputs(target.name);
    assert!(inputs.len() > 3, "the corpus of {} is missing", target.name);
    let fails = |path: &&PathBuf| {
        let input = fs::read(path).unwrap();
        catch_unwind(|| target.run(&input)).is_err()
    };
    let failed: Vec<_> = inputs.iter().filter(fails).collect();
    assert!(failed.is_empty(), "{} fails at {failed:?}", target.name);
}

macro_rules! replays {
    ($($target:ident)*) => {
        $(#[test]
        fn $target() {
            replay(Target::named(stringify!($target)).unwrap());
        })*

        const REPLAYED: &[&str] = &[$(stringify!($target)),*];
    };
}

replays! {
    message_bytes bundle_bytes transcript_bytes relay_bytes kept_bytes texts kat_lines references
    transcript_edits null_talk null_clients null_transcript null_envelope null_script null_records
    null_client
    null_rows
}

/// The table, the programs, the manifest and the replay have the same targets.
#[test]
fn every_target_has_its_program_and_is_replayed() {
    let names: BTreeSet<_> = Target::ALL.iter().map(|target| target.name.to_owned()).collect();
    let programs = fs::read_dir(fuzz().join("fuzz_targets")).unwrap();
    let programs = programs.map(|entry| entry.unwrap().path());
    let programs: BTreeSet<String> =
        programs.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect();
    assert_eq!(names, programs);
    let manifest = fs::read_to_string(fuzz().join("Cargo.toml")).unwrap();
    assert!(names.iter().all(|name| manifest.contains(&format!("name = \"{name}\""))));
    let replayed: BTreeSet<_> = REPLAYED.iter().map(|name| (*name).to_owned()).collect();
    assert_eq!(names, replayed);
    for name in names {
        let program = fuzz().join("fuzz_targets").join(format!("{name}.rs"));
        assert!(fs::read_to_string(program).unwrap().contains(&format!("run(\"{name}\", input)")));
    }
}
