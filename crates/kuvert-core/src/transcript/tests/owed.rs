//! What is said again is owed once, to who may not have heard it, and not without end.

use kuvert_wire::transcript::TranscriptNonce;

use super::switch::Device;
use super::*;

const HOUR: u64 = 3600;

#[test]
fn a_start_is_owed_once_and_while_it_stands() {
    let [mut alice, bob] = Device::pair();
    alice.start(Mode::Signed, &bob);
    let turn = alice.switch.hear_unlogged(at(2 * HOUR)).unwrap();
    alice.adopt(turn);
    assert!(alice.switch.owes());
    assert!(alice.switch.hear_unlogged(at(9 * HOUR)).is_none(), "it is owed already");
    let TranscriptBody::Stop(nonce) = alice.switch.stop(at(9 * HOUR)).unwrap().body else {
        panic!("a stop");
    };
    let declined = alice.switch.hear_stop(&nonce, at(9 * HOUR), at(9 * HOUR)).unwrap();
    alice.adopt(declined);
    assert!(!alice.switch.owes(), "the peer has heard of it and does not want it");
    assert!(alice.switch.repeat(at(9 * HOUR)).is_none());
}

#[test]
fn a_stop_is_owed_once_for_each_start_that_is_over() {
    let [mut alice, mut bob] = Device::pair();
    let mut copies = Vec::new();
    for i in 0..2 {
        let start = bob.start(Mode::Signed, &alice);
        alice.hear(&start, 2 * i + 1, &bob);
        bob.stop();
        alice.stop();
        copies.push(start);
    }
    for hours in [2, 4] {
        for copy in &copies {
            alice.hear(copy, hours * HOUR, &bob);
        }
        assert!(alice.switch.owes());
    }
    let mut said = Vec::new();
    while let Some(statement) = alice.switch.repeat(at(6 * HOUR)) {
        let TranscriptBody::Stop(nonce) = statement.body else { panic!("a stop") };
        assert!(!said.contains(&nonce), "once for each");
        said.push(nonce);
        alice.adopt(statement.turn);
    }
    assert_eq!(said.len(), 2);
    assert!(!alice.switch.owes());
}

/// What was ended so long ago that it is forgotten is not answered.
#[test]
fn only_starts_that_are_remembered_are_answered() {
    let [mut alice, mut bob] = Device::pair();
    let first = bob.start(Mode::Signed, &alice);
    alice.hear(&first, 1, &bob);
    alice.start(Mode::Signed, &bob);
    let ended = alice.begun.first().map(|advance| advance.next.clone()).unwrap();
    for i in 0..20 {
        let nonce = TranscriptNonce::from_bytes([i; 32]);
        let turn = alice.switch.hear_stop(&nonce, at(u64::from(i) + 10), at(40)).unwrap();
        alice.adopt(turn);
    }
    let turn = alice.switch.hear_ended(&ended, at(5 * HOUR), at(5 * HOUR));
    assert!(turn.is_none(), "twenty others have ended since");
}

/// The peer logs in a conversation that is not ours: it has not heard that the last one is over.
#[test]
fn who_logs_in_another_conversation_is_told_of_the_last_stop_again() {
    let [mut alice, mut bob] = Device::pair();
    let start = bob.start(Mode::Signed, &alice);
    alice.hear(&start, 1, &bob);
    let TranscriptBody::Stop(ended) = alice.stop() else { panic!("a stop") };
    assert!(alice.switch.hear_foreign(at(HOUR - 1)).is_none(), "said within the hour");
    let turn = alice.switch.hear_foreign(at(HOUR)).unwrap();
    alice.adopt(turn);
    let statement = alice.switch.repeat(at(HOUR)).unwrap();
    assert_eq!(statement.body, TranscriptBody::Stop(ended));
}
