//! A device with sessions, and what one of its peers has sent.

use std::convert::Infallible;

use kuvert_core::prekey::VerifiedBundle;
use kuvert_core::{Content, Device, Step};
use kuvert_wire::{DeviceId, Timestamp};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;

use crate::draws::Draws;

/// When everything happens.
pub const NOW: Timestamp = Timestamp::from_millis(1_782_000_000_000);
/// Sessions of the device.
const PEERS: usize = 8;

/// Where the parts of an ordinary envelope are.
pub const HEADER: usize = 16;
/// Behind the nonce and the sealed header.
pub const COMMITMENT: usize = HEADER + 195 + 16;
/// Behind the commitment and the franking commitment.
pub const BODY: usize = COMMITMENT + 32 + 32;
/// Where the one-time prekey's id is in a first one.
pub const ONE_TIME_ID: usize = 8;
/// And its ephemeral key.
pub const EPHEMERAL_KEY: usize = 12;

/// A device with sessions, an envelope that it has not opened yet, and the first one of that session.
pub struct Scene {
    /// Bob.
    pub device: Device,
    /// For what he does next.
    pub rng: ChaCha20Rng,
    /// The peer that has spoken last.
    pub peer: DeviceId,
    /// The first envelope of that peer, opened already.
    pub first: Vec<u8>,
    /// The next one, not opened.
    pub next: Vec<u8>,
    /// Private keys and seeds that were drawn, of both.
    pub keys: Vec<Vec<u8>>,
}

/// Takes a step.
pub fn kept<T>(step: Step<'_, T>) -> T {
    let Ok(output) = step.commit(|_| Ok::<_, Infallible>(()));
    output
}

fn sealed(from: &mut Device, to: &DeviceId, rng: &mut Draws) -> Vec<u8> {
    kept(from.encrypt(to, &Content::text("tea at four"), NOW, rng).expect("a session")).envelope
}

impl Default for Scene {
    fn default() -> Self {
        let mut rng = Draws::from_seed(7);
        let mut bob = kept(Device::create(NOW, &mut rng));
        let mut peer = *bob.device_id();
        let (mut first, mut next) = (Vec::new(), Vec::new());
        for _ in 0..PEERS {
            let mut alice = kept(Device::create(NOW, &mut rng));
            peer = *alice.device_id();
            let bundle = kept(bob.bundle(true, NOW, &mut rng));
            let bundle = VerifiedBundle::verify(bundle, &bob.account_id(), NOW).expect("his own");
            let to_bob = kept(alice.initiate(&bundle, NOW, &mut rng).expect("a session"));
            first = sealed(&mut alice, &to_bob, &mut rng);
            kept(bob.decrypt(&first, NOW, &mut rng).expect("opens"));
            let answer = sealed(&mut bob, &peer, &mut rng);
            kept(alice.decrypt(&answer, NOW, &mut rng).expect("opens"));
            next = sealed(&mut alice, &to_bob, &mut rng);
        }
        let (rng, keys) = (ChaCha20Rng::seed_from_u64(8), rng.keys);
        Self { device: bob, rng, peer, first, next, keys }
    }
}

impl Scene {
    /// Whether the device refuses it; it must.
    pub fn refuses(&mut self, envelope: &[u8]) -> bool {
        self.device.decrypt(envelope, NOW, &mut self.rng).is_err()
    }

    /// The next envelope with one bit of one byte changed.
    #[must_use]
    pub fn changed(&self, place: usize) -> Vec<u8> {
        crate::flipped(&self.next, place)
    }

    /// First envelopes for a one-time prekey that was used up, and for one that never was.
    #[must_use]
    pub fn spent_and_never_made(&self) -> [Vec<u8>; 2] {
        // Another ephemeral key: not the first flight that was opened.
        let spent = crate::flipped(&self.first, EPHEMERAL_KEY);
        let never_made = crate::flipped(&spent, ONE_TIME_ID + 3);
        [spent, never_made]
    }
}
