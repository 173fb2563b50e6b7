//! A device's records are copied, and somebody else's program goes on from the copy.
//!
//! The thief here is a whole device, made from stolen records, that listens. What one can do with
//! the keys in the records beyond that is tested beside the ratchet itself.

#![allow(clippy::unwrap_used, reason = "a test that fails panics")]

use std::time::Duration;

use kuvert_core::{Device, ProtocolError, Record};
use kuvert_testkit::{Pair, Side};
use kuvert_wire::Timestamp;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

/// A device made from stolen records.
struct Thief {
    device: Device,
    rng: ChaCha20Rng,
}

impl Thief {
    fn with(records: Vec<Record>) -> Self {
        let device = Device::load(records).unwrap();
        Self { device, rng: ChaCha20Rng::seed_from_u64(666) }
    }

    /// Opens an envelope and keeps the state after it.
    fn listens(&mut self, envelope: &[u8], now: Timestamp) -> Result<(), ProtocolError> {
        let step = self.device.decrypt(envelope, now, &mut self.rng)?;
        step.commit(|_| Ok::<(), ProtocolError>(()))?;
        Ok(())
    }
}

/// Everything that was sent, by whom.
fn conversation(pair: &mut Pair, turns: usize) -> Vec<(Side, Vec<u8>)> {
    let mut sent = vec![];
    for side in Side::BOTH.into_iter().cycle().take(turns) {
        for _ in 0..2 {
            let envelope = pair.send(side, "tea at four?");
            let now = pair.now;
            pair.party(side.other()).receive(&envelope, now).unwrap();
            sent.push((side, envelope));
        }
    }
    sent
}

#[test]
fn earlier_messages_do_not_open_from_stolen_records() {
    let mut pair = Pair::talking(1);
    let sent = conversation(&mut pair, 60);
    for side in Side::BOTH {
        let mut thief = Thief::with(pair.party(side).stored());
        for (by, envelope) in &sent {
            let refused = thief.listens(envelope, pair.now).unwrap_err();
            let expected = [ProtocolError::Undecryptable, ProtocolError::Duplicate];
            assert!(expected.contains(&refused) && (*by != side || refused == expected[0]));
        }
    }
}

#[test]
fn a_copied_device_is_shut_out_after_one_round_trip() {
    for steps_before in 1..24 {
        for side in Side::BOTH {
            let mut pair = Pair::talking(2);
            conversation(&mut pair, steps_before);
            let mut thief = Thief::with(pair.party(side).stored());
            // Until its owner writes again, the copy is as good as the device.
            let other = pair.send(side.other(), "read by the thief as well");
            let now = pair.now;
            pair.party(side).receive(&other, now).unwrap();
            thief.listens(&other, now).unwrap();
            pair.pass(side, "under a fresh key");
            for (by, envelope) in conversation(&mut pair, 50) {
                if by != side {
                    assert!(thief.listens(&envelope, pair.now).is_err());
                }
            }
        }
    }
}

#[test]
fn a_thief_who_writes_is_noticed_and_a_new_session_ends_it() {
    let mut pair = Pair::talking(3);
    conversation(&mut pair, 4);
    let (bob, now) = (pair.id(Side::Bob), pair.now);
    let mut thief = Thief::with(pair.alice.stored());
    let text = kuvert_core::Content::text("it is me, alice");
    let step = thief.device.encrypt(&bob, &text, now, &mut thief.rng).unwrap();
    let forged = step.commit(|_| Ok::<(), ProtocolError>(())).unwrap().envelope;
    pair.bob.receive(&forged, now).unwrap();
    // Alice is now the one with the wrong keys: her messages do not open, and that is seen.
    let hers = pair.send(Side::Alice, "are you there?");
    assert!(pair.bob.receive(&hers, now).is_err());
    pair.wait(Duration::from_secs(600));
    pair.begin(Side::Alice);
    pair.pass(Side::Alice, "a new session");
    pair.pass(Side::Bob, "with you alone");
    for (by, envelope) in conversation(&mut pair, 6) {
        assert!(by == Side::Alice || thief.listens(&envelope, pair.now).is_err());
    }
}
