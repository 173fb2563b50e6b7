//! Files that are good: whole, in part, from either side.

use super::super::{Cause, ContentState, ExportError, verify};
use super::*;
use kuvert_wire::transcript::TreeHash;

#[test]
fn a_whole_file_proves_everything() {
    for mode in [Mode::Signed, Mode::Deniable] {
        let pair = Pair::talked(mode, 40);
        assert_eq!(pair.low.file(), pair.high.file(), "both export the same bytes");
        let verified = verify(&pair.low.file()).unwrap();
        let report = verified.report();
        assert_eq!(report.mode, mode);
        assert_eq!((report.entries, report.signed, report.acknowledged), (40, 40, 40));
        assert_eq!(report.checkpoint_entries(), 40);
        assert!(report.is_complete());
        assert_eq!((report.redacted, report.contradictions.len()), (0, 0));
        assert_eq!(report.span, Some((at(10), at(49))));
        assert!(report.signers.iter().all(|signer| signer.has_signed));
        assert_eq!(report.signers[0].account, *pair.low.keys.cert().account_key());
        assert_eq!(report.signers[1].device, *pair.high.keys.device_id());
        assert!(verified.items().iter().all(|item| item.content() == ContentState::Ok));
        assert_eq!(verified.items()[0].body(), Some("message 0 <b>&\u{202e}".as_bytes()));
    }
}

#[test]
fn a_deniable_file_says_what_it_is_worth() {
    let file = Pair::talked(Mode::Deniable, 5).low.file();
    let statement = verify(&file).unwrap().report().statement();
    assert!(
        statement.contains("Anyone who has seen its nonces")
            && statement.contains("could have made it")
    );
    let signed =
        alloc::string::String::from_utf8(file).unwrap().replacen("\"mode\":2", "\"mode\":1", 1);
    assert!(verify(signed.as_bytes()).is_err());
}

/// A head of the deniable mode can be made from what stands in the file, by anyone.
#[test]
fn anyone_can_make_a_deniable_file() {
    let pair = Pair::talked(Mode::Deniable, 5);
    let stranger = super::super::conversation::SpeakerKey(None);
    let conversation = pair.high.transcript.conversation();
    let mut claim = pair.high.transcript.head(Side::Low).unwrap().claim;
    claim.time = at(999);
    let forged = conversation.seal(Side::Low, claim, &stranger);
    assert!(conversation.is_authentic(Side::Low, &forged));
    let signed = Pair::talked(Mode::Signed, 5);
    let forged = signed.low.transcript.conversation().seal(Side::Low, claim, &stranger);
    assert!(!signed.low.transcript.conversation().is_authentic(Side::Low, &forged));
}

#[test]
fn any_choice_of_entries_is_proven() {
    let pair = Pair::talked(Mode::Signed, 60);
    let mut rng = ChaCha20Rng::seed_from_u64(5);
    for _ in 0..100 {
        let chosen = rng.next_u64();
        let is_chosen = |side: Side, seq: u64| {
            let bit = if side == Side::Low { seq } else { seq + 40 };
            chosen >> (bit % 64) & 1 == 1
        };
        let verified = verify(&pair.low.file_of(is_chosen)).unwrap();
        let expected: usize = (0..40).filter(|seq| is_chosen(Side::Low, *seq)).count()
            + (0..20).filter(|seq| is_chosen(Side::High, *seq)).count();
        assert_eq!(verified.items().len(), expected);
        let missing: u64 = verified.report().missing.iter().map(|missing| missing.count).sum();
        assert_eq!(missing, 60 - expected as u64);
        assert!(verified.items().iter().all(|item| item.is_signed() && item.is_acknowledged()));
    }
}

#[test]
fn one_message_shows_nothing_of_the_others() {
    let pair = Pair::talked(Mode::Signed, 60);
    let file = pair.low.file_of(|side, seq| side == Side::Low && seq == 11);
    let verified = verify(&file).unwrap();
    assert_eq!(verified.items().len(), 1);
    let text = alloc::string::String::from_utf8(file).unwrap();
    let entries = pair.low.entries();
    let others = entries[0].iter().filter(|entry| entry.leaf().unwrap().seq != 11);
    for entry in others.chain(&entries[1]) {
        let mut digits = alloc::string::String::new();
        super::super::json::put_bytes(&pair.low.body(entry).unwrap()[..9], &mut digits);
        assert!(!text.contains(&digits));
    }
}

#[test]
fn what_is_not_covered_yet_is_not_in_the_file() {
    let mut pair = Pair::talked(Mode::Signed, 10);
    pair.tell(Side::Low, "later", 50);
    assert_eq!(verify(&pair.low.file()).unwrap().report().entries, 10);
    let head = pair.low.seal(at(51));
    let report = verify(&pair.low.file()).unwrap().report().clone();
    assert_eq!((report.entries, report.signed, report.acknowledged), (11, 11, 10));
    assert_eq!(pair.high.hear_head(&head, at(52)), []);
    pair.high.seal(at(53));
    let report = verify(&pair.high.file()).unwrap().report().clone();
    assert_eq!((report.entries, report.signed, report.acknowledged), (11, 11, 11));
}

#[test]
fn nothing_is_exported_before_a_head() {
    let mut pair = Pair::new(Mode::Signed);
    let unsealed = pair.low.transcript.export::<()>(pair.low.entries());
    assert_eq!(unsealed.err(), Some(ExportError::Unsealed));
    pair.tell(Side::Low, "tea", 1);
    pair.seal(2);
    let mut entries = pair.low.entries();
    entries[0].clear();
    let other = pair.low.transcript.export::<()>(entries);
    assert_eq!(other.err(), Some(ExportError::OtherEntries));
    let bent = pair.low.export().to_bytes(|_| Some(b"coffee".to_vec()));
    assert_eq!(bent.err(), Some(ExportError::OtherContent { side: Side::Low, seq: 0 }));
}

#[test]
fn a_file_comes_in_pieces_of_any_size() {
    let file = Pair::talked(Mode::Signed, 30).low.file();
    let whole = verify(&file).unwrap();
    for size in [1, 2, 7, 100, 4096] {
        let mut verifier = super::super::Verifier::keeping();
        for piece in file.chunks(size) {
            verifier.push(piece).unwrap();
        }
        assert_eq!(verifier.entries(), 30);
        assert_eq!(verifier.finish().as_ref(), Ok(&whole));
    }
    let mut lean = super::super::Verifier::new();
    lean.push(&file).unwrap();
    let lean = lean.finish().unwrap();
    assert_eq!((lean.items().len(), lean.report()), (0, whole.report()));
}

/// TRA-49
#[test]
fn a_refused_file_stays_refused_and_an_unfinished_one_is() {
    let file = Pair::talked(Mode::Signed, 5).low.file();
    let mut verifier = super::super::Verifier::new();
    let refused = verifier.push(b"{\"v\":2,\n").unwrap_err();
    assert_eq!(refused.cause, Cause::Version);
    assert_eq!(verifier.push(&file), Err(refused));
    assert_eq!(verifier.finish().err(), Some(refused));
    for len in 0..file.len() {
        let cut = verify(&file[..len]).unwrap_err();
        assert_eq!(cut.cause, Cause::Incomplete, "{len}");
    }
    for more in ["\n", "x\n", "{}\n", "x", " "] {
        let longer = [&file[..], more.as_bytes()].concat();
        assert!(verify(&longer).is_err(), "{more:?}");
    }
}

/// TRA-47
#[test]
fn a_line_is_not_longer_than_an_entry_can_be() {
    let mut pair = Pair::new(Mode::Signed);
    pair.tell(Side::Low, &"x".repeat(65_501), 1);
    pair.seal(2);
    let file = pair.low.file();
    assert_eq!(verify(&file).unwrap().report().entries, 1);
    let mut verifier = super::super::Verifier::new();
    let line = alloc::vec![b'x'; super::super::MAX_LINE + 1];
    assert_eq!(verifier.push(&line[1..]), Ok(()), "its end may follow");
    let refused = verifier.push(&line[..1]).unwrap_err();
    assert_eq!((refused.cause, refused.line), (Cause::TooLong, 1));
}

/// TRA-12 TRA-13
#[test]
fn authentic_entries_that_contradict_each_other_are_reported() {
    let mut pair = Pair::new(Mode::Signed);
    pair.tell(Side::High, "hello", 0);
    pair.tell(Side::Low, "tea?", 1);
    let mut sent = pair.high.say("coffee?", at(2));
    sent.block.seen_hash = TreeHash::from_bytes([1; 32]);
    assert_eq!(pair.low.hear(&sent).len(), 1);
    pair.low.seal(at(3));
    let verified = verify(&pair.low.file()).unwrap();
    let found = &verified.report().contradictions;
    assert_eq!((found.len(), found[0].side, found[0].seq), (1, Side::High, 1));

    let mut pair = Pair::new(Mode::Signed);
    pair.tell(Side::Low, "tea?", 1);
    pair.tell(Side::High, "yes", 2);
    let mut sent = pair.high.say("what?", at(3));
    (sent.block.seen, sent.block.seen_hash) = (0, TreeHash::NONE);
    assert_eq!(pair.low.hear(&sent).len(), 1);
    pair.low.seal(at(4));
    let verified = verify(&pair.low.file()).unwrap();
    assert_eq!(verified.report().contradictions[0].seq, 1);
}

/// An attachment's descriptor without its name and type, and the other way about.
#[test]
fn parts_of_an_attachment_are_shown_apart() {
    let mut pair = Pair::new(Mode::Signed);
    let sent = pair.low.write(FrameType::Attachment, &[7; 200], at(1));
    assert_eq!(pair.high.hear(&sent), []);
    pair.seal(2);
    for (mask, message, body) in [
        (0b01, Some((FrameType::Attachment, sent.message_id)), None),
        (0b10, None, Some(&[7; 200][..])),
        (0b00, None, None),
    ] {
        let mut file = alloc::vec::Vec::new();
        let choose = |_: Side, _: &Entry| Show::Parts { body: sent.body.clone(), mask };
        let written = pair.low.export().write(choose, |line| {
            file.extend_from_slice(line);
            Ok::<_, core::convert::Infallible>(())
        });
        written.unwrap();
        let verified = verify(&file).unwrap();
        let item = &verified.items()[0];
        assert_eq!((item.message(), item.body()), (message, body), "{mask:b}");
    }
}

#[test]
fn what_is_not_there_any_more_is_left_out() {
    let pair = Pair::talked(Mode::Signed, 6);
    let lost = pair.low.entries()[0][1].message().unwrap().1;
    let body = |entry: &Entry| pair.low.body(entry).filter(|_| entry.message().unwrap().1 != lost);
    let report = verify(&pair.low.export().to_bytes(body).unwrap()).unwrap().report().clone();
    assert_eq!((report.entries, report.missing.len()), (5, 1));
    assert_eq!((report.missing[0].side, report.missing[0].first), (Side::Low, 1));
}

/// TRA-12
#[test]
fn an_entry_that_has_seen_nothing_and_names_it_contradicts_itself() {
    let mut pair = Pair::new(Mode::Signed);
    pair.tell(Side::Low, "hello", 0);
    let mut sent = pair.low.say("tea", at(1));
    (sent.block.seen_hash, sent.block.head) = (TreeHash::from_bytes([1; 32]), None);
    assert_eq!(pair.high.hear(&sent).len(), 1);
    pair.high.seal(at(2));
    let report = verify(&pair.high.file()).unwrap().report().clone();
    let found: Vec<_> = report.contradictions.iter().map(|found| (found.side, found.seq)).collect();
    assert_eq!(found, [(Side::Low, 1)]);
}

/// TRA-12: each entry is compared, not the first one that has seen something.
#[test]
fn a_later_entry_that_names_another_leaf_is_found_as_well() {
    for hash in [TreeHash::from_bytes([1; 32]), TreeHash::NONE] {
        let mut pair = Pair::new(Mode::Signed);
        pair.tell(Side::High, "hello", 0);
        pair.tell(Side::Low, "tea?", 1);
        pair.tell(Side::Low, "or coffee?", 2);
        let mut sent = pair.low.say("well?", at(3));
        sent.block.seen_hash = hash;
        assert_eq!(pair.high.hear(&sent).len(), 1);
        pair.high.seal(at(4));
        let report = verify(&pair.high.file()).unwrap().report().clone();
        let found = report.contradictions.iter().map(|found| (found.side, found.seq));
        assert_eq!(found.collect::<Vec<_>>(), [(Side::Low, 2)], "{hash:?}");
    }
}

#[test]
fn a_report_may_go_with_one_side_of_a_conversation() {
    let mut pair = Pair::new(Mode::Signed);
    let sent = pair.low.say("tea", at(1));
    assert_eq!(pair.high.hear(&sent), []);
    pair.seal(2);
    let frame = kuvert_wire::Frame {
        frame_type: FrameType::Message,
        sent: sent.time,
        message_id: sent.message_id,
        expire_seconds: 0,
        body: sent.body.clone(),
        block: None,
    };
    let verified = verify(&pair.high.file()).unwrap();
    let context = super::super::franking::context(&frame, &verified).unwrap();
    assert_eq!((context.author, context.seq, context.entries), (Side::Low, 0, 1));
    assert!(context.is_contiguous, "the other side has said nothing");
}

#[test]
fn an_answer_that_was_seen_in_between_belongs_to_what_is_reported() {
    let mut pair = Pair::new(Mode::Signed);
    let reported = pair.low.say("tea?", at(1));
    assert_eq!(pair.high.hear(&reported), []);
    for (side, text) in [(Side::High, "yes"), (Side::Low, "now?"), (Side::High, "later")] {
        pair.tell(side, text, 2);
    }
    pair.seal(3);
    let frame = kuvert_wire::Frame {
        frame_type: FrameType::Message,
        sent: reported.time,
        message_id: reported.message_id,
        expire_seconds: 0,
        body: reported.body,
        block: None,
    };
    for (shown, is_contiguous) in [(0, true), (1, false)] {
        let file = pair.low.file_of(|side, seq| side == Side::Low || seq == shown);
        let context = super::super::franking::context(&frame, &verify(&file).unwrap()).unwrap();
        assert_eq!(context.is_contiguous, is_contiguous, "with answer {shown}");
    }
}
