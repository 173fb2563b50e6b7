//! Every state that comes about is stored and loaded, and must be the same afterwards.

use std::collections::BTreeMap;

use kuvert_core::{Device, Key, Record};
use kuvert_store::Store;

use super::Adapter;
use super::event::Seat;
use super::world::World;

/// What never changes once it is there, and takes longest to load.
const CONSTANT: &[&str] = &["device/identity", "prekey/one-time/"];

impl<A: Adapter> World<A> {
    /// Has the device of `seat` encoded and read back, as if its process began anew, and holds what
    /// comes of it against the store.
    pub(super) fn compare(&mut self, seat: Seat) {
        let renewed = self.with_client(seat, |client| client.with_device(Device::renew));
        match renewed {
            None => {}
            Some(Ok(renewed)) => self.compare_records(seat, &renewed),
            Some(Err(error)) => self.find(format!("the state of {seat:?} cannot be read: {error}")),
        }
    }

    fn compare_records(&mut self, seat: Seat, renewed: &[Record]) {
        let prefixes = changing();
        let stored = match self.adapter.store(seat.side).snapshot(&prefixes) {
            Ok(stored) => stored,
            Err(error) => return self.find(format!("the store cannot be read: {error}")),
        };
        let stored = stored.into_iter().filter(|record| !is_constant(&record.key));
        let stored: BTreeMap<_, _> = stored.map(|record| (record.key.clone(), record)).collect();
        // Another process may have written since, and this one not have looked; but no version is
        // written twice.
        let is_other = |record: &Record| {
            let same = stored.get(&record.key).filter(|same| same.version == record.version);
            same.is_some_and(|same| same.value != record.value)
        };
        let is_alone = !self.people[seat.side as usize].had_company;
        let differs = is_alone && !renewed.iter().eq(stored.values());
        if differs || renewed.iter().any(is_other) {
            self.find(format!("{seat:?} has another state in memory than in the store"));
        }
    }
}

/// Prefixes of all that changes.
fn changing() -> Vec<&'static str> {
    let all = Device::COLLECTIONS.iter().copied();
    all.map(|prefix| if prefix == "prekey/" { "prekey/medium/" } else { prefix }).collect()
}

fn is_constant(key: &Key) -> bool {
    CONSTANT.iter().any(|prefix| key.as_str().starts_with(prefix))
}
