//! Every state that comes about is stored and loaded, and must be the same afterwards.

use kuvert_core::{Device, Record};
use kuvert_store::Store;

use super::Adapter;
use super::event::Seat;
use super::world::World;

/// Records that change with each message. One-time prekeys, of which there are a hundred, never change.
const CHANGING: &[&str] =
    &["device/", "peer/", "prekey/medium/", "session/", "skipped/", "replay/", "waiting/"];

/// How often the one-time prekeys are looked at as well.
const ALL_EVERY: usize = 64;

impl<A: Adapter> World<A> {
    /// Holds what `seat` has stored against what is loaded from it.
    pub(super) fn compare(&mut self, seat: Seat) {
        self.compared += 1;
        let is_full = self.compared.is_multiple_of(ALL_EVERY);
        let collections = if is_full { Device::COLLECTIONS } else { CHANGING };
        match self.adapter.store(seat.side).snapshot(collections) {
            Ok(stored) => self.compare_records(seat, stored),
            Err(error) => self.find(format!("the store of {seat:?} cannot be read: {error}")),
        }
    }

    fn compare_records(&mut self, seat: Seat, stored: Vec<Record>) {
        match Device::load(stored.iter().cloned()) {
            Ok(device) if device.records() == stored => {}
            Ok(_) => self.find(format!("the state of {seat:?} is another after loading")),
            Err(error) => self.find(format!("the state of {seat:?} cannot be loaded: {error}")),
        }
    }
}
