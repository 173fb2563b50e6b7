//! A device in its directory, for the length of one command.

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use kuvert_core::secret::Secret;
use kuvert_core::{Change, Changes, Device, ProtocolError, Step};
use kuvert_store::{Sealed, Store, Unlock};
use kuvert_testkit::FileRows;
use kuvert_wire::Timestamp;
use rand_chacha::ChaCha20Rng;

use crate::args::World;
use crate::random::generator;

/// A device, and what has changed since it was loaded.
///
/// Steps are taken in memory; [`Home::save`] makes all of them durable in one batch, before the
/// command says anything. A command that fails never gets there: the directory stays as it was.
pub(crate) struct Home {
    pub(crate) device: Device,
    pub(crate) now: Timestamp,
    pub(crate) rng: ChaCha20Rng,
    store: Sealed<FileRows>,
    unsaved: Vec<Change>,
}

impl Home {
    /// Makes a device in a directory that has none.
    pub(crate) fn create(directory: &Path, world: &World) -> Result<Self, ProtocolError> {
        let (now, mut rng) = (time(world), generator(world, 0)?);
        let mut unsaved = Vec::new();
        let device = Device::create(now, &mut rng).commit(|changes| collect(&mut unsaved, changes));
        let rows = FileRows::create(directory).map_err(|_| ProtocolError::Storage)?;
        let store = Sealed::create_over(rows, Unlock::Key(&key()))?;
        Ok(Self { device: device?, now, rng, store, unsaved })
    }

    /// Loads the device of a directory, without what has become too old by now.
    pub(crate) fn open(directory: &Path, world: &World) -> Result<Self, ProtocolError> {
        let rows = FileRows::open(directory).map_err(|_| ProtocolError::Storage)?;
        let store = Sealed::open_over(rows, Unlock::Key(&key()))?;
        let records = store.snapshot(Device::COLLECTIONS)?;
        let device = Device::load(records).map_err(|_| ProtocolError::Storage)?;
        let (now, rng) = (time(world), generator(world, store.generation()?)?);
        let mut home = Self { device, now, rng, store, unsaved: Vec::new() };
        let changes = &mut home.unsaved;
        home.device.tidy(now).commit(|tidied| collect(changes, tidied))?;
        Ok(home)
    }

    /// Takes a step in memory.
    pub(crate) fn take<T>(
        &mut self,
        step: impl for<'d> FnOnce(
            &'d mut Device,
            Timestamp,
            &mut ChaCha20Rng,
        ) -> Result<Step<'d, T>, ProtocolError>,
    ) -> Result<T, ProtocolError> {
        let step = step(&mut self.device, self.now, &mut self.rng)?;
        step.commit(|changes| collect(&mut self.unsaved, changes))
    }

    /// Makes all steps durable.
    pub(crate) fn save(&mut self) -> Result<(), ProtocolError> {
        let changes = Changes::of(self.unsaved.drain(..));
        Ok(self.store.apply(&changes)?)
    }
}

fn collect(unsaved: &mut Vec<Change>, changes: &Changes) -> Result<(), ProtocolError> {
    unsaved.extend(changes.iter().cloned());
    Ok(())
}

fn time(world: &World) -> Timestamp {
    Timestamp::from_millis(world.now.unwrap_or_else(|| {
        let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX)
    }))
}

/// The same for every directory: sealing is here to find damage, not to keep secrets.
fn key() -> Secret<32> {
    Secret::copied_from(b"kuvert-conformance: not a secret")
}
