//! The checks for every store: the contract of [`Store`], sentence by sentence.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use kuvert_core::Changes;

use super::{Place, apply, count_up, delete, key_of, keys, put, read, try_apply};
use crate::{Store, StoreError};

/// What is put can be got and listed, with version 1.
pub fn a_record_reads_back(place: &impl Place) {
    let mut store = place.open().expect("opens");
    apply(&mut store, [put("note/tea", 0, b"at four")]);
    assert_eq!(read(&store, "note/tea"), Some((1, b"at four".to_vec())));
    let listed = store.scan("note/").expect("lists");
    assert_eq!(listed, [store.get(&key_of("note/tea")).expect("reads").expect("is there")]);
}

/// Absent is an answer of its own, and no error.
pub fn an_absent_record_is_none(place: &impl Place) {
    let mut store = place.open().expect("opens");
    assert_eq!(read(&store, "note/tea"), None);
    assert!(store.scan("note/").expect("lists").is_empty());
    apply(&mut store, [put("note/tea", 0, b"")]);
    assert_eq!(read(&store, "note/te"), None);
    assert_eq!(read(&store, "note/tea/cup"), None);
    assert_eq!(read(&store, "note"), None);
    assert_eq!(read(&store, "note/tea"), Some((1, Vec::new())), "empty is not absent");
}

/// Lists are in the order of keys, and a prefix ends where its segment does.
pub fn a_list_is_sorted_and_ends_at_the_slash(place: &impl Place) {
    let mut store = place.open().expect("opens");
    for key in ["b/2", "a/1", "b/10", "b", "b-/1", "b.x/1", "bb/1", "b/1/z", "b/1"] {
        apply(&mut store, [put(key, 0, key.as_bytes())]);
    }
    assert_eq!(keys(&store, "b/"), ["b/1", "b/1/z", "b/10", "b/2"]);
    assert_eq!(keys(&store, "b/1/"), ["b/1/z"]);
    assert_eq!(keys(&store, "a/"), ["a/1"]);
    assert!(keys(&store, "c/").is_empty());
    assert!(keys(&store, "a/1/").is_empty());
    for prefix in ["", "a/", "a/1/", "b/", "b/1/", "b/1/z/", "b./", "bb/", "c/"] {
        let has_any = store.has_any(prefix).expect("looks");
        assert_eq!(has_any, !keys(&store, prefix).is_empty(), "{prefix}");
    }
    for record in store.scan("b/").expect("lists") {
        assert_eq!(&**record.value, record.key.as_str().as_bytes());
    }
}

/// The empty prefix lists all records and nothing else.
pub fn the_empty_prefix_is_everything(place: &impl Place) {
    let mut store = place.open().expect("opens");
    assert!(keys(&store, "").is_empty());
    apply(&mut store, [put("b/1", 0, b""), put("a", 0, b""), put("a/b/c/d", 0, b"")]);
    assert_eq!(keys(&store, ""), ["a", "a/b/c/d", "b/1"]);
}

/// Half a segment is no prefix: sealed names could not be searched for it.
pub fn a_prefix_without_a_slash_is_refused(place: &impl Place) {
    let mut store = place.open().expect("opens");
    apply(&mut store, [put("note/tea", 0, b"")]);
    for prefix in ["note", "note/t"] {
        assert!(matches!(store.scan(prefix), Err(StoreError::BadPrefix)), "{prefix}");
        assert!(matches!(store.has_any(prefix), Err(StoreError::BadPrefix)), "{prefix}");
    }
}

/// Several prefixes give one sorted list, each record once.
pub fn several_prefixes_are_listed_together(place: &impl Place) {
    let mut store = place.open().expect("opens");
    apply(&mut store, [put("c/1", 0, b""), put("a/1", 0, b""), put("b/1", 0, b"")]);
    let listed = |prefixes: &[&str]| -> Vec<String> {
        let records = store.snapshot(prefixes).expect("lists");
        records.iter().map(|record| record.key.to_string()).collect()
    };
    assert_eq!(listed(&["c/", "a/"]), ["a/1", "c/1"]);
    assert_eq!(listed(&["a/", "", "a/"]), ["a/1", "b/1", "c/1"]);
    assert!(listed(&[]).is_empty());
}

/// The first put makes version 1 and each further one adds 1.
pub fn versions_count_puts(place: &impl Place) {
    let mut store = place.open().expect("opens");
    for expected in 0..5 {
        apply(&mut store, [put("note/tea", expected, &expected.to_be_bytes())]);
        let now = (expected + 1, expected.to_be_bytes().to_vec());
        assert_eq!(read(&store, "note/tea"), Some(now));
    }
}

/// STO-14: one change that does not fit, wherever in the batch, and nothing is changed.
pub fn a_conflict_changes_nothing(place: &impl Place) {
    let mut store = place.open().expect("opens");
    apply(&mut store, [put("note/a", 0, b"1"), put("note/b", 0, b"1")]);
    apply(&mut store, [put("note/b", 1, b"2")]);
    let before = store.scan("").expect("lists");

    let bad = [
        put("note/a", 0, b"created anew"),
        put("note/a", 2, b"from the future"),
        put("note/b", 1, b"overtaken"),
        put("note/c", 1, b"not there"),
        delete("note/b", 1),
        delete("note/c", 1),
        delete("note/c", 0),
        delete("note/a", 0),
    ];
    for bad in bad {
        let key = bad.key().clone();
        let first = [bad.clone(), put("note/z", 0, b"")];
        let last = [put("note/z", 0, b""), put("note/y", 0, b""), bad.clone()];
        for answer in [try_apply(&mut store, first), try_apply(&mut store, last)] {
            assert!(
                matches!(&answer, Err(StoreError::Conflict { key: named }) if *named == key),
                "{bad:?}: {answer:?}"
            );
        }
        assert_eq!(store.scan("").expect("lists"), before, "{bad:?}");
    }
    apply(&mut store, [put("note/a", 1, b"2"), put("note/z", 0, b"1")]);
}

/// All changes of a batch are made, the earlier ones first.
pub fn a_batch_is_applied_in_order(place: &impl Place) {
    let mut store = place.open().expect("opens");
    apply(&mut store, [put("note/a", 0, b"1"), put("note/b", 0, b"1")]);
    apply(
        &mut store,
        [
            delete("note/a", 1),
            put("note/c", 0, b"1"),
            put("note/b", 1, b"2"),
            put("note/c", 1, b"2"),
        ],
    );
    assert_eq!(keys(&store, "note/"), ["note/b", "note/c"]);
    assert_eq!(read(&store, "note/b"), Some((2, b"2".to_vec())));
    assert_eq!(read(&store, "note/c"), Some((2, b"2".to_vec())));
}

/// A batch without changes always fits.
pub fn an_empty_batch_is_nothing(place: &impl Place) {
    let mut store = place.open().expect("opens");
    apply(&mut store, []);
    assert!(keys(&store, "").is_empty());
}

/// What is deleted is not there any more, neither by name nor in a list.
pub fn deleted_is_absent(place: &impl Place) {
    let mut store = place.open().expect("opens");
    apply(&mut store, [put("note/a", 0, b"1"), put("note/b", 0, b"1")]);
    apply(&mut store, [put("note/a", 1, b"2")]);
    apply(&mut store, [delete("note/a", 2)]);
    assert_eq!(read(&store, "note/a"), None);
    assert_eq!(keys(&store, "note/"), ["note/b"]);
    let store = place.open().expect("opens again");
    assert_eq!(keys(&store, "note/"), ["note/b"]);
}

/// Values from nothing to 1 MiB, and every byte value.
pub fn values_of_any_size_read_back(place: &impl Place) {
    let mut store = place.open().expect("opens");
    let bytes: Vec<u8> = (0..=u8::MAX).cycle().take(1 << 20).collect();
    for len in [0, 1, 255, 256, 257, 4_096, 65_535, 1 << 20] {
        let key = format!("blob/{len}");
        apply(&mut store, [put(&key, 0, &bytes[..len])]);
        assert!(read(&store, &key) == Some((1, bytes[..len].to_vec())), "{len} bytes");
        apply(&mut store, [put(&key, 1, &vec![0; len])]);
        assert!(read(&store, &key) == Some((2, vec![0; len])), "{len} zeros");
    }
}

/// A few thousand records, in batches.
pub fn many_records_read_back(place: &impl Place) {
    let mut store = place.open().expect("opens");
    let numbers: Vec<u32> = (0..3_000).collect();
    for hundred in numbers.chunks(100) {
        let puts = hundred.iter().map(|n| put(&format!("log/{n:08}"), 0, &n.to_be_bytes()));
        store.apply_relaxed(&Changes::of(puts)).expect("applies");
    }
    let store = place.open().expect("opens again");
    let listed = store.scan("log/").expect("lists");
    assert_eq!(listed.len(), numbers.len());
    for (record, number) in listed.iter().zip(&numbers) {
        assert_eq!(record.key.as_str(), format!("log/{number:08}"));
        assert_eq!(**record.value, number.to_be_bytes());
    }
    assert_eq!(read(&store, "log/00001234"), Some((1, 1234_u32.to_be_bytes().to_vec())));
}

/// A second handle sees the first one's batches, durable and relaxed, as soon as they are applied.
pub fn another_handle_sees_what_was_applied(place: &impl Place) {
    let (mut ours, mut theirs) = (place.open().expect("opens"), place.open().expect("opens"));
    apply(&mut ours, [put("note/a", 0, b"1")]);
    assert_eq!(read(&theirs, "note/a"), Some((1, b"1".to_vec())));
    theirs.apply_relaxed(&Changes::of([put("note/a", 1, b"2")])).expect("applies");
    assert_eq!(read(&ours, "note/a"), Some((2, b"2".to_vec())));
    apply(&mut ours, [put("note/a", 2, b"3")]);
    assert_eq!(read(&theirs, "note/a"), Some((3, b"3".to_vec())));
}

/// Closing and opening changes nothing.
pub fn everything_survives_reopening(place: &impl Place) {
    let mut store = place.open().expect("opens");
    apply(&mut store, [put("note/a", 0, b"1"), put("note/b", 0, b"1")]);
    store.apply_relaxed(&Changes::of([put("note/a", 1, b"2")])).expect("applies");
    let before = store.scan("").expect("lists");
    drop(store);
    let mut store = place.open().expect("opens again");
    assert_eq!(store.scan("").expect("lists"), before);
    apply(&mut store, [put("note/a", 2, b"3")]);
}

/// Two handles that start from one version: the second one to apply is told.
pub fn of_two_handles_one_wins(place: &impl Place) {
    let (mut ours, mut theirs) = (place.open().expect("opens"), place.open().expect("opens"));
    apply(&mut ours, [put("note/a", 0, b"ours")]);
    let late = try_apply(&mut theirs, [put("note/a", 0, b"theirs"), put("note/b", 0, b"theirs")]);
    assert!(matches!(late, Err(StoreError::Conflict { .. })), "{late:?}");
    assert_eq!(read(&theirs, "note/a"), Some((1, b"ours".to_vec())));
    assert_eq!(read(&theirs, "note/b"), None);
    apply(&mut theirs, [put("note/a", 1, b"theirs")]);
    let late = try_apply(&mut ours, [delete("note/a", 1)]);
    assert!(matches!(late, Err(StoreError::Conflict { .. })), "{late:?}");
}

/// Several threads count up one record, each with a handle of its own: no count is lost.
pub fn no_update_is_lost_between_threads(place: &impl Place) {
    const THREADS: u64 = 4;
    const ROUNDS: u64 = 25;
    let handles: Vec<_> = (0..THREADS).map(|_| place.open().expect("opens")).collect();
    thread::scope(|scope| {
        for mut store in handles {
            scope.spawn(move || (0..ROUNDS).for_each(|_| count_up(&mut store)));
        }
    });
    let store = place.open().expect("opens");
    let total = THREADS * ROUNDS;
    assert_eq!(read(&store, "count"), Some((total, total.to_be_bytes().to_vec())));
}

/// A list taken while others write shows whole batches: two records that change together are equal.
pub fn a_list_is_of_one_moment(place: &impl Place) {
    let (mut writer, reader) = (place.open().expect("opens"), place.open().expect("opens"));
    apply(&mut writer, [put("a/1", 0, b"0"), put("z/1", 0, b"0")]);
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            for version in 1..60 {
                let value = version.to_string();
                let both =
                    [put("a/1", version, value.as_bytes()), put("z/1", version, value.as_bytes())];
                writer.apply_relaxed(&Changes::of(both)).expect("applies");
            }
            done.store(true, Ordering::Release);
        });
        while !done.load(Ordering::Acquire) {
            let pair = reader.snapshot(&["a/", "z/"]).expect("lists");
            assert_eq!(pair.len(), 2);
            assert_eq!(pair[0].value, pair[1].value, "half a batch was seen");
            assert_eq!(pair[0].version, pair[1].version);
        }
    });
}

/// A store that nobody has put back is no old copy, and takes the batch that would accept one like any
/// other: whoever accepts may be second.
pub fn what_is_no_old_copy_is_not_called_one(place: &impl Place) {
    let mut store = place.open().expect("opens");
    assert_eq!(store.rollback().expect("answers"), None);
    apply(&mut store, [put("note/a", 0, b"1")]);
    store.apply_relaxed(&Changes::of([put("note/a", 1, b"2")])).expect("applies");
    assert_eq!(store.rollback().expect("answers"), None);
    store.accept_rollback(&Changes::of([put("note/a", 2, b"3")])).expect("applies");
    let late = store.accept_rollback(&Changes::of([put("note/a", 2, b"3 as well")]));
    assert!(matches!(late, Err(StoreError::Conflict { .. })), "{late:?}");
    drop(store);
    let store = place.open().expect("opens again");
    assert_eq!(store.rollback().expect("answers"), None);
    assert_eq!(read(&store, "note/a"), Some((3, b"3".to_vec())));
}
