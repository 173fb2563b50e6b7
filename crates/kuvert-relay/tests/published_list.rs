//! `docs/what-the-relay-sees.md` is a promise. Here it is held against the real database and the real log.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use kuvert_relay::engine::SqliteEngine;
use support::keys::{Owner, envelope, post};
use support::{Client, TestRelay};

type Lines = BTreeMap<String, BTreeSet<String>>;

fn published() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/what-the-relay-sees.md");
    std::fs::read_to_string(path).expect("the published list")
}

/// The rows of the table under a heading, each as its cells.
fn rows(heading: &str) -> Vec<Vec<String>> {
    let text = published();
    let (_, section) = text.split_once(&format!("\n## {heading}\n")).expect("the heading");
    let section = section.split("\n## ").next().unwrap_or_default();
    let rows = section.lines().filter(|line| line.starts_with('|')).skip(2);
    rows.map(|row| row.trim_matches('|').split('|').map(|cell| cell.trim().into()).collect())
        .collect()
}

/// The words in backticks.
fn quoted(cell: &str) -> BTreeSet<String> {
    cell.split('`').skip(1).step_by(2).map(Into::into).collect()
}

fn published_lines() -> Lines {
    rows("What is logged").into_iter().map(|row| (row[0].clone(), quoted(&row[1]))).collect()
}

#[test]
fn the_database_has_exactly_the_published_columns() {
    let stored = SqliteEngine::in_memory().unwrap().columns().unwrap();
    let listed: BTreeSet<String> =
        rows("What is stored").iter().flat_map(|row| quoted(&row[0])).collect();
    assert_eq!(stored.into_iter().collect::<BTreeSet<_>>(), listed);
}

#[tokio::test]
async fn the_data_folder_has_exactly_the_published_files() {
    let relay = TestRelay::start().await;
    let (owner, mut client) = (Owner::new(1), relay.client().await);
    client.open(&owner).await;
    client.post(post(owner.mailbox(), 1, &envelope(1))).await;
    let listed: BTreeSet<String> =
        rows("What is in the data folder").iter().flat_map(|row| quoted(&row[0])).collect();
    assert_eq!(files(relay.dir.path()), listed);
    let TestRelay { relay, dir } = relay;
    relay.shutdown().await;
    assert_eq!(files(dir.path()), ["franking-keys", "relay.sqlite"].map(String::from).into());
}

fn files(folder: &Path) -> BTreeSet<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn the_source_logs_exactly_the_published_lines() {
    let mut logged = Lines::new();
    for path in sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src")) {
        logged.extend(log_lines(&std::fs::read_to_string(path).unwrap()));
    }
    assert_eq!(logged, published_lines());
}

#[tokio::test]
async fn a_running_relay_logs_only_published_lines_and_fields() {
    let dir = tempfile::tempdir().unwrap();
    let mut program = Command::new(env!("CARGO_BIN_EXE_kuvert-relay"))
        .args(["--listen", "127.0.0.1:0", "--log", "debug", "--data"])
        .arg(dir.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first_line = String::new();
    let mut stdout = std::io::BufReader::new(program.stdout.take().unwrap());
    std::io::BufRead::read_line(&mut stdout, &mut first_line).unwrap();
    let url = first_line.trim().strip_prefix("listening on ").unwrap();
    let mut client = Client::connect(url).await;
    client.post(post(Owner::new(1).mailbox(), 1, b"to nobody")).await;
    client.send_bytes(vec![1, 2, 3]).await;
    client.closed().await;
    let pid = program.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    let log = String::from_utf8(program.wait_with_output().unwrap().stderr).unwrap();

    let published = published_lines();
    assert!(log.lines().count() >= 5, "{log}");
    for line in log.lines() {
        let (_, said) = line.trim_start().split_once(' ').expect("a time first");
        let (_, said) = said.trim_start().split_once(' ').expect("then a level");
        let told = published.iter().find(|(text, _)| said.starts_with(text.as_str()));
        let (text, fields) = told.unwrap_or_else(|| panic!("not published: {line}"));
        let rest = &said[text.len()..];
        let named = rest.split(' ').filter_map(|word| word.split_once('=')).map(|(name, _)| name);
        assert!(named.clone().all(|name| fields.contains(name)), "not published: {line}");
        assert_eq!(rest.trim().is_empty(), named.count() == 0, "{line}");
    }
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let (folders, files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    let is_code = |path: &PathBuf| path.extension().is_some_and(|end| end == "rs");
    folders.iter().flat_map(|folder| sources(folder)).chain(files).filter(is_code).collect()
}

/// The text and the fields of each log macro in `source`.
fn log_lines(source: &str) -> Lines {
    let mut lines = Lines::new();
    for level in ["error!(", "warn!(", "info!(", "debug!(", "trace!("] {
        for (at, _) in source.match_indices(level) {
            let arguments = arguments(&source[at + level.len()..]);
            let (before, text) = arguments.rsplit_once(", \"").unwrap_or(("", &arguments[1..]));
            let fields = before.split(',').map(field_name).filter(|name| !name.is_empty());
            let text = text.trim_end_matches([',', '"', '\n', ' ']);
            lines.insert(text.to_owned(), fields.collect());
        }
    }
    lines
}

/// What stands up to the macro's closing bracket.
fn arguments(rest: &str) -> String {
    let mut depth = 1;
    let inside = rest.chars().take_while(|character| {
        depth += i32::from(*character == '(') - i32::from(*character == ')');
        depth > 0
    });
    let inside: String = inside.collect();
    inside.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// `name` of `name`, `%name`, `?name` or `name = value`.
fn field_name(argument: &str) -> String {
    let name = argument.split('=').next().unwrap_or_default();
    name.trim().trim_start_matches(['%', '?']).to_owned()
}

#[test]
fn log_macros_are_read_as_they_are_written() {
    let source =
        "info!(\n  version = env!(\"X\"),\n  %error, \"it (has) begun\"\n);  warn!(\"plain\")";
    let lines = log_lines(source);
    assert_eq!(lines["it (has) begun"], ["error", "version"].map(String::from).into());
    assert_eq!(lines["plain"], BTreeSet::new());
}
