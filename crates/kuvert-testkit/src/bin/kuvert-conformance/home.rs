//! A device in its directory, for the length of one command.

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use kuvert_core::{Change, Changes, Device, Key, ProtocolError, Step, Version};
use kuvert_store::{Store, Unsealed};
use kuvert_testkit::FileRows;
use kuvert_wire::Timestamp;
use rand_chacha::ChaCha20Rng;

use crate::args::World;
use crate::random::generator;

/// A device, and what has changed since it was loaded.
///
/// Steps are taken in memory; [`Home::save`] makes all of them durable in one batch, before the
/// command says anything. A command that fails never gets there: the directory stays as it was.
///
/// The directory is not sealed, so that with a seed it is the same to the byte each time. Nothing in it
/// is worth a key, and [`FileRows`] finds damage.
pub(crate) struct Home {
    pub(crate) device: Device,
    pub(crate) now: Timestamp,
    pub(crate) rng: ChaCha20Rng,
    store: Unsealed<FileRows>,
    /// How often the device has been saved: the version of a record that says nothing else.
    saves: Version,
    unsaved: Vec<Change>,
}

impl Home {
    /// Makes a device in a directory that has none.
    pub(crate) fn create(directory: &Path, world: &World) -> Result<Self, ProtocolError> {
        let (now, mut rng) = (time(world), generator(world, 0)?);
        let mut unsaved = Vec::new();
        let device = Device::create(now, &mut rng).commit(|changes| collect(&mut unsaved, changes));
        let rows = FileRows::create(directory).map_err(|_| ProtocolError::Storage)?;
        let store = Unsealed::over(rows);
        Ok(Self { device: device?, now, rng, store, saves: Version::ABSENT, unsaved })
    }

    /// Loads the device of a directory, without what has become too old by now.
    pub(crate) fn open(directory: &Path, world: &World) -> Result<Self, ProtocolError> {
        let rows = FileRows::open(directory).map_err(|_| ProtocolError::Storage)?;
        let store = Unsealed::over(rows);
        let records = store.snapshot(Device::COLLECTIONS)?;
        let device = Device::load(records).map_err(|_| ProtocolError::Storage)?;
        let saves = store.get(&saves_key())?.map_or(Version::ABSENT, |record| record.version);
        let (now, rng) = (time(world), generator(world, saves.number())?);
        let mut home = Self { device, now, rng, store, saves, unsaved: Vec::new() };
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
        if self.unsaved.is_empty() {
            return Ok(());
        }
        let saved =
            Change::Put { key: saves_key(), expected: self.saves, value: Vec::new().into() };
        self.store.apply(&Changes::of(self.unsaved.drain(..).chain([saved])))?;
        self.saves = self.saves.next();
        Ok(())
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

fn saves_key() -> Key {
    Key::new("conformance", "saves")
}
