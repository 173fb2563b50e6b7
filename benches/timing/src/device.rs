//! Envelopes that a device refuses.

use std::cell::RefCell;
use std::convert::Infallible;

use dudect_bencher::rand::Rng as _;
use dudect_bencher::{BenchRng, CtRunner};
use kuvert_core::prekey::VerifiedBundle;
use kuvert_core::{Content, Device};
use kuvert_wire::{DeviceId, Timestamp};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;

use crate::measure::{compare, flipped};

const NOW: Timestamp = Timestamp::from_millis(1_782_000_000_000);
/// Sessions of the device that is measured.
const PEERS: usize = 8;

/// Where the parts of an ordinary envelope are.
const HEADER: usize = 16;
const COMMITMENT: usize = HEADER + 195 + 16;
const BODY: usize = COMMITMENT + 32 + 32;
/// Where the one-time prekey's id is in a first one, and the ephemeral key.
const ONE_TIME_ID: usize = 8;
const EPHEMERAL_KEY: usize = 12;

/// A device with sessions, an envelope that it has not opened yet, and the first one of that session.
struct Scene {
    device: RefCell<Device>,
    rng: RefCell<ChaCha20Rng>,
    first: Vec<u8>,
    next: Vec<u8>,
}

fn kept<T>(step: kuvert_core::Step<'_, T>) -> T {
    let Ok(output) = step.commit(|_| Ok::<_, Infallible>(()));
    output
}

fn sealed(from: &mut Device, to: &DeviceId, rng: &mut ChaCha20Rng) -> Vec<u8> {
    kept(from.encrypt(to, &Content::text("tea at four"), NOW, rng).expect("a session")).envelope
}

impl Scene {
    fn new() -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(7);
        let mut bob = kept(Device::create(NOW, &mut rng));
        let (mut first, mut next) = (Vec::new(), Vec::new());
        for _ in 0..PEERS {
            let mut alice = kept(Device::create(NOW, &mut rng));
            let bundle = kept(bob.bundle(true, NOW, &mut rng));
            let bundle = VerifiedBundle::verify(bundle, &bob.account_id(), NOW).expect("his own");
            let to_bob = kept(alice.initiate(&bundle, NOW, &mut rng).expect("a session"));
            first = sealed(&mut alice, &to_bob, &mut rng);
            kept(bob.decrypt(&first, NOW, &mut rng).expect("opens"));
            let answer = sealed(&mut bob, alice.device_id(), &mut rng);
            kept(alice.decrypt(&answer, NOW, &mut rng).expect("opens"));
            next = sealed(&mut alice, &to_bob, &mut rng);
        }
        Self { device: RefCell::new(bob), rng: RefCell::new(rng), first, next }
    }

    fn refuses(&self, envelope: &[u8]) -> bool {
        let mut device = self.device.borrow_mut();
        device.decrypt(envelope, NOW, &mut *self.rng.borrow_mut()).is_err()
    }

    fn compare(&self, runner: &mut CtRunner, rng: &mut BenchRng, envelopes: [&[u8]; 2]) {
        assert!(envelopes.iter().all(|envelope| self.refuses(envelope)));
        compare(runner, rng, envelopes, |envelope| self.refuses(envelope));
    }

    fn places(&self, runner: &mut CtRunner, rng: &mut BenchRng, places: [usize; 2]) {
        let [left, right] = places.map(|place| flipped(&self.next, place));
        self.compare(runner, rng, [&left, &right]);
    }
}

/// A header that is wrong in its first byte against one that is wrong in its tag.
pub(crate) fn message_header(runner: &mut CtRunner, rng: &mut BenchRng) {
    Scene::new().places(runner, rng, [HEADER, HEADER + 194]);
}

/// A header of somebody unknown against one of our own session with one bit wrong.
pub(crate) fn message_header_of_stranger(runner: &mut CtRunner, rng: &mut BenchRng) {
    let scene = Scene::new();
    let mut stranger = scene.next.clone();
    rng.fill_bytes(&mut stranger[HEADER..HEADER + 195]);
    scene.compare(runner, rng, [&stranger, &flipped(&scene.next, HEADER)]);
}

/// A commitment that is wrong in its first byte against one that is wrong in its last.
pub(crate) fn message_commitment(runner: &mut CtRunner, rng: &mut BenchRng) {
    Scene::new().places(runner, rng, [COMMITMENT, COMMITMENT + 31]);
}

/// A ciphertext that is wrong in its first byte against a tag that is wrong in its last.
pub(crate) fn message_body(runner: &mut CtRunner, rng: &mut BenchRng) {
    let scene = Scene::new();
    let last = scene.next.len() - 1;
    scene.places(runner, rng, [BODY, last]);
}

/// A wrong header against a wrong body: what does not open under any header key ends there.
pub(crate) fn differs_message_header_or_body(runner: &mut CtRunner, rng: &mut BenchRng) {
    let scene = Scene::new();
    let last = scene.next.len() - 1;
    scene.places(runner, rng, [HEADER, last]);
}

/// A one-time prekey that was used up against one that was never made.
pub(crate) fn prekey_spent_or_never_made(runner: &mut CtRunner, rng: &mut BenchRng) {
    let scene = Scene::new();
    // Another ephemeral key: not the first flight that was opened.
    let spent = flipped(&scene.first, EPHEMERAL_KEY);
    let mut never_made = spent.clone();
    never_made[ONE_TIME_ID + 3] ^= 1;
    scene.compare(runner, rng, [&spent, &never_made]);
}
