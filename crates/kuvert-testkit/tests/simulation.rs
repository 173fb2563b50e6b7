//! The simulator finds nothing in this library, repeats itself byte for byte, and finds what is wrong
//! with stores that do not keep their contract.

#![cfg(feature = "sim")]
#![allow(clippy::unwrap_used, reason = "a test that fails panics")]

use kuvert_core::{Change, Changes, Key, Record, Version};
use kuvert_store::{MemoryStore, Store, StoreError};
use kuvert_testkit::Side;
use kuvert_testkit::sim::{Adapter, Endpoint, Event, Memory, Mix, Report, Seat, Simulation};
use proptest::prelude::*;

fn run(mix: &Mix, seed: u64, steps: usize) -> Report {
    let memory = if mix.has_anchors { Memory::new() } else { Memory::without_anchors() };
    Simulation::new(seed).steps(steps).run(mix, memory)
}

#[test]
fn every_mix_ends_well() {
    for mix in Mix::ALL {
        for seed in 0..3 {
            let report = run(mix, seed, 150);
            assert!(report.is_good(), "{}: {report}", mix.name);
        }
    }
}

#[test]
fn where_nothing_goes_wrong_nothing_is_told_of_it() {
    let report = run(Mix::named("calm").unwrap(), 1, 300);
    assert_eq!(report.delivered, report.written);
    assert_eq!(report.told.keys().collect::<Vec<_>>(), ["Delivered"], "{report}");
}

#[test]
fn a_seed_decides_every_byte() {
    let mix = Mix::named("everything").unwrap();
    let digest = |seed| run(mix, seed, 200).digest;
    assert_eq!(digest(7), digest(7));
    assert_ne!(digest(7), digest(8));
}

#[test]
fn a_trace_tells_what_happened_and_changes_nothing() {
    let plain = Simulation::new(3).steps(40);
    let calm = Mix::named("calm").unwrap();
    let (silent, told) = (plain.run(calm, Memory::new()), plain.traced().run(calm, Memory::new()));
    assert_eq!(silent.digest, told.digest);
    assert!(silent.trace.is_empty());
    assert!(told.trace.iter().any(|line| line.contains("Bob reads message")), "{told}");
}

#[test]
fn what_is_kept_back_for_ever_is_told() {
    // The relay keeps back everything of Alice's, also her attempts to begin anew.
    let alice = Seat::app(Side::Alice);
    let mut events = vec![Event::Withhold(Side::Alice); 50];
    events.push(Event::Send(alice, 0));
    events.extend([Event::Pass(15), Event::Flush(alice)].repeat(100));
    let report = Simulation::new(1).play(&events, Memory::new());
    assert!(report.is_good(), "{report}");
    assert_eq!(report.reported.get("Undelivered"), Some(&1), "{report}");
}

/// A store that does something wrong, over one that does not.
#[derive(Clone)]
struct Broken {
    store: MemoryStore,
    how: fn(&mut MemoryStore, &Changes, usize) -> Result<(), StoreError>,
    batches: usize,
}

impl Store for Broken {
    fn get(&self, key: &Key) -> Result<Option<Record>, StoreError> {
        self.store.get(key)
    }

    fn snapshot(&self, prefixes: &[&str]) -> Result<Vec<Record>, StoreError> {
        self.store.snapshot(prefixes)
    }

    fn apply(&mut self, changes: &Changes) -> Result<(), StoreError> {
        self.batches += 1;
        (self.how)(&mut self.store, changes, self.batches)
    }
}

struct BrokenHomes {
    stores: [Broken; 2],
    relay: Memory,
}

impl BrokenHomes {
    fn new(how: fn(&mut MemoryStore, &Changes, usize) -> Result<(), StoreError>) -> Self {
        let stores = [(), ()].map(|()| Broken { store: MemoryStore::new(), how, batches: 0 });
        Self { stores, relay: Memory::new() }
    }
}

impl Adapter for BrokenHomes {
    type Store = Broken;
    type Carrier = Endpoint;

    fn store(&mut self, side: Side) -> Broken {
        self.stores[side as usize].clone()
    }

    fn carrier(&mut self, side: Side) -> Endpoint {
        self.relay.carrier(side)
    }
}

/// Writes whatever it is given, also over what another process has written in between.
fn careless(store: &mut MemoryStore, changes: &Changes, _: usize) -> Result<(), StoreError> {
    let current =
        |key: &Key| store.get(key).map(|record| record.map_or(Version::ABSENT, |r| r.version));
    let mut forced = Vec::new();
    for change in changes.iter() {
        let expected = current(change.key())?;
        match change.clone() {
            Change::Put { key, value, .. } => forced.push(Change::Put { key, expected, value }),
            Change::Delete { key, .. } if expected != Version::ABSENT => {
                forced.push(Change::Delete { key, expected });
            }
            _ => {}
        }
    }
    store.apply(&Changes::of(forced))
}

/// Says that it has written, and has not, every fortieth time.
fn forgetful(store: &mut MemoryStore, changes: &Changes, batch: usize) -> Result<(), StoreError> {
    if batch.is_multiple_of(40) { Ok(()) } else { store.apply(changes) }
}

#[test]
fn a_store_that_does_not_compare_versions_is_found() {
    let processes = Mix::named("processes").unwrap();
    let is_found = |seed| {
        let homes = BrokenHomes::new(careless);
        !Simulation::new(seed).steps(300).run(processes, homes).is_good()
    };
    assert!((0..5).any(is_found));
}

#[test]
fn a_store_that_forgets_a_batch_is_found() {
    let report =
        Simulation::new(1).steps(200).run(Mix::named("calm").unwrap(), BrokenHomes::new(forgetful));
    assert!(!report.is_good());
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 12,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    /// Any bytes are a story, and every story ends well. Shrinking cuts it down to what matters.
    #[test]
    fn whatever_happens_nothing_is_lost_in_silence(
        seed in 0..1000_u64,
        bytes in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        let events = Event::all_from_bytes(&bytes);
        let report = Simulation::new(seed).traced().play(&events, Memory::new());
        prop_assert!(report.is_good(), "{}", report);
    }
}
