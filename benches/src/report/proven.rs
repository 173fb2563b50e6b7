//! A transcript of 100,000 messages: what writing, exporting and verifying it costs.
//!
//! The file is verified by a process of its own, read in pieces, so that its memory can be told.

use std::fs::File;
use std::io::{BufWriter, Read, Write};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use kuvert_core::transcript::Verifier;
use serde_json::{Value, json};

use super::{Section, lines, number};
use crate::transcript::Logging;

const MESSAGES: usize = 100_000;

/// One figure.
struct Figure {
    what: String,
    value: f64,
    unit: &'static str,
}

fn figure(what: impl Into<String>, value: f64, unit: &'static str) -> Figure {
    Figure { what: what.into(), value, unit }
}

impl Figure {
    fn line(&self) -> String {
        let digits = if self.unit == "bytes" { 0 } else { 2 };
        format!("{:<44}{:>12.digits$} {}", self.what, self.value, self.unit)
    }

    fn json(&self) -> Value {
        json!({ "what": self.what, "value": number(Some(self.value)), "unit": self.unit })
    }
}

pub(super) fn section() -> Section {
    let figures = measure();
    let text = lines(figures.iter().map(Figure::line));
    let json = figures.iter().map(Figure::json).collect();
    Section { name: "transcript", text, json: Value::Array(json) }
}

fn measure() -> Vec<Figure> {
    let (with, logged) = Logging::new(true).fastest_batch();
    let (_, plain) = Logging::new(false).fastest_batch();
    let mut figures =
        vec![figure("append, beyond encrypt", micros(logged) - micros(plain), "us a message")];

    let mut with = with.filled(MESSAGES);
    let (entries, bodies) = with.entries();
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("transcript.json");
    let begun = Instant::now();
    let mut file = BufWriter::new(File::create(&path).expect("a file"));
    with.export(entries.clone(), &bodies, None, |line| file.write_all(line));
    file.flush().expect("written");
    figures.push(figure(format!("export, all {MESSAGES}"), begun.elapsed().as_secs_f64(), "s"));
    figures.push(figure("its file", bytes_of(&path) / 1e6, "MB"));

    let (line, proof) = with.proof_of_one(entries, &bodies);
    figures.push(figure("inclusion proof of one", small(proof), "bytes"));
    figures.push(figure("one message, proven alone, beside its content", small(line), "bytes"));
    figures.extend(verified(&path));
    figures
}

/// What the process that verifies says.
fn verified(path: &Path) -> [Figure; 2] {
    let program = std::env::current_exe().expect("this program");
    let ran = Command::new(program).arg(VERIFY).arg(path).output().expect("it runs again");
    assert!(ran.status.success(), "the file verifies");
    let text = String::from_utf8_lossy(&ran.stdout).into_owned();
    let mut numbers = text.split_whitespace().map(|word| word.parse().expect("a number"));
    let mut next = || numbers.next().expect("three numbers");
    let (seconds, before, most): (f64, f64, f64) = (next(), next(), next());
    [
        figure(format!("verify, all {MESSAGES}"), seconds, "s"),
        figure("memory for that, at most", most - before, "MiB"),
    ]
}

const VERIFY: &str = "--verify";

/// The file that this process is to verify, if that is what it was started for.
#[must_use]
pub fn verify_program() -> Option<String> {
    let mut arguments = std::env::args().skip(1);
    if arguments.next()? == VERIFY { arguments.next() } else { None }
}

/// Verifies a file, and prints the seconds that it took, and the most MiB before and after.
///
/// # Panics
///
/// If the file cannot be read, or does not verify.
pub fn verify_file(path: &Path) {
    let (before, begun) = (memory(), Instant::now());
    let mut file = File::open(path).expect("the file");
    let (mut verifier, mut piece) = (Verifier::new(), vec![0; 64 * 1024]);
    loop {
        match file.read(&mut piece).expect("read") {
            0 => break,
            len => verifier.push(&piece[..len]).expect("it verifies"),
        }
    }
    verifier.finish().expect("it verifies");
    println!("{} {before} {}", begun.elapsed().as_secs_f64(), memory());
}

fn micros(span: Duration) -> f64 {
    span.as_secs_f64() * 1e6
}

fn small(bytes: usize) -> f64 {
    f64::from(u32::try_from(bytes).expect("some thousand bytes"))
}

fn bytes_of(path: &Path) -> f64 {
    std::fs::metadata(path).expect("a file").len() as f64
}

/// The most memory that this process has had, in MiB.
fn memory() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = peak.and_then(|peak| peak.trim().trim_end_matches(" kB").parse::<f64>().ok());
    kib.unwrap_or(f64::NAN) / 1024.0
}
