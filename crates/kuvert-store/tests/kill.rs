//! A process that is killed while it writes leaves whole batches, all that it was told were in, and
//! an anchor that has these and no more.

#![cfg(feature = "sqlite")]
#![allow(clippy::unwrap_used, reason = "these are tests, helpers included")]

use std::env;
use std::io::{BufRead, BufReader, Write};
use std::iter;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use kuvert_core::secret::Secret;
use kuvert_core::{Change, Changes, Key, Version};
use kuvert_store::{Anchor, FileAnchor, Sealed, SqliteRows, SqliteStore, Store, Unlock};

/// Where the child finds its store.
const STORE: &str = "KUVERT_KILL_TEST_STORE";
const RECORDS: usize = 5;

fn app_key() -> Secret<32> {
    Secret::copied_from(&[7; 32])
}

fn open(file: &Path) -> SqliteStore {
    SqliteStore::open_with(file, Unlock::Key(&app_key())).unwrap()
}

/// One batch: every record says `round`, each in a size of its own that spans pages.
fn batch(round: u64) -> Changes {
    Changes::of((0..RECORDS).map(|n| {
        let mut value = round.to_be_bytes().to_vec();
        value.resize(8 + 1500 * n, n.to_be_bytes()[7]);
        Change::Put {
            key: Key::new("note", n),
            expected: Version::from_number(round),
            value: value.into(),
        }
    }))
}

/// The child of the test below: writes batch after batch until it is killed, and says which are in.
#[test]
#[ignore = "only run by the test below, in a process of its own"]
fn writer() {
    let Some(file) = env::var_os(STORE) else {
        return;
    };
    let mut store = open(Path::new(&file));
    let first = rounds(&store);
    let mut out = std::io::stdout().lock();
    for round in first.. {
        let changes = batch(round);
        let applied =
            if is_relaxed(round) { store.apply_relaxed(&changes) } else { store.apply(&changes) };
        applied.unwrap();
        writeln!(out, "in {round}").unwrap();
        out.flush().unwrap();
    }
}

/// How many batches the store has, which must all be whole.
fn rounds(store: &SqliteStore) -> u64 {
    let records = store.scan("note/").unwrap();
    let Some(first) = records.first() else {
        return 0;
    };
    assert_eq!(records.len(), RECORDS);
    for (n, record) in records.iter().enumerate() {
        assert_eq!(record.version, first.version, "half a batch");
        assert_eq!(record.value[..8], (first.version.number() - 1).to_be_bytes());
        assert_eq!(record.value.len(), 8 + 1500 * n);
    }
    first.version.number()
}

#[test]
fn a_killed_writer_leaves_whole_batches() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("alice.kuvert");
    SqliteStore::create_with(&file, Unlock::Key(&app_key())).unwrap();
    let mut before = 0;
    for life in 0..12 {
        let (told, told_durable) = run_and_kill(&file, life);
        assert!(anchored_generation(&file) >= told_durable, "the anchor is behind what was told");
        let store = open(&file);
        let after = rounds(&store);
        assert_eq!(store.rollback().unwrap(), None, "no death is a rollback");
        assert_eq!(anchored_generation(&file), store.generation().unwrap(), "it has caught up");
        drop(store);
        assert!(after >= told, "{told} batches were acknowledged, {after} are there");
        assert!(after >= before, "batches of an earlier life are gone");
        before = after;
    }
    assert!(before > 12, "the writers wrote");
}

/// What the anchor says. The store is opened without it, so that nothing is written to it.
fn anchored_generation(file: &Path) -> u64 {
    let rows = SqliteRows::open(file).unwrap();
    let sealed = Sealed::open_over(rows, Unlock::Key(&app_key())).unwrap();
    let anchor = FileAnchor::open(file.with_extension("kuvert-anchor"), sealed.anchor_key());
    anchor.unwrap().highest().unwrap()
}

/// The generation after `round`.
fn generation(round: u64) -> u64 {
    (0..=round).filter(|round| !is_relaxed(*round)).count().try_into().unwrap()
}

const fn is_relaxed(round: u64) -> bool {
    round.is_multiple_of(3)
}

/// Runs a writer and kills it at a random time after its first batch. Gives the number of batches that
/// are in, as it was told, and the generation of the last durable one among them.
fn run_and_kill(file: &Path, life: u64) -> (u64, u64) {
    let mut child = Command::new(env::current_exe().unwrap())
        .args(["--exact", "writer", "--ignored", "--nocapture"])
        .env(STORE, file)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let told = |line: &String| line.strip_prefix("in ").and_then(|round| round.parse().ok());
    let first: u64 = lines.find_map(|line| told(&line)).expect("the writer writes");
    // The time of death is the test's input, not a wait for something.
    std::thread::sleep(Duration::from_micros(getrandom::u64().unwrap() % 20_000 + life * 500));
    child.kill().unwrap();
    child.wait().unwrap();
    let all: Vec<_> = iter::once(first).chain(lines.filter_map(|line| told(&line))).collect();
    let durable = all.iter().rev().find(|round| !is_relaxed(**round));
    (all[all.len() - 1] + 1, durable.map_or(0, |round| generation(*round)))
}
