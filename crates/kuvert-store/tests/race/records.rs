//! The smallest races, without devices: in every order that there is.

use kuvert_core::{Change, Changes, Key, Version};
use kuvert_store::{Anchored, Counted as _, Store, StoreError, Unsealed};
use shuttle::scheduler::DfsScheduler;

use super::rows::{Flaw, RacingAnchor, RacingRows};
use super::{Open, at_once, run};

/// What one record races for.
struct Counter {
    rows: RacingRows,
    anchor: RacingAnchor,
}

impl Counter {
    fn new(flaw: Flaw) -> Self {
        Self { rows: RacingRows::new(flaw), anchor: RacingAnchor::new() }
    }
}

impl Open for Counter {
    type Store = Anchored<Unsealed<RacingRows>, RacingAnchor>;

    fn open(&self) -> Self::Store {
        Anchored::new(Unsealed::over(self.rows.clone()), self.anchor.clone())
    }
}

/// Counts up once, however often others are first.
fn count_up(store: &mut impl Store) {
    loop {
        match store.apply(&put(count(store))) {
            Ok(()) => return,
            Err(StoreError::Conflict { .. }) => {}
            Err(error) => panic!("{error}"),
        }
    }
}

fn put(expected: u64) -> Changes {
    let (key, expected) = (Key::parse("count").unwrap(), Version::from_number(expected));
    Changes::of([Change::Put { key, expected, value: Vec::new().into() }])
}

fn count(store: &impl Store) -> u64 {
    let record = store.get(&Key::parse("count").unwrap()).unwrap();
    record.map_or(0, |record| record.version.number())
}

/// Runs a race of two processes in all orders; there are `at_least` so many.
fn in_every_order(at_least: usize, race: impl Fn() + Send + Sync + 'static) {
    let orders = run(DfsScheduler::new(None, false), race);
    assert!(orders >= at_least, "{orders} orders");
}

fn race_to_count(flaw: Flaw) {
    let counter = Counter::new(flaw);
    at_once(2, &counter, |_, mut store| count_up(&mut store)).for_each(drop);
    assert_eq!(count(&counter.open()), 2, "a count is lost");
}

#[test]
fn no_count_is_lost() {
    in_every_order(10_000, || race_to_count(Flaw::Nothing));
}

#[test]
#[should_panic(expected = "a count is lost")]
fn a_store_that_compares_too_early_loses_counts() {
    in_every_order(1, || race_to_count(Flaw::ComparesTooEarly));
}

/// Whoever looks on while two write sees no rollback, wherever they are between commit and anchor.
#[test]
fn no_order_makes_a_false_alarm() {
    in_every_order(10_000, || {
        let counter = Counter::new(Flaw::Nothing);
        let writing = at_once(1, &counter, |_, mut store| {
            (0..2).for_each(|version| store.apply(&put(version)).unwrap());
        });
        let mut store = counter.open();
        assert_eq!(store.rollback().unwrap(), None);
        let answer = store.apply(&put(7));
        assert!(matches!(answer, Err(StoreError::Conflict { .. })), "{answer:?}");
        assert_eq!(store.rollback().unwrap(), None);
        writing.for_each(drop);
    });
}

/// Of two that accept an old copy, one does, and no order leaves the store rolled back.
#[test]
fn an_old_copy_is_accepted_once() {
    in_every_order(100, || {
        let counter = Counter::new(Flaw::Nothing);
        count_up(&mut counter.open());
        let copy = counter.rows.copy();
        count_up(&mut counter.open());
        counter.rows.put_back(&copy);
        let accepting = at_once(2, &counter, |_, mut store| {
            let answer = store.accept_rollback(&put(1));
            assert!(matches!(answer, Ok(()) | Err(StoreError::Conflict { .. })), "{answer:?}");
            answer.is_ok()
        });
        assert_eq!(accepting.filter(|accepted| *accepted).count(), 1);
        let store = counter.open();
        assert_eq!((store.rollback().unwrap(), count(&store)), (None, 2));
        assert_eq!(Unsealed::over(counter.rows.clone()).generation().unwrap(), 3);
    });
}
