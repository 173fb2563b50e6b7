//! Records of transcripts and switches that are not what was written.

use kuvert_wire::transcript::{Erasure, ErasureReceipt, PolicyId, TreeHash};

use super::super::Turn;
use super::switch::Device;
use super::*;

/// What is needed for every kind of record, in both modes.
fn that_have_all(mode: Mode) -> Pair {
    let mut pair = Pair::talked(mode, 5);
    let sent: Vec<_> = (0..4).map(|i| pair.low.say("tea", at(30 + i))).collect();
    let leaf = *pair.low.side().of(&pair.low.entries())[3].leaf().unwrap();
    let advance = pair.high.transcript.receive_leaf(&leaf, at(40));
    pair.high.adopt(advance);
    pair.high.hear(&sent[3]);
    let head = pair.low.seal(at(41));
    pair.high.hear_head(&head, at(42));
    let mut claim = pair.low.transcript.head(Side::Low).unwrap().claim;
    claim.time = at(43);
    (claim.own.size, claim.own.root) = (2, TreeHash::from_bytes([1; 32]));
    let other = pair.low.sealed(claim);
    pair.high.hear_head(&other, at(44));
    pair
}

fn with_value(records: &[Record], place: usize, value: &[u8]) -> Vec<Record> {
    let mut records = records.to_vec();
    records[place].value = Zeroizing::new(value.to_vec());
    records
}

#[test]
fn no_record_of_a_transcript_is_read_from_a_part_of_it() {
    for mode in [Mode::Signed, Mode::Deniable] {
        let pair = that_have_all(mode);
        let records = pair.high.records();
        let kinds = ["fixed", "own", "peer", "waiting-", "bare-", "finding-"];
        for kind in kinds {
            assert!(records.iter().any(|record| record.key.as_str().contains(kind)), "{kind}");
        }
        assert!(Transcript::load(records.clone()).is_ok());
        for (place, record) in records.iter().enumerate() {
            let refused = Err(record.key.clone());
            for len in 0..record.value.len() {
                let cut = with_value(&records, place, &record.value[..len]);
                let loaded = Transcript::load(cut).map(|found| found.len());
                assert_eq!(loaded, refused, "cut to {len}");
            }
            let mut format = record.value.to_vec();
            format[0] = 9;
            let loaded = Transcript::load(with_value(&records, place, &format));
            assert_eq!(loaded.map(|found| found.len()), refused, "of a format to come");
        }
    }
}

#[test]
fn a_record_in_anothers_place_is_refused() {
    let pair = that_have_all(Mode::Signed);
    let records = pair.high.records();
    let id = pair.high.transcript.id();
    let place = |kind: &str| {
        let is_it = |record: &Record| record.key.as_str().contains(kind);
        records.iter().position(is_it).unwrap()
    };
    for (kind, name) in [
        ("own", alloc::format!("{id}/other")),
        ("peer", alloc::format!("{id}/other")),
        ("own", alloc::format!("{id}/peer-")),
        ("own", alloc::format!("{id}")),
        ("own", alloc::format!("{id}0/own")),
        ("waiting-", alloc::format!("{id}/waiting-{:016x}", 99)),
        ("waiting-", alloc::format!("{id}/waiting-zz")),
        ("waiting-", alloc::format!("{id}/waiting-07")),
        ("bare-", alloc::format!("{id}/bare-{:016x}", 99)),
        ("finding-", alloc::format!("{id}/finding-{:016x}", u64::MAX)),
        ("fixed", alloc::format!("{}/fixed", TreeHash::from_bytes([1; 32]))),
    ] {
        let mut moved = records.clone();
        let key = Key::new("transcript", &name);
        moved[place(kind)].key = key.clone();
        assert!(Transcript::load(moved).is_err(), "{kind} as {name}");
    }
    let mut elsewhere = records.clone();
    elsewhere[0].key = Key::new("switch", id);
    assert!(Transcript::load(elsewhere).is_err());
    let mut never_written = records;
    never_written[1].version = Version::ABSENT;
    assert!(Transcript::load(never_written).is_err());
    assert_eq!(Transcript::load([]).map(|found| found.len()), Ok(0));
}

#[test]
fn what_waits_is_as_long_as_it_says() {
    let mut pair = that_have_all(Mode::Signed);
    let lost = pair.low.say("lost", at(50)).message_id;
    let is_lost = |entry: &&Entry| entry.message().is_some_and(|(_, id)| id == lost);
    let leaf =
        *pair.low.side().of(&pair.low.entries()).iter().find(is_lost).unwrap().leaf().unwrap();
    let advance = pair.high.transcript.receive_leaf(&leaf, at(51));
    pair.high.adopt(advance);
    let (policy, results) = (PolicyId::default(), [Erasure::Erased].to_vec());
    let notice = TranscriptBody::ErasureReceipt(ErasureReceipt { seq: 1, policy, results });
    let with_head = pair.low.notice(&notice, at(52));
    pair.high.hear(&with_head);
    let waiting = &pair.high.transcript.waiting;
    assert!(waiting.values().any(|arrived| arrived.prev.is_some()), "a leaf");
    assert!(waiting.values().any(|arrived| arrived.head.is_some()), "a head");
    for arrived in waiting.values() {
        assert_eq!(arrived.encode().len(), arrived.encoded_len());
        let shown = alloc::format!("{arrived:?}");
        assert!(!shown.contains("tea"), "{shown}");
        let is_text = arrived.kept.is_some() && arrived.head.is_none();
        assert_eq!(shown.contains("Kept(Message, 0 bytes)"), is_text, "{shown}");
    }
}

#[test]
fn no_entry_is_read_from_a_part_of_it() {
    let mut pair = Pair::new(Mode::Signed);
    let file = pair.low.write(FrameType::Attachment, &[7; 200], at(1));
    pair.high.hear(&file);
    let text = pair.low.say("tea", at(2));
    let bare = *pair.low.side().of(&pair.low.entries())[1].leaf().unwrap();
    let advance = pair.high.transcript.receive_leaf(&bare, at(3));
    pair.high.adopt(advance);
    let entries = [pair.low.entries(), pair.high.entries()].concat().concat();
    let erased = entries[0].erased(&file.body, 1).unwrap();
    let closed = entries[1].erased(&text.body, u16::MAX).unwrap();
    assert!(erased.is_open() && erased.needs_body(), "its second part is there");
    assert!(!closed.is_open() && !closed.needs_body());
    let without = closed.without_leaf();
    assert_eq!((without.leaf(), without.hash()), (None, closed.hash()));
    let alone = entries.iter().find(|entry| entry.message().is_none()).unwrap();
    for entry in [alone, &without] {
        assert!(entry.erased(&text.body, 1).is_none(), "nothing is left to erase");
        assert!(!entry.is_open() && !entry.needs_body());
        assert_eq!(entry.notice(), None);
    }
    for entry in entries.iter().chain([&erased, &closed, &without]) {
        let bytes = entry.encode();
        assert_eq!(bytes.len(), entry.encoded_len());
        assert_eq!(Entry::decode(&bytes).as_ref(), Ok(entry));
        assert!((0..bytes.len()).all(|len| Entry::decode(&bytes[..len]).is_err()));
        let mut format = bytes;
        format[0] = 9;
        let refused = kuvert_wire::DecodeError::UnsupportedVersion { found: 9 };
        assert_eq!(Entry::decode(&format), Err(refused));
    }
}

/// A switch with everything in it: both starts, ended ones, what came early, what is owed.
fn full_switch() -> (Device, MessageId) {
    let [mut alice, mut bob] = Device::pair();
    let first = bob.start(Mode::Signed, &alice);
    alice.hear(&first, 1, &bob);
    alice.stop();
    alice.hear(&first, 2 * 3600, &bob);
    let offer = alice.start(Mode::Signed, &bob);
    bob.stop();
    bob.hear(&offer, 3, &alice);
    let _answer = bob.start(Mode::Signed, &alice);
    let running = bob.begun.remove(0).next;
    let message_id = MessageId::from_bytes([7; 16]);
    let logged = Logged { frame_type: FrameType::Message, message_id, body: b"early" };
    let (block, _) = running.append(&logged, at(4), &mut bob.rng).unwrap();
    let turn = alice.switch.hold(&logged, at(4), &block, at(3 * 3600)).unwrap();
    alice.adopt(turn);
    let other = bob.start_in(Mode::Deniable, &alice);
    alice.hear(&other, 9 * 3600, &bob);
    alice.hear(&first, 9 * 3600, &bob);
    (alice, message_id)
}

impl Device {
    /// A start in the other mode than the one that stands.
    fn start_in(&mut self, mode: Mode, peer: &Self) -> TranscriptBody {
        self.stop();
        self.start(mode, peer)
    }
}

#[test]
fn no_switch_is_read_from_a_part_of_its_record() {
    let (alice, _) = full_switch();
    let record = alice.switch.record().unwrap();
    assert_eq!(Switch::load(&record).as_ref(), Ok(&alice.switch));
    let with = |value: &[u8]| Record { value: Zeroizing::new(value.to_vec()), ..record.clone() };
    for len in 0..record.value.len() {
        assert_eq!(Switch::load(&with(&record.value[..len])), Err(record.key.clone()), "{len}");
    }
    let longer = [&record.value[..], &[0]].concat();
    assert_eq!(Switch::load(&with(&longer)), Err(record.key.clone()));
    let mut format = record.value.to_vec();
    format[0] = 9;
    assert_eq!(Switch::load(&with(&format)), Err(record.key.clone()));
    let elsewhere = Record { key: Key::new("switch", "other"), ..record };
    assert_eq!(Switch::load(&elsewhere), Err(elsewhere.key.clone()));
}

/// What came early of a conversation is erased like anything else.
#[test]
fn what_came_early_can_be_forgotten() {
    let (mut alice, message_id) = full_switch();
    assert!(alice.switch.forget(&MessageId::from_bytes([8; 16])).is_none());
    let before = alice.switch.record().unwrap().value.len();
    let Turn { next, change, begins } = alice.switch.forget(&message_id).unwrap();
    assert!(begins.is_none());
    alice.adopt(Turn { next, change, begins });
    assert!(alice.switch.record().unwrap().value.len() < before);
    assert!(alice.switch.forget(&message_id).is_none());
    let deleted = alice.switch.delete().unwrap();
    assert_eq!(deleted.key(), &alice.switch.record().unwrap().key);
    let never_written = Switch::new(*alice.switch.peer());
    assert!(never_written.delete().is_none());
}
