//! Tags and reports: what this relay's own small code says, held against the protocol's.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::time::Duration;

use kuvert_core::secret::Secret;
use kuvert_core::transcript::franking;
use kuvert_relay::franking::context::{EvidenceError, Part, check};
use kuvert_relay::franking::report::verify;
use kuvert_relay::franking::{Bundle, Completeness, Evidence, FrankingKeys, ReportError};
use kuvert_wire::relay::Answer;
use kuvert_wire::transcript::FrankingReport;
use kuvert_wire::{Decode, Encode, Frame, MailboxId, Timestamp};
use support::keys::franking_keys;
use support::talk::{Party, acquainted, on_the_record};

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);
const MAILBOX: MailboxId = MailboxId::from_bytes([3; 32]);
const FROM: [u8; 32] = [4; 32];
const DAY: Duration = Duration::from_secs(86_400);

fn keys() -> FrankingKeys {
    franking_keys(9, NOW)
}

/// Bob hears what Alice says, and makes a report of it.
fn heard(bob: &mut Party, envelope: &[u8]) -> FrankingReport {
    let received = bob.hear(envelope);
    let franked = keys().frank(envelope, &MAILBOX, FROM, NOW).unwrap();
    FrankingReport {
        frame: received.frame.encode(),
        franking_key: received.franking.key,
        commitment: received.franking.commitment,
        to: MAILBOX,
        from: franked.from,
        time: NOW,
        tag: franked.tag,
    }
}

fn report() -> FrankingReport {
    let (mut alice, mut bob) = acquainted();
    let (envelope, _) = alice.say(&bob, "tea at four");
    heard(&mut bob, &envelope)
}

#[test]
fn a_true_report_is_valid_here_and_by_the_protocols_own_check() {
    let report = report();
    let reported = verify(&report, &keys(), NOW).unwrap();
    assert_eq!(reported.frame.body, b"tea at four");
    assert_eq!((reported.mailbox, reported.from, reported.received), (MAILBOX, FROM, NOW));
    let key = Secret::copied_from(&[9; 32]);
    assert_eq!(franking::verify(&report, |id| (id == 1).then_some(&key)), Ok(reported.frame));
    let FrankingReport { commitment, to, from, time, tag, .. } = report;
    assert_eq!(franking::tag(1, &key, &commitment, &to, &from, time), tag);
}

/// REL-33 REL-34 REL-35
#[test]
fn no_bit_of_a_report_is_another() {
    let report = report();
    let (bytes, frame_len) = (report.encode(), report.frame.len());
    for bit in 0..8 * bytes.len() {
        let (place, mut bad) = (bit / 8, bytes.clone());
        bad[place] ^= 1 << (bit % 8);
        let bad = FrankingReport::decode(&bad).unwrap();
        let expected = match place.checked_sub(frame_len) {
            None | Some(..32) => ReportError::Commitment,
            Some(136) => ReportError::UnknownKey,
            // fc, to, from and time are under the tag, whose number stands at 136.
            Some(_) => ReportError::Tag,
        };
        assert_eq!(verify(&bad, &keys(), NOW), Err(expected), "byte {place}");
    }
    assert_eq!(verify(&report, &franking_keys(8, NOW), NOW), Err(ReportError::Tag));
}

/// REL-36
#[test]
fn what_is_reported_is_a_frame() {
    let (franking_key, frame) = ([5; 32], b"no frame".to_vec());
    let (fc, mut envelope) = (commitment(&franking_key, &frame), support::keys::envelope(0));
    let at = envelope.windows(32).position(|window| window == [0; 32]).unwrap();
    envelope[at..at + 32].copy_from_slice(&fc);
    let tag = keys().frank(&envelope, &MAILBOX, FROM, NOW).unwrap().tag;
    let to = MAILBOX;
    let report =
        FrankingReport { frame, franking_key, commitment: fc, to, from: FROM, time: NOW, tag };
    assert_eq!(verify(&report, &keys(), NOW), Err(ReportError::Malformed));
}

fn commitment(key: &[u8; 32], frame: &[u8]) -> [u8; 32] {
    use hmac::{Hmac, KeyInit, Mac};
    let mac = Hmac::<sha2::Sha256>::new_from_slice(key).unwrap();
    mac.chain_update(kuvert_wire::label::label("frank"))
        .chain_update(frame)
        .finalize()
        .into_bytes()
        .into()
}

/// The protocol's known answers: a report with this fk and fc, of a frame that is none, fails at the frame and not before.
#[test]
fn known_answers_of_franking_are_accepted() {
    let lines = include_str!("../../kuvert-core/tests/data/kuvert-kat.jsonl");
    let mut count = 0;
    for line in lines.lines() {
        let case: serde_json::Value = serde_json::from_str(line).unwrap();
        if case["op"] != "frank" {
            continue;
        }
        count += 1;
        let bytes = |text: &serde_json::Value| hex(text.as_str().unwrap());
        let array = |text: &serde_json::Value| <[u8; 32]>::try_from(bytes(text)).unwrap();
        let (fk, fc) = (array(&case["expect"]["fk"]), array(&case["expect"]["fc"]));
        let mut envelope = support::keys::envelope(0);
        let at = envelope.windows(32).position(|window| window == [0; 32]).unwrap();
        envelope[at..at + 32].copy_from_slice(&fc);
        let tag = keys().frank(&envelope, &MAILBOX, FROM, NOW).unwrap().tag;
        let to = MAILBOX;
        let mut report = FrankingReport {
            frame: bytes(&case["frame"]),
            franking_key: fk,
            commitment: fc,
            to,
            from: FROM,
            time: NOW,
            tag,
        };
        assert_eq!(verify(&report, &keys(), NOW), Err(ReportError::Malformed));
        report.frame[0] ^= 1;
        assert_eq!(verify(&report, &keys(), NOW), Err(ReportError::Commitment));
    }
    assert!(count >= 2, "{count}");
}

fn hex(digits: &str) -> Vec<u8> {
    let byte = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).unwrap();
    (0..digits.len()).step_by(2).map(byte).collect()
}

/// REL-37
#[test]
fn a_key_makes_tags_for_thirty_days_and_the_next_number_follows() {
    let (mut keys, mut made) = (FrankingKeys::default(), Vec::new());
    for day in 0..200_u8 {
        let now = NOW.saturating_add(DAY * u32::from(day));
        if let Some(renewed) = keys.renewed(now, || Ok::<_, ()>([day; 32])).unwrap() {
            made.push(day);
            keys = renewed;
        }
        let envelope = support::keys::envelope(1);
        let franked = keys.frank(&envelope, &MAILBOX, FROM, now).unwrap();
        assert_eq!(franked.tag.key_id, day / 30 + 1, "day {day}");
    }
    assert_eq!(made, [0, 30, 60, 90, 120, 150, 180]);
}

/// REL-35
#[test]
fn a_message_can_be_reported_for_sixty_to_ninety_days() {
    let report = report();
    let mut keys = keys();
    let at = |day: u32| NOW.saturating_add(DAY * day);
    let just_before = NOW.saturating_add(DAY * 90 - Duration::from_millis(1));
    for day in (0..90).step_by(10) {
        let renewed = keys.renewed(at(day), || Ok::<_, ()>([1; 32])).unwrap();
        keys = renewed.unwrap_or(keys);
        assert!(verify(&report, &keys, at(day)).is_ok(), "day {day}");
    }
    assert!(verify(&report, &keys, just_before).is_ok());
    // The relay has not run since, and its file still holds the key.
    assert_eq!(verify(&report, &keys, at(90)), Err(ReportError::TooOld));
    let keys = keys.renewed(at(90), || Ok::<_, ()>([1; 32])).unwrap().unwrap();
    let refused = verify(&report, &keys, at(90)).unwrap_err();
    assert_eq!(refused, ReportError::TooOld);
    assert!(refused.to_string().contains("too old") && refused.to_string().contains("90 days"));
}

#[test]
fn a_clock_that_was_set_back_makes_a_new_key_and_keeps_the_others() {
    let ahead = NOW.saturating_add(DAY * 300);
    let keys = franking_keys(1, ahead);
    let back = keys.renewed(NOW, || Ok::<_, ()>([2; 32])).unwrap().unwrap();
    let envelope = support::keys::envelope(1);
    assert_eq!(back.frank(&envelope, &MAILBOX, FROM, NOW).unwrap().tag.key_id, 2);
    assert!(back.renewed(NOW, || Err(())).unwrap().is_none(), "one is enough");
    let a_little = ahead.saturating_sub(Duration::from_secs(60));
    assert!(keys.renewed(a_little, || Err(())).unwrap().is_none());
}

/// A running number of any size meets no key that is still in use.
#[test]
fn numbers_of_keys_begin_anew_after_255() {
    let mut keys = FrankingKeys::default();
    for number in 0..600_u32 {
        let now = NOW.saturating_add(DAY * (30 * number));
        keys = keys.renewed(now, || Ok::<_, ()>([1; 32])).unwrap().unwrap();
        let envelope = support::keys::envelope(1);
        let id = keys.frank(&envelope, &MAILBOX, FROM, now).unwrap().tag.key_id;
        assert_eq!(u32::from(id), (number + 1) % 256);
    }
}

#[test]
fn what_no_device_would_open_gets_no_tag() {
    for bytes in [&b"x"[..], b"sealed", &[2, 1], &support::keys::envelope(1)[..562]] {
        assert_eq!(keys().frank(bytes, &MAILBOX, FROM, NOW), None);
    }
    assert!(keys().frank(&support::keys::envelope(1), &MAILBOX, FROM, NOW).is_some());
}

#[test]
fn debug_shows_no_key() {
    let shown = format!("{:?}", franking_keys(0xab, NOW));
    assert!(shown.contains("Key(1, made") && !shown.contains("171") && !shown.contains("ab"));
}

/// Alice asks, Bob answers twice, Alice asks on: four messages of hers, and four of his.
struct Talk {
    asked: Vec<FrankingReport>,
    answered: Vec<Answer>,
}

fn talk() -> Talk {
    let (mut alice, mut bob) = on_the_record();
    let mut talk = Talk { asked: Vec::new(), answered: Vec::new() };
    let mut said: Vec<Frame> = Vec::new();
    for round in 0..4 {
        let (envelope, _) = alice.say(&bob, &format!("question {round}"));
        talk.asked.push(heard(&mut bob, &envelope));
        for _ in 0..round % 3 {
            let (envelope, frame) = bob.say(&alice, &format!("answer {}", said.len()));
            alice.hear(&envelope);
            said.push(frame);
        }
    }
    talk.answered = (0..).zip(said).map(|(seq, frame)| bob.answer(&alice, seq, frame)).collect();
    talk
}

impl Talk {
    fn bundle(&self, report: usize, context: &[usize], answers: &[usize]) -> Bundle {
        Bundle {
            report: self.asked[report].clone(),
            context: context.iter().map(|at| self.asked[*at].clone()).collect(),
            answers: answers.iter().map(|at| self.answered[*at].clone()).collect(),
        }
    }

    fn completeness(&self, report: usize, context: &[usize], answers: &[usize]) -> Completeness {
        evidence(&self.bundle(report, context, answers)).completeness
    }
}

fn evidence(bundle: &Bundle) -> Evidence {
    check(bundle, &keys(), NOW).unwrap()
}

fn texts(evidence: &Evidence) -> Vec<String> {
    let body = |frame: &Frame| String::from_utf8(frame.body.clone()).unwrap();
    let text = |frame: &Option<Frame>| frame.as_ref().map_or("(erased)".into(), body);
    evidence.entries.iter().map(|entry| text(&entry.frame)).collect()
}

#[test]
fn context_is_shown_in_the_order_of_the_conversation() {
    let talk = talk();
    assert_eq!(talk.answered.len(), 3);
    let evidence = evidence(&talk.bundle(2, &[3, 1], &[2, 0, 1]));
    // The last answers are of after question 2: Alice has named them in question 3.
    let expected = ["question 1", "answer 0", "question 2", "answer 1", "answer 2", "question 3"];
    assert_eq!(texts(&evidence), expected);
    assert_eq!(evidence.completeness, Completeness::Contiguous);
    let reported: Vec<bool> = evidence.entries.iter().map(|entry| entry.is_reported).collect();
    assert_eq!(reported, [false, false, true, false, false, false]);
}

/// REL-41
#[test]
fn what_is_left_out_is_noticed() {
    let talk = talk();
    assert_eq!(talk.completeness(1, &[], &[]), Completeness::Alone);
    assert_eq!(talk.completeness(0, &[1], &[]), Completeness::Contiguous);
    assert_eq!(talk.completeness(0, &[2], &[0]), Completeness::Holes);
    assert_eq!(talk.completeness(0, &[1, 1], &[]), Completeness::Holes);
    assert_eq!(talk.completeness(1, &[2], &[]), Completeness::AnswersLeftOut);
    assert_eq!(talk.completeness(1, &[2], &[0]), Completeness::Contiguous);
    assert_eq!(talk.completeness(2, &[3], &[2]), Completeness::AnswersLeftOut);
    assert_eq!(talk.completeness(3, &[], &[1, 2]), Completeness::Contiguous);
    let unnumbered = Bundle { context: vec![report()], ..talk.bundle(0, &[], &[]) };
    assert_eq!(evidence(&unnumbered).completeness, Completeness::Unnumbered);
}

/// REL-41
#[test]
fn messages_of_several_mailboxes_or_tokens_are_never_contiguous() {
    let talk = talk();
    for (to, from) in [(MailboxId::from_bytes([7; 32]), FROM), (MAILBOX, [7; 32])] {
        let mut other = talk.asked[1].clone();
        let (mut envelope, fc) = (support::keys::envelope(0), other.commitment);
        let at = envelope.windows(32).position(|window| window == [0; 32]).unwrap();
        envelope[at..at + 32].copy_from_slice(&fc);
        let franked = keys().frank(&envelope, &to, from, NOW).unwrap();
        other.to = to;
        (other.from, other.tag) = (from, franked.tag);
        let bundle = Bundle { context: vec![other], ..talk.bundle(0, &[], &[]) };
        assert_eq!(evidence(&bundle).completeness, Completeness::SeveralSenders);
    }
}

/// REL-39
#[test]
fn one_message_of_the_context_that_is_not_valid_spoils_the_file() {
    let mut bundle = talk().bundle(0, &[1, 2], &[0]);
    bundle.context[1].frame[40] ^= 1;
    let (part, reason) = (Part::Context(2), ReportError::Commitment);
    assert_eq!(check(&bundle, &keys(), NOW), Err(EvidenceError::Report { part, reason }));
}

/// REL-40
#[test]
fn an_answer_is_one_that_the_sender_had_seen_and_as_it_was_sent() {
    let talk = talk();
    let bundle = talk.bundle(1, &[2], &[0]);
    let refused = |change: &dyn Fn(&mut Answer)| {
        let mut bundle = bundle.clone();
        change(&mut bundle.answers[0]);
        check(&bundle, &keys(), NOW).unwrap_err()
    };
    let frame = |answer: &mut Answer, change: &dyn Fn(&mut Frame)| {
        change(answer.frame.as_mut().unwrap());
    };
    let part = Part::Answer(1);
    let altered = EvidenceError::Altered { part };
    assert_eq!(refused(&|it| frame(it, &|frame| frame.body[0] ^= 1)), altered);
    assert_eq!(refused(&|it| frame(it, &|frame| frame.block = None)), altered);
    let later = NOW.saturating_add(DAY);
    assert_eq!(refused(&|it| frame(it, &|frame| frame.sent = later)), altered);
    assert_eq!(refused(&|it| it.leaf.time = later), EvidenceError::Unseen { part });
    assert_eq!(refused(&|it| it.leaf.seq += 1), EvidenceError::Unseen { part });
    let unseen = talk.bundle(1, &[2], &[0, 1]);
    let part = Part::Answer(2);
    assert_eq!(check(&unseen, &keys(), NOW), Err(EvidenceError::Unseen { part }));
    let twice = talk.bundle(1, &[2], &[0, 0]);
    assert_eq!(check(&twice, &keys(), NOW), Err(EvidenceError::Unseen { part }));
}

#[test]
fn an_erased_answer_keeps_its_place() {
    let mut bundle = talk().bundle(1, &[2], &[0]);
    bundle.answers[0].frame = None;
    let evidence = evidence(&bundle);
    assert_eq!(texts(&evidence), ["question 1", "(erased)", "question 2"]);
    assert_eq!(evidence.completeness, Completeness::Contiguous);
}

proptest::proptest! {
    #[test]
    fn a_file_of_any_bytes_is_read_or_refused(
        bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..400),
        text in "[{\\[\"vreport:1,A-Za-z_ \\]}]{0,80}",
    ) {
        for file in [&bytes[..], text.as_bytes()] {
            if let Ok(bundle) = Bundle::read(file) {
                proptest::prop_assert!(check(&bundle, &keys(), NOW).is_err());
            }
        }
    }
}
