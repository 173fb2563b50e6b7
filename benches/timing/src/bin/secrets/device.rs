//! A device that refuses, opens and seals with secrets that are marked.

use std::convert::Infallible;

use kuvert_core::prekey::VerifiedBundle;
use kuvert_core::{Content, Device};
use kuvert_timing::draws::Draws;
use kuvert_timing::flipped;
use kuvert_timing::scene::{BODY, COMMITMENT, EPHEMERAL_KEY, HEADER, NOW, Scene, kept};
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _, TryCryptoRng, TryRng};

use crate::mark::{public, secret};
use crate::records::{Marked, marked};

/// Where the sealed certificate is in a first message: behind ephemeral key and ciphertext.
const SEALED_CERTIFICATE: usize = EPHEMERAL_KEY + 32 + 1568;

/// Its longer draws, which are keys, are secret.
struct SecretKeys(ChaCha20Rng);

impl SecretKeys {
    fn new() -> Self {
        Self(ChaCha20Rng::seed_from_u64(9))
    }
}

impl TryRng for SecretKeys {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(self.0.next_u32())
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(self.0.next_u64())
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        self.0.fill_bytes(out);
        if out.len() >= 32 {
            secret(out);
        }
        Ok(())
    }
}

impl TryCryptoRng for SecretKeys {}

fn refuses(scene: &Scene, what: Marked, envelope: &[u8]) {
    let mut device = marked(scene, what);
    assert!(device.decrypt(envelope, NOW, &mut SecretKeys::new()).is_err());
}

/// A header with a wrong bit, tried with eight sessions.
pub(crate) fn message_header() {
    let scene = Scene::default();
    for place in [HEADER, HEADER + 194] {
        refuses(&scene, Marked::All, &scene.changed(place));
    }
}

/// Random bytes for a header.
pub(crate) fn message_header_of_stranger() {
    let scene = Scene::default();
    let mut stranger = scene.next.clone();
    ChaCha20Rng::seed_from_u64(1).fill_bytes(&mut stranger[HEADER..HEADER + 195]);
    refuses(&scene, Marked::All, &stranger);
}

/// A wrong commitment. The header opens, with a new ratchet key.
pub(crate) fn message_commitment() {
    let scene = Scene::default();
    refuses(&scene, Marked::AllButHeaderKeys, &scene.changed(COMMITMENT));
}

/// A wrong ciphertext, and a wrong tag.
pub(crate) fn message_body() {
    let scene = Scene::default();
    for place in [BODY, scene.next.len() - 1] {
        refuses(&scene, Marked::AllButHeaderKeys, &scene.changed(place));
    }
}

/// A first message for a one-time prekey that was used up.
pub(crate) fn prekey_spent() {
    let scene = Scene::default();
    let [spent, _] = scene.spent_and_never_made();
    refuses(&scene, Marked::All, &spent);
}

/// And for one that never was.
pub(crate) fn prekey_never_made() {
    let scene = Scene::default();
    let [_, never_made] = scene.spent_and_never_made();
    refuses(&scene, Marked::All, &never_made);
}

/// A first message for prekeys that are there, with a wrong bit in the sealed certificate: what is
/// agreed on by then opens it, and what stands in it is no secret to the two.
pub(crate) fn first_message() {
    let mut scene = Scene::default();
    let mut rng = ChaCha20Rng::seed_from_u64(2);
    let mut carol = kept(Device::create(NOW, &mut rng));
    let mut draws = Draws::from_seed(3);
    let bundle = kept(scene.device.bundle(true, NOW, &mut draws));
    scene.keys.extend(draws.keys);
    let bundle = VerifiedBundle::verify(bundle, &scene.device.account_id(), NOW).expect("his own");
    let bob = kept(carol.initiate(&bundle, NOW, &mut rng).expect("a session"));
    let text = Content::text("tea at four");
    let first = kept(carol.encrypt(&bob, &text, NOW, &mut rng).expect("a session")).envelope;
    refuses(&scene, Marked::All, &flipped(&first, SEALED_CERTIFICATE));
}

/// A message in a chain that goes on.
pub(crate) fn device_seals() {
    let scene = Scene::default();
    seals(&mut marked(&scene, Marked::All), &scene);
}

/// The first message after one has come: with a new ratchet key.
pub(crate) fn device_turns() {
    let mut scene = Scene::default();
    let next = scene.next.clone();
    kept(scene.device.decrypt(&next, NOW, &mut scene.rng).expect("opens"));
    seals(&mut marked(&scene, Marked::All), &scene);
}

fn seals(device: &mut Device, scene: &Scene) {
    let content = Content::text("tea at four");
    let step = device.encrypt(&scene.peer, &content, NOW, &mut SecretKeys::new());
    // It goes to the relay.
    public(&mut kept(step.expect("a session")).envelope);
}

/// A session with somebody new.
pub(crate) fn device_initiates() {
    let scene = Scene::default();
    let mut rng = ChaCha20Rng::seed_from_u64(4);
    let mut carol = kept(Device::create(NOW, &mut rng));
    let bundle = kept(carol.bundle(true, NOW, &mut rng));
    let bundle = VerifiedBundle::verify(bundle, &carol.account_id(), NOW).expect("her own");
    let mut device = marked(&scene, Marked::All);
    kept(device.initiate(&bundle, NOW, &mut SecretKeys::new()).expect("a session"));
}
