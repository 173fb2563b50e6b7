//! Envelopes to devices in several states.
//!
//! ```text
//! input = state u8 | time u8 | envelope
//! ```
//! Nothing is kept from one input to the next.

use std::cell::RefCell;
use std::collections::BTreeMap;

use kuvert_core::{Change, Changes, Device, Key, Outcome, Outcomes, Record};
use kuvert_wire::{DeviceId, Timestamp};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

use super::scene::Scene;
use crate::Side;
use crate::sim::span;

/// A device that takes envelopes, and forgets them again.
struct State {
    device: Device,
    records: Vec<Record>,
    peer: DeviceId,
    now: Timestamp,
}

impl State {
    fn of(scene: Scene, side: Side) -> Self {
        let (peer, now) = (scene.pair.id(side.other()), scene.pair.now);
        let records = scene.into_party(side).stored();
        let device = Device::load(records.clone()).expect("its own records");
        Self { device, records, peer, now }
    }

    fn all() -> [Self; 3] {
        [
            Self::of(Scene::middle(), Side::Alice),
            Self::of(Scene::middle(), Side::Bob),
            Self::of(Scene::beginning(), Side::Bob),
        ]
    }
}

thread_local! {
    static STATES: RefCell<[State; 3]> = RefCell::new(State::all());
}

pub(super) fn run(input: &[u8]) {
    let Some(([which, later], envelope)) = input.split_first_chunk() else { return };
    STATES.with_borrow_mut(|states| {
        let which = usize::from(*which) % states.len();
        take(&mut states[which], *later, envelope);
    });
}

fn take(state: &mut State, later: u8, envelope: &[u8]) {
    let now = state.now.saturating_add(span(later));
    // A step that is dropped has not happened.
    let stored = {
        let step = state.device.receive(envelope, None, now, &mut chance());
        if step.changes().is_empty() {
            return;
        }
        applied(&state.records, step.changes())
    };
    let mut device = Device::load(state.records.clone()).expect("its own records");
    let step = device.receive(envelope, None, now, &mut chance());
    let Ok(outcomes) = step.commit(|_| Ok::<_, core::convert::Infallible>(()));
    assert!(!is_nothing(&outcomes), "{outcomes:?} changes something");
    let differing = differing(&device.records(), &stored);
    assert!(differing.is_empty(), "store and device differ in {differing:?}");
    go_on(Device::load(stored).expect("its own records"), &state.peer, now);
}

/// Whatever has been said to it, the device still works.
fn go_on(mut device: Device, peer: &DeviceId, now: Timestamp) {
    let kept = |_: &Changes| Ok::<_, core::convert::Infallible>(());
    let mut tries = 0;
    while let Some(step) = device.retry(now, &mut chance()) {
        let Ok(_) = step.commit(kept);
        tries += 1;
        assert!(tries < 100, "it tries the same again and again");
    }
    let Ok(()) = device.tidy(now).commit(kept);
    if let Ok(step) = device.encrypt(peer, &kuvert_core::Content::text("on"), now, &mut chance()) {
        let Ok(_) = step.commit(kept);
    }
    let records = device.records();
    assert!(Device::load(records.clone()).expect("its own records").records() == records);
}

fn is_nothing(outcomes: &Outcomes) -> bool {
    let nothing =
        |outcome: &Outcome| matches!(outcome, Outcome::Rejected { .. } | Outcome::AlreadyReceived);
    outcomes.iter().all(nothing)
}

/// Records that only one of the two has.
fn differing(device: &[Record], store: &[Record]) -> Vec<Record> {
    let ours = device.iter().filter(|record| !store.contains(record));
    ours.chain(store.iter().filter(|record| !device.contains(record))).cloned().collect()
}

/// The records after the changes, as a store would have them that a device is loaded from.
fn applied(records: &[Record], changes: &Changes) -> Vec<Record> {
    let mut stored: BTreeMap<Key, Record> =
        records.iter().map(|record| (record.key.clone(), record.clone())).collect();
    for change in changes.iter() {
        let before = stored.remove(change.key());
        let version = before.map(|record| record.version).unwrap_or_default();
        assert_eq!(change.expected(), version, "{change:?}");
        if let Change::Put { key, expected, value } = change.clone() {
            let record = Record { key: key.clone(), version: expected.next(), value };
            stored.insert(key, record);
        }
    }
    let is_of_device = |key: &Key| {
        Device::COLLECTIONS.iter().any(|collection| key.as_str().starts_with(collection))
    };
    stored.into_values().filter(|record| is_of_device(&record.key)).collect()
}

fn chance() -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(7)
}
