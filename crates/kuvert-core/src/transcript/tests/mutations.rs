//! No file that was changed in any way is accepted, and the entry that was changed is named.

use super::super::{Cause, verify};
use super::*;

struct Mutator {
    rng: ChaCha20Rng,
}

impl Mutator {
    fn below(&mut self, end: usize) -> usize {
        self.rng.next_u32() as usize % end
    }

    /// Flips a bit, drops, inserts, swaps, doubles or moves bytes or lines, or cuts the file.
    fn mutate(&mut self, file: &[u8]) -> Vec<u8> {
        let mut bytes = file.to_vec();
        let mut lines: Vec<Vec<u8>> =
            file.split_inclusive(|b| *b == b'\n').map(Vec::from).collect();
        let place = self.below(bytes.len());
        let (line, other) = (self.below(lines.len()), self.below(lines.len()));
        match self.below(12) {
            0 | 1 => bytes[place] ^= 1 << self.below(8),
            2 => drop(bytes.remove(place)),
            3 => bytes.insert(place, b"AZaz09-_\",{}[]:\n "[self.below(17)]),
            4 => bytes.swap(place, self.rng.next_u32() as usize % file.len()),
            5 => bytes.truncate(place),
            6 => {
                lines.remove(line);
                bytes = lines.concat();
            }
            7 => {
                lines.swap(line, other);
                bytes = lines.concat();
            }
            8 => {
                lines.insert(other, lines[line].clone());
                bytes = lines.concat();
            }
            9 => {
                let moved = lines.remove(line);
                lines.insert(self.below(lines.len() + 1), moved);
                bytes = lines.concat();
            }
            10 => self.change_digit(&mut bytes),
            _ => {
                let end = (place + 1 + self.below(60)).min(bytes.len());
                bytes.drain(place..end);
            }
        }
        bytes
    }

    /// Another digit of base64 or of a number: still of the canonical form, mostly.
    fn change_digit(&mut self, bytes: &mut [u8]) {
        let place = self.below(bytes.len());
        let digits = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
        if bytes[place].is_ascii_alphanumeric() {
            bytes[place] = digits[self.below(digits.len())];
        }
    }
}

fn files() -> Vec<Vec<u8>> {
    let mut files = Vec::new();
    for mode in [Mode::Signed, Mode::Deniable] {
        let mut pair = Pair::talked(mode, 24);
        files.push(pair.low.file());
        files.push(pair.low.file_of(|side, seq| seq % 3 != 1 || side == Side::High));
        files.push(pair.low.file_of(|_, seq| seq == 3));
        pair.tell(Side::High, "more", 60);
        pair.tell(Side::Low, "and more", 61);
        pair.low.seal(at(62));
        files.push(pair.low.file());
    }
    files
}

#[test]
fn none_of_ten_thousand_mutations_is_accepted() {
    let files = files();
    assert!(files.iter().all(|file| verify(file).is_ok()));
    let mut mutator = Mutator { rng: ChaCha20Rng::seed_from_u64(1) };
    let mut tried = 0;
    while tried < 10_000 {
        let file = &files[mutator.below(files.len())];
        let mutated = mutator.mutate(file);
        if mutated != *file {
            assert!(
                verify(&mutated).is_err(),
                "{}",
                alloc::string::String::from_utf8_lossy(&mutated)
            );
            tried += 1;
        }
    }
}

/// Whoever changes a file may compute the digest anew. Then nothing but less can come of it: the
/// entries that are accepted are those of the original, each with no more behind it.
#[test]
fn with_a_new_digest_nothing_but_less_is_accepted() {
    let mut mutator = Mutator { rng: ChaCha20Rng::seed_from_u64(2) };
    for file in files() {
        let original = verify(&file).unwrap();
        for _ in 0..500 {
            let mutated = redigested(&mutator.mutate(&file));
            let Ok(verified) = verify(&mutated) else { continue };
            for item in verified.items() {
                let same = original.items().iter().find(|other| {
                    (other.side(), other.leaf().seq) == (item.side(), item.leaf().seq)
                });
                let same = same.expect("no new entry");
                assert_eq!((item.leaf(), item.body()), (same.leaf(), same.body()));
                assert!(same.is_signed() || !item.is_signed());
                assert!(same.is_acknowledged() || !item.is_acknowledged());
            }
        }
    }
}

/// The file with the digest that fits its lines.
pub(in super::super) fn redigested(file: &[u8]) -> Vec<u8> {
    let mut lines: Vec<Vec<u8>> = file.split_inclusive(|b| *b == b'\n').map(Vec::from).collect();
    if lines.last().is_some_and(|line| line.starts_with(b"],\"digest\"")) {
        lines.pop();
    }
    let digest = lines
        .iter()
        .fold([0; 32], |digest, line| super::super::document::digest_after(&digest, line));
    let mut end = alloc::string::String::new();
    super::super::document::put_digest(&digest, &mut end);
    lines.push((end + "\n").into_bytes());
    lines.concat()
}

/// One entry of the lower log changed at a place, in a whole file of both logs.
fn changed(file: &[u8], seq: u64, change: impl Fn(&str) -> alloc::string::String) -> Vec<u8> {
    let text = core::str::from_utf8(file).unwrap();
    let needle = alloc::format!("\"seq\":{seq},");
    let mut is_done = false;
    let lines = text.split_inclusive('\n').map(|line| {
        if line.contains(&needle) && !is_done {
            is_done = true;
            change(line)
        } else {
            line.into()
        }
    });
    redigested(&lines.collect::<Vec<_>>().concat().into_bytes())
}

/// Another digit at `place` behind `field` of a line.
fn with_digit(line: &str, field: &str, place: usize) -> alloc::string::String {
    let at = line.find(field).unwrap() + field.len() + place;
    let digit = if &line[at..=at] == "A" { "B" } else { "A" };
    [&line[..at], digit, &line[at + 1..]].concat()
}

fn refused(file: &[u8]) -> (Cause, Option<u64>) {
    let refused = verify(file).unwrap_err();
    (refused.cause, refused.entry.map(|(_, seq)| seq))
}

/// TRA-39 TRA-40 TRA-41: whatever of an entry is changed, this entry is named.
#[test]
fn the_entry_that_was_changed_is_named() {
    let pair = Pair::talked(Mode::Signed, 24);
    let file = pair.low.file();
    let leaf = "\"leaf\":\"";
    for seq in [0, 1, 7, 15] {
        // version | conv_id 32 | device_id 16 | seq 8 | prev 32 | seen 8 | seen_hash 32 | time 8 | cm 32
        for (byte, cause) in
            [(10, Cause::LeafPlace), (40, Cause::LeafPlace), (52, Cause::LeafPlace)]
        {
            let bad = changed(&file, seq, |line| with_digit(line, leaf, byte * 4 / 3));
            assert_eq!(refused(&bad), (cause, Some(seq)), "byte {byte} of {seq}");
        }
        for byte in [60, 91, 100, 130, 133] {
            let bad = changed(&file, seq, |line| with_digit(line, leaf, byte * 4 / 3));
            let (cause, named) = refused(&bad);
            assert_eq!(named, Some(seq), "byte {byte} of {seq}: {cause:?}");
            assert!(
                matches!(cause, Cause::Chain | Cause::Proof),
                "byte {byte} of {seq}: {cause:?}"
            );
        }
        for (field, place) in [(leaf, 150 * 4 / 3), ("\"salt\":\"", 9), ("\"data\":\"", 30)] {
            let bad = changed(&file, seq, |line| with_digit(line, field, place));
            assert_eq!(refused(&bad), (Cause::Content, Some(seq)), "{field} of {seq}");
        }
    }
}

/// TRA-40: the first run of a file is not the only one that is mended.
#[test]
fn the_entry_that_was_changed_is_named_behind_a_gap() {
    let pair = Pair::talked(Mode::Signed, 24);
    let file = pair.low.file_of(|side, seq| side == Side::Low && seq != 3);
    for seq in [5, 9] {
        let bad = changed(&file, seq, |line| with_digit(line, "\"leaf\":\"", 133 * 4 / 3));
        assert_eq!(refused(&bad), (Cause::Chain, Some(seq)));
    }
}

/// TRA-38 TRA-43: an entry that is gone is named, and so is one that is there twice.
#[test]
fn the_entry_that_is_missing_or_doubled_is_named() {
    let file = Pair::talked(Mode::Signed, 24).low.file();
    for seq in [0, 5, 14] {
        let bad = changed(&file, seq, |_| alloc::string::String::new());
        let expected = if seq == 0 { (Cause::Proof, Some(15)) } else { (Cause::Proof, Some(seq)) };
        assert_eq!(refused(&bad), expected, "without {seq}");
        let bad = changed(&file, seq, |line| line.repeat(2));
        assert_eq!(refused(&bad), (Cause::Order, Some(seq)), "{seq} twice");
    }
    let bad = changed(&file, 15, |line| line.replacen("\"proof\":[],", "", 1));
    assert_eq!(refused(&bad), (Cause::Proof, Some(16)));
}

#[test]
fn every_byte_of_a_small_file_counts() {
    let file = Pair::talked(Mode::Signed, 4).low.file();
    for place in 0..file.len() {
        let mut bad = file.clone();
        bad[place] ^= 1 << (place % 8);
        assert!(verify(&bad).is_err(), "byte {place}");
    }
}
