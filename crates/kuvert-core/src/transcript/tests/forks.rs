//! Two histories of one device make a proof that others can check.

use super::super::{Cause, ForkProof};
use super::*;

/// A device that went back to an older copy of itself, and what it then said: both states' heads.
fn forked(before: u64, first: u64, second: u64) -> (Pair, SealedHead, SealedHead) {
    let mut pair = Pair::talked(Mode::Signed, before);
    let copy = pair.low.transcript.clone();
    let mut say = |person: &mut Person, count: u64| {
        for i in 0..count {
            let sent = person.say("one of two", at(100 + i));
            pair.high.hear(&sent);
        }
        person.seal(at(200 + count))
    };
    let mut low = Person {
        keys: IdentityKeyPair::generate(at(0), &mut ChaCha20Rng::seed_from_u64(9)),
        transcript: copy,
        rows: pair.low.rows.clone(),
        bodies: BTreeMap::new(),
        rng: ChaCha20Rng::seed_from_u64(9),
    };
    let one = say(&mut pair.low, first);
    let other = say(&mut low, second);
    (pair, one, other)
}

fn verified(pair: &Pair, proof: &ForkProof) {
    let conversation = pair.high.transcript.conversation();
    let file = proof.to_bytes(conversation);
    let (found, checked) = ForkProof::verify(&file).unwrap();
    assert_eq!((found.id(), &checked), (conversation.id(), proof));
    for place in 0..file.len() {
        let mut bad = file.clone();
        bad[place] ^= 1;
        assert!(ForkProof::verify(&bad).is_err(), "byte {place}");
    }
    for len in 0..file.len() {
        assert!(ForkProof::verify(&file[..len]).is_err());
    }
}

#[test]
fn two_roots_for_one_size_are_a_proof() {
    let (mut pair, one, other) = forked(10, 4, 4);
    assert_eq!(pair.high.hear_head(&one, at(300)), []);
    let findings = pair.high.hear_head(&other, at(301));
    assert!(matches!(findings[..], [Finding::Fork { .. }]), "{findings:?}");
    let conversation = pair.high.transcript.conversation();
    let proof = ForkProof::of_heads(conversation, Side::Low, [one, other]).unwrap();
    assert_eq!(proof.speaker(), Side::Low);
    verified(&pair, &proof);
}

#[test]
fn a_smaller_tree_that_is_no_beginning_of_the_larger_is_a_proof() {
    let (pair, one, other) = forked(10, 7, 3);
    let conversation = pair.high.transcript.conversation();
    assert_eq!(
        ForkProof::of_heads(conversation, Side::Low, [one, other]),
        None,
        "not by themselves"
    );
    let leaves = pair.low.entries()[0].iter().map(Entry::hash).collect();
    let tree = super::super::Tree::new(leaves);
    let proof = ForkProof::of_trees(conversation, Side::Low, [one, other], &tree).unwrap();
    assert!(!proof.proof().is_empty());
    verified(&pair, &proof);
}

/// TRA-48
#[test]
fn heads_of_one_history_are_no_proof() {
    let mut pair = Pair::talked(Mode::Signed, 10);
    let first = *pair.low.transcript.head(Side::Low).unwrap();
    pair.tell(Side::Low, "and on", 50);
    let second = pair.low.seal(at(51));
    let conversation = pair.low.transcript.conversation();
    assert_eq!(ForkProof::of_heads(conversation, Side::Low, [first, second]), None);
    let tree = super::super::Tree::new(pair.low.entries()[0].iter().map(Entry::hash).collect());
    assert_eq!(ForkProof::of_trees(conversation, Side::Low, [first, second], &tree), None);
    let (pair, one, other) = forked(10, 4, 4);
    let conversation = pair.high.transcript.conversation();
    assert_eq!(
        ForkProof::of_heads(conversation, Side::High, [one, other]),
        None,
        "not this speaker's"
    );
    let proof = ForkProof::of_heads(conversation, Side::Low, [one, other]).unwrap();
    let text = alloc::string::String::from_utf8(proof.to_bytes(conversation)).unwrap();
    let (start, rest) = text.split_once("\"fork\":[").unwrap();
    let (head, rest) = rest.split_once("},{").unwrap();
    let (_, rest) = rest.split_once(']').unwrap();
    let twice = alloc::format!("{start}\"fork\":[{head}}},{head}}}]{rest}");
    assert_eq!(ForkProof::verify(twice.as_bytes()).unwrap_err().cause, Cause::NoFork);
}
