//! Each check of a file, broken alone by someone who can sign.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use kuvert_wire::transcript::{HeadClaim, Mode, SealedHead, TreeHash};

use super::super::document;
use super::super::tests::{Pair, at, redigested};
use super::{Cause, Refused, verify};
use crate::transcript::Side;

fn text(pair: &Pair) -> String {
    String::from_utf8(pair.low.file()).unwrap()
}

/// Refused for this cause; the digest is made to fit.
fn refused(text: &str) -> Refused {
    verify(&redigested(text.as_bytes())).unwrap_err()
}

fn cause(text: &str) -> Cause {
    refused(text).cause
}

/// Another digit behind `field`, where it stands for the `nth` time.
fn bent(text: &str, field: &str, nth: usize) -> String {
    let (at, _) = text.match_indices(field).nth(nth).unwrap();
    let place = at + field.len() + 5;
    let digit = if &text[place..=place] == "A" { "B" } else { "A" };
    [&text[..place], digit, &text[place + 1..]].concat()
}

/// A signed file with another head in place of the lower side's.
fn with_head(pair: &Pair, change: impl FnOnce(&mut HeadClaim)) -> String {
    let transcript = &pair.low.transcript;
    let old = *transcript.head(Side::Low).unwrap();
    let mut claim = old.claim;
    change(&mut claim);
    let new = pair.low.sealed(claim);
    text(pair).replacen(&line(pair, &old), &line(pair, &new), 1)
}

fn line(pair: &Pair, head: &SealedHead) -> String {
    let mut line = String::new();
    let said = pair.low.transcript.conversation().head(Side::Low, head.claim);
    document::put_head(&said, &head.auth, &mut line);
    line
}

/// TRA-30
#[test]
fn another_way_to_write_the_same_is_refused() {
    let text = text(&Pair::talked(Mode::Signed, 5));
    for (from, to) in [
        ("\"v\":1", "\"v\": 1"),
        ("\"seq\":1,", "\"seq\":01,"),
        ("\"seq\":1,", "\"seq\":1.0,"),
        (",\"parts\"", " ,\"parts\""),
        ("{\"j\":0", "{\"j\":1"),
        ("\"mode\":1", "\"mode\":3"),
        ("],\"items\":[\n", "],\"items\":[\n\n"),
        ("\n", "\r\n"),
        ("},\n{\"device\"", "}\n{\"device\""),
        ("},\n],\"items\"", "},,\n],\"items\""),
        ("}\n],\"items\"", "},\n],\"items\""),
        ("],\"items\":[", "],\"item\":["),
        ("],\"consistency\":[", "],\"consistent\":["),
    ] {
        let bad = text.replacen(from, to, 1);
        if bad != text {
            assert!(matches!(cause(&bad), Cause::NotCanonical | Cause::Incomplete), "{to:?}");
        }
    }
}

/// TRA-31
#[test]
fn another_version_is_refused() {
    let text = text(&Pair::talked(Mode::Signed, 5));
    assert_eq!(cause(&text.replacen("\"v\":1", "\"v\":2", 1)), Cause::Version);
}

/// TRA-32
#[test]
fn certificates_hold_and_are_those_of_the_accounts() {
    let text = text(&Pair::talked(Mode::Signed, 5));
    assert_eq!(cause(&bent(&text, "\"certs\":[\"", 0)), Cause::Certificate);
    assert_eq!(cause(&bent(&text, "\"accounts\":[\"", 0)), Cause::Certificate);
    let swapped = |name: &str, text: &str| {
        let start = text.find(name).unwrap() + name.len();
        let end = start + text[start..].find(']').unwrap();
        let (low, high) = text[start..end].split_once(',').unwrap();
        format!("{}{high},{low}{}", &text[..start], &text[end..])
    };
    let all = ["\"accounts\":[", "\"certs\":[", "\"nonces\":["];
    let upside_down = all.iter().fold(text.clone(), |text, name| swapped(name, &text));
    assert_eq!(cause(&upside_down), Cause::Certificate, "the lower account stands first");
    assert_eq!(cause(&swapped("\"certs\":[", &text)), Cause::Certificate);
}

/// TRA-33
#[test]
fn signing_keys_are_certified_for_this_conversation() {
    let text = text(&Pair::talked(Mode::Signed, 5));
    for field in ["\"sig\":\"", "{\"key\":\"", "\"nonces\":[\""] {
        assert_eq!(cause(&bent(&text, field, 0)), Cause::SigningKey, "{field}");
    }
    assert_eq!(cause(&bent(&text, "\"sig\":\"", 1)), Cause::SigningKey);
}

/// TRA-34
#[test]
fn heads_are_authentic() {
    for mode in [Mode::Signed, Mode::Deniable] {
        let text = text(&Pair::talked(mode, 5));
        for nth in [0, 1] {
            assert_eq!(cause(&bent(&text, "\"auth\":\"", nth)), Cause::Head);
        }
    }
}

/// TRA-35
#[test]
fn heads_are_of_this_conversation() {
    let (one, other) = (Pair::talked(Mode::Signed, 5), Pair::seeded(Mode::Signed, 7));
    let (text, line) = (text(&one), line(&one, one.low.transcript.head(Side::Low).unwrap()));
    let mut stranger = other;
    stranger.seal(5);
    let theirs = self::line(&stranger, stranger.low.transcript.head(Side::Low).unwrap());
    assert_eq!(cause(&text.replacen(&line, &theirs, 1)), Cause::HeadPlace);
    assert_eq!(cause(&bent(&text, "{\"head\":\"", 0)), Cause::HeadPlace, "its conversation");
}

/// TRA-36
#[test]
fn heads_are_there_once_and_in_order() {
    let text = text(&Pair::talked(Mode::Signed, 5));
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let with = |heads: &[&str]| [&lines[..1], heads, &lines[3..]].concat().concat();
    let (low, high) = (lines[1], lines[2]);
    assert_eq!(cause(&with(&[])), Cause::HeadOrder, "none");
    let (last_low, first_high) = (low.replace(",\n", "\n"), high.replace('\n', ",\n"));
    assert_eq!(cause(&with(&[&first_high, &last_low])), Cause::HeadOrder);
    assert_eq!(cause(&with(&[low, low, high])), Cause::HeadOrder);
}

/// TRA-37
#[test]
fn heads_that_exclude_each_other_prove_nothing() {
    let pair = Pair::talked(Mode::Signed, 5);
    let other = |claim: &mut HeadClaim| claim.own.root = TreeHash::from_bytes([1; 32]);
    assert_eq!(cause(&with_head(&pair, other)), Cause::HeadsDisagree, "two roots for one size");
    let mut silent = Pair::new(Mode::Signed);
    silent.tell(Side::Low, "tea", 1);
    silent.low.seal(at(2));
    let empty = |claim: &mut HeadClaim| claim.peer.root = TreeHash::from_bytes([1; 32]);
    assert_eq!(cause(&with_head(&silent, empty)), Cause::HeadsDisagree, "nothing has one root");
    let old = line(&pair, pair.low.transcript.head(Side::Low).unwrap());
    let mut claim = pair.low.transcript.head(Side::Low).unwrap().claim;
    (claim.own.size, claim.peer.size) = (claim.own.size + 1, claim.peer.size - 1);
    let both = format!("{old},\n{}", line(&pair, &pair.low.sealed(claim)));
    assert_eq!(cause(&text(&pair).replacen(&old, &both, 1)), Cause::HeadsDisagree, "crossing");
}

/// TRA-38
#[test]
fn the_lower_sides_log_stands_before_the_others() {
    let text = text(&Pair::talked(Mode::Signed, 5));
    let is_entry = |line: &&str| line.contains("\"leaf\":");
    let entries: Vec<&str> = text.lines().filter(is_entry).collect();
    let device = |line: &str| line.split(',').next().map(String::from);
    let low = entries.iter().filter(|line| device(line) == device(entries[0])).count();
    let turned: Vec<&str> = [&entries[low..], &entries[..low]].concat();
    let turned: Vec<&str> = turned.iter().map(|line| line.trim_end_matches(',')).collect();
    let bad = text.replacen(&entries.join("\n"), &turned.join(",\n"), 1);
    let refused = refused(&bad);
    assert_eq!((refused.cause, refused.entry.unwrap().1), (Cause::Order, 0));
}

/// TRA-39
#[test]
fn entries_are_of_the_two_devices() {
    let text = text(&Pair::talked(Mode::Signed, 5));
    assert_eq!(cause(&bent(&text, "{\"device\":\"", 0)), Cause::LeafPlace);
}

/// TRA-40
#[test]
fn a_log_begins_with_nothing_before_it() {
    let mut pair = Pair::new(Mode::Signed);
    pair.tell(Side::Low, "tea", 1);
    pair.seal(2);
    let text = text(&pair);
    let at = text.find("\"leaf\":\"").unwrap() + 8 + 60 * 4 / 3;
    let bad = [&text[..at], "B", &text[at + 1..]].concat();
    assert_eq!(cause(&bad), Cause::Chain);
}

/// TRA-42
#[test]
fn parts_are_those_of_a_message() {
    let text = text(&Pair::talked(Mode::Signed, 5));
    let start = text.find("\"parts\":[").unwrap() + 9;
    let end = start + text[start..].find(']').unwrap();
    let without = [&text[..start], &text[end..]].concat();
    assert_eq!(cause(&without), Cause::Parts, "none");
}

/// TRA-43
#[test]
fn an_entry_behind_the_last_head_is_not_proven() {
    let mut pair = Pair::talked(Mode::Signed, 5);
    let before = text(&pair);
    pair.tell(Side::Low, "later", 50);
    pair.seal(51);
    let after = text(&pair);
    let is_last = |line: &&str| line.contains("\"seq\":2,") && line.contains("\"proof\":[]");
    let last = before.split_inclusive('\n').find(is_last).unwrap();
    let later = after.split_inclusive('\n').find(|line| line.contains("\"seq\":3,")).unwrap();
    let both = format!("{}{later}", last.replace("\"proof\":[],", ""));
    let refused = refused(&before.replacen(last, &both, 1));
    assert_eq!((refused.cause, refused.entry.unwrap().1), (Cause::Proof, 3));
}

/// TRA-44
#[test]
fn a_log_goes_on_from_each_head() {
    let mut pair = Pair::talked(Mode::Signed, 30);
    for i in 0..7 {
        pair.tell(Side::Low, "more", 50 + i);
    }
    pair.low.seal(at(60));
    let text = text(&pair);
    assert!(verify(text.as_bytes()).is_ok());
    let growth = text.split_inclusive('\n').find(|line| line.contains("\"from\":")).unwrap();
    assert_eq!(cause(&text.replacen(growth, "", 1)), Cause::Consistency, "gone");
    let twice = format!("{},\n{growth}", growth.trim_end());
    assert_eq!(cause(&text.replacen(growth, &twice, 1)), Cause::Consistency, "twice");
    assert_eq!(cause(&bent(&text, "\"to\":27,\"proof\":[\"", 0)), Cause::Consistency);
    assert_eq!(cause(&text.replacen("\"from\":20", "\"from\":19", 1)), Cause::Consistency);
    let other = with_head(&pair, |claim| claim.own.root = TreeHash::from_bytes([1; 32]));
    assert_eq!(cause(&other), Cause::Proof, "the entries are not under that root");
}

/// TRA-45
#[test]
fn the_digest_is_that_of_the_file() {
    let text = text(&Pair::talked(Mode::Signed, 5));
    let bad = bent(&text, "\"digest\":\"", 0);
    assert_eq!(verify(bad.as_bytes()).unwrap_err().cause, Cause::Digest);
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let (head, last) = (lines[1].replace(",\n", "\n"), &lines[3..]);
    let fewer = [&[lines[0], &head][..], last].concat().concat();
    assert_eq!(verify(fewer.as_bytes()).unwrap_err().cause, Cause::Digest, "a head less");
    let report = verify(&redigested(fewer.as_bytes())).unwrap().report().clone();
    assert!(!report.signers[1].has_signed, "with a digest of its own it is another file");
    assert_eq!((report.signed, report.acknowledged), (3, 2));
}

#[test]
fn a_refusal_names_check_and_entry() {
    let pair = Pair::talked(Mode::Signed, 24);
    let text = text(&pair);
    let refused = refused(&bent(&text, "\"salt\":\"", 3));
    let device = pair.low.transcript.conversation().device(Side::Low);
    let expected = format!("entry 3 of device {device}: its content is not what was said (TRA-41)");
    assert_eq!(format!("{refused}"), expected);
    assert_eq!(
        format!("{}", self::refused("x\n")),
        "line 1: it is not written as exported files are (TRA-30)"
    );
}

/// TRA-43
#[test]
fn a_run_that_has_ended_is_not_gone_on_with() {
    let pair = Pair::talked(Mode::Signed, 12);
    let of = |chosen: &dyn Fn(u64) -> bool| {
        let file = pair.low.file_of(|side, seq| side == Side::Low && chosen(seq));
        String::from_utf8(file).unwrap()
    };
    let (front, back) = (of(&|seq| seq <= 1), of(&|seq| seq >= 2));
    let last = front.split_inclusive('\n').find(|line| line.contains("\"seq\":1,")).unwrap();
    let rest: String =
        back.split_inclusive('\n').filter(|line| line.contains("\"seq\":")).collect();
    let both = front.replacen(last, &format!("{},\n{rest}", last.trim_end()), 1);
    let refused = refused(&both);
    assert_eq!((refused.cause, refused.entry.unwrap().1), (Cause::Proof, 2));
}

/// TRA-47
#[test]
fn a_line_that_is_too_long_is_refused_with_its_end_as_well() {
    let mut line = alloc::vec![b'x'; super::super::MAX_LINE];
    line.push(b'\n');
    let refused = verify(&line).unwrap_err();
    assert_eq!((refused.cause, refused.line), (Cause::TooLong, 1));
    let refused = verify(&line[1..]).unwrap_err();
    assert_eq!((refused.cause, refused.line), (Cause::NotCanonical, 1), "as long as it may be");
}

#[test]
fn progress_is_counted_in_entries() {
    let file = Pair::talked(Mode::Signed, 9).low.file();
    let mut verifier = super::Verifier::default();
    let mut counts = alloc::vec::Vec::new();
    for line in file.split_inclusive(|byte| *byte == b'\n') {
        verifier.push(line).unwrap();
        counts.push(verifier.entries());
    }
    assert!(counts.is_sorted() && counts.starts_with(&[0, 0, 0, 0, 1, 2]), "{counts:?}");
    assert_eq!(counts.last(), Some(&9));
    assert_eq!(format!("{verifier:?}"), format!("Verifier {{ line: {}, .. }}", counts.len()));
    assert_eq!(verifier.push(b"more\n").map_err(|refused| refused.cause), Err(Cause::Incomplete));
    assert_eq!(verifier.entries(), 0, "nothing of a refused file counts");
    assert_eq!(verifier.push(b"").map_err(|refused| refused.cause), Err(Cause::Incomplete));
}
