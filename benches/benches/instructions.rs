//! Counts the instructions of each operation, with valgrind: `cargo xtask instructions` compares them.
//!
//! Without an argument, each operation runs in a process of its own under callgrind, and a line tells its
//! name and the count of one. With a name, that operation runs, and nothing is printed.
//!
//! The default features are to be left out, since peers change how shared crates are compiled.

use std::env;
use std::process::{Command, ExitCode};

use kuvert_benches::counted::{OPERATIONS, Operation};

fn main() -> ExitCode {
    // Cargo adds `--bench`.
    let name = env::args().skip(1).find(|argument| !argument.starts_with("--"));
    let named = name.map(|name| OPERATIONS.iter().find(|operation| operation.name == name));
    match named {
        Some(Some(operation)) => operation.run(),
        Some(None) => return failed("there is no operation of this name"),
        None => {
            for operation in OPERATIONS {
                match count(operation) {
                    Ok(count) => println!("{}\t{count}", operation.name),
                    Err(why) => return failed(&format!("{}: {why}", operation.name)),
                }
            }
        }
    }
    ExitCode::SUCCESS
}

fn failed(why: &str) -> ExitCode {
    eprintln!("instructions: {why}");
    ExitCode::FAILURE
}

/// Instructions of one such operation.
fn count(operation: &Operation) -> Result<u64, String> {
    let program = env::current_exe().map_err(|error| error.to_string())?;
    let ran = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null", "--collect-atstart=no"])
        .arg("--toggle-collect=*counted_section*")
        .arg(program)
        .arg(operation.name)
        // The length of the environment moves the stack, and with it how copies are cut into pieces.
        .env_clear()
        .env("PATH", env::var_os("PATH").unwrap_or_default())
        .output();
    let ran = ran.map_err(|error| format!("valgrind does not start: {error}"))?;
    let log = String::from_utf8_lossy(&ran.stderr).into_owned();
    match collected(&log) {
        Some(count @ 1..) if ran.status.success() => Ok(count / u64::from(operation.times)),
        _ => Err(log),
    }
}

/// The number in `==4711== Collected : 12345`.
fn collected(log: &str) -> Option<u64> {
    let (_, count) = log.lines().find_map(|line| line.split_once("Collected :"))?;
    count.trim().parse().ok()
}
