//! Erasure keeps every other proof, and leaves nothing to guess by.

use alloc::collections::BTreeSet;

use kuvert_wire::transcript::{
    AskedBy, Erasure, ErasureReceipt, LogSide, PolicyId, Reason, Redaction, Target,
};

use super::super::{ContentState, commitment_to_all, verify};
use super::*;
use crate::crypto::kdf::{Label, hash};

impl Person {
    fn rewrite(&mut self, side: Side, seq: u64, change: impl FnOnce(&Entry, &[u8]) -> Entry) {
        let device = *self.transcript.conversation().device(side);
        let key = Entry::key(self.transcript.id(), &device, seq);
        let entry = Entry::decode(&self.rows[&key].1).unwrap();
        let body = self.body(&entry).unwrap_or_default();
        let value = Zeroizing::new(change(&entry, &body).encode());
        let version = self.rows[&key].0.next();
        self.rows.insert(key, (version, value));
        if let Some((_, id)) = entry.message() {
            self.bodies.remove(&id);
        }
    }

    fn erase(&mut self, side: Side, seq: u64) {
        self.rewrite(side, seq, |entry, body| entry.erased(body, u16::MAX).unwrap());
    }
}

#[test]
fn every_other_entry_stays_proven_at_both_levels() {
    for mode in [Mode::Signed, Mode::Deniable] {
        let mut pair = Pair::talked(mode, 40);
        let before = verify(&pair.low.file()).unwrap();
        for seq in [0, 3, 4, 20] {
            pair.low.erase(Side::Low, seq);
        }
        pair.low.rewrite(Side::High, 7, |entry, _| entry.without_leaf());
        let after = verify(&pair.low.file()).unwrap();
        assert_eq!(after.report().checkpoint, before.report().checkpoint);
        assert_eq!(after.report().redacted, 4);
        assert_eq!(after.report().announced, 0);
        assert!(!after.report().is_complete(), "an entry without a leaf is not in the file");
        assert_eq!(after.report().missing[0].first, 7);
        for item in after.items() {
            let same = before
                .items()
                .iter()
                .find(|other| (other.side(), other.leaf().seq) == (item.side(), item.leaf().seq));
            let same = same.unwrap();
            assert_eq!(item.leaf(), same.leaf());
            assert_eq!((item.is_signed(), item.is_acknowledged()), (true, true));
            if item.content() == ContentState::Ok {
                assert_eq!(item.body(), same.body());
            } else {
                assert_eq!((item.body(), item.message()), (None, None));
            }
        }
    }
}

#[test]
fn erasing_twice_or_with_other_content_does_nothing() {
    let pair = Pair::talked(Mode::Signed, 5);
    let entry = &pair.low.entries()[0][0];
    assert_eq!(entry.erased(b"something else", u16::MAX), None);
    let body = pair.low.body(entry).unwrap();
    let erased = entry.erased(&body, u16::MAX).unwrap();
    assert_eq!(erased.erased(&body, u16::MAX), None);
    assert!(!erased.is_open() && !erased.needs_body());
    assert_eq!(erased.hash(), entry.hash());
    assert_eq!(erased.without_leaf().hash(), entry.hash());
    assert_eq!(entry.erased(&body, 0b10), None, "there is no such part");
}

/// The only copy of what a notice says is in its entry.
#[test]
fn a_notice_is_erased_with_its_part() {
    let mut pair = Pair::talked(Mode::Signed, 2);
    let body = redaction(0, 1).encode();
    pair.low.notice(&redaction(0, 1), at(100));
    let [entries, _] = pair.low.entries();
    let (message, notice) = (&entries[0], entries.last().unwrap());
    assert_eq!(message.notice(), None);
    assert_eq!(notice.notice(), Some(&body[..]));
    for mask in [1, u16::MAX] {
        assert_eq!(notice.erased(&body, mask).unwrap().notice(), None, "{mask:b}");
    }
}

#[test]
fn the_file_of_an_attachment_is_erased_and_the_rest_is_not() {
    let mut pair = Pair::new(Mode::Signed);
    let sent = pair.low.write(FrameType::Attachment, &[7; 200], at(1));
    assert_eq!(pair.high.hear(&sent), []);
    pair.seal(2);
    let whole = verify(&pair.high.file()).unwrap();
    assert_eq!(whole.items()[0].body(), Some(&[7; 200][..]));
    pair.high.rewrite(Side::Low, 0, |entry, body| entry.erased(body, 0b10).unwrap());
    let file = pair.high.file();
    let after = verify(&file).unwrap();
    assert_eq!(after.items()[0].content(), ContentState::Partly);
    assert_eq!(after.items()[0].message(), Some((FrameType::Attachment, sent.message_id)));
    assert_eq!(after.items()[0].body(), None);
}

#[test]
fn what_still_waits_is_erased_as_well() {
    let mut pair = Pair::new(Mode::Signed);
    let lost = pair.low.say("lost", at(1));
    let sent = pair.low.say("secret", at(2));
    pair.high.hear(&sent);
    let waiting = &pair.high.transcript;
    assert!(waiting.erase_waiting(&sent.message_id, b"another", u16::MAX).is_none());
    let advance = waiting.erase_waiting(&sent.message_id, &sent.body, u16::MAX).unwrap();
    assert_eq!(pair.high.adopt(advance), []);
    pair.high.restart();
    assert!(!left(&pair.high).contains(sent.block.salt.as_bytes()));
    assert_eq!(pair.high.hear(&lost), []);
    pair.seal(3);
    let verified = verify(&pair.high.file()).unwrap();
    assert_eq!(verified.items()[1].content(), ContentState::Redacted);
    assert!(verified.report().is_complete());
}

fn redaction(first: u64, number: u32) -> TranscriptBody {
    TranscriptBody::Redaction(Redaction {
        number,
        asked_by: AskedBy::Receiver,
        reason: Reason::Wish,
        policy: PolicyId::new("house-3").unwrap(),
        targets: [LogSide::Sender, LogSide::Receiver]
            .map(|log| Target { log, first, count: 2, parts: 1 })
            .to_vec(),
    })
}

#[test]
fn an_announced_erasure_is_counted_signed_and_answered() {
    let mut pair = Pair::talked(Mode::Signed, 20);
    let sent = pair.low.notice(&redaction(1, 1), at(100));
    assert_eq!(pair.high.hear(&sent), []);
    assert_eq!(pair.low.transcript.redaction_count(), 1);
    assert_eq!(pair.high.transcript.redaction_count(), 0, "it is not its own");
    let receipt = TranscriptBody::ErasureReceipt(ErasureReceipt {
        seq: sent.block.seq,
        policy: PolicyId::default(),
        results: [Erasure::Erased, Erasure::Refused].to_vec(),
    });
    let answer = pair.high.notice(&receipt, at(101));
    assert_eq!(pair.low.hear(&answer), []);
    for seq in [1, 2, 4] {
        pair.low.erase(Side::Low, seq);
    }
    pair.low.erase(Side::High, 2);
    let verified = verify(&pair.low.file()).unwrap();
    let report = verified.report();
    assert_eq!(report.redactions, [1, 0]);
    assert_eq!((report.redacted, report.announced), (4, 3));
    assert!(report.is_complete());
    let answered = verified.items().iter().find(|item| item.notice() == Some(receipt.clone()));
    assert!(answered.unwrap().is_signed());
    let announced = verified.items().iter().filter(|item| item.is_announced());
    let announced: Vec<_> = announced.map(|item| (item.side(), item.leaf().seq)).collect();
    assert_eq!(announced, [(Side::Low, 1), (Side::Low, 2), (Side::High, 2)]);
}

/// TRA-46
#[test]
fn redactions_are_numbered() {
    for numbers in [[1, 1], [2, 1]] {
        let mut pair = Pair::talked(Mode::Signed, 3);
        let sent = numbers.map(|number| pair.low.notice(&redaction(0, number), at(100)));
        assert_eq!(pair.high.hear(&sent[0]), []);
        let found = pair.high.hear(&sent[1]);
        assert!(matches!(found[..], [Finding::Fork { .. }]), "{found:?}");
        let report = verify(&pair.high.file()).unwrap().report().clone();
        let found = report.contradictions.iter().map(|found| (found.side, found.seq));
        assert_eq!(found.collect::<Vec<_>>(), [(Side::Low, sent[1].block.seq)]);
    }
}

/// Everything that is left is searched for what a guess would be checked against.
#[test]
fn a_guess_of_two_words_is_confirmed_by_nothing_that_is_left() {
    const WORDS: [&str; 12] = [
        "tea", "coffee", "four", "five", "yes", "no", "sell", "buy", "meet", "home", "now", "later",
    ];
    let mut pair = Pair::talked(Mode::Signed, 10);
    let sent = pair.low.say("sell now", at(50));
    assert_eq!(pair.high.hear(&sent), []);
    pair.seal(51);
    let salt = sent.block.salt;
    let confirms = |left: &BTreeSet<[u8; 32]>, salts: &[[u8; 32]]| {
        let guesses =
            WORDS.iter().flat_map(|one| WORDS.map(|other| alloc::format!("{one} {other}")));
        guesses.into_iter().any(|guess| {
            let logged = Logged { body: guess.as_bytes(), ..sent.logged() };
            salts.iter().any(|salt| {
                let salt = kuvert_wire::transcript::Salt::from_bytes(*salt);
                let parts = [logged.commitment(0, &salt), logged.commitments(&salt)[0]];
                let all = parts.map(|part| commitment_to_all(&[part]).unwrap());
                [parts, all].as_flattened().iter().any(|found| left.contains(found.as_bytes()))
            })
        })
    };
    // Salts an attacker may try: the message's own, and everything of that size that is left.
    assert!(confirms(&left(&pair.low), &[*salt.as_bytes()]), "the test can find what is there");
    for person in [&mut pair.low, &mut pair.high] {
        person.erase(Side::Low, sent.block.seq);
        let left = left(person);
        let derived = super::super::commitment::Salts::new(&salt).of(0);
        assert!(!left.contains(salt.as_bytes()) && !left.contains(derived.as_bytes()));
        let mut values = person.rows.values().map(|(_, value)| value);
        assert!(!values.any(|value| value.windows(8).any(|window| window == b"sell now")));
        let mut salts: Vec<[u8; 32]> =
            alloc::vec![[0; 32], hash(Label::TR_SALT, &[]), *person.transcript.id().as_bytes()];
        salts.extend(person.entries().iter().flatten().map(|entry| *entry.hash().as_bytes()));
        let (key, device) =
            (person.transcript.id(), person.transcript.conversation().device(Side::Low));
        let row = &person.rows[&Entry::key(key, device, sent.block.seq)].1;
        salts.extend(row.windows(32).map(|window| <[u8; 32]>::try_from(window).unwrap()));
        assert!(!confirms(&left, &salts));
    }
}

/// Every 32 bytes that are left.
fn left(person: &Person) -> BTreeSet<[u8; 32]> {
    let windows = person.rows.values().flat_map(|(_, value)| value.windows(32));
    windows.map(|window| window.try_into().unwrap()).collect()
}
