//! Envelopes that a device refuses.

use std::cell::RefCell;

use dudect_bencher::rand::Rng as _;
use dudect_bencher::{BenchRng, CtRunner};
use kuvert_timing::flipped;
use kuvert_timing::scene::{BODY, COMMITMENT, HEADER, Scene};

use crate::measure;

fn compare(scene: Scene, runner: &mut CtRunner, rng: &mut BenchRng, envelopes: [&[u8]; 2]) {
    let scene = RefCell::new(scene);
    let refuses = |envelope: &[u8]| scene.borrow_mut().refuses(envelope);
    assert!(envelopes.iter().all(|envelope| refuses(envelope)));
    measure::compare(runner, rng, envelopes, refuses);
}

fn places(scene: Scene, runner: &mut CtRunner, rng: &mut BenchRng, places: [usize; 2]) {
    let [left, right] = places.map(|place| scene.changed(place));
    compare(scene, runner, rng, [&left, &right]);
}

/// A header that is wrong in its first byte against one that is wrong in its tag.
pub(crate) fn message_header(runner: &mut CtRunner, rng: &mut BenchRng) {
    places(Scene::default(), runner, rng, [HEADER, HEADER + 194]);
}

/// A header of somebody unknown against one of our own session with one bit wrong.
pub(crate) fn message_header_of_stranger(runner: &mut CtRunner, rng: &mut BenchRng) {
    let scene = Scene::default();
    let (mut stranger, changed) = (scene.next.clone(), flipped(&scene.next, HEADER));
    rng.fill_bytes(&mut stranger[HEADER..HEADER + 195]);
    compare(scene, runner, rng, [&stranger, &changed]);
}

/// A commitment that is wrong in its first byte against one that is wrong in its last.
pub(crate) fn message_commitment(runner: &mut CtRunner, rng: &mut BenchRng) {
    places(Scene::default(), runner, rng, [COMMITMENT, COMMITMENT + 31]);
}

/// A ciphertext that is wrong in its first byte against a tag that is wrong in its last.
pub(crate) fn message_body(runner: &mut CtRunner, rng: &mut BenchRng) {
    let scene = Scene::default();
    let last = scene.next.len() - 1;
    places(scene, runner, rng, [BODY, last]);
}

/// A wrong header against a wrong body: what does not open under any header key ends there.
pub(crate) fn differs_message_header_or_body(runner: &mut CtRunner, rng: &mut BenchRng) {
    let scene = Scene::default();
    let last = scene.next.len() - 1;
    places(scene, runner, rng, [HEADER, last]);
}

/// A one-time prekey that was used up against one that was never made.
pub(crate) fn prekey_spent_or_never_made(runner: &mut CtRunner, rng: &mut BenchRng) {
    let scene = Scene::default();
    let [spent, never_made] = scene.spent_and_never_made();
    compare(scene, runner, rng, [&spent, &never_made]);
}
