//! The store's file, from outside: what is made, what is refused, and what is left behind.

#![cfg(feature = "sqlite")]
#![allow(clippy::unwrap_used, reason = "these are tests, helpers included")]

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;

use kuvert_core::secret::Secret;
use kuvert_core::{Change, Changes, Key, Version};
use kuvert_store::rows::{Batch, Durability, Moment, RowError, Rows};
use kuvert_store::{Part, SqliteRows, SqliteStore, Store, StoreError, Unlock};
use rusqlite::Connection;
use tempfile::TempDir;

const PASSPHRASE: &str = "correct horse battery staple";

fn folder() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("alice.kuvert");
    (folder, file)
}

fn anchor_of(file: &Path) -> PathBuf {
    file.with_extension("kuvert-anchor")
}

fn app_key() -> Secret<32> {
    Secret::copied_from(&[7; 32])
}

fn open(file: &Path) -> Result<SqliteStore, StoreError> {
    SqliteStore::open_with(file, Unlock::Key(&app_key()))
}

fn put(key: &str, expected: u64, value: &[u8]) -> Change {
    let (key, expected) = (Key::parse(key).unwrap(), Version::from_number(expected));
    Change::Put { key, expected, value: value.to_vec().into() }
}

/// A closed store with some records, opened by [`app_key`].
fn make(file: &Path, records: usize) {
    let mut store = SqliteStore::create_with(file, Unlock::Key(&app_key())).unwrap();
    let puts = (0..records).map(|n| put(&format!("note/{n:03}"), 0, format!("tea {n}").as_bytes()));
    store.apply(&Changes::of(puts)).unwrap();
}

/// Names and contents of all files of a folder.
fn content(folder: &TempDir) -> Vec<(PathBuf, Vec<u8>)> {
    let entries = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path());
    let mut all: Vec<_> = entries.map(|path| (path.clone(), fs::read(path).unwrap())).collect();
    all.sort();
    all
}

fn is_file_unreadable<T>(answer: Result<T, StoreError>) -> bool {
    matches!(answer, Err(StoreError::Unreadable { what: Part::File }))
}

#[test]
fn a_passphrase_opens_what_it_made() {
    let (folder, file) = folder();
    let mut store = SqliteStore::create(&file, PASSPHRASE).unwrap();
    store.apply(&Changes::of([put("note/tea", 0, b"at four")])).unwrap();
    drop(store);
    let before = content(&folder);

    for wrong in ["", "correct horse battery stapl", "correct horse battery staple "] {
        assert!(matches!(SqliteStore::open(&file, wrong), Err(StoreError::WrongPassphrase)));
    }
    assert!(matches!(open(&file), Err(StoreError::WrongPassphrase)), "a key is no passphrase");
    assert_eq!(content(&folder), before, "asking changes nothing");

    let store = SqliteStore::open(&file, PASSPHRASE).unwrap();
    assert_eq!(store.scan("note/").unwrap().len(), 1);
}

/// What it remembers of its records and of its ledger is no one's who reads a log.
#[test]
fn what_an_open_store_prints_is_where_it_is() {
    let (_folder, file) = folder();
    let mut store = SqliteStore::create_with(&file, Unlock::Key(&app_key())).unwrap();
    store.apply(&Changes::of([put("note/tea", 0, b"at four")])).unwrap();
    let printed = format!("{store:?}");
    assert!(printed.contains("alice.kuvert"), "{printed}");
    for hidden in ["note", "tea", "Ledger", "sum"] {
        assert!(!printed.contains(hidden), "{hidden} in {printed}");
    }
}

#[test]
fn a_closed_store_is_two_files_and_an_open_one_its_owners_alone() {
    let (folder, file) = folder();
    let mut store = SqliteStore::create_with(&file, Unlock::Key(&app_key())).unwrap();
    store.apply(&Changes::of([put("note/tea", 0, b"at four")])).unwrap();
    #[cfg(unix)]
    for (path, _) in content(&folder) {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{}", path.display());
    }
    drop(store);
    let names: Vec<_> = content(&folder).into_iter().map(|(path, _)| path).collect();
    assert_eq!(names, [file.clone(), anchor_of(&file)]);
}

/// STO-1
#[test]
fn what_is_there_is_never_written_over() {
    for suffix in ["", "-wal", "-journal", "-shm", "-anchor"] {
        let name = format!("alice.kuvert{suffix}");
        for bytes in [&b""[..], b"something else"] {
            let (folder, file) = folder();
            let there = folder.path().join(&name);
            fs::write(&there, bytes).unwrap();
            let answer = SqliteStore::create(&file, PASSPHRASE);
            assert!(matches!(answer, Err(StoreError::AlreadyExists { path }) if path == there));
            assert_eq!(content(&folder), [(there, bytes.to_vec())]);
        }
    }
}

/// STO-1
#[cfg(unix)]
#[test]
fn a_link_to_nowhere_is_something_too() {
    let (folder, file) = folder();
    std::os::unix::fs::symlink(folder.path().join("nowhere"), &file).unwrap();
    let answer = SqliteStore::create(&file, PASSPHRASE);
    assert!(matches!(answer, Err(StoreError::AlreadyExists { .. })));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

/// STO-1
#[test]
fn of_many_creators_one_wins() {
    let (folder, file) = folder();
    let keys: Vec<_> = (0..8).map(|n| Secret::copied_from(&[n; 32])).collect();
    let create = |key| SqliteStore::create_with(&file, Unlock::Key(key));
    let answers: Vec<_> = thread::scope(|scope| {
        let all: Vec<_> = keys.iter().map(|key| scope.spawn(move || create(key))).collect();
        all.into_iter().map(|one| one.join().unwrap()).collect()
    });
    let winner = answers.iter().position(Result::is_ok).unwrap();
    for (place, answer) in answers.iter().enumerate() {
        let expected = place == winner || matches!(answer, Err(StoreError::AlreadyExists { .. }));
        assert!(expected, "{answer:?}");
    }
    drop(answers);
    SqliteStore::open_with(&file, Unlock::Key(&keys[winner])).unwrap();
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "no drafts stay");
}

#[test]
fn a_failed_creation_leaves_nothing() {
    let (folder, _) = folder();
    let missing = folder.path().join("missing/alice.kuvert");
    assert!(matches!(SqliteStore::create(&missing, PASSPHRASE), Err(StoreError::Io(_))));
    let file = tempfile::NamedTempFile::new().unwrap();
    let below_a_file = file.path().join("alice.kuvert");
    assert!(matches!(SqliteStore::create(below_a_file, PASSPHRASE), Err(StoreError::Io(_))));
    let no_name = folder.path().join("..");
    assert!(SqliteStore::create(&no_name, PASSPHRASE).is_err());
    assert_eq!(content(&folder), []);
}

#[test]
fn a_missing_file_is_not_found_and_not_made() {
    let (folder, file) = folder();
    let answer = SqliteStore::open(&file, PASSPHRASE);
    assert!(matches!(answer, Err(StoreError::NotFound)));
    assert_eq!(content(&folder), []);
}

/// STO-2
#[test]
fn what_is_no_store_is_refused_and_left_alone() {
    let files: [&[u8]; 5] =
        [b"", b"tea", &[0; 4096], &b"SQLite format 3\0".repeat(300), &[0xa5; 70_000]];
    for bytes in files {
        let (folder, file) = folder();
        fs::write(&file, bytes).unwrap();
        assert!(is_file_unreadable(SqliteStore::open(&file, PASSPHRASE)));
        assert_eq!(content(&folder), [(file, bytes.to_vec())]);
    }
    let (folder, _) = folder();
    assert!(is_file_unreadable(SqliteStore::open(folder.path(), PASSPHRASE)));
}

/// STO-2
#[test]
fn another_programs_database_is_refused() {
    let statements = [
        "CREATE TABLE rows (name BLOB PRIMARY KEY)",
        "CREATE VIEW v AS SELECT 1",
        "CREATE TRIGGER t AFTER INSERT ON rows BEGIN DELETE FROM rows; END",
        "CREATE INDEX i ON rows (version)",
        "DROP TABLE rows",
        "PRAGMA application_id = 0",
        "PRAGMA journal_mode = DELETE",
    ];
    for (n, sql) in statements.into_iter().enumerate() {
        let (_folder, file) = folder();
        if n > 0 {
            make(&file, 3);
        }
        Connection::open(&file).unwrap().execute_batch(sql).unwrap();
        assert!(is_file_unreadable(open(&file)), "{sql}");
    }
}

/// STO-3
#[test]
fn a_version_that_cannot_be_is_damage() {
    for version in ["0", "-1"] {
        let (_folder, file) = folder();
        make(&file, 3);
        let sql = format!("UPDATE rows SET version = {version} WHERE length(name) = 32");
        Connection::open(&file).unwrap().execute_batch(&sql).unwrap();
        assert!(is_file_unreadable(open(&file)));
    }
}

/// STO-3: all rows are there, but a look-up would miss some.
#[test]
fn rows_out_of_order_are_damage() {
    const FIRST_CELL: usize = 4096 + 8;
    let (_folder, file) = folder();
    let mut rows = SqliteRows::create(&file).unwrap();
    let mut batch = rows.begin(Durability::Full).unwrap();
    assert!(batch.put(b"a", 0, b"tea").unwrap() && batch.put(b"b", 0, b"mate").unwrap());
    batch.commit().unwrap();
    assert_eq!(rows.moment().unwrap().versions().unwrap().len(), 2);
    drop(rows);

    let mut bytes = fs::read(&file).unwrap();
    bytes[FIRST_CELL..FIRST_CELL + 4].rotate_left(2);
    fs::write(&file, bytes).unwrap();
    let rows = SqliteRows::open(&file).unwrap();
    assert!(matches!(rows.moment().unwrap().versions(), Err(RowError::Damaged)));
}

/// Whatever byte of the file is flipped, the store is unreadable, or the record is, or all is well.
#[test]
fn no_flipped_byte_of_the_file_makes_wrong_data() {
    /// SQLite's own header: each byte of it means something else.
    const HEADER: usize = 100;
    /// A prime, so that all places of a record are met over the records.
    const STEP: usize = 29;
    let (_folder, file) = folder();
    make(&file, 24);
    let good = fs::read(&file).unwrap();
    let whole = open(&file).unwrap().scan("").unwrap();
    let mut refused = 0;
    for at in (0..HEADER).chain((HEADER..good.len()).step_by(STEP)) {
        let mut bad = good.clone();
        bad[at] ^= 1 << (at % 8);
        fs::write(&file, &bad).unwrap();
        match open(&file) {
            Ok(store) => {
                for record in &whole {
                    match store.get(&record.key) {
                        Ok(found) => assert_eq!(found.as_ref(), Some(record), "byte {at}"),
                        Err(StoreError::Unreadable { .. }) => refused += 1,
                        Err(other) => panic!("byte {at}: {other}"),
                    }
                }
            }
            Err(StoreError::Unreadable { .. }) => refused += 1,
            Err(other) => panic!("byte {at}: {other}"),
        }
    }
    assert!(refused > good.len() / STEP / 4, "only {refused} flips were seen");
}

/// A file that lost its end is unreadable, wherever it ends.
#[test]
fn a_shortened_file_is_unreadable() {
    let (_folder, file) = folder();
    make(&file, 24);
    let good = fs::read(&file).unwrap();
    for len in (0..good.len()).step_by(509) {
        fs::write(&file, &good[..len]).unwrap();
        let answer = open(&file).and_then(|store| store.scan(""));
        assert!(matches!(answer, Err(StoreError::Unreadable { .. })), "{len}: {answer:?}");
    }
}

#[test]
fn forgotten_records_leave_no_bytes_in_the_file() {
    let (_folder, file) = folder();
    make(&file, 0);
    let mut store = open(&file).unwrap();
    for n in 0..20 {
        store.apply(&Changes::of([put(&format!("note/{n}"), 0, &[n; 3000])])).unwrap();
    }
    drop(store);
    let rows = values(&file);
    let mut store = open(&file).unwrap();
    let all = store.scan("").unwrap();
    let deletions = all.into_iter().map(|r| Change::Delete { key: r.key, expected: r.version });
    store.apply(&Changes::of(deletions)).unwrap();
    drop(store);
    let after = fs::read(&file).unwrap();
    for value in rows.iter().filter(|value| value.len() > 1000) {
        for part in value.chunks_exact(64) {
            assert!(!after.windows(64).any(|window| window == part), "a part of a row is left");
        }
    }
}

fn values(file: &Path) -> Vec<Vec<u8>> {
    let connection = Connection::open(file).unwrap();
    let mut statement = connection.prepare("SELECT value FROM rows").unwrap();
    let values = statement.query_map([], |row| row.get(0)).unwrap();
    values.map(Result::unwrap).collect()
}

#[test]
fn rows_can_be_had_without_sealing() {
    let (_folder, file) = folder();
    SqliteRows::create(&file).unwrap();
    assert!(matches!(SqliteRows::create(&file), Err(StoreError::AlreadyExists { .. })));
    SqliteRows::open(&file).unwrap();
    let no_header = open(&file);
    assert!(matches!(no_header, Err(StoreError::Unreadable { what: Part::Header })));
}
