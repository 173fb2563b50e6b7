//! What is dropped is gone: the memory of a process that has lived a whole life and dropped
//! everything is searched for every secret of that life.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "these are tests, helpers included")]

mod file;
mod kem;
mod life;
mod search;
mod session;
mod watch;

use std::collections::BTreeMap;
use std::env;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use file::add_keys;
use life::{FILES, lived};
use search::{Found, STACK, search};
use watch::{Blind, Notes, SALT, Secrets};

/// Where the searched process keeps its files.
const FOLDER: &str = "KUVERT_MEMORY_TEST_FOLDER";
/// Whether it keeps what it has lived to.
const HOLD: &str = "KUVERT_MEMORY_TEST_HOLD";
const READY: &str = "is ready to be searched";

/// The process that is searched.
#[test]
#[ignore = "only run by the tests below, in a process of its own"]
fn searched() {
    let Some(folder) = env::var_os(FOLDER) else { return };
    let held = Some(lived(Path::new(&folder), &mut Blind)).filter(|_| env::var_os(HOLD).is_some());
    println!("{READY}");
    io::stdout().flush().unwrap();
    io::stdin().read_to_end(&mut Vec::new()).unwrap();
    drop(held);
}

/// Starts it, waits until it has lived, and searches it.
fn searched_for(mut secrets: Secrets, is_holding: bool) -> (Vec<Found>, u64) {
    let folder = tempfile::tempdir().unwrap();
    let mut child = start(folder.path(), is_holding);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let is_ready = lines.any(|line| line.ends_with(READY));
    assert!(is_ready, "the searched process ended early: {:?}", child.wait());
    FILES.iter().for_each(|file| add_keys(&folder.path().join(file), &mut secrets));
    let found = search(child.id(), &secrets);
    drop(child.stdin.take());
    lines.for_each(drop);
    assert!(child.wait().unwrap().success());
    found.unwrap()
}

fn start(folder: &Path, is_holding: bool) -> Child {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--exact", "searched", "--ignored", "--nocapture"]).env(FOLDER, folder);
    if is_holding {
        command.env(HOLD, "yes");
    }
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap()
}

fn secrets() -> Secrets {
    let folder = tempfile::tempdir().unwrap();
    let mut notes = Notes::default();
    drop(lived(folder.path(), &mut notes));
    notes.secrets()
}

/// How often what was found, by its name.
fn summary<'a>(found: impl Iterator<Item = &'a Found>) -> BTreeMap<&'a str, usize> {
    let mut summary = BTreeMap::new();
    found.for_each(|found| *summary.entry(found.what.as_str()).or_default() += 1);
    summary
}

/// The stacks are looked at and told, and not judged: primitives work with copies there that no
/// library can wipe (`kuvert_core::secret`), and what runs next writes over them. Salts of transcripts
/// are told as well: their type is copied freely and does not wipe itself.
#[test]
fn nothing_dropped_is_left() {
    let secrets = secrets();
    let (found, searched) = searched_for(secrets.clone(), false);
    println!("{} windows of secrets, {searched} bytes searched", secrets.0.len());
    let is_stack = |found: &&Found| found.mapping == STACK;
    println!("on stacks: {:?}", summary(found.iter().filter(is_stack)));
    let is_salt = |found: &&Found| found.what == SALT;
    let salts = found.iter().filter(|found| !is_stack(found) && is_salt(found)).count();
    println!("windows of salts elsewhere: {salts}");
    let left = summary(found.iter().filter(|found| !is_stack(found) && !is_salt(found)));
    assert!(left.is_empty(), "left in memory: {left:?}");
}

/// The same search finds what is still held: one key of each kind at least.
#[test]
fn what_is_held_is_found() {
    let (found, _) = searched_for(secrets(), true);
    let found = summary(found.iter().filter(|found| found.mapping != STACK));
    let kinds =
        ["a root key", "a chain key", "a header key", "a ratchet key", "an epoch's secret", SALT];
    for kind in kinds {
        assert!(found.contains_key(kind), "{kind} is not found: {found:?}");
    }
    assert!(found.keys().any(|name| name.starts_with("private key")), "{found:?}");
}
