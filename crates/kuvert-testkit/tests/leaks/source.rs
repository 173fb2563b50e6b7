//! Which public types there are, read from the source. `unreachable_pub` is a warning in the
//! workspace and warnings are errors, so what says `pub` can be reached.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

const CRATES: [&str; 3] = ["kuvert-core", "kuvert-store", "kuvert"];
/// Not looked at: tests, suites of tests, and the operations that take and give keys as plain bytes
/// because that is what they are for.
const LEFT_OUT: [&str; 6] = ["tests", "tests.rs", "suite", "attacks", "hazmat", "tap.rs"];

/// Every `pub struct`, `pub enum` and `pub union`, with its crate.
pub(crate) fn public_types() -> BTreeSet<(String, String)> {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut types = BTreeSet::new();
    for krate in CRATES {
        let mut files = Vec::new();
        collect(&crates.join(krate).join("src"), &mut files);
        let texts = files.iter().map(|file| fs::read_to_string(file).unwrap());
        for text in texts {
            types.extend(text.lines().filter_map(declared).map(|name| (krate.into(), name)));
        }
    }
    assert!(types.len() > 100, "the source is not where it was");
    types
}

fn collect(folder: &Path, files: &mut Vec<std::path::PathBuf>) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let is_left_out = LEFT_OUT.iter().any(|name| entry.file_name() == *name);
        match entry.path() {
            _ if is_left_out => {}
            path if path.is_dir() => collect(&path, files),
            path => files.push(path),
        }
    }
}

fn declared(line: &str) -> Option<String> {
    let rest = line.trim_start().strip_prefix("pub ")?;
    let rest = ["struct ", "enum ", "union "].iter().find_map(|kind| rest.strip_prefix(kind))?;
    Some(rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect())
}
