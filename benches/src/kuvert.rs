//! Kuvert's devices, driven as an app drives them: each step is committed, into nothing.
//!
//! What a store costs is not measured here; what a step gives to the store is, since encoding the
//! new state is part of every operation.

use std::collections::BTreeMap;
use std::convert::Infallible;

use kuvert_core::device::{Content, Device};
use kuvert_core::prekey::VerifiedBundle;
use kuvert_core::{Change, Changes, Key, Record, Step};
use kuvert_wire::{DeviceId, PrekeyBundle, Timestamp};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

use crate::scenario::{Pair, Side};

/// When all of it happens.
const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

/// A device as its records, to begin from again and again.
pub struct Saved {
    records: BTreeMap<Key, Record>,
    rng: ChaCha20Rng,
}

impl Saved {
    /// A new device.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let mut saved = Self { records: BTreeMap::new(), rng: ChaCha20Rng::seed_from_u64(seed) };
        let step = Device::create(NOW, &mut saved.rng);
        step.commit(|changes| keep(&mut saved.records, changes)).expect("infallible");
        saved
    }

    /// Publishes a bundle with a one-time prekey, and keeps its private part.
    pub fn publish(&mut self) -> PrekeyBundle {
        let mut device = self.load();
        let step = device.bundle(true, NOW, &mut self.rng);
        step.commit(|changes| keep(&mut self.records, changes)).expect("infallible")
    }

    /// The device.
    #[must_use]
    pub fn load(&self) -> Device {
        Device::load(self.records.values().cloned()).expect("records of a device")
    }
}

fn keep(records: &mut BTreeMap<Key, Record>, changes: &Changes) -> Result<(), Infallible> {
    for change in changes.iter() {
        match change {
            Change::Put { key, expected, value } => {
                let record =
                    Record { key: key.clone(), version: expected.next(), value: value.clone() };
                records.insert(key.clone(), record);
            }
            other => {
                records.remove(other.key());
            }
        }
    }
    Ok(())
}

fn commit<T>(step: Step<'_, T>) -> T {
    step.commit(|_| Ok::<(), Infallible>(())).expect("infallible")
}

/// Alice's handshake, from an unchecked bundle to her first envelope.
#[must_use]
pub fn initiate(
    alice: &mut Device,
    bundle: PrekeyBundle,
    text: &str,
    rng: &mut ChaCha20Rng,
) -> (DeviceId, Vec<u8>) {
    let expected = kuvert_core::identity::account_id(&bundle.cert.account_key);
    let bundle = VerifiedBundle::verify(bundle, &expected, NOW).expect("a good bundle");
    let bob = commit(alice.initiate(&bundle, NOW, rng).expect("a good bundle"));
    let sent = alice.encrypt(&bob, &Content::text(text), NOW, rng).expect("a session");
    (bob, commit(sent).envelope)
}

/// Opens an envelope, the first or a later one; who sent it, and the length of its text.
#[must_use]
pub fn receive(device: &mut Device, envelope: &[u8], rng: &mut ChaCha20Rng) -> (DeviceId, usize) {
    let received = commit(device.decrypt(envelope, NOW, rng).expect("a good envelope"));
    (received.peer, received.frame.body.len())
}

/// Two devices with a session.
pub struct KuvertPair {
    alice: Device,
    bob: Device,
    /// Bob's name for Alice, and hers for him.
    peers: [DeviceId; 2],
    rng: ChaCha20Rng,
}

impl KuvertPair {
    /// A pair whose handshake is done.
    #[must_use]
    pub fn new() -> Self {
        let (alice, mut bob) = (Saved::new(1), Saved::new(2));
        let bundle = bob.publish();
        let mut rng = ChaCha20Rng::seed_from_u64(3);
        let (mut alice, mut bob) = (alice.load(), bob.load());
        let (her_peer, envelope) = initiate(&mut alice, bundle, "x", &mut rng);
        let (his_peer, _) = receive(&mut bob, &envelope, &mut rng);
        let mut pair = Self { alice, bob, peers: [his_peer, her_peer], rng };
        pair.turn();
        pair
    }
}

impl Default for KuvertPair {
    fn default() -> Self {
        Self::new()
    }
}

impl Pair for KuvertPair {
    fn seal(&mut self, from: Side, text: &str) -> Vec<u8> {
        let [alices_name, bobs_name] = self.peers;
        let (device, peer) = match from {
            Side::Alice => (&mut self.alice, bobs_name),
            Side::Bob => (&mut self.bob, alices_name),
        };
        let content = Content::text(text);
        commit(device.encrypt(&peer, &content, NOW, &mut self.rng).expect("a session")).envelope
    }

    fn open(&mut self, at: Side, envelope: &[u8]) -> usize {
        let device = match at {
            Side::Alice => &mut self.alice,
            Side::Bob => &mut self.bob,
        };
        receive(device, envelope, &mut self.rng).1
    }
}
