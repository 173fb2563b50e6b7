//! Two devices with a clock, and a conversation of any length between them.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::time::Duration;

use kuvert_core::identity::account_id;
use kuvert_core::prekey::VerifiedBundle;
use kuvert_core::{Change, Changes, Content, Device, Key, ProtocolError, Record, Step};
use kuvert_wire::{DeviceId, PrekeyBundle, Timestamp};
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};

const BEGUN: Timestamp = Timestamp::from_millis(1_800_000_000_000);

/// A device and its records.
pub struct Party {
    device: Device,
    records: BTreeMap<Key, Record>,
    rng: ChaCha20Rng,
}

impl Party {
    fn new(seed: u64) -> Self {
        let (mut rng, mut records) = (ChaCha20Rng::seed_from_u64(seed), BTreeMap::new());
        let step = Device::create(BEGUN, &mut rng);
        let Ok(device) = step.commit(|changes| save(&mut records, changes));
        Self { device, records, rng }
    }

    fn take<T>(
        &mut self,
        step: impl for<'d> FnOnce(
            &'d mut Device,
            &mut ChaCha20Rng,
        ) -> Result<Step<'d, T>, ProtocolError>,
    ) -> T {
        let step = step(&mut self.device, &mut self.rng).expect("by the rules");
        let Ok(output) = step.commit(|changes| save(&mut self.records, changes));
        output
    }

    fn id(&self) -> DeviceId {
        *self.device.device_id()
    }

    /// Bytes of all records below a prefix.
    fn stored(&self, prefix: &str) -> usize {
        let below = |record: &&Record| record.key.as_str().starts_with(prefix);
        self.records.values().filter(below).map(|record| record.value.len()).sum()
    }
}

fn save(records: &mut BTreeMap<Key, Record>, changes: &Changes) -> Result<(), Infallible> {
    for change in changes.iter() {
        match change {
            Change::Put { key, expected, value } => {
                let (version, value) = (expected.next(), value.clone());
                records.insert(key.clone(), Record { key: key.clone(), version, value });
            }
            other => drop(records.remove(other.key())),
        }
    }
    Ok(())
}

/// What a device keeps for its one session, in bytes.
#[derive(Clone, Copy, Debug)]
pub struct State {
    /// The session's own record.
    pub session: usize,
    /// The pages of its skipped message keys.
    pub pages: usize,
}

/// Two people and the time.
pub struct Talk {
    people: [Party; 2],
    now: Timestamp,
    /// Decides what people do; the devices have their own.
    chance: ChaCha20Rng,
}

impl Talk {
    /// Alice (0) has a session with Bob (1), and has sent nothing yet.
    #[must_use]
    pub fn begun() -> Self {
        Self::between(Party::new(1), Party::new(2))
    }

    fn between(mut alice: Party, mut bob: Party) -> Self {
        let bundle: PrekeyBundle = bob.take(|device, rng| Ok(device.bundle(true, BEGUN, rng)));
        let account = account_id(&bundle.cert.account_key);
        let bundle = VerifiedBundle::verify(bundle, &account, BEGUN).expect("a good bundle");
        alice.take(|device, rng| device.initiate(&bundle, BEGUN, rng));
        Self { people: [alice, bob], now: BEGUN, chance: ChaCha20Rng::seed_from_u64(3) }
    }

    /// Bob has so many sessions, each with someone who began it and was answered. Alice is the last.
    ///
    /// # Panics
    ///
    /// If there is to be none.
    #[must_use]
    pub fn with_sessions(count: usize) -> Self {
        let mut bob = Party::new(2);
        let mut last = None;
        for seed in (1000..).take(count) {
            let mut talk = Self::between(Party::new(seed), bob);
            talk.pass(0, "hello");
            talk.pass(1, "hello");
            let [alice, answering] = talk.people;
            (bob, last) = (answering, Some(alice));
        }
        assert_eq!(bob.device.sessions().count(), count, "one for each");
        let people = [last.expect("one session at least"), bob];
        Self { people, now: BEGUN, chance: ChaCha20Rng::seed_from_u64(3) }
    }

    /// Both have heard each other.
    #[must_use]
    pub fn established() -> Self {
        let mut talk = Self::begun();
        talk.pass(0, "hello");
        talk.pass(1, "hello");
        talk
    }

    /// Seals a text of one of the two for the other.
    pub fn seal(&mut self, from: usize, text: &str) -> Vec<u8> {
        let (to, now) = (self.people[1 - from].id(), self.now);
        let content = Content::text(text);
        self.people[from].take(|device, rng| device.encrypt(&to, &content, now, rng)).envelope
    }

    /// Delivers an envelope to one of the two.
    pub fn open(&mut self, at: usize, envelope: &[u8]) {
        let now = self.now;
        self.people[at].take(|device, rng| device.decrypt(envelope, now, rng));
    }

    /// A text arrives. The length of its envelope.
    pub fn pass(&mut self, from: usize, text: &str) -> usize {
        let envelope = self.seal(from, text);
        self.open(1 - from, &envelope);
        envelope.len()
    }

    /// Lets time pass.
    pub fn wait(&mut self, time: Duration) {
        self.now = self.now.saturating_add(time);
    }

    /// A number below `bound`.
    pub fn chance(&mut self, bound: u32) -> u32 {
        self.chance.next_u32() % bound
    }

    /// What time it is.
    #[must_use]
    pub const fn now(&self) -> Timestamp {
        self.now
    }

    /// One of the two anew, from what is stored.
    ///
    /// # Panics
    ///
    /// If that is damaged.
    #[must_use]
    pub fn loaded(&self, who: usize) -> Device {
        Device::load(self.people[who].records.values().cloned()).expect("records of a device")
    }

    /// What one of the two keeps.
    #[must_use]
    pub fn state(&self, who: usize) -> State {
        let party = &self.people[who];
        State { session: party.stored("session/"), pages: party.stored("skipped/") }
    }
}
