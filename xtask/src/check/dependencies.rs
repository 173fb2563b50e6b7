//! Each direct dependency has a row in `docs/dependencies.md`, and each row is one.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use xshell::cmd;

use super::verdict;
use crate::context::Context;
use crate::steps::Outcome;

const PAGE: &str = "docs/dependencies.md";
/// The headings of the page, and the manifests whose dependencies stand under each.
const SECTIONS: &[(&str, &[&str])] = &[
    ("## Programs and libraries", &["Cargo.toml"]),
    (
        "## Measuring and fuzzing",
        &["benches/Cargo.toml", "benches/timing/Cargo.toml", "fuzz/Cargo.toml"],
    ),
];

/// What a manifest and a row say of a dependency: the range of versions.
type Table = BTreeMap<String, BTreeSet<String>>;

/// Compares the page with all manifests. Needs neither the network nor a build.
pub(crate) fn step(context: &Context) -> Result<Outcome> {
    let page = fs::read_to_string(context.root.join(PAGE)).context(PAGE)?;
    let (mut findings, mut count) = (Vec::new(), 0);
    for (heading, manifests) in SECTIONS {
        let mut used = Table::new();
        for manifest in manifests.iter().filter(|path| context.root.join(path).exists()) {
            add_manifest(context, Path::new(manifest), &mut used)?;
        }
        count += used.len();
        findings.extend(differences(heading, &used, &rows(&page, heading)?));
    }
    verdict(&findings, format!("{count} rows"))
}

fn add_manifest(context: &Context, manifest: &Path, used: &mut Table) -> Result<()> {
    let shell = &context.shell;
    let command = cmd!(
        shell,
        "cargo metadata --offline --no-deps --format-version 1 --manifest-path {manifest}"
    );
    let metadata: Value = serde_json::from_str(&command.quiet().read()?)?;
    add_used(&metadata, used);
    Ok(())
}

/// Dependencies of every kind that are not our own.
fn add_used(metadata: &Value, used: &mut Table) {
    let packages = metadata["packages"].as_array().into_iter().flatten();
    let all = packages.flat_map(|package| package["dependencies"].as_array().into_iter().flatten());
    for dependency in all.filter(|dependency| dependency["path"].is_null()) {
        let text = |field: &str| dependency[field].as_str().unwrap_or_default();
        let range = text("req").trim_start_matches('^').to_owned();
        used.entry(text("name").to_owned()).or_default().insert(range);
    }
}

/// The rows under a heading: `| name | version | …`, all cells filled.
fn rows(page: &str, heading: &str) -> Result<Table> {
    let mut lines = page.lines().skip_while(|line| *line != heading);
    ensure!(lines.next().is_some(), "{PAGE} has no heading {heading}");
    let section = lines.take_while(|line| !line.starts_with("## "));
    let mut table = Table::new();
    for line in section.filter(|line| line.starts_with("| `")) {
        let cells: Vec<_> = line.trim_matches('|').split('|').map(str::trim).collect();
        ensure!(
            cells.len() == 6 && cells.iter().all(|cell| !cell.is_empty()),
            "not filled: {line}"
        );
        let versions = cells[1].split(", ").map(str::to_owned).collect();
        table.insert(cells[0].trim_matches('`').to_owned(), versions);
    }
    Ok(table)
}

fn differences(heading: &str, used: &Table, rows: &Table) -> Vec<String> {
    let section = heading.trim_start_matches("## ");
    let mut findings = Vec::new();
    for (name, versions) in used {
        match rows.get(name) {
            None => findings.push(format!("{PAGE}, {section}: {name} has no row")),
            Some(said) if said != versions => {
                findings.push(format!("{PAGE}, {section}: {name} is {versions:?}, not {said:?}"));
            }
            Some(_) => {}
        }
    }
    let gone = rows.keys().filter(|name| !used.contains_key(*name));
    findings.extend(gone.map(|name| format!("{PAGE}, {section}: nothing depends on {name}")));
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE_TEXT: &str = "## Programs\n\n| crate | version | a | b | c | d |\n|---|---|---|---|---|---|\n\
        | `one` | 1.2 | x | x | x | x |\n| `gone` | 3 | x | x | x | x |\n\n## Other\n| `far` | 1 | x | x | x | x |\n";

    fn used() -> Table {
        let metadata = serde_json::json!({"packages": [{"dependencies": [
            {"name": "one", "req": "^1.3", "path": null},
            {"name": "new", "req": "^1", "kind": "dev"},
            {"name": "ours", "req": "*", "path": "/ours"},
        ]}]});
        let mut used = Table::new();
        add_used(&metadata, &mut used);
        used
    }

    #[test]
    fn missing_stale_and_changed_rows_are_found() {
        let findings =
            differences("## Programs", &used(), &rows(PAGE_TEXT, "## Programs").unwrap());
        let text = findings.join("\n");
        assert_eq!(findings.len(), 3, "{text}");
        assert!(text.contains("new has no row"), "{text}");
        assert!(text.contains("one is {\"1.3\"}, not {\"1.2\"}"), "{text}");
        assert!(text.contains("nothing depends on gone"), "{text}");
    }

    #[test]
    fn an_empty_cell_or_a_missing_heading_is_an_error() {
        assert!(rows(PAGE_TEXT, "## Absent").is_err());
        assert!(rows("## A\n| `one` | 1 | x |  | x | x |", "## A").is_err());
    }
}
