//! Formats of released versions: files and records that must be read for ever.

extern crate std;

use std::fs;
use std::path::Path;

use super::super::franking::{self, ReportError};
use super::super::verify;
use super::*;
use kuvert_wire::{Frame, FrameRef};

/// What the reference in Python has written.
#[test]
fn files_of_version_1_are_read() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spec/vectors/transcripts");
    for (name, entries, redacted) in [("signed", 6, 1), ("deniable", 6, 1), ("signed-one", 1, 0)] {
        let file = fs::read(folder.join(name).with_extension("json")).unwrap();
        let report = verify(&file).unwrap().report().clone();
        assert_eq!((report.entries, report.redacted), (entries, redacted), "{name}");
        assert_eq!(report.announced, redacted, "{name}");
        assert_eq!(report.is_complete(), entries == 6, "{name}");
    }
}

/// `key = value` in hex, a line each; written by this test's own fixture, once, and never again.
const RECORDS: &str = include_str!("data/records-v1.txt");

fn frozen() -> BTreeMap<Key, Zeroizing<Vec<u8>>> {
    let line = |line: &str| {
        let (key, value) = line.split_once(" = ").unwrap();
        (Key::parse(key).unwrap(), Zeroizing::new(hex::decode(value).unwrap()))
    };
    RECORDS.lines().map(line).collect()
}

/// A talk with a gap, something that waits for it, and a fork.
fn fixture() -> Pair {
    let mut pair = Pair::talked(Mode::Signed, 6);
    pair.low.say("lost", at(40));
    let heard = pair.low.say("heard", at(41));
    pair.high.hear(&heard);
    let mut wild = heard;
    wild.body = b"something else".to_vec();
    pair.high.hear(&wild);
    pair
}

#[test]
fn records_of_version_1_are_read() {
    let records = frozen();
    let is_live = |key: &&Key| key.as_str().starts_with("transcript/");
    let live = records.keys().filter(is_live).map(|key| Record {
        key: key.clone(),
        version: Version::from_number(1),
        value: records[key].clone(),
    });
    let loaded = Transcript::load(live).unwrap();
    assert_eq!(loaded.len(), 1);
    let transcript = &loaded[0];
    assert_eq!((transcript.sizes(), transcript.waiting.len()), ((2, 4), 1));
    assert!(transcript.findings().count() > 1);
    let entries = records.iter().filter(|(key, _)| key.as_str().starts_with("entry/"));
    let entries: Vec<_> = entries.map(|(_, value)| Entry::decode(value).unwrap()).collect();
    assert_eq!(entries.len(), 6);
}

/// As long as there is one format, what is written is what was written.
#[test]
fn records_are_written_as_in_version_1() {
    let pair = fixture();
    let text: alloc::string::String = pair
        .high
        .rows
        .iter()
        .map(|(key, (_, value))| alloc::format!("{key} = {}\n", hex::encode(&**value)))
        .collect();
    if std::env::var_os("KUVERT_WRITE_FIXTURES").is_some() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"));
        fs::write(path.join("src/transcript/tests/data/records-v1.txt"), &text).unwrap();
    }
    assert_eq!(text, RECORDS);
}

fn frame_of(sent: &Sent) -> Frame {
    let Sent { frame_type, message_id, body, time, block } = sent;
    let frame = FrameRef {
        frame_type: *frame_type,
        sent: *time,
        message_id: *message_id,
        expire_seconds: 0,
        body,
        block: Some(block),
    };
    Frame::decode(&frame.encode()).unwrap()
}

/// TRA-53
#[test]
fn a_transcript_beside_a_report_has_its_message_and_says_whether_it_is_whole() {
    let mut pair = Pair::talked(Mode::Signed, 12);
    let sent = pair.high.say("something unkind", at(50));
    assert_eq!(pair.low.hear(&sent), []);
    pair.tell(Side::Low, "that was unkind", 51);
    pair.seal(52);
    let frame = frame_of(&sent);
    let whole = verify(&pair.low.file()).unwrap();
    let context = franking::context(&frame, &whole).unwrap();
    assert_eq!((context.author, context.seq, context.entries), (Side::High, 4, 14));
    assert!(context.is_contiguous);
    let part = |chosen: &dyn Fn(Side, u64) -> bool| verify(&pair.low.file_of(chosen)).unwrap();
    let around = part(&|side, seq| seq >= if side == Side::Low { 6 } else { 3 });
    assert!(franking::context(&frame, &around).unwrap().is_contiguous);
    let gap = part(&|side, seq| side == Side::High || seq != 6);
    assert!(!franking::context(&frame, &gap).unwrap().is_contiguous, "one is left out");
    let one_sided = part(&|side, seq| side == Side::Low && seq >= 4 || seq == 4);
    assert!(
        !franking::context(&frame, &one_sided).unwrap().is_contiguous,
        "what was seen is not there"
    );
    let without = part(&|side, seq| side == Side::Low || seq != 4);
    assert_eq!(franking::context(&frame, &without), Err(ReportError::NotInContext));
    let other = Frame { body: b"something kind".to_vec(), ..frame };
    assert_eq!(franking::context(&other, &whole), Err(ReportError::NotInContext));
}
