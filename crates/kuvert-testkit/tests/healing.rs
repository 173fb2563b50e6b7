//! The post-quantum ratchet as two devices see it.

#![allow(clippy::unwrap_used, reason = "a test that fails panics")]

use std::time::Duration;

use kuvert_core::{ProtocolError, SessionEnd};
use kuvert_testkit::{Pair, Side};

fn mixed(pair: &Pair) -> (u32, u32) {
    (pair.session(Side::Alice).ratchet.pq_mixed, pair.session(Side::Bob).ratchet.pq_mixed)
}

/// One text each way, and both processes start anew after each step.
fn round(pair: &mut Pair) {
    for side in Side::BOTH {
        pair.pass(side, "tea");
        pair.alice.restart();
        pair.bob.restart();
    }
}

#[test]
fn a_long_conversation_heals_every_nineteen_rounds() {
    let mut pair = Pair::talking(1);
    let mut rounds_at = vec![];
    for count in 1..=100 {
        round(&mut pair);
        if mixed(&pair).1 > u32::try_from(rounds_at.len()).unwrap() {
            rounds_at.push(count);
        }
    }
    assert_eq!(mixed(&pair).0.abs_diff(mixed(&pair).1), 0);
    assert!(rounds_at.len() >= 5, "{rounds_at:?}");
    assert!(rounds_at.windows(2).all(|two| two[1] - two[0] <= 20), "{rounds_at:?}");
}

#[test]
fn one_who_only_listens_does_not_stop_the_other() {
    let mut pair = Pair::talking(2);
    for _ in 0..300 {
        pair.pass(Side::Alice, "are you there?");
    }
    assert_eq!(mixed(&pair), (0, 0), "an answer is needed");
    for _ in 0..9 {
        pair.pass(Side::Bob, "yes");
    }
    pair.pass(Side::Alice, "good");
    assert_eq!(mixed(&pair), (1, 1));
}

#[test]
fn healing_takes_a_message_each_way_and_one_more() {
    let mut pair = Pair::talking(3);
    for side in [Side::Alice, Side::Bob, Side::Alice] {
        let (to, now) = (pair.id(side.other()), pair.now);
        let outgoing = pair.party(side).heal(&to, now).unwrap();
        pair.party(side.other()).receive(&outgoing.envelope, now).unwrap();
    }
    assert_eq!(mixed(&pair), (1, 1));
}

#[test]
fn messages_keep_their_size_while_epochs_turn() {
    let mut pair = Pair::talking(4);
    for _ in 0..60 {
        for side in Side::BOTH {
            assert_eq!(pair.send(side, "lost").len(), 563);
            pair.pass(side, "arrives");
        }
    }
    assert!(mixed(&pair).0 >= 3, "{:?}", mixed(&pair));
}

#[test]
fn after_a_day_of_silence_fragments_come_in_bursts() {
    let mut pair = Pair::talking(5);
    pair.wait(Duration::from_secs(24 * 3600 + 1));
    assert_eq!(pair.send(Side::Alice, "morning").len(), 563 + 9 * 129);
    pair.pass(Side::Alice, "morning");
    pair.pass(Side::Bob, "morning");
    pair.pass(Side::Alice, "sleep well?");
    assert_eq!(mixed(&pair), (1, 1));
    assert_eq!(pair.send(Side::Bob, "yes").len(), 563, "the next epoch is young");
}

/// Alice goes on with another secret than the one that both derived: her key's MAC is wrong.
#[test]
fn a_peer_that_cheats_ends_the_session() {
    let mut pair = Pair::talking(8);
    let begun = Pair::strangers(8).now;
    let begins = [&[1, 0, 0, 0, 1][..], &begun.as_millis().to_be_bytes()].concat();
    pair.alice.alter("session/", |record| {
        let send_ek = record.windows(begins.len()).position(|window| window == begins);
        record[send_ek.unwrap() + begins.len() + 64] ^= 1;
    });
    for _ in 0..8 {
        pair.pass(Side::Alice, "one of the fragments");
    }
    let (last, late) = (pair.send(Side::Alice, "the tenth"), pair.send(Side::Alice, "late"));
    let received = pair.bob.receive(&last, pair.now).unwrap();
    assert_eq!(received.ended, Some(SessionEnd::PqFailed));
    pair.bob.restart();
    assert_eq!(pair.bob.device().sessions().count(), 0, "the keys are erased");
    let refused = pair.bob.receive(&late, pair.now);
    assert_eq!(refused.err(), Some(ProtocolError::Undecryptable));
    let (alice, now) = (pair.id(Side::Alice), pair.now);
    let refused = pair.bob.send(&alice, "tea?", now);
    assert_eq!(refused.err(), Some(ProtocolError::Closed));
}

#[test]
fn a_seed_gives_the_same_bytes_again() {
    let conversation = |seed| {
        let mut pair = Pair::talking(seed);
        (pair.send(Side::Alice, "tea"), pair.send(Side::Bob, "tea"))
    };
    assert_eq!(conversation(6), conversation(6));
    assert_ne!(conversation(6), conversation(7));
}
