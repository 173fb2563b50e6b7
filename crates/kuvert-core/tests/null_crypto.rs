//! The core without cryptography, for fuzzers, cannot be built for release.
//!
//! The compiler is run on the core's own sources, without its dependencies: it cannot find those, but
//! whether it meets the guard shows, and no build that meets it can succeed.
#![allow(clippy::unwrap_used, reason = "a test that fails panics")]

use std::path::Path;
use std::process::Command;

const GUARD: &str = "error: kuvert_null_crypto switches all protection off";
const NULL: [&str; 2] = ["--cfg", "kuvert_null_crypto"];
const FUZZING: [&str; 2] = ["--cfg", "fuzzing"];
const RELEASE: [&str; 2] = ["-C", "opt-level=3"];
const DEBUG_ASSERTIONS: [&str; 2] = ["-C", "debug-assertions=on"];

/// What the compiler complains about when it builds the core with these arguments.
fn complaints(arguments: &[&str]) -> String {
    let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join("null-crypto");
    let output = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args([
            "--edition",
            "2024",
            "--crate-type",
            "lib",
            "--emit",
            "metadata",
            "src/lib.rs",
            "-o",
        ])
        .arg(out)
        .args(arguments)
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success(), "the dependencies are not there");
    assert!(said.contains("kuvert_wire"), "it did not come as far as to miss them: {said}");
    said
}

fn is_stopped(arguments: &[&[&str]]) -> bool {
    complaints(&arguments.concat()).contains(GUARD)
}

#[test]
fn a_release_build_cannot_be_without_cryptography() {
    assert!(is_stopped(&[&RELEASE, &NULL]));
    assert!(is_stopped(&[&RELEASE, &NULL, &FUZZING]));
}

/// The compiler does not take anybody's word for it that there are debug assertions.
#[test]
fn nor_can_a_release_build_that_says_it_is_none() {
    let said =
        complaints(&[&RELEASE[..], &NULL, &FUZZING, &["--cfg", "debug_assertions"]].concat());
    assert!(said.contains("error: unexpected `--cfg debug_assertions` flag"), "{said}");
}

#[test]
fn nor_can_a_build_that_is_not_for_a_fuzzer() {
    assert!(is_stopped(&[&NULL]));
    assert!(is_stopped(&[&RELEASE, &DEBUG_ASSERTIONS, &NULL]), "the simulator's profile");
}

/// Otherwise the guard might stop everything.
#[test]
fn what_is_built_for_a_fuzzer_or_with_cryptography_is_not_stopped() {
    assert!(!is_stopped(&[]));
    assert!(!is_stopped(&[&RELEASE]));
    assert!(!is_stopped(&[&RELEASE, &DEBUG_ASSERTIONS, &NULL, &FUZZING]));
}
