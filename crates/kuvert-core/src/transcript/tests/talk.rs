//! Conversations that go well, in any order and through restarts.

use kuvert_wire::transcript::{Consent, ConsentStep, PolicyId};

use super::super::{HEAD_AFTER, HEAD_EVERY, MAX_WAITING};
use super::*;
use crate::error::ProtocolError;

#[test]
fn both_have_the_same_logs() {
    for mode in [Mode::Signed, Mode::Deniable] {
        let pair = Pair::talked(mode, 100);
        let [low, high] = [&pair.low, &pair.high].map(|person| person.transcript.sizes());
        assert_eq!(low, (high.1, high.0));
        for side in Side::BOTH {
            let [here, there] = [&pair.low, &pair.high].map(|p| p.transcript.head(side).copied());
            assert_eq!(here, there, "the latest head of {side:?}");
        }
        assert_eq!(pair.low.entries(), pair.high.entries());
        assert!(pair.low.transcript.is_sealed());
        assert_eq!(pair.low.transcript.findings().count(), 0);
    }
}

#[test]
fn a_head_goes_with_each_message_until_the_peer_has_spoken() {
    let mut pair = Pair::new(Mode::Signed);
    for i in 0..2 * HEAD_EVERY {
        let sent = pair.low.say("tea", at(i));
        assert!(sent.block.head.is_some(), "message {i}");
        assert_eq!(pair.high.hear(&sent), []);
    }
    let head = pair.high.seal(at(100));
    assert_eq!(pair.low.hear_head(&head, at(101)), []);
    assert!(pair.low.say("four", at(102)).block.head.is_none());
}

#[test]
fn a_head_goes_with_every_thirty_second_message_and_with_notices() {
    let mut pair = Pair::new(Mode::Signed);
    pair.tell(Side::High, "hello", 0);
    for i in 1..=2 * HEAD_EVERY + 1 {
        let sent = pair.low.say("tea", at(i));
        assert_eq!(sent.block.head.is_some(), i % HEAD_EVERY == 0, "message {i}");
        assert_eq!(pair.high.hear(&sent), []);
    }
    let consent = Consent {
        step: ConsentStep::Given,
        policy: PolicyId::default(),
        what: "this transcript".into(),
    };
    let sent = pair.low.notice(&TranscriptBody::Consent(consent), at(100));
    assert_eq!(sent.block.head.map(|head| head.claim.own.size), Some(2 * HEAD_EVERY + 2));
    assert_eq!(pair.high.hear(&sent), []);
    assert_eq!(pair.high.transcript.head(Side::Low).copied(), sent.block.head);
}

#[test]
fn a_head_is_due_an_hour_after_the_first_uncovered_message() {
    let mut pair = Pair::new(Mode::Signed);
    assert_eq!(pair.low.transcript.head_due(), None);
    pair.tell(Side::High, "hello", 1);
    pair.seal(2);
    pair.tell(Side::Low, "tea", 5);
    let due = at(5).saturating_add(HEAD_AFTER);
    assert_eq!(pair.low.transcript.head_due(), Some(due));
    assert_eq!(pair.high.transcript.head_due(), Some(due), "what was heard is owed an answer");
    let carried = pair.low.say("four", due);
    assert!(carried.block.head.is_some());
    assert_eq!(pair.low.transcript.head_due(), None);
    pair.high.seal(due);
    assert_eq!(pair.high.transcript.head_due(), None);
}

#[test]
fn many_heard_messages_are_acknowledged_sooner() {
    let mut pair = Pair::new(Mode::Signed);
    for i in 0..super::super::ACKNOWLEDGE_EVERY {
        assert!(pair.high.transcript.head_due().is_none_or(|due| due > at(i)));
        pair.tell(Side::Low, "tea", i);
    }
    assert!(pair.high.transcript.head_due().is_some_and(|due| due <= at(300)));
}

#[test]
fn any_order_gives_the_same_logs() {
    for seed in 0..20 {
        let mut pair = Pair::seeded(Mode::Signed, seed);
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let mut late: Vec<Sent> = Vec::new();
        for i in 0..120 {
            late.push(pair.low.say("tea", at(i)));
            while !late.is_empty() && rng.next_u32() % 3 != 0 {
                let place = rng.next_u32() as usize % late.len();
                let findings = pair.high.hear(&late.swap_remove(place));
                assert!(findings.iter().all(|f| matches!(f, Finding::Gap { .. })), "{findings:?}");
                pair.high.restart();
                pair.tell(Side::High, "four", i);
            }
        }
        late.iter().for_each(|sent| drop(pair.high.hear(sent)));
        pair.seal(500);
        assert_eq!(pair.low.entries(), pair.high.entries());
        assert_eq!(pair.high.transcript.findings().filter(|f| !is_gap(f)).count(), 0);
    }
}

fn is_gap((_, finding): &(Timestamp, Finding)) -> bool {
    matches!(finding, Finding::Gap { .. })
}

#[test]
fn a_restart_changes_nothing() {
    let mut pair = Pair::new(Mode::Deniable);
    for i in 0..100 {
        pair.tell(Side::Low, "tea", i);
        pair.low.restart();
        pair.tell(Side::High, "four", i);
        pair.high.restart();
    }
    pair.seal(200);
    pair.low.restart();
    assert_eq!(pair.low.entries(), pair.high.entries());
    assert!(pair.low.transcript.is_sealed());
}

#[test]
fn records_of_something_else_are_not_loaded() {
    let pair = Pair::talked(Mode::Signed, 5);
    let records = pair.low.records();
    for place in 0..records.len() {
        let mut damaged = records.clone();
        damaged[place].value[0] ^= 1;
        let key = damaged[place].key.clone();
        assert_eq!(Transcript::load(damaged).err(), Some(key));
        let mut longer = records.clone();
        longer[place].value.push(0);
        assert!(Transcript::load(longer).is_err());
    }
    let is_fixed = |record: &Record| record.key.as_str().ends_with("/fixed");
    let rest: Vec<_> = records.iter().filter(|record| !is_fixed(record)).cloned().collect();
    assert!(Transcript::load(rest).is_err());
    let mut forged = records;
    let fixed = forged.iter().position(is_fixed).unwrap();
    let last = forged[fixed].value.len() - 1;
    forged[fixed].value[last] ^= 1;
    assert!(Transcript::load(forged).is_err(), "a key that is not the one that was certified");
}

#[test]
fn nothing_is_appended_after_the_end() {
    let mut pair = Pair::talked(Mode::Signed, 5);
    let end = pair.low.transcript.end();
    assert_eq!(pair.low.adopt(end), []);
    let logged = Logged {
        frame_type: FrameType::Message,
        message_id: MessageId::from_bytes([1; 16]),
        body: b"tea",
    };
    let Person { transcript, rng, .. } = &mut pair.low;
    assert_eq!(transcript.append(&logged, at(99), rng).err(), Some(ProtocolError::Closed));
    let sent = pair.high.say("still under way", at(99));
    assert_eq!(pair.low.hear(&sent), [], "what was under way is heard");
}

#[test]
fn what_is_not_logged_gets_no_place() {
    let mut pair = Pair::talked(Mode::Signed, 5);
    let before = pair.high.transcript.sizes();
    let good = pair.low.say("tea", at(50));
    for (frame_type, body) in [
        (FrameType::Receipt, &b"\x01"[..]),
        (FrameType::Control, b"\x01"),
        (FrameType::Transcript, b""),
        (FrameType::Transcript, b"\x06x"),
        (FrameType::Transcript, &[2; 33]),
    ] {
        let logged = Logged { frame_type, message_id: good.message_id, body };
        let Person { transcript, rng, .. } = &mut pair.low;
        assert_eq!(transcript.append(&logged, at(51), rng).err(), Some(ProtocolError::Malformed));
        let advance = pair.high.transcript.receive(&logged, at(51), &good.block, at(51));
        assert!(advance.changes.is_empty(), "{frame_type:?} {body:?}");
        assert_eq!(pair.high.adopt(advance), []);
    }
    assert_eq!(pair.high.transcript.sizes(), before);
    assert_eq!(pair.high.hear(&good), []);
}

#[test]
fn a_clock_put_right_puts_nothing_off() {
    let mut pair = Pair::new(Mode::Signed);
    let (ahead, right) = (at(90 * 86_400), at(10));
    pair.tell(Side::High, "hello", 0);
    pair.seal(1);
    let sent = pair.low.say("tea", ahead);
    assert_eq!(pair.high.hear(&sent), []);
    let sent = pair.low.say("four", right);
    assert_eq!(pair.high.hear(&sent), []);
    let due = right.saturating_add(HEAD_AFTER);
    assert_eq!(pair.low.transcript.head_due(), Some(due));
    assert_eq!(pair.high.transcript.head_due(), Some(due));
    pair.low.say("lost", ahead);
    let sent = pair.low.say("heard", ahead);
    pair.high.hear(&sent);
    assert!(pair.high.transcript.ask(right).is_some());
}

#[test]
fn a_missing_entry_is_asked_for_and_comes_without_its_message() {
    let mut pair = Pair::new(Mode::Signed);
    let lost = pair.low.say("lost", at(1));
    let heard = pair.low.say("heard", at(2));
    let gap = [Finding::Gap { first: 0, count: 1 }];
    assert_eq!(pair.high.hear(&heard), gap);
    assert!(pair.high.transcript.ask(at(601)).is_none(), "it may be under way");
    assert!(pair.high.transcript.ask(at(602)).is_some(), "after ten minutes");
    let (request, advance) = pair.high.transcript.ask(at(700)).unwrap();
    assert_eq!((request.seq, request.count), (0, 1));
    assert_eq!(pair.high.adopt(advance), []);
    assert!(pair.high.transcript.ask(at(701)).is_none());
    let side = pair.low.side();
    let leaf = *side.of(&pair.low.entries())[0].leaf().unwrap();
    let advance = pair.high.transcript.receive_leaf(&leaf, at(702));
    assert_eq!(pair.high.adopt(advance), []);
    pair.high.restart();
    assert_eq!(pair.high.transcript.sizes(), (0, 2));
    assert_eq!(side.of(&pair.high.entries())[0].message(), None);
    assert_eq!(pair.high.hear(&lost), [], "the message comes late and fills its place");
    assert_eq!(pair.low.entries(), pair.high.entries());
    pair.seal(800);
}

#[test]
fn as_many_wait_as_are_allowed() {
    let mut pair = Pair::new(Mode::Deniable);
    let sent: Vec<_> = (0..=MAX_WAITING as u64).map(|i| pair.low.say("tea", at(i))).collect();
    for (i, sent) in sent.iter().enumerate().skip(1) {
        assert_eq!(pair.high.hear(sent).len(), usize::from(i == 1));
    }
    assert_eq!(pair.high.hear(&sent[0]), []);
    assert_eq!(pair.high.transcript.sizes().1, sent.len() as u64);
}
