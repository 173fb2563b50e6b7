//! One side of a conversation: a device, its store and its chance.

use kuvert_core::prekey::VerifiedBundle;
use kuvert_core::{
    Change, Changes, Content, Device, Outgoing, ProtocolError, Received, Record, Step,
};
use kuvert_store::{MemoryStore, Store};
use kuvert_wire::{DeviceId, PrekeyBundle, Timestamp};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

/// A device that saves each step before it goes on, as an app's has to.
#[derive(Debug)]
pub struct Party {
    device: Device,
    store: MemoryStore,
    rng: ChaCha20Rng,
}

impl Party {
    /// Makes a device. All its randomness follows from `seed`.
    ///
    /// # Panics
    ///
    /// If an empty store in memory cannot be written to.
    #[must_use]
    pub fn new(seed: u64, now: Timestamp) -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let mut store = MemoryStore::new();
        let device = Device::create(now, &mut rng).commit(|changes| store.apply(changes));
        Self { device: device.expect("a new store is empty"), store, rng }
    }

    /// The device, to look at.
    #[must_use]
    pub const fn device(&self) -> &Device {
        &self.device
    }

    /// A bundle as a directory would give it out.
    ///
    /// # Errors
    ///
    /// What the store says.
    pub fn bundle(
        &mut self,
        with_one_time: bool,
        now: Timestamp,
    ) -> Result<PrekeyBundle, ProtocolError> {
        self.take(|device, rng| Ok(device.bundle(with_one_time, now, rng)))
    }

    /// Begins a session with the owner of a bundle, whoever that is.
    ///
    /// # Errors
    ///
    /// What [`VerifiedBundle::verify`] and [`Device::initiate`] say; nothing has changed.
    pub fn begin(
        &mut self,
        bundle: PrekeyBundle,
        now: Timestamp,
    ) -> Result<DeviceId, ProtocolError> {
        let account = kuvert_core::identity::account_id(&bundle.cert.account_key);
        let bundle = VerifiedBundle::verify(bundle, &account, now)?;
        self.take(|device, rng| device.initiate(&bundle, now, rng))
    }

    /// Seals a text.
    ///
    /// # Errors
    ///
    /// What [`Device::encrypt`] says; nothing has changed.
    pub fn send(
        &mut self,
        to: &DeviceId,
        text: &str,
        now: Timestamp,
    ) -> Result<Outgoing, ProtocolError> {
        self.take(|device, rng| device.encrypt(to, &Content::text(text), now, rng))
    }

    /// Seals an empty message with ten fragments, and has those after it carry ten as well.
    ///
    /// # Errors
    ///
    /// What [`Device::heal`] says; nothing has changed.
    pub fn heal(&mut self, peer: &DeviceId, now: Timestamp) -> Result<Outgoing, ProtocolError> {
        self.take(|device, rng| device.heal(peer, now, rng))
    }

    /// Opens an envelope.
    ///
    /// # Errors
    ///
    /// What [`Device::decrypt`] says; nothing has changed.
    pub fn receive(&mut self, envelope: &[u8], now: Timestamp) -> Result<Received, ProtocolError> {
        self.take(|device, rng| device.decrypt(envelope, now, rng))
    }

    /// Everything that is stored, to compare or to put back later.
    ///
    /// # Panics
    ///
    /// If the store in memory cannot be read.
    #[must_use]
    pub fn stored(&self) -> Vec<Record> {
        self.store.snapshot(Device::COLLECTIONS).expect("memory can be read")
    }

    /// Changes the first stored record under `prefix` and starts again from that: a device that does
    /// not keep to the protocol.
    ///
    /// # Panics
    ///
    /// If there is no such record, or the device cannot be loaded with the change.
    pub fn alter(&mut self, prefix: &str, change: impl FnOnce(&mut Vec<u8>)) {
        let records = self.store.scan(prefix).expect("memory can be read");
        let Record { key, version, mut value } = records.into_iter().next().expect("a record");
        change(&mut value);
        let changes = Changes::of([Change::Put { key, expected: version, value }]);
        self.store.apply(&changes).expect("nobody else writes");
        self.restart();
    }

    /// Ends the process and starts it again: what is not stored is lost.
    ///
    /// # Panics
    ///
    /// If the device cannot be loaded from what it has stored.
    pub fn restart(&mut self) {
        self.device = Device::load(self.stored()).expect("its own records");
    }

    pub(crate) fn take<T>(
        &mut self,
        step: impl for<'d> FnOnce(
            &'d mut Device,
            &mut ChaCha20Rng,
        ) -> Result<Step<'d, T>, ProtocolError>,
    ) -> Result<T, ProtocolError> {
        let step = step(&mut self.device, &mut self.rng)?;
        Ok(step.commit(|changes| self.store.apply(changes))?)
    }
}
