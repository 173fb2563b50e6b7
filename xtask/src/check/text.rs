//! Files are tidy: no path of one machine, no stray whitespace, no file that wants to be two, and
//! every link of a page to a file of the tree leads there.

use std::fs;
use std::path::Path;

use anyhow::Result;

use super::verdict;
use crate::context::Context;
use crate::source::files;
use crate::steps::Outcome;

/// Above this a source file is better cut in two; a warning, since some tables are long.
const LONG_FILE_LINES: usize = 600;

/// Endings of the files that people write.
const WRITTEN: [&str; 10] = ["rs", "md", "toml", "py", "pv", "pvl", "vp", "twin", "yml", "sh"];

/// Reads every written file of the tree.
pub(crate) fn step(context: &Context) -> Result<Outcome> {
    let mut findings = Vec::new();
    let mut long = Vec::new();
    for path in files(&context.root)? {
        let ending = path.extension().unwrap_or_default().to_string_lossy().into_owned();
        if !WRITTEN.contains(&ending.as_str()) && !path.ends_with(".ci/run") {
            continue;
        }
        let text = fs::read_to_string(&path)?;
        let shown = path.strip_prefix(&context.root)?.display().to_string();
        findings.extend(untidy(&text).into_iter().map(|finding| format!("{shown}: {finding}")));
        if ending == "md" {
            findings.extend(
                dead_links(&path, &text).into_iter().map(|link| format!("{shown}: {link}")),
            );
        }
        let lines = text.lines().count();
        if ending == "rs" && lines > LONG_FILE_LINES {
            long.push(format!("{shown} has {lines} lines"));
        }
    }
    verdict(&findings, long.join("; "))
}

fn untidy(text: &str) -> Vec<String> {
    let mut findings = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        if let Some(path) = machine_path(line) {
            findings.push(format!("line {number} names a path of one machine, {path}…"));
        }
        if line.ends_with([' ', '\t', '\r']) {
            findings.push(format!("line {number} ends in whitespace"));
        }
    }
    if !text.is_empty() && !text.ends_with('\n') {
        findings.push("no line feed at the end".into());
    }
    findings
}

/// The beginning of an absolute path that exists on its author's machine only.
fn machine_path(line: &str) -> Option<&'static str> {
    // Put together here, so that this file does not find itself.
    const HOMES: [&str; 4] = [
        concat!("/wo", "rk/"),
        concat!("/ro", "ot/"),
        concat!("/ho", "me/"),
        concat!("/Us", "ers/"),
    ];
    let begins = |home: &&&str| {
        line.match_indices(**home).any(|(at, _)| {
            line[..at]
                .chars()
                .next_back()
                .is_none_or(|c| !c.is_alphanumeric() && !"._-}*".contains(c))
        })
    };
    HOMES.iter().find(begins).copied()
}

/// Links `](target)` to files that are not there.
fn dead_links(page: &Path, text: &str) -> Vec<String> {
    let folder = page.parent().unwrap_or(page);
    let targets = text.match_indices("](").filter_map(|(at, _)| text[at + 2..].split(')').next());
    let files = targets.filter(|target| !target.contains("://") && !target.starts_with(['#', '<']));
    let dead = files.filter(|target| {
        let file = target.split('#').next().unwrap_or(target);
        !target.contains(char::is_whitespace) && !folder.join(file).exists()
    });
    dead.map(|target| format!("a link leads to {target}, which is not there")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn machine_paths_and_whitespace_are_found() {
        let home = concat!("/ho", "me/");
        assert_eq!(untidy(&format!("see {home}alice/x\n")).len(), 1);
        assert!(untidy(&format!("see $X{home}alice and example.org{home}\n")).is_empty());
        assert_eq!(untidy("a \nb"), ["line 1 ends in whitespace", "no line feed at the end"]);
        assert!(untidy("fine\n").is_empty());
    }

    #[test]
    fn links_to_nothing_are_found() {
        let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("page.md");
        let text =
            "[a](Cargo.toml) [b](src/main.rs#top) [c](https://example.org) [d](gone.md) [e](#here)";
        assert_eq!(dead_links(&page, text), ["a link leads to gone.md, which is not there"]);
    }
}
