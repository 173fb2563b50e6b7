//! The checks for stores with an anchor: an old copy is noticed, and nothing else is.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use kuvert_core::{Change, Changes};

use super::{AnchoredPlace, apply, count_up, key_of, keys, put, read, try_apply};
use crate::{Rollback, Store, StoreError};

/// STO-17: an old copy can be read, says what it is, and takes no batch.
pub fn an_old_copy_is_noticed_when_it_is_opened(place: &impl AnchoredPlace) {
    let mut store = old_copy(place);
    let rollback = store.rollback().expect("answers").expect("the copy is old");
    assert!(rollback.found < rollback.expected, "{rollback}");
    assert_eq!(read(&store, "note/a"), Some((1, b"1".to_vec())));
    for change in [put("note/a", 1, b"2 again"), put("note/z", 0, b"")] {
        assert_rolled_back(&try_apply(&mut store, [change.clone()]), rollback);
        assert_rolled_back(&store.apply_relaxed(&Changes::of([change])), rollback);
    }
    assert_eq!(keys(&store, ""), ["note/a"]);
    assert_eq!(read(&store, "note/a"), Some((1, b"1".to_vec())));
    drop(store);
    let again = place.open().expect("opens").rollback().expect("answers");
    assert_eq!(again, Some(rollback), "asking changes nothing");
}

/// STO-17, STO-18: an old copy that is put under an open handle takes no batch from it either.
pub fn an_old_copy_under_an_open_handle_is_noticed(place: &impl AnchoredPlace) {
    let (mut writer, mut idle) = (place.open().expect("opens"), place.open().expect("opens"));
    apply(&mut writer, [put("note/a", 0, b"1")]);
    let copy = place.copy();
    apply(&mut writer, [put("note/a", 1, b"2")]);
    place.put_back(&copy);
    for store in [&mut writer, &mut idle] {
        let answer = try_apply(store, [put("note/a", 1, b"2 again")]);
        assert!(is_refused(&answer), "{answer:?}");
        let answer = store.apply_relaxed(&Changes::of([put("note/z", 0, b"")]));
        assert!(is_refused(&answer), "{answer:?}");
    }
    drop((writer, idle));
    let store = place.open().expect("opens");
    assert!(store.rollback().expect("answers").is_some());
    assert_eq!(read(&store, "note/a"), Some((1, b"1".to_vec())));
}

/// The batch that accepts is made whole, and from then on the store is as good as any.
pub fn an_accepted_copy_goes_on(place: &impl AnchoredPlace) {
    let mut store = old_copy(place);
    let changes = [put("note/a", 1, b"accepted"), put("note/b", 0, b"told")];
    accept(&mut store, changes).expect("accepts");
    assert_eq!(store.rollback().expect("answers"), None);
    apply(&mut store, [put("note/a", 2, b"goes on")]);
    drop(store);
    let mut store = place.open().expect("opens");
    assert_eq!(store.rollback().expect("answers"), None);
    assert_eq!(read(&store, "note/a"), Some((3, b"goes on".to_vec())));
    assert_eq!(read(&store, "note/b"), Some((1, b"told".to_vec())));
    apply(&mut store, [put("note/b", 1, b"")]);
}

/// A batch that does not fit accepts nothing; one without changes does.
pub fn a_conflict_accepts_nothing(place: &impl AnchoredPlace) {
    let mut store = old_copy(place);
    let rollback = store.rollback().expect("answers");
    let answer =
        accept(&mut store, [put("note/b", 0, b""), put("note/a", 2, b"of the other copy")]);
    assert!(matches!(answer, Err(StoreError::Conflict { .. })), "{answer:?}");
    assert_eq!(store.rollback().expect("answers"), rollback);
    assert_eq!(keys(&store, ""), ["note/a"]);
    accept(&mut store, []).expect("accepts");
    assert_eq!(place.open().expect("opens").rollback().expect("answers"), None);
}

/// Every copy from before the acceptance is an old one then: the newest as well, whose state and the
/// accepted one's have gone different ways.
pub fn after_an_acceptance_all_earlier_copies_are_old(place: &impl AnchoredPlace) {
    let mut store = place.open().expect("opens");
    apply(&mut store, [put("note/a", 0, b"1")]);
    let old = place.copy();
    for version in 1..5 {
        apply(&mut store, [put("note/a", version, b"more")]);
    }
    drop(store);
    let newest = place.copy();
    place.put_back(&old);
    let mut store = place.open().expect("opens");
    accept(&mut store, [put("note/a", 1, b"accepted")]).expect("accepts");
    drop(store);
    let accepted = place.copy();
    for earlier in [&newest, &old] {
        place.put_back(earlier);
        let store = place.open().expect("opens");
        assert!(store.rollback().expect("answers").is_some());
    }
    place.put_back(&accepted);
    assert_eq!(place.open().expect("opens").rollback().expect("answers"), None);
}

/// Of two handles that accept, one does; the other one's batch is compared like any other.
pub fn of_two_that_accept_one_does(place: &impl AnchoredPlace) {
    let mut ours = old_copy(place);
    let mut theirs = place.open().expect("opens");
    accept(&mut ours, [put("note/a", 1, b"ours")]).expect("accepts");
    let late = accept(&mut theirs, [put("note/a", 1, b"theirs")]);
    assert!(matches!(late, Err(StoreError::Conflict { .. })), "{late:?}");
    apply(&mut theirs, [put("note/a", 2, b"theirs")]);
    apply(&mut ours, [put("note/a", 3, b"ours")]);
}

/// A store whose anchor is lost is taken as it is, and watched from its next batch on.
pub fn a_lost_anchor_is_made_anew(place: &impl AnchoredPlace) {
    apply(&mut place.open().expect("opens"), [put("note/a", 0, b"1")]);
    place.lose_anchor();
    let mut store = place.open().expect("opens");
    assert_eq!(store.rollback().expect("answers"), None);
    let copy = place.copy();
    apply(&mut store, [put("note/a", 1, b"2")]);
    drop(store);
    place.put_back(&copy);
    assert!(place.open().expect("opens").rollback().expect("answers").is_some());
}

/// Several handles that write at once make no false alarm, and the last of them is anchored.
pub fn many_writers_make_no_alarm(place: &impl AnchoredPlace) {
    const THREADS: u64 = 4;
    const ROUNDS: u64 = 25;
    let writers: Vec<_> = (0..THREADS).map(|_| place.open().expect("opens")).collect();
    let watcher = place.open().expect("opens");
    let done = &AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(move || {
            while !done.load(Ordering::Acquire) {
                assert_eq!(watcher.rollback().expect("answers"), None);
            }
        });
        thread::scope(|scope| {
            for mut store in writers {
                scope.spawn(move || (0..ROUNDS).for_each(|_| count_up(&mut store)));
            }
        });
        done.store(true, Ordering::Release);
    });
    let before_last = place.copy();
    count_up(&mut place.open().expect("opens"));
    place.put_back(&before_last);
    assert!(place.open().expect("opens").rollback().expect("answers").is_some());
}

/// A handle on a store with version 1 of `note/a`, which had versions 2 and 3 before.
fn old_copy<P: AnchoredPlace>(place: &P) -> P::Store {
    let mut store = place.open().expect("opens");
    assert_eq!(store.rollback().expect("answers"), None);
    apply(&mut store, [put("note/a", 0, b"1")]);
    let copy = place.copy();
    apply(&mut store, [put("note/a", 1, b"2")]);
    apply(&mut store, [put("note/a", 2, b"3")]);
    assert_eq!(store.rollback().expect("answers"), None);
    drop(store);
    place.put_back(&copy);
    let store = place.open().expect("an old copy opens");
    assert!(store.get(&key_of("note/a")).expect("reads").is_some());
    store
}

fn accept<const N: usize>(store: &mut impl Store, changes: [Change; N]) -> Result<(), StoreError> {
    store.accept_rollback(&Changes::of(changes))
}

fn assert_rolled_back(answer: &Result<(), StoreError>, expected: Rollback) {
    let is_so = matches!(answer, Err(StoreError::Rollback(rollback)) if *rollback == expected);
    assert!(is_so, "{answer:?}");
}

fn is_refused(answer: &Result<(), StoreError>) -> bool {
    matches!(answer, Err(StoreError::Rollback(_) | StoreError::Replaced))
}
