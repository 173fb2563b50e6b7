//! For simulators: clients in surroundings of one's own.

use kuvert_core::Device;
use kuvert_store::Store;
use kuvert_wire::RelayUrl;

use super::{Client, lock};
use crate::{Carrier, Error, Surroundings};

impl<S: Store, T: Carrier> Client<S, T> {
    /// [`Client::create_account`] with another clock and another generator.
    ///
    /// # Errors
    ///
    /// As [`Client::create_account`].
    pub fn create_in(
        store: S,
        carrier: T,
        name: &str,
        around: Surroundings,
    ) -> Result<Self, Error> {
        Self::create_with(store, carrier, name, around)
    }

    /// [`Client::open`] with another clock and another generator.
    ///
    /// # Errors
    ///
    /// As [`Client::open`].
    pub fn open_in(
        store: S,
        connect: impl FnOnce(RelayUrl) -> T,
        around: Surroundings,
    ) -> Result<Self, Error> {
        Self::open_with(store, connect, around)
    }

    /// Looks at the device, which is not used in between.
    pub fn with_device<R>(&mut self, look: impl FnOnce(&mut Device) -> R) -> R {
        look(&mut lock(&self.device))
    }

    /// The store, to look into it.
    pub const fn store(&self) -> &S {
        &self.store
    }

    /// The carrier, to switch its faults.
    pub const fn carrier(&self) -> &T {
        &self.carrier
    }
}
