//! Alice and Bob with a session, and one's device in several processes on one store.

use std::sync::LazyLock;

use kuvert_core::prekey::VerifiedBundle;
use kuvert_core::secret::Secret;
use kuvert_core::{
    Change, Changes, Content, Device, Key, ProtocolError, Record, Step, Version, identity,
};
use kuvert_store::{Anchored, MemoryStore, Sealed, Store, StoreError, Unlock, Unsealed};
use kuvert_wire::{DeviceId, Timestamp};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;

use super::Open;
use super::rows::{Flaw, RacingAnchor, RacingRows};

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

/// What both have stored once each has heard from the other.
pub(crate) struct Acquainted {
    pub(crate) alice: Vec<Record>,
    pub(crate) bob: Vec<Record>,
    bob_id: DeviceId,
    /// A message to Bob that he has not opened.
    envelope: Vec<u8>,
}

/// Made once: each schedule begins with it.
pub(crate) static ACQUAINTED: LazyLock<Acquainted> = LazyLock::new(|| {
    let (mut alice, mut bob) = (Person::new(1), Person::new(2));
    let bundle = bob.take(|device, rng| Ok(device.bundle(true, NOW, rng)));
    let account = identity::account_id(&bundle.cert.account_key);
    let bundle = VerifiedBundle::verify(bundle, &account, NOW).unwrap();
    let bob_id = alice.take(|device, rng| device.initiate(&bundle, NOW, rng));
    let alice_id = *alice.device.device_id();
    for _ in 0..2 {
        Person::tell(&mut alice, &mut bob, &bob_id);
        Person::tell(&mut bob, &mut alice, &alice_id);
    }
    let tea = Content::text("tea?");
    let sealed = alice.take(|device, rng| device.encrypt(&bob_id, &tea, NOW, rng));
    Acquainted { alice: alice.stored(), bob: bob.stored(), bob_id, envelope: sealed.envelope }
});

/// A device with a store to itself.
struct Person {
    device: Device,
    store: MemoryStore,
    rng: ChaCha20Rng,
}

impl Person {
    fn new(seed: u64) -> Self {
        let (mut rng, mut store) = (ChaCha20Rng::seed_from_u64(seed), MemoryStore::new());
        let device = Device::create(NOW, &mut rng).commit(|changes| store.apply(changes)).unwrap();
        Self { device, store, rng }
    }

    fn take<T>(
        &mut self,
        step: impl for<'d> FnOnce(
            &'d mut Device,
            &mut ChaCha20Rng,
        ) -> Result<Step<'d, T>, ProtocolError>,
    ) -> T {
        let step = step(&mut self.device, &mut self.rng).unwrap();
        step.commit(|changes| self.store.apply(changes)).unwrap()
    }

    fn tell(from: &mut Self, to: &mut Self, peer: &DeviceId) {
        let tea = Content::text("tea?");
        let sealed = from.take(|device, rng| device.encrypt(peer, &tea, NOW, rng));
        to.take(|device, rng| device.decrypt(&sealed.envelope, NOW, rng));
    }

    fn stored(&self) -> Vec<Record> {
        self.store.snapshot(Device::COLLECTIONS).unwrap()
    }
}

/// A store as apps have it, sealed and with an anchor, that several processes share.
pub(crate) struct Whole {
    rows: RacingRows,
    anchor: RacingAnchor,
}

/// A store without ledger and anchor, which find some of what a broken table does before a message is
/// released. Here nothing stands behind the compare-and-swap.
pub(crate) struct Bare(RacingRows);

/// A message that was released.
pub(crate) struct Seal {
    /// The session record that it was sealed from.
    pub(crate) from: (Key, Version),
    envelope: Vec<u8>,
}

fn app_key() -> Secret<32> {
    Secret::copied_from(&[7; 32])
}

impl Whole {
    pub(crate) fn new(records: &[Record]) -> Self {
        let (rows, anchor) = (RacingRows::new(Flaw::Nothing), RacingAnchor::new());
        Sealed::create_over(rows.clone(), Unlock::Key(&app_key())).unwrap();
        let whole = Self { rows, anchor };
        fill(whole.open(), records);
        whole
    }
}

impl Bare {
    pub(crate) fn new(records: &[Record], flaw: Flaw) -> Self {
        let bare = Self(RacingRows::new(flaw));
        fill(bare.open(), records);
        bare
    }
}

fn fill(mut store: impl Store, records: &[Record]) {
    let puts = records.iter().map(|record| Change::Put {
        key: record.key.clone(),
        expected: Version::ABSENT,
        value: record.value.clone(),
    });
    store.apply(&Changes::of(puts)).unwrap();
}

impl Open for Bare {
    type Store = Unsealed<RacingRows>;

    fn open(&self) -> Self::Store {
        Unsealed::over(self.0.clone())
    }
}

impl Open for Whole {
    type Store = Anchored<Sealed<RacingRows>, RacingAnchor>;

    fn open(&self) -> Self::Store {
        let sealed = Sealed::open_over(self.rows.clone(), Unlock::Key(&app_key())).unwrap();
        Anchored::new(sealed, self.anchor.clone())
    }
}

/// Seals a message of Alice's, however often another process is first, and releases it.
pub(crate) fn seal(store: &mut impl Store, rng: &mut ChaCha20Rng) -> Seal {
    loop {
        let mut device = load(&*store);
        let step = device.encrypt(&ACQUAINTED.bob_id, &Content::text("tea?"), NOW, rng).unwrap();
        let from = session_of(step.changes());
        match step.commit(|changes| store.apply(changes)) {
            Ok(sealed) => return Seal { from, envelope: sealed.envelope },
            Err(StoreError::Conflict { .. }) => {}
            Err(error) => panic!("{error}"),
        }
    }
}

/// Opens the message that Bob has not opened, and says whether it was released: that it was opened
/// before is found at the latest when another process was first.
pub(crate) fn open(store: &mut impl Store, rng: &mut ChaCha20Rng) -> bool {
    loop {
        let mut device = load(&*store);
        let step = match device.decrypt(&ACQUAINTED.envelope, NOW, rng) {
            Ok(step) => step,
            Err(ProtocolError::Duplicate) => return false,
            Err(error) => panic!("{error}"),
        };
        match step.commit(|changes| store.apply(changes)) {
            Ok(_) => return true,
            Err(StoreError::Conflict { .. }) => {}
            Err(error) => panic!("{error}"),
        }
    }
}

/// How many of the messages Bob opens: as many as there are message keys.
pub(crate) fn opened_by_bob(seals: &[Seal]) -> usize {
    let (mut bob, mut rng) = (Device::load(ACQUAINTED.bob.clone()).unwrap(), chance(99));
    let mut opens = |seal: &&Seal| {
        let step = bob.decrypt(&seal.envelope, NOW, &mut rng);
        step.is_ok_and(|step| step.commit(|_| Ok::<_, ()>(())).is_ok())
    };
    seals.iter().filter(|seal| opens(seal)).count()
}

/// The randomness of one process.
pub(crate) fn chance(process: u64) -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(100 + process)
}

/// A device from what is stored, as a process begins with.
fn load(store: &impl Store) -> Device {
    Device::load(store.snapshot(Device::COLLECTIONS).unwrap()).unwrap()
}

/// Which session record a batch is built on.
fn session_of(changes: &Changes) -> (Key, Version) {
    let is_session = |change: &&Change| change.key().as_str().starts_with("session/");
    let session = changes.iter().find(is_session).expect("sealing moves the session on");
    (session.key().clone(), session.expected())
}
