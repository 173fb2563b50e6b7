//! The anchor beside the store's file, with real copies of real files.

#![cfg(feature = "sqlite")]
#![allow(clippy::unwrap_used, reason = "these are tests, helpers included")]

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;

use kuvert_core::secret::Secret;
use kuvert_core::{Change, Changes, Key, Version};
use kuvert_store::{
    Anchor, FileAnchor, Part, Rollback, Sealed, SqliteRows, SqliteStore, Store, StoreError, Unlock,
};
use rusqlite::Connection;
use tempfile::TempDir;

/// Where the two slots are, and how long one is.
const SLOTS: [usize; 2] = [0, 4096];
const SLOT_LEN: usize = 45;

/// A folder with a store and its anchor, as an app has it.
struct Home(TempDir);

/// All files of a home, as a backup has them.
type Backup = Vec<(PathBuf, Vec<u8>)>;

impl Home {
    /// A store with version 1 of `note`.
    fn new() -> Self {
        let home = Self(tempfile::tempdir().unwrap());
        let mut store = SqliteStore::create_with(home.file(), Unlock::Key(&key(7))).unwrap();
        write(&mut store, 0).unwrap();
        home
    }

    fn file(&self) -> PathBuf {
        self.0.path().join("alice.kuvert")
    }

    fn anchor(&self) -> PathBuf {
        self.0.path().join("alice.kuvert-anchor")
    }

    fn open(&self) -> Result<SqliteStore, StoreError> {
        SqliteStore::open_with(self.file(), Unlock::Key(&key(7)))
    }

    /// The store without its anchor.
    fn sealed(&self) -> Sealed<SqliteRows> {
        Sealed::open_over(SqliteRows::open(self.file()).unwrap(), Unlock::Key(&key(7))).unwrap()
    }

    fn file_anchor(&self) -> Result<FileAnchor, StoreError> {
        FileAnchor::open(self.anchor(), self.sealed().anchor_key())
    }

    /// Opens, writes `count` times, closes.
    fn go_on(&self, count: u64) {
        let mut store = self.open().unwrap();
        (0..count).for_each(|_| write_next(&mut store));
    }

    fn backup(&self) -> Backup {
        let entries = fs::read_dir(self.0.path()).unwrap().map(|entry| entry.unwrap().path());
        entries.map(|path| (path.clone(), fs::read(path).unwrap())).collect()
    }

    /// Puts back those files of a backup whose names end in `ending`, all others stay.
    fn restore(&self, backup: &Backup, ending: &str) {
        for (path, bytes) in backup.iter().filter(|(path, _)| ends(path, ending)) {
            fs::write(path, bytes).unwrap();
        }
    }

    fn rollback(&self) -> Option<Rollback> {
        self.open().unwrap().rollback().unwrap()
    }
}

fn ends(path: &Path, ending: &str) -> bool {
    path.to_str().unwrap().ends_with(ending)
}

fn key(byte: u8) -> Secret<32> {
    Secret::copied_from(&[byte; 32])
}

fn write(store: &mut impl Store, expected: u64) -> Result<(), StoreError> {
    let (key, expected) = (Key::parse("note").unwrap(), Version::from_number(expected));
    store.apply(&Changes::of([Change::Put { key, expected, value: b"tea".to_vec().into() }]))
}

fn version(store: &impl Store) -> u64 {
    let record = store.get(&Key::parse("note").unwrap()).unwrap();
    record.map_or(0, |record| record.version.number())
}

fn write_next(store: &mut impl Store) {
    let version = version(store);
    write(store, version).unwrap();
}

fn is_anchor_unreadable<T>(answer: Result<T, StoreError>) -> bool {
    matches!(answer, Err(StoreError::Unreadable { what: Part::Anchor }))
}

/// STO-17
#[test]
fn a_home_put_back_without_its_anchor_is_an_old_copy_until_it_is_accepted() {
    let home = Home::new();
    let backup = home.backup();
    home.go_on(5);
    home.restore(&backup, ".kuvert");
    let rollback = home.rollback().unwrap();
    assert_eq!((rollback.found, rollback.expected), (1, 6));

    let mut store = home.open().unwrap();
    let refused = write(&mut store, 1).unwrap_err();
    let text = "this is an old copy: the store has seen 1 batches, and had seen 6 before";
    assert_eq!(refused.to_string(), text);
    store.accept_rollback(&Changes::of([])).unwrap();
    assert_eq!(store.generation().unwrap(), 7);
    drop(store);
    assert_eq!(home.rollback(), None);
    home.go_on(1);
    home.restore(&backup, ".kuvert");
    assert_eq!(home.rollback().unwrap().expected, 8);
}

/// What a file beside the store cannot notice, and the chapter says so.
#[test]
fn a_home_put_back_with_its_anchor_or_without_any_looks_right() {
    let home = Home::new();
    let backup = home.backup();
    home.go_on(3);
    home.restore(&backup, "");
    assert_eq!(home.rollback(), None);

    home.go_on(3);
    fs::remove_file(home.anchor()).unwrap();
    home.restore(&backup, ".kuvert");
    assert_eq!(home.rollback(), None);
}

/// An anchor that is kept where the backup does not reach notices what one beside the store does not.
#[test]
fn an_anchor_elsewhere_survives_a_whole_home_put_back() {
    let (home, elsewhere) = (Home::new(), tempfile::tempdir().unwrap());
    let anchor = elsewhere.path().join("alice");
    let open = || SqliteStore::open_anchored(home.file(), Unlock::Key(&key(7)), &anchor).unwrap();
    fs::remove_file(home.anchor()).unwrap();
    let backup = home.backup();
    write_next(&mut open());
    home.restore(&backup, "");
    assert!(open().rollback().unwrap().is_some());
    assert!(!home.anchor().exists());
}

#[test]
fn a_store_made_with_an_anchor_elsewhere_has_none_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let [file, anchor] = ["alice", "anchor"].map(|name| folder.path().join(name));
    let create = || SqliteStore::create_anchored(&file, Unlock::Key(&key(7)), &anchor);
    fs::write(&anchor, b"something").unwrap();
    assert!(matches!(create(), Err(StoreError::AlreadyExists { path }) if path == anchor));
    fs::remove_file(&anchor).unwrap();
    drop(create().unwrap());
    let mut names: Vec<_> =
        fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().path()).collect();
    names.sort();
    assert_eq!(names, [file, anchor]);
}

/// A process that dies between the commit and the anchor leaves the anchor behind, which is no alarm:
/// who opens the store next catches up.
#[test]
fn an_anchor_that_is_behind_is_no_alarm() {
    let home = Home::new();
    let behind = home.file_anchor().unwrap().highest().unwrap();
    let mut without_anchor = home.sealed();
    (1..4).for_each(|version| write(&mut without_anchor, version).unwrap());
    drop(without_anchor);
    assert_eq!(home.file_anchor().unwrap().highest().unwrap(), behind);
    assert_eq!(home.rollback(), None);
    assert_eq!(home.file_anchor().unwrap().highest().unwrap(), behind + 3, "opening catches up");
    home.go_on(1);
    assert_eq!(home.file_anchor().unwrap().highest().unwrap(), behind + 4);
}

/// Likewise one that died between the batch that accepts an old copy and the anchor.
#[test]
fn a_death_right_after_an_acceptance_leaves_it_accepted() {
    let home = Home::new();
    let backup = home.backup();
    home.go_on(3);
    let anchor = fs::read(home.anchor()).unwrap();
    home.restore(&backup, ".kuvert");
    home.open().unwrap().accept_rollback(&Changes::of([])).unwrap();
    fs::write(home.anchor(), anchor).unwrap();
    assert_eq!(home.rollback(), None);
    home.go_on(1);
}

/// STO-18: the running process keeps the file that is gone; what it wrote there nobody would see.
#[cfg(unix)]
#[test]
fn another_file_under_a_running_process_is_noticed() {
    let home = Home::new();
    let backup = home.backup();
    let mut running = home.open().unwrap();
    write_next(&mut running);
    let draft = home.0.path().join("draft");
    fs::write(&draft, &backup.iter().find(|(path, _)| ends(path, ".kuvert")).unwrap().1).unwrap();
    fs::rename(draft, home.file()).unwrap();
    assert!(matches!(write(&mut running, 2), Err(StoreError::Replaced)));
    fs::remove_file(home.file()).unwrap();
    assert!(matches!(write(&mut running, 2), Err(StoreError::Replaced)));
}

/// STO-17: likewise when the same file gets the old rows, and whatever becomes of the anchor.
#[test]
fn old_rows_under_a_running_process_are_noticed() {
    for is_anchor_lost in [false, true] {
        let home = Home::new();
        let mut running = home.open().unwrap();
        let old = home.0.path().join("old");
        let connection = Connection::open(home.file()).unwrap();
        connection.execute("VACUUM INTO ?1", [old.to_str().unwrap()]).unwrap();
        write_next(&mut running);
        connection.execute("ATTACH ?1 AS old", [old.to_str().unwrap()]).unwrap();
        let put_back =
            "BEGIN; DELETE FROM main.rows; INSERT INTO main.rows SELECT * FROM old.rows; COMMIT";
        connection.execute_batch(put_back).unwrap();
        if is_anchor_lost {
            fs::remove_file(home.anchor()).unwrap();
        }
        assert_eq!(version(&running), 1);
        assert!(matches!(write(&mut running, 1), Err(StoreError::Rollback(_))));
        assert!(running.rollback().unwrap().is_some());
        running.accept_rollback(&Changes::of([])).unwrap();
        write(&mut running, 1).unwrap();
    }
}

/// STO-15: a slot that was being written when the power went does not count; the other one does.
#[test]
fn a_torn_slot_leaves_the_generation_before() {
    let home = Home::new();
    home.go_on(4);
    let good = fs::read(home.anchor()).unwrap();
    for (slot, highest) in SLOTS.into_iter().zip(highest_without(&home, &good)) {
        for written in 0..SLOT_LEN {
            let mut torn = good.clone();
            // Each byte another one than it was, or the slot may be whole by chance.
            torn[slot + written..slot + SLOT_LEN].iter_mut().for_each(|byte| *byte ^= 0xa5);
            fs::write(home.anchor(), torn).unwrap();
            let mut anchor = home.file_anchor().unwrap();
            assert_eq!(anchor.highest().unwrap(), highest, "slot at {slot}, {written} bytes");
            anchor.raise(7).unwrap();
            assert_eq!(anchor.highest().unwrap(), 7, "the torn slot is written, not the good one");
        }
    }
}

/// What the anchor says without its first slot, and without its second: two generations in a row.
fn highest_without(home: &Home, good: &[u8]) -> [u64; 2] {
    let said = SLOTS.map(|slot| {
        let mut one = good.to_vec();
        one[slot..slot + SLOT_LEN].fill(0);
        fs::write(home.anchor(), one).unwrap();
        home.file_anchor().unwrap().highest().unwrap()
    });
    assert_eq!(said[0].max(said[1]), 5);
    assert_eq!(said[0].abs_diff(said[1]), 1);
    said
}

/// STO-16
#[test]
fn what_is_no_anchor_of_this_store_is_refused_and_left_alone() {
    let (home, other) = (Home::new(), Home::new());
    let good = fs::read(home.anchor()).unwrap();
    let mut both_torn = good.clone();
    SLOTS.iter().for_each(|slot| both_torn[slot + 20] ^= 1);
    let others = fs::read(other.anchor()).unwrap();
    let bad =
        [others, both_torn, Vec::new(), b"tea".to_vec(), good[..SLOT_LEN].to_vec(), vec![0; 4141]];
    for bytes in bad {
        fs::write(home.anchor(), &bytes).unwrap();
        assert!(is_anchor_unreadable(home.open()));
        assert_eq!(fs::read(home.anchor()).unwrap(), bytes);
    }
    fs::remove_file(home.anchor()).unwrap();
    fs::create_dir(home.anchor()).unwrap();
    assert!(is_anchor_unreadable(home.open()));
}

/// STO-16: one that is spoilt while the store is open stops the next batch before it is made.
#[test]
fn an_anchor_spoilt_under_a_running_process_stops_it() {
    let home = Home::new();
    let mut running = home.open().unwrap();
    let good = fs::read(home.anchor()).unwrap();
    fs::write(home.anchor(), vec![0; good.len()]).unwrap();
    assert!(is_anchor_unreadable(write(&mut running, 1)));
    assert!(is_anchor_unreadable(running.rollback()));
    assert_eq!(version(&running), 1);
    fs::write(home.anchor(), good).unwrap();
    write(&mut running, 1).unwrap();
}

/// A whole second copy of a home is a store with an anchor, and stays one.
#[test]
fn a_home_may_be_moved_and_copied() {
    let (home, moved) = (Home::new(), tempfile::tempdir().unwrap());
    for (path, bytes) in home.backup() {
        fs::write(moved.path().join(path.file_name().unwrap()), bytes).unwrap();
    }
    let file = moved.path().join("alice.kuvert");
    let mut store = SqliteStore::open_with(&file, Unlock::Key(&key(7))).unwrap();
    assert_eq!(store.rollback().unwrap(), None);
    write_next(&mut store);
}

#[test]
fn an_anchor_never_goes_down() {
    let home = Home::new();
    let mut anchor = home.file_anchor().unwrap();
    for (generation, highest) in
        [(7, 7), (3, 7), (7, 7), (0, 7), (8, 8), (u64::MAX, u64::MAX), (9, u64::MAX)]
    {
        anchor.raise(generation).unwrap();
        assert_eq!(anchor.highest().unwrap(), highest);
        assert_eq!(home.file_anchor().unwrap().highest().unwrap(), highest);
    }
}

/// Handles as of several processes: the highest raise counts, and readers never see it go down.
#[test]
fn of_many_that_raise_at_once_the_highest_counts() {
    const HANDLES: u64 = 4;
    const RAISES: u64 = 200;
    let home = Home::new();
    let anchors: Vec<_> = (0..HANDLES).map(|_| home.file_anchor().unwrap()).collect();
    thread::scope(|scope| {
        for (n, mut anchor) in (0..).zip(anchors) {
            scope.spawn(move || {
                for generation in (0..RAISES).map(|round| 10 + round * HANDLES + n) {
                    anchor.raise(generation).unwrap();
                    assert!(anchor.highest().unwrap() >= generation);
                }
            });
        }
    });
    assert_eq!(home.file_anchor().unwrap().highest().unwrap(), 10 + RAISES * HANDLES - 1);
}

/// An anchor that was deleted while it was open is made anew, under its name, for all to see.
#[cfg(unix)]
#[test]
fn a_deleted_anchor_is_made_anew_while_the_store_is_open() {
    let home = Home::new();
    let mut running = home.open().unwrap();
    fs::remove_file(home.anchor()).unwrap();
    write(&mut running, 1).unwrap();
    assert_eq!(home.file_anchor().unwrap().highest().unwrap(), 2);
}

#[cfg(unix)]
#[test]
fn an_anchor_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let home = Home::new();
    assert_eq!(fs::metadata(home.anchor()).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::metadata(home.anchor()).unwrap().len(), 4141);
    assert_eq!(home.backup().len(), 2, "no draft stays");
}
