//! The table of attacks in `spec/threat-model.md` names every test here, and no other.

extern crate std;

use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::String;
use std::fs;
use std::path::Path;

/// Names of the form `file::test` between backquotes, in the rows of the section on attacks.
fn named_by_the_specification() -> BTreeSet<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spec/threat-model.md");
    let text = fs::read_to_string(path).expect("the threat model is there");
    let (_, section) = text.split_once("Attacks and their tests").expect("there is the section");
    let section = section.split("\n## ").next().unwrap_or_default();
    let rows = section.lines().filter(|line| line.starts_with('|'));
    let quoted = rows.flat_map(|row| row.split('`').skip(1).step_by(2));
    quoted.filter(|name| name.contains("::")).map(String::from).collect()
}

/// Every function below `#[test]` in the files of this folder.
fn tests_of_this_folder() -> BTreeSet<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/attacks");
    let mut names = BTreeSet::new();
    for entry in fs::read_dir(folder).expect("the folder is there") {
        let path = entry.expect("it can be read").path();
        let file = path.file_stem().and_then(|stem| stem.to_str()).expect("a name in ASCII");
        let text = fs::read_to_string(&path).expect("a text");
        for test in text.split("\n#[test]\n").skip(1).filter(|_| file != "table") {
            let (_, rest) = test.split_once("fn ").expect("a test is a function");
            let (name, _) = rest.split_once('(').expect("a function has arguments");
            names.insert(format!("{file}::{name}"));
        }
    }
    names
}

#[test]
fn the_threat_model_names_every_attack() {
    let (spec, tests) = (named_by_the_specification(), tests_of_this_folder());
    assert!(tests.len() > 60, "{}", tests.len());
    let missing: BTreeSet<_> = tests.difference(&spec).collect();
    let unknown: BTreeSet<_> = spec.difference(&tests).collect();
    assert!(
        missing.is_empty() && unknown.is_empty(),
        "not in the table: {missing:#?}; no tests: {unknown:#?}"
    );
}
