//! Receiving with a store: load the device, open a message, commit; and the same transaction of the same
//! SQLite with records that are neither sealed nor anchored, for a device that decrypts nothing.

use std::hint::black_box;
use std::time::{Duration, Instant};

use kuvert_core::{Changes, Device, Step};
use kuvert_store::{SqliteRows, SqliteStore, Store, StoreError, Unsealed};
use kuvert_wire::Timestamp;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use tempfile::TempDir;

use crate::kuvert::{Saved, initiate};

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

/// When a batch is on the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// When the call returns, as an app needs it.
    Full,
    /// Some time later: so that the device's own time does not hide all other.
    Relaxed,
}

/// Time of a message.
#[derive(Clone, Copy, Debug, Default)]
pub struct Spent {
    /// Load, open and commit, in a sealed store with an anchor.
    pub sealed: Duration,
    /// Read and write as many records of the same length in an open one.
    pub plain: Duration,
}

/// Alice, who writes, and Bob's two stores, which have the same records.
pub struct Desk {
    alice: Device,
    bob: kuvert_wire::DeviceId,
    rng: ChaCha20Rng,
    sealed: SqliteStore,
    plain: Unsealed<SqliteRows>,
    durability: Durability,
    _folder: TempDir,
}

impl Desk {
    /// Two who have a session.
    ///
    /// # Panics
    ///
    /// If there is no place for files.
    #[must_use]
    pub fn new(durability: Durability) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let sealed = SqliteStore::create(folder.path().join("sealed"), "correct horse");
        let mut sealed = sealed.expect("a new file");
        let rows = SqliteRows::create(folder.path().join("plain")).expect("a new file");
        let mut plain = Unsealed::over(rows);
        let mut rng = ChaCha20Rng::seed_from_u64(2);
        let mut both = |changes: &Changes| {
            sealed.apply(changes)?;
            plain.apply(changes)
        };
        let mut bob = take(Device::create(NOW, &mut rng), &mut both);
        let bundle = take(bob.bundle(true, NOW, &mut rng), &mut both);
        let mut alice = Saved::new(1).load();
        let (name, first) = initiate(&mut alice, bundle, "x", &mut rng);
        take(bob.decrypt(&first, NOW, &mut rng).expect("a good message"), &mut both);
        Self { alice, bob: name, rng, sealed, plain, durability, _folder: folder }
    }

    /// A message of so many bytes, received with one store and played into the other.
    ///
    /// # Panics
    ///
    /// If a store fails.
    pub fn receive(&mut self, len: usize) -> Spent {
        let envelope = self.envelope(len);
        let begun = Instant::now();
        let records = self.sealed.snapshot(Device::COLLECTIONS).expect("a store");
        let mut bob = Device::load(records).expect("records of a device");
        let step = bob.decrypt(&envelope, NOW, &mut self.rng).expect("a good message");
        let (mut sealed, mut again) = (Duration::ZERO, Duration::ZERO);
        take(step, &mut |changes| {
            write(&mut self.sealed, changes, self.durability)?;
            sealed = begun.elapsed();
            let begun = Instant::now();
            black_box(self.plain.snapshot(Device::COLLECTIONS)?);
            write(&mut self.plain, changes, self.durability)?;
            again = begun.elapsed();
            Ok(())
        });
        Spent { sealed, plain: again }
    }

    fn envelope(&mut self, len: usize) -> Vec<u8> {
        let content = kuvert_core::Content::text(&"t".repeat(len));
        let step = self.alice.encrypt(&self.bob, &content, NOW, &mut self.rng);
        take(step.expect("a session"), &mut |_| Ok(())).envelope
    }
}

fn take<T>(step: Step<'_, T>, apply: &mut dyn FnMut(&Changes) -> Result<(), StoreError>) -> T {
    step.commit(apply).expect("the store takes it")
}

fn write(
    store: &mut impl Store,
    changes: &Changes,
    durability: Durability,
) -> Result<(), StoreError> {
    match durability {
        Durability::Full => store.apply(changes),
        Durability::Relaxed => store.apply_relaxed(changes),
    }
}
