//! Pages and texts of verified transcripts.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use kuvert_wire::transcript::{
    AskedBy, Consent, ConsentStep, Erasure, ErasureReceipt, LogSide, Mode, PolicyId, Reason,
    Redaction, Target, TranscriptBody,
};
use kuvert_wire::{FrameType, Timestamp};

use super::super::tests::{Pair, at};
use super::super::verify;
use super::{View, to_html, to_text, utc};
use crate::transcript::{Side, VerifiedTranscript};

fn view() -> View<'static> {
    View { names: ["Alice <a>", "Bob"], date: &utc }
}

fn verified(pair: &Pair) -> VerifiedTranscript {
    verify(&pair.low.file()).unwrap()
}

#[test]
fn moments_are_those_of_the_calendar() {
    for (millis, text) in [
        (0, "1970-01-01 00:00:00 UTC"),
        (951_782_400_000, "2000-02-29 00:00:00 UTC"),
        (1_709_251_199_999, "2024-02-29 23:59:59 UTC"),
        (1_709_251_200_000, "2024-03-01 00:00:00 UTC"),
        (1_735_689_599_000, "2024-12-31 23:59:59 UTC"),
        (1_760_000_000_000, "2025-10-09 08:53:20 UTC"),
        (4_107_542_400_000, "2100-03-01 00:00:00 UTC"),
    ] {
        assert_eq!(utc(Timestamp::from_millis(millis)), text);
    }
    assert!(!utc(Timestamp::from_millis(u64::MAX)).is_empty());
}

#[test]
fn a_text_has_everything_in_the_order_of_the_conversation() {
    let text = to_text(&verified(&Pair::talked(Mode::Signed, 9)), &view());
    let places: alloc::vec::Vec<_> =
        (0..9).map(|i| text.find(&format!("message {i} ")).unwrap()).collect();
    assert!(places.is_sorted());
    assert!(
        text.contains("Transcript: signed") && text.contains("yes, up to the checkpoint at 6 + 3")
    );
    assert!(text.contains("Signed: the devices named"));
    assert!(text.contains("Alice <a>  [covered by both]"));
    assert!(text.contains("\\u{202e}") && !text.contains('\u{202e}'));
}

/// What was seen stands before what answers it, whatever the clocks say; else the clocks say it, and
/// the lower side comes first.
#[test]
fn an_answer_stands_behind_its_question() {
    let order = |low: u64, high: u64, first_heard: Option<Side>| {
        let mut pair = Pair::new(Mode::Signed);
        if first_heard == Some(Side::Low) {
            pair.tell(Side::Low, "of the lower", low);
            pair.tell(Side::High, "of the higher", high);
        } else if first_heard == Some(Side::High) {
            pair.tell(Side::High, "of the higher", high);
            pair.tell(Side::Low, "of the lower", low);
        } else {
            let one = pair.low.write(FrameType::Message, b"of the lower", at(low));
            let other = pair.high.write(FrameType::Message, b"of the higher", at(high));
            assert_eq!((pair.low.hear(&other), pair.high.hear(&one)), (Vec::new(), Vec::new()));
        }
        pair.seal(200);
        let text = to_text(&verified(&pair), &view());
        let place = |words| text.find(words).unwrap();
        if place("of the lower") < place("of the higher") { Side::Low } else { Side::High }
    };
    assert_eq!(order(100, 50, Some(Side::Low)), Side::Low);
    assert_eq!(order(50, 100, Some(Side::High)), Side::High);
    assert_eq!(order(20, 10, None), Side::High);
    assert_eq!(order(10, 20, None), Side::Low);
    assert_eq!(order(10, 10, None), Side::Low);
}

#[test]
fn a_page_runs_and_loads_nothing() {
    let mut pair = Pair::talked(Mode::Deniable, 9);
    pair.tell(Side::High, "<script>alert(1)</script> & \"quotes\" 'too'", 30);
    pair.tell(Side::Low, "<img src=x onerror=alert(1)>", 31);
    pair.seal(32);
    let page = to_html(&verified(&pair), &view());
    for word in ["<script", "<img", "onerror=\"", "src=", "href=", "http:", "https:", "url("] {
        let escaped = page.replace("&lt;script&gt;", "").replace("&lt;img src=x onerror=", "");
        assert!(!escaped.contains(word), "{word}");
    }
    assert!(
        page.contains(
            "&lt;script&gt;alert(1)&lt;/script&gt; &amp; &quot;quotes&quot; &#39;too&#39;"
        )
    );
    assert!(page.contains("default-src &#39;none&#39;") || page.contains("default-src 'none'"));
    assert!(page.contains("could have made it"), "what a deniable file is worth");
    for (side, name) in [("low", "Alice &lt;a&gt;"), ("high", "Bob")] {
        let entry = format!("<li class=\"{side}\"><header><bdi>{name}</bdi>");
        assert!(page.contains(&entry), "{entry}");
    }
    assert!(page.starts_with("<!doctype html>") && page.ends_with("</html>\n"));
}

#[test]
fn what_is_missing_is_said() {
    let pair = Pair::talked(Mode::Signed, 12);
    let file = pair.low.file_of(|side, seq| side == Side::Low && seq % 2 == 0);
    let text = to_text(&verify(&file).unwrap(), &view());
    assert!(text.contains("no: 8 of the 12 entries before the checkpoint are missing"), "{text}");
}

#[test]
fn notices_and_files_are_words() {
    let mut pair = Pair::new(Mode::Signed);
    let policy = || PolicyId::new("house-3").unwrap();
    let mut descriptor = alloc::vec![0; 114];
    descriptor[33..41].copy_from_slice(&1234_u64.to_be_bytes());
    descriptor.extend_from_slice(&[0, 7]);
    descriptor.extend_from_slice(b"tea.pdf");
    let file = pair.low.write(FrameType::Attachment, &descriptor, at(1));
    assert_eq!(pair.high.hear(&file), []);
    let target = |log, count| Target { log, first: 0, count, parts: 1 };
    let notices = [
        TranscriptBody::Consent(Consent {
            step: ConsentStep::Asked,
            policy: policy(),
            what: "keeping this".to_string(),
        }),
        TranscriptBody::Redaction(Redaction {
            number: 1,
            asked_by: AskedBy::Other,
            reason: Reason::Rule,
            policy: policy(),
            targets: [target(LogSide::Sender, 1), target(LogSide::Receiver, 3)].to_vec(),
        }),
        TranscriptBody::ErasureReceipt(ErasureReceipt {
            seq: 2,
            policy: PolicyId::default(),
            results: [Erasure::Erased, Erasure::NotHeld].to_vec(),
        }),
    ];
    for notice in &notices {
        let sent = pair.low.notice(notice, at(2));
        assert_eq!(pair.high.hear(&sent), []);
    }
    pair.seal(3);
    let text = to_text(&verified(&pair), &view());
    for words in [
        "(attachment tea.pdf, 1234 bytes)",
        "(asks for consent to “keeping this”, under house-3)",
        "(erasure 1: entry 0 of Alice <a>, entries 0 to 2 of Bob; asked for by somebody else, a rule, \
         under house-3)",
        "(to entry 2 of Bob: erased, not held)",
    ] {
        assert!(text.contains(words), "{words}\n{text}");
    }
}

#[test]
fn what_was_erased_is_visible() {
    let pair = Pair::talked(Mode::Signed, 3);
    let mut entries = pair.low.entries();
    let body = pair.low.body(&entries[0][0]).unwrap();
    entries[0][0] = entries[0][0].erased(&body, 1).unwrap();
    let export = pair.low.transcript.export::<core::convert::Infallible>(entries).unwrap();
    let file = export.to_bytes(|entry| pair.low.body(entry)).unwrap();
    let verified = verify(&file).unwrap();
    let (text, page) = (to_text(&verified, &view()), to_html(&verified, &view()));
    assert!(text.contains("(not shown)") && !text.contains("message 0"));
    assert!(page.contains("<p class=\"gone\" dir=\"auto\">(not shown)</p>"));
    assert!(text.contains("Not shown: 1, 0 of them announced as erased"));
    let _: String = page;
}

/// Each way in which an erasure or a consent can be said.
#[test]
fn every_notice_has_words_of_its_own() {
    let mut pair = Pair::new(Mode::Signed);
    let target = Target { log: LogSide::Sender, first: 0, count: 1, parts: 1 };
    let redactions = [
        (AskedBy::Sender, Reason::Wish, "asked for by Alice <a>, a wish"),
        (AskedBy::Receiver, Reason::Expired, "asked for by Bob, its time is over"),
        (AskedBy::Sender, Reason::Mistake, "asked for by Alice <a>, sent by mistake"),
        (AskedBy::Other, Reason::Other, "asked for by somebody else, another reason"),
    ];
    let mut expected = alloc::vec::Vec::new();
    for (number, (asked_by, reason, words)) in (1..).zip(redactions) {
        let (policy, targets) = (PolicyId::default(), alloc::vec![target]);
        let redaction = Redaction { number, asked_by, reason, policy, targets };
        let sent = pair.low.notice(&TranscriptBody::Redaction(redaction), at(2));
        assert_eq!(pair.high.hear(&sent), []);
        expected.push(format!("(erasure {number}: entry 0 of Alice <a>; {words})"));
    }
    for (step, words) in [
        (ConsentStep::Given, "(consents to “this”)"),
        (ConsentStep::Withdrawn, "(does not consent, or no longer consents, to “this”)"),
    ] {
        let consent = Consent { step, policy: PolicyId::default(), what: "this".to_string() };
        let sent = pair.low.notice(&TranscriptBody::Consent(consent), at(3));
        assert_eq!(pair.high.hear(&sent), []);
        expected.push(words.to_string());
    }
    let results = [Erasure::Partly, Erasure::Refused].to_vec();
    let receipt = ErasureReceipt { seq: 1, policy: PolicyId::default(), results };
    let sent = pair.low.notice(&TranscriptBody::ErasureReceipt(receipt), at(4));
    assert_eq!(pair.high.hear(&sent), []);
    expected.push("(to entry 1 of Bob: partly erased, kept)".to_string());
    pair.seal(5);
    let text = to_text(&verified(&pair), &view());
    for words in expected {
        assert!(text.contains(&words), "{words}\n{text}");
    }
}

#[test]
fn what_is_no_text_is_named() {
    let mut pair = Pair::new(Mode::Signed);
    let cut = alloc::vec![0; 40];
    for (frame_type, body) in [
        (FrameType::Amendment, &b"edit"[..]),
        (FrameType::Attachment, &cut),
        (FrameType::Message, b"a\tb\nc"),
    ] {
        let sent = pair.low.write(frame_type, body, at(1));
        assert_eq!(pair.high.hear(&sent), []);
    }
    pair.seal(2);
    let text = to_text(&verified(&pair), &view());
    assert!(text.contains("(an edit, a deletion or a reaction)"), "{text}");
    assert!(text.contains("(an attachment)"), "its descriptor is cut short: {text}");
    assert!(text.contains("    a\\u{9}b\n    c\n"), "a tab has no effect, a new line has: {text}");
}

/// Which of the two vouches for an entry.
#[test]
fn each_entry_says_who_covers_it() {
    let mut pair = Pair::talked(Mode::Signed, 5);
    pair.tell(Side::Low, "acknowledged", 50);
    let head = pair.high.seal(at(51));
    let advance = pair.low.transcript.receive_head(&head, at(51));
    pair.low.adopts(advance);
    let text = to_text(&verified(&pair), &view());
    assert!(text.contains("Alice <a>  [acknowledged by its receiver]\n    acknowledged"), "{text}");
    pair.tell(Side::Low, "covered", 60);
    pair.low.seal(at(61));
    let text = to_text(&verified(&pair), &view());
    assert!(text.contains("Alice <a>  [covered by its sender]\n    covered"), "{text}");
    assert!(!text.contains("Contradictions"));
}

#[test]
fn contradictions_and_erasures_stand_in_the_heading() {
    let mut pair = Pair::talked(Mode::Signed, 5);
    let target = Target { log: LogSide::Sender, first: 0, count: 1, parts: 1 };
    let redaction = Redaction {
        number: 1,
        asked_by: AskedBy::Sender,
        reason: Reason::Wish,
        policy: PolicyId::default(),
        targets: alloc::vec![target],
    };
    let notice = TranscriptBody::Redaction(redaction);
    for findings in [0, 1] {
        let sent = pair.low.notice(&notice, at(31));
        assert_eq!(pair.high.hear(&sent).len(), findings, "its number is taken");
    }
    pair.seal(32);
    let mut entries = pair.low.entries();
    let body = pair.low.body(&entries[0][0]).unwrap();
    entries[0][0] = entries[0][0].erased(&body, 1).unwrap();
    let export = pair.low.transcript.export::<core::convert::Infallible>(entries).unwrap();
    let file = export.to_bytes(|entry| pair.low.body(entry)).unwrap();
    let verified = verify(&file).unwrap();
    let text = to_text(&verified, &view());
    assert!(text.contains("Contradictions: 1: one side had another history"), "{text}");
    assert!(text.contains("(erased, as announced)"), "{text}");
    assert!(text.contains("Not shown: 1, 1 of them announced as erased"), "{text}");
    let shown = format!("{:?} {:?}", verified.items()[0], view());
    assert!(
        shown.starts_with("VerifiedItem { side: Low, seq: 0, content: Redacted, .. }"),
        "{shown}"
    );
    assert!(shown.ends_with("View { names: [\"Alice <a>\", \"Bob\"], .. }"), "{shown}");
}

#[test]
fn who_has_signed_nothing_is_said_to() {
    let mut pair = Pair::new(Mode::Signed);
    let sent = pair.low.write(FrameType::Message, b"tea", at(1));
    assert_eq!(pair.high.hear(&sent), []);
    pair.low.seal(at(2));
    let text = to_text(&verified(&pair), &view());
    assert_eq!(text.matches(", no checkpoint of theirs in the file)").count(), 1, "{text}");
    let nothing = verify(&pair.low.file_of(|_, _| false)).unwrap();
    let text = to_text(&nothing, &view());
    assert!(text.contains("Entries: 0\n") && !text.contains("From: "), "{text}");
}
