//! Every check of the specification stands in the code and in a test, and none stands there alone.
//!
//! A check id (`RAT-7`) is defined by a table row of `spec/`, named in a plain comment at the check
//! in the code, and named in a test, as itself or as part of a test's name (`rat_7`).

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::Result;

use super::verdict;
use crate::context::Context;
use crate::source::{code_of, files, inline_tests, paths_of_tests};
use crate::steps::Outcome;

/// One prefix for each chapter.
const PREFIXES: [&str; 9] = ["COD", "IDN", "PRE", "AGR", "RAT", "MSG", "TRA", "REL", "STO"];

type Ids = BTreeSet<String>;

/// Compares the three sets.
pub(crate) fn step(context: &Context) -> Result<Outcome> {
    let (spec, mut findings) = ids_of_spec(&context.root.join("spec"))?;
    let sources = Sources::read(&context.root.join("crates"))?;
    findings.extend(differences(&spec, &sources.code, &sources.tests));
    verdict(&findings, format!("{} checks", spec.len()))
}

fn differences(spec: &Ids, code: &Ids, tests: &Ids) -> Vec<String> {
    let mut findings = Vec::new();
    let mut missing = |from: &Ids, wanted: &Ids, what: &str| {
        let gone: Vec<&str> = wanted.difference(from).map(String::as_str).collect();
        if !gone.is_empty() {
            findings.push(format!("{what}: {}", gone.join(" ")));
        }
    };
    missing(code, spec, "in the spec, but not in the code");
    missing(tests, spec, "in the spec, but in no test");
    missing(spec, code, "in the code, but not in the spec");
    missing(spec, tests, "in a test, but not in the spec");
    findings
}

/// The ids that table rows define, and what is wrong with them.
fn ids_of_spec(folder: &Path) -> Result<(Ids, Vec<String>)> {
    let mut rows: BTreeMap<String, usize> = BTreeMap::new();
    let mut named = Ids::new();
    for path in files(folder)?.iter().filter(|path| path.extension().is_some_and(|end| end == "md"))
    {
        let text = fs::read_to_string(path)?;
        named.extend(ids_in(&text));
        for id in text.lines().filter_map(defined) {
            *rows.entry(id).or_default() += 1;
        }
    }
    let twice = rows.iter().filter(|(_, count)| **count > 1);
    let mut findings: Vec<String> = twice.map(|(id, _)| format!("{id} is defined twice")).collect();
    let undefined = named.iter().filter(|id| !rows.contains_key(*id));
    findings.extend(undefined.map(|id| format!("spec/ speaks of {id}, but no row defines it")));
    Ok((rows.into_keys().collect(), findings))
}

/// The id that a row `| RAT-7 | …` defines.
fn defined(line: &str) -> Option<String> {
    let cell = line.trim_start().strip_prefix('|')?.split('|').next()?;
    let cell = cell.trim().trim_matches(['*', '`']);
    let ids = ids_in(cell);
    ids.into_iter().next().filter(|id| id == cell)
}

struct Sources {
    code: Ids,
    tests: Ids,
}

impl Sources {
    fn read(crates: &Path) -> Result<Self> {
        let mut sources = Self { code: Ids::new(), tests: Ids::new() };
        let all = files(crates)?;
        let tests = paths_of_tests(&all)?;
        for path in &all {
            // Fixtures may be bytes.
            let Ok(text) = fs::read_to_string(path) else {
                continue;
            };
            if is_test(path) || tests.iter().any(|test| path.starts_with(test)) {
                sources.tests.extend(ids_in_tests(&text));
            } else if path.extension().is_some_and(|end| end == "rs") {
                sources.add(&text);
            }
        }
        Ok(sources)
    }

    fn add(&mut self, text: &str) {
        let mut code = text.to_owned();
        for range in inline_tests(&code_of(text)).into_iter().rev() {
            self.tests.extend(ids_in_tests(&text[range.clone()]));
            code.replace_range(range, "");
        }
        for line in code.lines() {
            self.code.extend(plain_comment(line).map(ids_in).unwrap_or_default());
        }
    }
}

/// What follows `//` in a line; a doc comment tells of checks, it does not mark one.
fn plain_comment(line: &str) -> Option<&str> {
    let (_, comment) = line.split_once("//")?;
    (!comment.starts_with(['/', '!'])).then_some(comment)
}

/// Integration tests, conformance kits, and the crate that is for tests only.
fn is_test(path: &Path) -> bool {
    let part = |name: &str| path.iter().any(|part| part == name);
    let file = path.file_stem().is_some_and(|stem| stem == "tests" || stem == "suite");
    file || part("tests") || part("suite") || part("kuvert-testkit")
}

/// `RAT-7` anywhere in `text`.
fn ids_in(text: &str) -> Ids {
    found_with(text, |prefix| format!("{prefix}-"), |c| c.is_ascii_alphanumeric() || c == '-')
}

/// As [`ids_in`], and `rat_7` inside names.
fn ids_in_tests(text: &str) -> Ids {
    let mut ids = ids_in(text);
    let lower = |prefix: &str| format!("{}_", prefix.to_ascii_lowercase());
    ids.extend(found_with(text, lower, |c| c.is_ascii_alphanumeric()));
    ids
}

/// Numbers behind a prefix, where the character in front does not belong to the word.
fn found_with(text: &str, spelled: impl Fn(&str) -> String, in_word: fn(char) -> bool) -> Ids {
    let mut ids = Ids::new();
    for prefix in PREFIXES {
        let spelled = spelled(prefix);
        for (at, _) in text.match_indices(&spelled) {
            if text[..at].chars().next_back().is_some_and(in_word) {
                continue;
            }
            let rest = &text[at + spelled.len()..];
            let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
            let ends = !rest[digits..].starts_with(|c: char| c.is_ascii_alphabetic());
            if digits > 0 && ends {
                ids.insert(format!("{prefix}-{}", &rest[..digits]));
            }
        }
    }
    ids
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(ids: &[&str]) -> Ids {
        ids.iter().map(|id| (*id).to_owned()).collect()
    }

    #[test]
    fn ids_are_whole_words() {
        assert_eq!(ids_in("RAT-7, (COD-12) XRAT-3 RAT-x MSG-4a"), set(&["RAT-7", "COD-12"]));
        assert_eq!(
            ids_in_tests("fn a_wrong_tag_rat_7() {} fn rat_8_late() {} generate_9"),
            set(&["RAT-7", "RAT-8"])
        );
    }

    #[test]
    fn rows_define() {
        assert_eq!(defined("| RAT-7 | no key opens it | why |"), Some("RAT-7".into()));
        assert_eq!(defined("| **MSG-1** | x |"), Some("MSG-1".into()));
        assert_eq!(defined("| see RAT-7 | x |"), None);
        assert_eq!(defined("RAT-7 is a check"), None);
    }

    #[test]
    fn code_counts_by_plain_comments_and_tests_by_any_mention() {
        let mut sources = Sources { code: Ids::new(), tests: Ids::new() };
        sources.add("/// checks RAT-1\nif bad { return Err(E) } // RAT-2\n#[cfg(test)]\nmod tests {\n /// RAT-3\n fn f() {} }\n");
        assert_eq!(sources.code, set(&["RAT-2"]));
        assert_eq!(sources.tests, set(&["RAT-3"]));
    }

    #[test]
    fn each_missing_id_is_named() {
        let findings =
            differences(&set(&["RAT-1", "RAT-2"]), &set(&["RAT-1"]), &set(&["RAT-2", "RAT-3"]));
        assert_eq!(
            findings,
            [
                "in the spec, but not in the code: RAT-2",
                "in the spec, but in no test: RAT-1",
                "in a test, but not in the spec: RAT-3",
            ]
        );
    }
}
