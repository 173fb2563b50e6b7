//! Whether a message could be one of a transcript, and what is remembered of those that wait.

use kuvert_wire::transcript::{Leaf, TreeHash};

use super::super::{MAX_WAITING, Statement};
use super::*;

impl Person {
    fn may_have(&self, sent: &Sent) -> bool {
        self.transcript.may_have(&sent.logged(), sent.time, &sent.block)
    }

    fn leaf(&self, seq: usize) -> Leaf {
        *self.side().of(&self.entries())[seq].leaf().unwrap()
    }
}

#[test]
fn a_message_goes_on_with_what_both_have_said() {
    let mut pair = Pair::talked(Mode::Signed, 9);
    let next = pair.low.say("next", at(50));
    assert!(pair.high.may_have(&next));
    for (seen, is_possible) in [(0, false), (next.block.seen, true), (1000, false)] {
        let mut other = next.clone();
        other.block.seen = seen;
        if seen != next.block.seen {
            other.block.seen_hash = TreeHash::NONE;
        }
        assert_eq!(pair.high.may_have(&other), is_possible, "{seen} seen");
    }
    let mut other = next;
    other.block.seen_hash = TreeHash::from_bytes([1; 32]);
    assert!(!pair.high.may_have(&other), "it has seen something else");
}

#[test]
fn a_message_that_is_there_already_is_compared_with_its_place() {
    let mut pair = Pair::new(Mode::Signed);
    pair.seal(1);
    let sent = pair.low.say("tea", at(2));
    assert_eq!(pair.high.hear(&sent), []);
    pair.tell(Side::Low, "four", 3);
    assert!(pair.high.may_have(&sent));
    let other = Sent { body: b"coffee".to_vec(), ..sent.clone() };
    assert!(!pair.high.may_have(&other), "something else stands there");
    let later = Sent { time: at(4), ..sent.clone() };
    assert!(!pair.high.may_have(&later), "of another time");
    let mut blind = sent.clone();
    (blind.block.seen, blind.block.seen_hash) = (0, TreeHash::from_bytes([1; 32]));
    assert!(!pair.high.may_have(&blind), "nothing seen has no hash");
    for i in 0..300 {
        pair.tell(Side::Low, "more", 5 + i);
    }
    assert!(pair.high.may_have(&other), "too old to tell");
}

/// Until it has seen something of ours, or a head, each message of the peer's shows a head itself.
#[test]
fn a_message_without_any_sign_is_of_a_transcript_with_a_head() {
    let mut pair = Pair::new(Mode::Signed);
    let first = pair.low.say("tea", at(1));
    assert!(first.block.head.is_some());
    assert!(pair.high.may_have(&first));
    let mut bare = first;
    bare.block.head = None;
    assert!(!pair.high.may_have(&bare), "it would show one");
    pair.high.seal(at(2));
    assert!(pair.high.may_have(&bare), "our head was enough for it");
    bare.frame_type = FrameType::Receipt;
    assert!(!pair.high.transcript.has(&bare.logged(), bare.time, &bare.block), "not logged");
    assert!(pair.high.may_have(&bare), "nothing speaks against it");
}

/// What has been seen is a sign as well.
#[test]
fn a_message_that_has_seen_something_needs_no_head() {
    let mut pair = Pair::new(Mode::Signed);
    pair.tell(Side::Low, "tea?", 1);
    pair.tell(Side::High, "yes", 2);
    let next = pair.low.say("at four", at(3));
    assert_eq!((next.block.head, next.block.seen), (None, 1));
    assert_eq!(pair.high.transcript.head(Side::High), None);
    assert!(pair.high.may_have(&next));
}

#[test]
fn what_waits_or_has_come_bare_is_had() {
    let mut pair = Pair::new(Mode::Deniable);
    let sent: Vec<_> = (0..3).map(|i| pair.low.say("tea", at(i))).collect();
    let has =
        |pair: &Pair, sent: &Sent| pair.high.transcript.has(&sent.logged(), sent.time, &sent.block);
    assert!(!has(&pair, &sent[2]));
    assert_eq!(pair.high.hear(&sent[2]).len(), 1, "a gap");
    assert!(pair.high.transcript.is_waiting(2) && !pair.high.transcript.is_waiting(1));
    assert!(has(&pair, &sent[2]));
    let other = Sent { body: b"coffee".to_vec(), ..sent[2].clone() };
    assert!(!has(&pair, &other));
    let advance = pair.high.transcript.receive_leaf(&pair.low.leaf(0), at(9));
    pair.high.adopt(advance);
    assert!(has(&pair, &sent[0]), "its leaf is here");
    let other = Sent { body: b"coffee".to_vec(), ..sent[0].clone() };
    assert!(!has(&pair, &other));
    let other = Sent { time: at(8), ..sent[0].clone() };
    assert!(!has(&pair, &other));
    let mut other = sent[0].clone();
    other.block.seen = 1;
    assert!(!has(&pair, &other), "it has seen more");
}

#[test]
fn a_leaf_that_comes_again_changes_nothing() {
    let mut pair = Pair::new(Mode::Signed);
    let sent = pair.low.say("tea", at(1));
    let leaf = pair.low.leaf(0);
    for _ in 0..2 {
        let advance = pair.high.transcript.receive_leaf(&leaf, at(2));
        assert_eq!(pair.high.adopt(advance), []);
        assert_eq!(pair.high.transcript.sizes(), (0, 1));
    }
    assert_eq!(pair.high.hear(&sent), []);
    let advance = pair.high.transcript.receive_leaf(&leaf, at(3));
    assert!(advance.changes.is_empty());
    let entries = Side::Low.of(&pair.high.entries()).clone();
    assert_eq!(entries[0].message(), Some((FrameType::Message, sent.message_id)));
}

/// TRA-19
#[test]
fn a_leaf_of_another_conversation_is_a_fork() {
    let [mut pair, other] = [1, 9].map(|seed| Pair::seeded(Mode::Signed, seed));
    pair.low.say("tea", at(1));
    let leaf = Leaf { conversation: *other.low.transcript.id(), ..pair.low.leaf(0) };
    let advance = pair.high.transcript.receive_leaf(&leaf, at(2));
    assert!(matches!(pair.high.adopt(advance)[..], [Finding::Fork { seq: 0, .. }]));
    assert_eq!(pair.high.transcript.sizes(), (0, 0));
}

/// TRA-19
#[test]
fn a_bare_leaf_that_waited_and_does_not_follow_stops_there() {
    let mut pair = Pair::new(Mode::Signed);
    let sent: Vec<_> = (0..3).map(|i| pair.low.say("tea", at(i))).collect();
    let bent = Leaf { prev: TreeHash::from_bytes([1; 32]), ..pair.low.leaf(1) };
    let advance = pair.high.transcript.receive_leaf(&bent, at(3));
    assert_eq!(pair.high.adopt(advance), [Finding::Gap { first: 0, count: 1 }]);
    assert_eq!(pair.high.hear(&sent[2]), []);
    let findings = pair.high.hear(&sent[0]);
    let evidence = super::super::Evidence::Leaf(bent);
    assert_eq!(findings, [Finding::Fork { seq: 1, evidence }]);
    assert_eq!(pair.high.transcript.sizes(), (0, 1));
    pair.high.restart();
    assert_eq!(pair.high.hear(&sent[1]), [], "the message itself follows");
    assert_eq!(pair.high.transcript.sizes(), (0, 3));
}

/// A bare leaf that waits makes room for its message.
#[test]
fn a_message_takes_the_place_of_its_leaf_that_waits() {
    let mut pair = Pair::new(Mode::Signed);
    let sent: Vec<_> = (0..2).map(|i| pair.low.say("tea", at(i))).collect();
    let advance = pair.high.transcript.receive_leaf(&pair.low.leaf(1), at(3));
    assert_eq!(pair.high.adopt(advance).len(), 1, "a gap");
    assert_eq!(pair.high.hear(&sent[1]), []);
    assert_eq!(pair.high.hear(&sent[0]), []);
    pair.high.restart();
    let entries = Side::Low.of(&pair.high.entries()).clone();
    assert!(entries.iter().all(|entry| entry.message().is_some()), "no leaf without its message");
}

/// TRA-20
#[test]
fn as_many_leaves_without_their_messages_are_kept_as_may_wait() {
    let mut pair = Pair::new(Mode::Deniable);
    let sent: Vec<_> = (0..=MAX_WAITING as u64).map(|i| pair.low.say("tea", at(i))).collect();
    let entries = pair.low.side().of(&pair.low.entries()).clone();
    for entry in &entries {
        let advance = pair.high.transcript.receive_leaf(entry.leaf().unwrap(), at(5000));
        assert_eq!(pair.high.adopt(advance), []);
    }
    assert_eq!(pair.high.transcript.bare.len(), MAX_WAITING);
    pair.high.restart();
    assert_eq!(pair.high.transcript.bare.len(), MAX_WAITING, "the oldest is gone from the store");
    assert_eq!(pair.high.hear(&sent[0]), [], "too old to be told from another");
    assert_eq!(pair.high.hear(&sent[1]), []);
    assert_eq!(pair.high.transcript.bare.len(), MAX_WAITING - 1);
}

#[test]
fn only_what_waits_is_erased_while_it_waits() {
    let mut pair = Pair::new(Mode::Signed);
    pair.low.say("lost", at(1));
    let sent = pair.low.say("heard", at(2));
    pair.high.hear(&sent);
    let erase =
        |pair: &Pair, id: &MessageId, body: &[u8]| pair.high.transcript.erase_waiting(id, body, 1);
    assert!(erase(&pair, &MessageId::from_bytes([9; 16]), b"heard").is_none(), "no such message");
    assert!(erase(&pair, &sent.message_id, b"other").is_none(), "not what was committed to");
    let advance = erase(&pair, &sent.message_id, b"heard").unwrap();
    assert_eq!(pair.high.adopt(advance), []);
    pair.high.restart();
    assert!(pair.high.transcript.is_waiting(1));
}

#[test]
fn a_conversation_is_of_its_mode_and_only_a_deniable_one_has_a_key_for_both() {
    for mode in [Mode::Signed, Mode::Deniable] {
        let pair = Pair::new(mode);
        assert_eq!(pair.low.transcript.mode(), mode);
        let keys = [&pair.low, &pair.high].map(|person| person.transcript.conversation().mac_key());
        assert_eq!(keys[0].is_some(), mode == Mode::Deniable);
        assert_eq!(keys[0], keys[1]);
    }
}

#[test]
fn each_has_when_the_other_said_that_it_begins() {
    let pair = Pair::new(Mode::Signed);
    let starts = [&pair.low, &pair.high].map(|person| person.transcript.their_start());
    assert_eq!(starts, [at(2), at(1)]);
}

#[test]
fn it_is_sealed_until_something_is_said_in_either_log() {
    let mut pair = Pair::new(Mode::Signed);
    assert!(pair.low.transcript.is_sealed(), "there is nothing");
    for (seconds, side) in (1..).zip([Side::High, Side::Low]) {
        pair.tell(side, "tea", seconds);
        assert!(!pair.low.transcript.is_sealed(), "{side:?}");
        pair.seal(seconds);
        assert!(pair.low.transcript.is_sealed());
    }
}

#[test]
fn an_ended_transcript_makes_no_head_due() {
    let mut pair = Pair::talked(Mode::Signed, 5);
    pair.tell(Side::Low, "tea", 50);
    assert!(pair.low.transcript.head_due().is_some());
    let end = pair.low.transcript.end();
    pair.low.adopt(end);
    assert_eq!(pair.low.transcript.head_due(), None);
}

/// A start or stop of another peer's, or none: nothing is owed.
#[test]
fn a_switch_that_owes_nothing_repeats_nothing() {
    let switch = Switch::new(kuvert_wire::DeviceId::from_bytes([1; 16]));
    assert!(!switch.owes());
    assert!(switch.repeat(at(1)).map(|Statement { body, .. }| body).is_none());
    assert!(switch.hear_foreign(at(1)).is_none() && switch.hear_unlogged(at(1)).is_none());
    assert!(switch.forget(&MessageId::from_bytes([1; 16])).is_none());
}
