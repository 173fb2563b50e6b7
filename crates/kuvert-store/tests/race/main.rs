//! Several processes on one store, in thousands of orders: no two messages are sealed from one state,
//! no message is opened twice, and no order is taken for a rollback.
//!
//! `shuttle` runs the processes as threads of which one goes on at a time, and chooses at each access
//! to rows and anchor which one that is. What is under test is the store as apps have it, sealing,
//! ledger and anchor included, and the device on top; the rows are the test's own. That these tests
//! would find a store whose compare-and-swap is broken is shown with two such stores.

#![allow(clippy::unwrap_used, reason = "these are tests, helpers included")]

mod pair;
mod records;
mod rows;

use std::collections::BTreeSet;

use kuvert_store::Store;
use shuttle::scheduler::{PctScheduler, RandomScheduler, Scheduler};
use shuttle::{Config, Runner, thread};

use pair::{ACQUAINTED, Bare, Seal, Whole, chance, open, opened_by_bob, seal};
use rows::Flaw;

/// Orders for each way to choose them, at some milliseconds each.
const ORDERS: usize = 250;
/// How often another process gets preference in an order of the second way.
const TURNS: usize = 3;

/// Runs `race` in one order after the other, and says in how many.
fn run(scheduler: impl Scheduler + 'static, race: impl Fn() + Send + Sync + 'static) -> usize {
    let mut config = Config::new();
    // The primitives have whole key pairs on the stack.
    config.stack_size = 1 << 20;
    Runner::new(scheduler, config).run(race)
}

fn run_many(race: impl Fn() + Clone + Send + Sync + 'static) {
    run(RandomScheduler::new(ORDERS), race.clone());
    run(PctScheduler::new(TURNS, ORDERS), race);
}

/// What several processes do at once, each with a handle of its own on what they share.
fn at_once<S: Open, T: Send + 'static>(
    processes: u64,
    shared: &S,
    act: impl Fn(u64, S::Store) -> T + Copy + Send + 'static,
) -> impl Iterator<Item = T> {
    let handles: Vec<_> = (0..processes).map(|process| (process, shared.open())).collect();
    let begin = |(process, store)| thread::spawn(move || act(process, store));
    let running: Vec<_> = handles.into_iter().map(begin).collect();
    running.into_iter().map(|process| process.join().unwrap())
}

/// A store that several processes share.
trait Open {
    /// A handle on it.
    type Store: Store + Send + 'static;
    /// Another handle, as another process has.
    fn open(&self) -> Self::Store;
}

/// Two processes that send two messages each, and one that looks on.
fn race_of_senders(shared: &impl Open) {
    let watcher = shared.open();
    let sealing = at_once(2, shared, |process, mut store| {
        let mut rng = chance(process);
        [(); 2].map(|()| seal(&mut store, &mut rng))
    });
    assert_eq!(watcher.rollback().unwrap(), None);
    let seals: Vec<Seal> = sealing.flatten().collect();
    assert_eq!(watcher.rollback().unwrap(), None);

    let states: BTreeSet<_> = seals.iter().map(|seal| &seal.from).collect();
    assert_eq!(states.len(), seals.len(), "two messages were sealed from one state");
    assert_eq!(opened_by_bob(&seals), seals.len(), "a message key was used twice");
    shared.open();
}

#[test]
fn no_two_messages_are_sealed_from_one_state() {
    run_many(|| race_of_senders(&Whole::new(&ACQUAINTED.alice)));
}

#[test]
#[should_panic(expected = "two messages were sealed from one state")]
fn a_store_that_never_compares_versions_is_found_out() {
    run_many(|| race_of_senders(&Bare::new(&ACQUAINTED.alice, Flaw::NeverCompares)));
}

#[test]
#[should_panic(expected = "two messages were sealed from one state")]
fn a_store_that_compares_versions_too_early_is_found_out() {
    run_many(|| race_of_senders(&Bare::new(&ACQUAINTED.alice, Flaw::ComparesTooEarly)));
}

/// Two processes that got one envelope.
fn race_of_receivers(shared: &impl Open) {
    let opened = at_once(2, shared, |process, mut store| open(&mut store, &mut chance(process)));
    assert_eq!(opened.filter(|opened| *opened).count(), 1, "one message, opened once");
}

#[test]
fn one_message_is_opened_once() {
    run_many(|| race_of_receivers(&Whole::new(&ACQUAINTED.bob)));
}

#[test]
#[should_panic(expected = "one message, opened once")]
fn a_store_that_compares_too_early_opens_a_message_twice() {
    run_many(|| race_of_receivers(&Bare::new(&ACQUAINTED.bob, Flaw::ComparesTooEarly)));
}
