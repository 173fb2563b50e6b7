//! `cargo xtask coverage`: what of wire and core their own tests run.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::Value;
use xshell::cmd;

use crate::context::Context;
use crate::source::{code_of, files, inline_tests, paths_of_tests};
use crate::tools::LLVM_COV;

/// Files with a smaller share of regions or branches run, in percent, are listed.
const AIM: usize = 95;

/// What to print.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Branches too, which takes a nightly compiler
    #[arg(long)]
    branches: bool,
    /// Also every place that no test reaches
    #[arg(long)]
    places: bool,
}

/// Runs the tests of wire and core, instrumented, and prints a table by crate and by file.
///
/// # Errors
///
/// When cargo-llvm-cov cannot be had, or a test fails.
pub(crate) fn run(context: &Context, arguments: &Arguments) -> Result<bool> {
    let mut found = read(&report(context, arguments.branches)?)?;
    leave_out_tests(&mut found, &context.root)?;
    let by_file = tally(&found, |place| place.file.clone());
    let by_crate = tally(&found, |place| place.file.split('/').next().unwrap_or("").to_owned());
    println!("{:<52} {:>22} {:>22}", "not run of all", "regions", "branches");
    by_crate.iter().for_each(print);
    println!("\nfiles below {AIM} %");
    by_file.iter().filter(|(_, shares)| shares.iter().any(Share::is_low)).for_each(print);
    if arguments.places {
        println!("\nplaces that no test reaches");
        for (place, _) in found.iter().filter(|(_, reached)| !**reached) {
            println!("{}:{}:{} {}", place.file, place.at[0], place.at[1], place.what());
        }
    }
    Ok(true)
}

fn print((name, [regions, branches]): (&String, &[Share; 2])) {
    println!("{name:<52} {:>22} {:>22}", regions.shown(), branches.shown());
}

/// Where a region or a branch is in the source, and which of the two it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    /// From the folder of crates on.
    file: String,
    /// First line and column, last line and column.
    at: [usize; 4],
    /// Which way a branch goes; a region goes none.
    way: Option<bool>,
}

impl Place {
    fn what(&self) -> &'static str {
        match self.way {
            None => "region",
            Some(true) => "branch, if true",
            Some(false) => "branch, if false",
        }
    }
}

/// Every place, and whether any test reached it.
type Found = BTreeMap<Place, bool>;

/// How many places there are, and how many were reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Share {
    count: usize,
    reached: usize,
}

impl Share {
    /// In tenths of a percent, rounded down, so that nothing is full that is not.
    fn shown(&self) -> String {
        let Some(tenths) = (1000 * self.reached).checked_div(self.count) else {
            return "-".into();
        };
        let missed = self.count - self.reached;
        format!("{missed} of {}: {}.{} %", self.count, tenths / 10, tenths % 10)
    }

    fn is_low(&self) -> bool {
        100 * self.reached < AIM * self.count
    }
}

/// Regions and branches by whatever `name` makes of a place.
fn tally(found: &Found, name: impl Fn(&Place) -> String) -> BTreeMap<String, [Share; 2]> {
    let mut rows = BTreeMap::<String, [Share; 2]>::new();
    for (place, reached) in found {
        let share = &mut rows.entry(name(place)).or_default()[usize::from(place.way.is_some())];
        share.count += 1;
        share.reached += usize::from(*reached);
    }
    rows
}

fn report(context: &Context, branches: bool) -> Result<Value> {
    let (shell, tool) = (&context.shell, LLVM_COV.path(context)?);
    let report = context.target().join("xtask").join("coverage.json");
    let branch = branches.then_some("--branch");
    let mut command = cmd!(
        shell,
        "{tool} llvm-cov --locked -p kuvert-wire -p kuvert-core --lib --tests --features kuvert-core/hazmat {branch...} --json --output-path {report}"
    );
    if branches {
        command = command.env("RUSTUP_TOOLCHAIN", "nightly");
    }
    context.logged("coverage", command)?;
    Ok(serde_json::from_str(&shell.read_file(&report)?)?)
}

/// A region of code, among those that mark gaps, skipped code and expansions of macros.
const CODE: u64 = 0;

/// Reads the JSON export of llvm-cov. One place is in as many functions as a generic one was made
/// into; reached in one of them is reached.
fn read(report: &Value) -> Result<Found> {
    let mut found = Found::new();
    let functions = report.pointer("/data/0/functions").and_then(Value::as_array);
    for function in functions.context("a report without functions")? {
        let file = function.pointer("/filenames/0").and_then(Value::as_str).unwrap_or_default();
        let Some((_, file)) = file.rsplit_once("/crates/") else { continue };
        for part in parts(function, "regions").filter(|part| part.get(7) == Some(&CODE)) {
            reach(&mut found, file, &part, None, 4);
        }
        for part in parts(function, "branches") {
            reach(&mut found, file, &part, Some(true), 4);
            reach(&mut found, file, &part, Some(false), 5);
        }
    }
    Ok(found)
}

fn parts<'v>(function: &'v Value, name: &str) -> impl Iterator<Item = Vec<u64>> + use<'v> {
    let parts = function.get(name).and_then(Value::as_array).into_iter().flatten();
    parts.filter_map(|part| Some(part.as_array()?.iter().filter_map(Value::as_u64).collect()))
}

fn reach(found: &mut Found, file: &str, part: &[u64], way: Option<bool>, count: usize) {
    let mut at = [0; 4];
    for (at, from) in at.iter_mut().zip(part) {
        *at = usize::try_from(*from).unwrap_or(usize::MAX);
    }
    let reached = part.get(count).is_some_and(|count| *count > 0);
    *found.entry(Place { file: file.into(), at, way }).or_default() |= reached;
}

/// Tests run themselves: they would make the share larger and the code no better.
fn leave_out_tests(found: &mut Found, root: &Path) -> Result<()> {
    let crates = root.join("crates");
    let tests = paths_of_tests(&files(&crates)?)?;
    let mut inline = BTreeMap::new();
    for place in found.keys().filter(|place| !inline.contains_key(&place.file)).collect::<Vec<_>>()
    {
        let source = fs::read_to_string(crates.join(&place.file))?;
        inline.insert(place.file.clone(), lines_of_tests(&code_of(&source)));
    }
    found.retain(|place, _| {
        let path = crates.join(&place.file);
        let within = |test: &[usize; 2]| (test[0]..=test[1]).contains(&place.at[0]);
        !place.file.contains("/tests/")
            && !tests.iter().any(|test| path.starts_with(test))
            && !inline[&place.file].iter().any(within)
    });
    Ok(())
}

/// First and last lines of the modules of tests in a file.
fn lines_of_tests(code: &str) -> Vec<[usize; 2]> {
    let line = |at: usize| 1 + code[..at].matches('\n').count();
    inline_tests(code).into_iter().map(|range| [line(range.start), line(range.end)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_place_is_reached_when_one_instance_of_it_is() {
        let function = |count: u64, kind: u64| {
            json!({
                "filenames": ["/w/crates/kuvert-core/src/a.rs"],
                "regions": [[3, 1, 4, 2, count, 0, 0, kind]],
                "branches": [[3, 5, 3, 9, count, 0, 0, 0, 4]],
            })
        };
        let of = |functions: Value| read(&json!({ "data": [{ "functions": functions }] })).unwrap();
        let shares = |found: &Found| tally(found, |place| place.file.clone());
        let found = of(json!([function(0, 0), function(2, 0)]));
        let file = "kuvert-core/src/a.rs";
        let half = Share { count: 2, reached: 1 };
        assert_eq!(shares(&found)[file], [Share { count: 1, reached: 1 }, half]);
        assert!(half.is_low());
        assert!(of(json!([function(1, 3)])).keys().all(|place| place.way.is_some()));
        assert!(read(&json!({})).is_err());
    }

    #[test]
    fn nothing_is_full_that_is_not() {
        let nearly = Share { count: 100_000, reached: 99_999 };
        assert_eq!(nearly.shown(), "1 of 100000: 99.9 %");
        assert_eq!(Share::default().shown(), "-");
    }

    #[test]
    fn tests_within_a_file_are_left_out() {
        let code = "fn a() {}\n#[cfg(test)]\nmod tests {\n  fn b() {}\n}\nfn c() {}\n";
        assert_eq!(lines_of_tests(code), [[2, 5]]);
    }
}
