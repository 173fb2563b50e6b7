//! Limits as two devices meet them.

#![allow(clippy::unwrap_used, reason = "a test that fails panics")]

use std::time::Duration;

use kuvert_core::ProtocolError;
use kuvert_testkit::{Pair, Side};

#[test]
fn a_thousand_messages_may_be_skipped_at_once() {
    let mut pair = Pair::talking(1);
    let sent: Vec<_> = (0..1002).map(|n| pair.send(Side::Alice, &n.to_string())).collect();
    let (bob, now) = (&mut pair.bob, pair.now);
    let before = bob.stored();
    let refused = bob.receive(&sent[1001], now);
    assert_eq!(refused.err(), Some(ProtocolError::TooManySkipped));
    assert!(bob.stored() == before);
    bob.receive(&sent[1000], now).unwrap();
    for (n, envelope) in sent.iter().enumerate() {
        let received = bob.receive(envelope, now);
        match n {
            1000 => assert_eq!(received.err(), Some(ProtocolError::Duplicate)),
            _ => assert_eq!(received.unwrap().frame.body, n.to_string().as_bytes()),
        }
    }
    assert_eq!(pair.session(Side::Bob).ratchet.skipped, 0);
}

#[test]
fn a_late_message_is_waited_for_thirty_days() {
    let mut pair = Pair::talking(2);
    let late = [pair.send(Side::Alice, "late"), pair.send(Side::Alice, "too late")];
    pair.pass(Side::Alice, "in time");
    pair.wait(Duration::from_secs(30 * 24 * 3600));
    pair.bob.receive(&late[0], pair.now).unwrap();
    pair.wait(Duration::from_secs(1));
    pair.pass(Side::Alice, "tidies up");
    let refused = pair.bob.receive(&late[1], pair.now);
    assert_eq!(refused.err(), Some(ProtocolError::Duplicate));
}

#[test]
fn five_old_chains_are_waited_for() {
    let mut pair = Pair::talking(3);
    let mut late = vec![];
    for _ in 0..7 {
        late.push(pair.send(Side::Alice, "late"));
        pair.pass(Side::Alice, "in time");
        pair.pass(Side::Bob, "next");
    }
    let opened = late.iter().map(|envelope| pair.bob.receive(envelope, pair.now).is_ok());
    assert_eq!(opened.collect::<Vec<_>>(), [false, true, true, true, true, true, true]);
}

#[test]
fn a_peer_may_take_over_five_times_a_day() {
    let mut pair = Pair::talking(4);
    for attempt in 0..7 {
        let bundle = pair.bob.bundle(true, pair.now).unwrap();
        pair.alice.begin(bundle, pair.now).unwrap();
        let envelope = pair.send(Side::Alice, "it is me");
        let before = pair.bob.stored();
        match pair.bob.receive(&envelope, pair.now) {
            Ok(_) => assert!(attempt < 5),
            Err(error) => {
                assert_eq!((error, attempt >= 5), (ProtocolError::TooManySessions, true));
                assert!(pair.bob.stored() == before);
            }
        }
    }
    pair.wait(Duration::from_secs(24 * 3600));
    let bundle = pair.bob.bundle(true, pair.now).unwrap();
    pair.alice.begin(bundle, pair.now).unwrap();
    pair.pass(Side::Alice, "still me");
}
