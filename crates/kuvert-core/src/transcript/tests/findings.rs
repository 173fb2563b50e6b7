//! What does not fit is found, shown and kept, and stops nothing.

use kuvert_wire::transcript::{HeadAuth, TreeHash};

use super::super::{Evidence, MAX_FINDINGS, MAX_WAITING};
use super::*;

fn fork_about(findings: &[Finding], about: u64) -> bool {
    matches!(findings, [Finding::Fork { seq, .. }] if *seq == about)
}

/// TRA-10
#[test]
fn a_missing_entry_is_a_gap() {
    let mut pair = Pair::new(Mode::Signed);
    let sent: Vec<_> = (0..5).map(|i| pair.low.say("tea", at(i))).collect();
    assert_eq!(pair.high.hear(&sent[3]), [Finding::Gap { first: 0, count: 3 }]);
    assert_eq!(pair.high.hear(&sent[4]), [], "one gap is told once");
    assert_eq!(pair.high.hear(&sent[0]), []);
    assert_eq!(pair.high.transcript.sizes(), (0, 1));
    let found: Vec<_> = pair.high.transcript.findings().copied().collect();
    assert_eq!(found, [(at(3), Finding::Gap { first: 0, count: 3 })]);
    pair.high.restart();
    assert_eq!(pair.high.transcript.findings().count(), 1);
}

/// TRA-11
#[test]
fn two_leaves_for_one_place_are_a_fork() {
    let mut pair = Pair::new(Mode::Signed);
    pair.tell(Side::Low, "tea", 1);
    let mut other = pair.low.say("four", at(2));
    let again = other.clone();
    other.block.seq = 0;
    other.message_id = MessageId::from_bytes([9; 16]);
    let findings = pair.high.hear(&other);
    assert!(fork_about(&findings, 0), "{findings:?}");
    let Finding::Fork { evidence: Evidence::Leaf(leaf), .. } = findings[0] else {
        panic!("a leaf: {findings:?}");
    };
    assert_eq!(leaf.time, at(2));
    assert_eq!(pair.high.hear(&again), [], "what does fit goes on");
    assert_eq!(pair.high.hear(&again), [], "the same again is nothing");
    assert_eq!(pair.high.transcript.sizes(), (0, 2));
}

/// No block names its conversation.
#[test]
fn a_message_shows_which_conversation_it_is_of() {
    let [mut pair, other] = [1, 9].map(|seed| Pair::seeded(Mode::Signed, seed));
    let first = pair.low.say("tea", at(1));
    let head = first.block.head.expect("it comes before anything of the other side's");
    assert!(pair.high.transcript.is_theirs(&head));
    assert!(!other.high.transcript.is_theirs(&head));
    assert_eq!(pair.high.hear(&first), []);
    pair.tell(Side::High, "four", 2);
    let later = pair.low.say("at four", at(3));
    assert!(later.block.head.is_none());
    assert!(pair.high.transcript.is_named_in(&later.block));
    assert!(!other.high.transcript.is_named_in(&later.block));
    assert!(!pair.high.transcript.has(&later.logged(), at(3), &later.block));
    assert_eq!(pair.high.hear(&later), []);
    assert!(pair.high.transcript.has(&later.logged(), at(3), &later.block));
    assert!(!pair.high.transcript.has(&later.logged(), at(4), &later.block), "of another time");
}

#[test]
fn what_is_older_than_the_trail_is_no_finding() {
    let mut pair = Pair::new(Mode::Signed);
    let first = pair.low.say("tea", at(1));
    assert_eq!(pair.high.hear(&first), []);
    for i in 0..99 {
        pair.tell(Side::Low, "four", i);
    }
    assert_eq!(pair.high.hear(&first), []);
    let other = Sent { body: b"coffee".to_vec(), ..first };
    assert_eq!(pair.high.hear(&other), []);
    assert_eq!(pair.high.transcript.sizes(), (0, 100));
}

/// TRA-11
#[test]
fn two_leaves_that_wait_for_one_place_are_a_fork() {
    let mut pair = Pair::new(Mode::Signed);
    pair.low.say("lost", at(1));
    let sent = pair.low.say("tea", at(2));
    assert_eq!(pair.high.hear(&sent).len(), 1);
    assert_eq!(pair.high.hear(&sent), [], "the same is no fork");
    let other = Sent { body: b"coffee".to_vec(), ..sent };
    assert!(fork_about(&pair.high.hear(&other), 1));
}

/// TRA-12
#[test]
fn another_hash_of_what_we_said_is_a_fork() {
    let mut pair = Pair::new(Mode::Signed);
    pair.tell(Side::High, "hello", 0);
    pair.tell(Side::Low, "tea?", 1);
    let mut sent = pair.high.say("which tea?", at(2));
    sent.block.seen_hash = TreeHash::from_bytes([1; 32]);
    assert!(fork_about(&pair.low.hear(&sent), 1));
    let mut first = Pair::new(Mode::Signed);
    first.tell(Side::Low, "hello", 0);
    let mut sent = first.low.say("tea", at(1));
    (sent.block.seen_hash, sent.block.head) = (TreeHash::from_bytes([1; 32]), None);
    assert!(fork_about(&first.high.hear(&sent), 1), "nothing seen has no hash");
}

/// TRA-13
#[test]
fn seeing_less_than_before_is_a_rollback() {
    let mut pair = Pair::new(Mode::Signed);
    pair.tell(Side::Low, "tea?", 1);
    pair.tell(Side::High, "yes", 2);
    let mut sent = pair.high.say("what?", at(3));
    (sent.block.seen, sent.block.seen_hash) = (0, TreeHash::NONE);
    assert_eq!(pair.low.hear(&sent), [Finding::Rollback { ours: false }]);
}

/// TRA-14
#[test]
fn being_told_of_more_than_we_said_is_a_rollback_of_ours() {
    let mut pair = Pair::talked(Mode::Signed, 10);
    let old = Transcript::load(pair.low.records()).unwrap().remove(0);
    pair.tell(Side::Low, "forgotten", 30);
    let sent = pair.high.say("but you said so", at(31));
    let advance = old.receive(&sent.logged(), sent.time, &sent.block, sent.time);
    assert_eq!(advance.findings, [Finding::Rollback { ours: true }]);
    let head = pair.high.seal(at(32));
    let advance = advance.next.receive_head(&head, at(32));
    assert_eq!(advance.findings, [Finding::Rollback { ours: true }]);
}

/// TRA-15
#[test]
fn a_head_that_is_not_the_peers_is_bad() {
    for mode in [Mode::Signed, Mode::Deniable] {
        let mut pair = Pair::talked(mode, 5);
        let mut head = pair.low.seal(at(90));
        let mut auth = *head.auth.as_bytes();
        auth[31] ^= 1;
        head.auth = HeadAuth::from_bytes(auth);
        assert_eq!(pair.high.hear_head(&head, at(91)), [Finding::BadHead { head }]);
        let own = *pair.high.transcript.head(Side::High).unwrap();
        assert_eq!(
            pair.high.hear_head(&own, at(92)),
            [Finding::BadHead { head: own }],
            "reflected"
        );
    }
}

/// The latest head of a person's, changed and signed by the same.
fn sealed(person: &Person, change: impl FnOnce(&mut HeadClaim)) -> SealedHead {
    let mut claim = person.transcript.head(person.side()).unwrap().claim;
    change(&mut claim);
    person.sealed(claim)
}

/// TRA-16
#[test]
fn a_head_over_another_log_than_was_received_is_bad() {
    let mut pair = Pair::talked(Mode::Signed, 5);
    pair.tell(Side::Low, "tea", 50);
    let size = pair.low.transcript.sizes().0;
    let head = sealed(&pair.low, |claim| {
        claim.own = kuvert_wire::transcript::TreeHead { size, root: TreeHash::from_bytes([1; 32]) };
    });
    assert_eq!(pair.high.hear_head(&head, at(51)), [Finding::BadHead { head }]);
    assert_ne!(pair.high.transcript.head(Side::Low), Some(&head));
}

/// TRA-17
#[test]
fn a_head_over_another_log_than_we_wrote_is_a_fork() {
    let mut pair = Pair::talked(Mode::Signed, 5);
    pair.tell(Side::High, "tea", 50);
    let size = pair.low.transcript.sizes().1;
    let head = sealed(&pair.low, |claim| {
        claim.peer =
            kuvert_wire::transcript::TreeHead { size, root: TreeHash::from_bytes([1; 32]) };
    });
    let findings = pair.high.hear_head(&head, at(51));
    let [Finding::Fork { evidence, .. }] = findings[..] else { panic!("{findings:?}") };
    assert_eq!(evidence, Evidence::Head(head));
}

/// TRA-18
#[test]
fn two_heads_that_exclude_each_other_are_kept_as_proof() {
    let mut pair = Pair::talked(Mode::Signed, 5);
    let first = *pair.low.transcript.head(Side::Low).unwrap();
    let head = sealed(&pair.low, |claim| claim.own.root = TreeHash::from_bytes([1; 32]));
    let findings = pair.high.hear_head(&head, at(51));
    let [Finding::Fork { evidence, .. }] = findings[..] else { panic!("{findings:?}") };
    assert_eq!(evidence, Evidence::Heads(first, head));
}

/// TRA-18
#[test]
fn heads_contradict_when_each_covers_more_of_one_log() {
    let pair = Pair::talked(Mode::Signed, 9);
    let claim = |own, peer| {
        let mut claim = pair.low.transcript.head(Side::Low).unwrap().claim;
        (claim.own.size, claim.peer.size) = (claim.own.size + own, claim.peer.size + peer);
        claim
    };
    let contradict = |one: (u64, u64), other: (u64, u64)| {
        super::super::fork::contradict(&claim(one.0, one.1), &claim(other.0, other.1))
    };
    assert!(contradict((1, 2), (2, 1)) && contradict((2, 1), (1, 2)));
    for (one, other) in [((1, 2), (2, 2)), ((1, 1), (1, 2)), ((1, 1), (2, 2)), ((1, 1), (1, 1))] {
        assert!(!contradict(one, other) && !contradict(other, one), "{one:?} {other:?}");
    }
}

/// TRA-13
#[test]
fn a_late_head_is_nothing_and_a_newer_one_over_less_is_a_rollback() {
    let mut pair = Pair::talked(Mode::Signed, 5);
    let late = pair.low.seal(at(60));
    pair.tell(Side::Low, "tea", 61);
    let next = pair.low.seal(at(62));
    assert_eq!(pair.high.hear_head(&next, at(63)), []);
    assert_eq!(pair.high.hear_head(&late, at(64)), []);
    assert_eq!(pair.high.transcript.head(Side::Low), Some(&next));
    let newer = sealed(&pair.low, |claim| {
        *claim = late.claim;
        claim.time = at(70);
    });
    assert_eq!(pair.high.hear_head(&newer, at(71)), [Finding::Rollback { ours: false }]);
    let as_old = sealed(&pair.low, |claim| {
        *claim = late.claim;
        claim.time = next.claim.time;
    });
    assert_eq!(pair.high.hear_head(&as_old, at(72)), [], "not newer");
}

#[test]
fn a_head_over_more_than_has_come_waits_for_it() {
    let mut pair = Pair::talked(Mode::Signed, 5);
    let sent = pair.low.say("slow", at(50));
    let head = pair.low.seal(at(51));
    assert_eq!(pair.high.hear_head(&head, at(52)), []);
    assert_ne!(pair.high.transcript.head(Side::Low), Some(&head));
    let other = sealed(&pair.low, |claim| claim.own.root = TreeHash::from_bytes([1; 32]));
    assert_eq!(pair.high.hear_head(&other, at(53)), []);
    pair.high.restart();
    assert_eq!(pair.high.hear(&sent), []);
    assert_eq!(pair.high.transcript.head(Side::Low), Some(&head), "the first of its size");
}

/// A head that cannot be compared any more is nothing to rest an export on.
#[test]
fn a_head_that_is_too_old_to_compare_is_not_kept() {
    let mut pair = Pair::new(Mode::Signed);
    pair.tell(Side::High, "hello", 0);
    pair.tell(Side::Low, "tea", 1);
    pair.tell(Side::Low, "at", 1);
    let first = pair.high.transcript.head(Side::Low).copied();
    let mut old = pair.low.seal(at(2));
    for i in 0..300 {
        let mut sent = pair.low.say("four", at(3 + i));
        sent.block.head = None;
        assert_eq!(pair.high.hear(&sent), []);
    }
    old.claim.own.root = TreeHash::from_bytes([1; 32]);
    let bent = pair.low.sealed(old.claim);
    assert_eq!(pair.high.hear_head(&bent, at(400)), []);
    assert_eq!(pair.high.transcript.head(Side::Low).copied(), first);
    pair.high.seal(at(401));
    assert!(super::super::verify(&pair.high.file()).is_ok());
}

/// What fills one kind's places leaves those of the others.
#[test]
fn a_flood_of_findings_crowds_out_no_proof() {
    let mut pair = Pair::talked(Mode::Signed, 5);
    let mut bad = pair.low.seal(at(90));
    bad.auth = HeadAuth::from_bytes([1; 64]);
    for i in 0..200 {
        assert_eq!(pair.high.hear_head(&bad, at(91 + i)).len(), 1);
    }
    assert_eq!(pair.high.transcript.findings().count(), 40);
    let head = sealed(&pair.low, |claim| claim.own.root = TreeHash::from_bytes([1; 32]));
    assert_eq!(pair.high.hear_head(&head, at(300)).len(), 1);
    let last = pair.high.transcript.findings().last().unwrap().1;
    assert!(matches!(last, Finding::Fork { evidence: Evidence::Heads(..), .. }), "{last:?}");
    pair.high.restart();
    assert_eq!(pair.high.transcript.findings().count(), 41);
}

/// Two heads prove a fork to others; a leaf is evidence, a gap is neither.
#[test]
fn ten_forks_by_heads_are_kept_and_fifty_by_entries() {
    let mut pair = Pair::talked(Mode::Signed, 5);
    for i in 1..=60 {
        let head = sealed(&pair.low, |claim| claim.own.root = TreeHash::from_bytes([i; 32]));
        assert_eq!(pair.high.hear_head(&head, at(300)).len(), 1);
    }
    assert_eq!(pair.high.transcript.findings().count(), 10);
    let sent = pair.low.say("tea", at(301));
    assert_eq!(pair.high.hear(&sent), []);
    for i in 0..60 {
        let message_id = MessageId::from_bytes([i; 16]);
        assert_eq!(pair.high.hear(&Sent { message_id, ..sent.clone() }).len(), 1);
    }
    assert_eq!(pair.high.transcript.findings().count(), 10 + 50);
}

/// TRA-19
#[test]
fn a_bare_leaf_that_does_not_follow_is_a_fork() {
    let mut pair = Pair::new(Mode::Signed);
    pair.low.say("lost", at(1));
    pair.low.say("lost too", at(2));
    let leaves = pair.low.side().of(&pair.low.entries()).clone();
    let leaf = *leaves[0].leaf().unwrap();
    for bad in [
        kuvert_wire::transcript::Leaf { prev: TreeHash::from_bytes([1; 32]), ..leaf },
        kuvert_wire::transcript::Leaf { device: *pair.high.keys.device_id(), ..leaf },
    ] {
        let advance = pair.high.transcript.receive_leaf(&bad, at(3));
        assert!(fork_about(&pair.high.adopt(advance), 0));
        assert_eq!(pair.high.transcript.sizes(), (0, 0));
    }
    for entry in leaves.iter().rev() {
        let advance = pair.high.transcript.receive_leaf(entry.leaf().unwrap(), at(4));
        pair.high.adopt(advance);
    }
    assert_eq!(pair.high.transcript.sizes(), (0, 2));
}

#[test]
fn a_message_that_is_not_that_of_its_bare_leaf_is_a_fork() {
    let mut pair = Pair::new(Mode::Signed);
    let sent = pair.low.say("tea", at(1));
    let leaf = *pair.low.side().of(&pair.low.entries())[0].leaf().unwrap();
    let advance = pair.high.transcript.receive_leaf(&leaf, at(2));
    assert_eq!(pair.high.adopt(advance), []);
    let other = Sent { body: b"coffee".to_vec(), ..sent.clone() };
    assert!(fork_about(&pair.high.hear(&other), 0));
    assert_eq!(pair.high.hear(&sent), []);
}

/// TRA-20
#[test]
fn what_waits_too_long_or_is_too_much_is_lost_and_said_to_be() {
    let mut pair = Pair::new(Mode::Deniable);
    let sent: Vec<_> = (0..MAX_WAITING as u64 + 3).map(|i| pair.low.say("tea", at(i))).collect();
    for sent in &sent[1..=MAX_WAITING] {
        pair.high.hear(sent);
    }
    let (last, one_more) = (MAX_WAITING as u64 + 1, &sent[MAX_WAITING + 1]);
    assert_eq!(pair.high.hear(one_more), [Finding::Lost { seq: last }]);
    let thirty_days = 30 * 24 * 3600;
    assert!(pair.high.transcript.tidy(at(1 + thirty_days)).is_none(), "the first came at 1");
    let late = at(2 + MAX_WAITING as u64 + thirty_days);
    let advance = pair.high.transcript.tidy(late).unwrap();
    assert_eq!(pair.high.adopt(advance).len(), MAX_WAITING);
    pair.high.restart();
    assert!(pair.high.transcript.findings().count() < MAX_FINDINGS);
    assert!(pair.high.transcript.tidy(late).is_none());
}

/// Whatever the numbers in a block are, nothing breaks and nothing grows without bound.
#[test]
fn wild_numbers_are_findings() {
    let mut pair = Pair::talked(Mode::Signed, 5);
    for number in [u64::MAX, u64::MAX - 1, 1 << 63, 1 << 40, 1000] {
        let mut sent = pair.low.clone_say(number);
        (sent.block.seq, sent.block.seen) = (number, number);
        pair.high.hear(&sent);
        let head = sealed(&pair.low, |claim| (claim.own.size, claim.peer.size) = (number, number));
        pair.high.hear_head(&head, at(80));
        pair.high.restart();
    }
    assert!(pair.high.transcript.waiting.len() <= 5);
    pair.tell(Side::High, "still here", 90);
}

impl Person {
    /// A message that is not logged here, to be bent.
    fn clone_say(&self, number: u64) -> Sent {
        let message_id =
            MessageId::from_bytes([number.to_be_bytes(); 2].concat().try_into().unwrap());
        let block = Block {
            seq: 0,
            seen: 0,
            seen_hash: TreeHash::NONE,
            salt: kuvert_wire::transcript::Salt::from_bytes([1; 32]),
            head: None,
        };
        let body = b"tea".to_vec();
        Sent { frame_type: FrameType::Message, message_id, body, time: at(70), block }
    }
}
