//! Every state that comes about is stored and loaded, and must be the same afterwards.

use kuvert_core::{Device, Key, Record, Version};
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
        let mut stored = match self.adapter.store(seat.side).snapshot(&changing()) {
            Ok(stored) => stored,
            Err(error) => return self.find(format!("the store cannot be read: {error}")),
        };
        stored.retain(|record| !is_constant(&record.key));
        // Another process may have written since, and this one not have looked.
        let may_be_old = self.people[seat.side as usize].had_company;
        if may_be_old && !renewed.iter().map(version).eq(stored.iter().map(version)) {
            return;
        }
        if renewed != stored {
            self.find(format!("{seat:?} has another state in memory than in the store"));
        }
    }
}

const fn version(record: &Record) -> (&Key, Version) {
    (&record.key, record.version)
}

/// Prefixes of all that changes.
fn changing() -> Vec<&'static str> {
    let all = Device::COLLECTIONS.iter().copied();
    all.map(|prefix| if prefix == "prekey/" { "prekey/medium/" } else { prefix }).collect()
}

fn is_constant(key: &Key) -> bool {
    CONSTANT.iter().any(|prefix| key.as_str().starts_with(prefix))
}
