//! A transcript of 100,000 messages: what writing, exporting and verifying it costs.
//!
//! The file is verified by a process of its own, read in pieces, so that its memory can be told.

use std::fs::File;
use std::io::{BufWriter, Read, Write};
use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use kuvert_benches::transcript::{Logging, MESSAGES};
use kuvert_core::transcript::Verifier;

fn main() -> ExitCode {
    match std::env::args().nth(1) {
        Some(file) => verify(Path::new(&file)),
        None => measure(),
    }
    ExitCode::SUCCESS
}

fn measure() {
    let (with, without) = (Logging::new(true), Logging::new(false));
    println!("A transcript of {MESSAGES} messages of 64 bytes, signed\n");
    let (with, logged) = with.fastest_batch();
    let (_, plain) = without.fastest_batch();
    row("append, beyond encrypt", &format!("{:.1} µs a message", micros(logged) - micros(plain)));

    let mut with = with.filled();
    let (entries, bodies) = with.entries();
    let path = std::env::temp_dir().join(format!("kuvert-transcript-{}.json", std::process::id()));
    let begun = Instant::now();
    let mut file = BufWriter::new(File::create(&path).expect("a file"));
    with.export(entries.clone(), &bodies, None, |line| file.write_all(line));
    file.flush().expect("written");
    row("export, all of it", &seconds(begun.elapsed()));
    row("its file", &format!("{:.1} MB", bytes_of(&path) / 1e6));

    let (line, proof) = with.proof_of_one(entries, &bodies);
    row("inclusion proof of one", &format!("{proof} bytes"));
    row("one message, proven alone", &format!("{line} bytes beside its content"));
    let program = std::env::current_exe().expect("this program");
    let status = Command::new(program).arg(&path).status().expect("it runs again");
    assert!(status.success(), "the file verifies");
    std::fs::remove_file(&path).expect("it was there");
}

fn verify(path: &Path) {
    let before = memory();
    let begun = Instant::now();
    let mut file = File::open(path).expect("the file");
    let (mut verifier, mut piece) = (Verifier::new(), vec![0; 64 * 1024]);
    loop {
        match file.read(&mut piece).expect("read") {
            0 => break,
            len => verifier.push(&piece[..len]).expect("it verifies"),
        }
    }
    verifier.finish().expect("it verifies");
    row("verify, all of it", &seconds(begun.elapsed()));
    row("memory while verifying", &format!("{:.1} MiB at most", memory()));
    row("of which before the file", &format!("{before:.1} MiB"));
}

fn row(what: &str, figure: &str) {
    println!("{what:<28}{figure}");
}

fn seconds(span: Duration) -> String {
    format!("{:.2} s", span.as_secs_f64())
}

fn micros(span: Duration) -> f64 {
    span.as_secs_f64() * 1e6
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
