//! Crates import only from lower layers: the dependencies between them equal the table below. And
//! all of them share the workspace's lints, of which the ban on unsafe code is one.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context as _, Result};
use serde_json::Value;
use xshell::cmd;

use super::verdict;
use crate::context::Context;
use crate::steps::Outcome;

/// What each crate of the workspace depends on, of the others. An edge that is not here is a
/// mistake, and so is a row that no manifest follows any more.
const ALLOWED: &[(&str, &[&str])] = &[
    ("kuvert-wire", &[]),
    ("kuvert-core", &["kuvert-wire"]),
    ("kuvert-store", &["kuvert-core", "kuvert-wire"]),
    ("kuvert-transport", &["kuvert-wire"]),
    ("kuvert", &["kuvert-core", "kuvert-store", "kuvert-transport", "kuvert-wire"]),
    ("kuvert-relay", &["kuvert-wire"]),
    ("kuvert-cli", &["kuvert", "kuvert-relay"]),
    (
        "kuvert-testkit",
        &["kuvert", "kuvert-core", "kuvert-store", "kuvert-transport", "kuvert-wire"],
    ),
    ("xtask", &[]),
];

type Edges = BTreeMap<String, Vec<String>>;

/// Compares the manifests with the table.
pub(crate) fn step(context: &Context) -> Result<Outcome> {
    let shell = &context.shell;
    let command = cmd!(shell, "cargo metadata --locked --no-deps --format-version 1");
    let metadata = serde_json::from_str(&command.quiet().read()?)?;
    let edges = edges_of(&metadata)?;
    let mut findings = differences(&edges);
    findings.extend(own_lints(&metadata)?);
    verdict(&findings, format!("{} crates", edges.len()))
}

/// Crates whose manifest does not say `[lints] workspace = true`.
fn own_lints(metadata: &Value) -> Result<Vec<String>> {
    let mut findings = Vec::new();
    for package in metadata["packages"].as_array().into_iter().flatten() {
        let path = package["manifest_path"].as_str().context("a package without a manifest")?;
        if !shares_lints(&fs::read_to_string(path)?) {
            findings.push(format!("{path} does not share the workspace's lints"));
        }
    }
    Ok(findings)
}

fn shares_lints(manifest: &str) -> bool {
    let mut lines = manifest.lines().map(str::trim).skip_while(|line| *line != "[lints]");
    lines.nth(1) == Some("workspace = true")
}

/// Normal and build dependencies between crates of the workspace; tests may look anywhere.
fn edges_of(metadata: &Value) -> Result<Edges> {
    let packages = metadata["packages"].as_array().context("cargo metadata lists no packages")?;
    let name = |value: &Value| value["name"].as_str().unwrap_or_default().to_owned();
    let edges = packages.iter().map(|package| {
        let dependencies = package["dependencies"].as_array().into_iter().flatten();
        let own = dependencies.filter(|d| d["kind"] != "dev" && d["path"].is_string());
        let mut names: Vec<String> = own.map(&name).collect();
        names.sort();
        (name(package), names)
    });
    Ok(edges.collect())
}

fn differences(edges: &Edges) -> Vec<String> {
    let mut findings = Vec::new();
    for (name, found) in edges {
        let Some((_, allowed)) = ALLOWED.iter().find(|(known, _)| known == name) else {
            findings.push(format!("{name} has no place among the layers"));
            continue;
        };
        for extra in found.iter().filter(|found| !allowed.contains(&found.as_str())) {
            findings.push(format!("{name} must not depend on {extra}"));
        }
        for gone in allowed.iter().filter(|allowed| !found.iter().any(|found| found == *allowed)) {
            findings.push(format!("{name} does not depend on {gone}, though the table says so"));
        }
    }
    let absent = ALLOWED.iter().filter(|(name, _)| !edges.contains_key(*name));
    findings
        .extend(absent.map(|(name, _)| format!("{name} is in the table but not in the workspace")));
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Edges {
        let owned = |names: &&[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        ALLOWED.iter().map(|(name, allowed)| ((*name).to_owned(), owned(allowed))).collect()
    }

    #[test]
    fn the_table_agrees_with_itself() {
        assert_eq!(differences(&table()), Vec::<String>::new());
    }

    #[test]
    fn an_edge_too_many_or_too_few_is_found() {
        let mut edges = table();
        edges.insert("kuvert-relay".into(), vec!["kuvert-core".into()]);
        edges.insert("kuvert-new".into(), Vec::new());
        let findings = differences(&edges).join("\n");
        assert!(findings.contains("kuvert-relay must not depend on kuvert-core"), "{findings}");
        assert!(findings.contains("kuvert-relay does not depend on kuvert-wire"), "{findings}");
        assert!(findings.contains("kuvert-new has no place"), "{findings}");
    }

    #[test]
    fn lints_are_shared_or_missed() {
        assert!(shares_lints("[package]\n\n[lints]\nworkspace = true\n"));
        assert!(!shares_lints("[lints]\n\n[lints.rust]\n"));
        assert!(!shares_lints("[package]\nworkspace = true\n"));
    }

    #[test]
    fn dev_dependencies_do_not_count() {
        let metadata = serde_json::json!({"packages": [{"name": "a", "dependencies": [
            {"name": "b", "kind": null, "path": "/b"},
            {"name": "c", "kind": "dev", "path": "/c"},
            {"name": "serde", "kind": null},
        ]}]});
        assert_eq!(edges_of(&metadata).unwrap()["a"], ["b"]);
    }
}
