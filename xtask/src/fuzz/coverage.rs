//! Which lines of the crates the corpora reach: with cryptography, without, and with either.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use xshell::cmd;

use super::build::Build;
use crate::context::Context;
use crate::tools::LLVM_COV;

/// Lines of a file, and whether they were reached.
type Lines = BTreeMap<(String, u32), bool>;

/// Replays all corpora in both builds and prints a table: lines by crate and folder.
pub(crate) fn print(context: &Context) -> Result<()> {
    let [real, null] = Build::ALL.map(|build| replayed(context, build));
    let (real, null) = (real?, null?);
    println!("{:<34} {:>7} {:>9} {:>9} {:>9}", "lines of", "lines", "real", "null", "either");
    for place in
        real.keys().chain(null.keys()).map(|(file, _)| place(file)).collect::<BTreeSet<_>>()
    {
        let within = |lines: &Lines| -> BTreeMap<(String, u32), bool> {
            let here = lines.iter().filter(|((file, _), _)| self::place(file) == place);
            here.map(|(line, reached)| (line.clone(), *reached)).collect()
        };
        let (real, null) = (within(&real), within(&null));
        let mut either = real.clone();
        null.iter().for_each(|(line, reached)| *either.entry(line.clone()).or_default() |= reached);
        let (count, [real, null, both]) =
            (either.len(), [share(&real), share(&null), share(&either)]);
        println!("{place:<34} {count:>7} {real:>9} {null:>9} {both:>9}");
    }
    Ok(())
}

fn share(lines: &Lines) -> String {
    let reached = lines.values().filter(|reached| **reached).count();
    let tenths = (1000 * reached).checked_div(lines.len()).unwrap_or_default();
    format!("{}.{} %", tenths / 10, tenths % 10)
}

/// Replays the corpora and reads which lines were reached.
fn replayed(context: &Context, build: Build) -> Result<Lines> {
    let (shell, tool) = (&context.shell, LLVM_COV.path(context)?);
    let folder = context.target().join("fuzz").join("coverage").join(build.name());
    let report = folder.with_extension("lcov");
    // In two goes: a test of one package alone is reported for that package alone.
    let clean = cmd!(shell, "{tool} llvm-cov clean --profraw-only");
    let replay = cmd!(
        shell,
        "{tool} llvm-cov --no-report --locked -p kuvert-testkit --features fuzz --test fuzz"
    );
    let write = cmd!(shell, "{tool} llvm-cov report --lcov --output-path {report}");
    for (step, command) in [("clean", clean), ("replay", replay), ("report", write)] {
        let command = command.env("RUSTFLAGS", build.flags()).env("CARGO_TARGET_DIR", &folder);
        context.logged(&format!("fuzz-coverage-{}-{step}", build.name()), command)?;
    }
    let mut lines = lines(&shell.read_file(report)?);
    lines.retain(|(file, _), _| !is_for_tests(file));
    Ok(lines)
}

/// What does the fuzzing is not what is fuzzed.
fn is_for_tests(file: &str) -> bool {
    place(file).starts_with("kuvert-testkit")
}

/// Reads `SF:` and `DA:` of an lcov report.
fn lines(report: &str) -> Lines {
    let (mut lines, mut file) = (Lines::new(), String::new());
    for line in report.lines() {
        if let Some(path) = line.strip_prefix("SF:") {
            path.clone_into(&mut file);
        } else if let Some((number, count)) =
            line.strip_prefix("DA:").and_then(|data| data.split_once(','))
        {
            let Ok(number) = number.parse() else { continue };
            *lines.entry((file.clone(), number)).or_default() |= count != "0";
        }
    }
    lines
}

/// The crate and the folder in it that a file is in.
fn place(file: &str) -> String {
    let inside = file.rsplit_once("/crates/").map_or(file, |(_, inside)| inside);
    let parts: Vec<&str> = inside.split('/').collect();
    match parts.as_slice() {
        [name, "src", folder, _, ..] => format!("{name} {folder}"),
        [name, ..] => (*name).to_owned(),
        [] => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reached_lines_are_counted_by_place() {
        let report = "SF:a/crates/kuvert-wire/src/relay/list.rs\nDA:1,3\nDA:2,0\nend_of_record\n";
        let lines = lines(report);
        assert_eq!(share(&lines), "50.0 %");
        assert_eq!(place(&lines.keys().next().unwrap().0), "kuvert-wire relay");
        assert_eq!(place("b/crates/kuvert/src/lib.rs"), "kuvert");
    }
}
