//! The checks for sealed stores: what the rows give away, and what tampering with them achieves.

use std::fs;

use super::{Place, SealedPlace, apply, delete, key_of, keys, put, read, try_apply};
use crate::rows::{Batch, Durability, Moment, Row, Rows};
use crate::{Part, Sealed, Store, StoreError, Unlock};

const HEADER: &[u8] = b"header";
const LEDGER: &[u8] = b"ledger";

/// A value and a name that occur nowhere else are found in no encoding, neither in the rows nor in
/// any file, while the store is open and after it was closed.
pub fn nothing_written_is_found_in_rows_or_files(place: &impl SealedPlace) {
    let (value, name) = ("canary-7Q2x-in-a-value", "canary-K9w4-in-a-name");
    let mut store = place.open().expect("opens");
    for version in 0..3 {
        apply(&mut store, [put(&format!("log/{name}"), version, value.as_bytes())]);
    }
    apply(&mut store, [put(&format!("{name}/x"), 0, &value.repeat(1000).into_bytes())]);
    let while_open = files(place);
    drop(store);
    let rows = all(&place.rows()).into_iter().flat_map(|row| [row.name, row.value]);
    for bytes in rows.chain(while_open).chain(files(place)) {
        for canary in [value, name] {
            for needle in encodings(canary) {
                let found = bytes.windows(needle.len()).any(|window| window == needle);
                assert!(!found, "{canary} as {}", String::from_utf8_lossy(&needle));
            }
        }
    }
}

/// After a scrub, nothing of a value that was replaced or deleted is in any file, while the store is
/// open. Before it, some may be.
pub fn a_scrubbed_value_is_in_no_file(place: &impl SealedPlace) {
    let mut store = place.open().expect("opens");
    let before = all(&place.rows());
    apply(&mut store, [put("note/a", 0, &[1; 3_000]), put("note/b", 0, &[2; 3_000])]);
    let old: Vec<_> = all(&place.rows()).into_iter().filter(|row| !before.contains(row)).collect();
    apply(&mut store, [put("note/a", 1, b"redacted"), delete("note/b", 1)]);
    store.scrub().expect("scrubs");
    for bytes in files(place) {
        for part in old.iter().flat_map(|row| row.value.chunks_exact(64)) {
            assert!(!bytes.windows(64).any(|window| window == part), "a part of a value is left");
        }
    }
    assert_eq!(keys(&store, ""), ["note/a"]);
    apply(&mut store, [put("note/a", 2, b"goes on")]);
}

/// Two records with one value, and one record twice, have nothing in common.
pub fn equal_records_look_different(place: &impl SealedPlace) {
    let mut store = place.open().expect("opens");
    apply(&mut store, [put("note/a", 0, b"tea"), put("note/b", 0, b"tea")]);
    drop(store);
    let first = record_rows(&place.rows());
    apply(&mut place.open().expect("opens"), [put("note/a", 1, b"tea")]);
    let second = record_rows(&place.rows());
    let mut starts: Vec<_> = first.iter().chain(&second).map(|row| &row.value[..16]).collect();
    starts.sort_unstable();
    starts.dedup();
    assert_eq!(starts.len(), 3, "salts of two records, one of them written twice");
}

/// All small records are of one size.
pub fn sizes_come_in_classes(place: &impl SealedPlace) {
    let mut store = place.open().expect("opens");
    for len in [0, 1, 17, 100, 240] {
        apply(&mut store, [put(&format!("n/{len:03}"), 0, &vec![7; len])]);
    }
    apply(&mut store, [put("n/241", 0, &[7; 250])]);
    drop(store);
    let mut sizes: Vec<_> = record_rows(&place.rows()).iter().map(|row| row.value.len()).collect();
    sizes.sort_unstable();
    assert_eq!(sizes, [320, 320, 320, 320, 320, 336]);
}

/// STO-7: the answer to a wrong passphrase is its own, and nothing is changed by asking.
pub fn a_wrong_passphrase_is_not_damage(place: &impl SealedPlace) {
    apply(&mut place.open().expect("opens"), [put("note/a", 0, b"tea")]);
    let before = all(&place.rows());
    assert!(matches!(place.open_wrongly(), Err(StoreError::WrongPassphrase)));
    assert_eq!(all(&place.rows()), before);
    assert_eq!(read(&place.open().expect("opens"), "note/a"), Some((1, b"tea".to_vec())));
}

/// STO-10: a flip of any byte of a record's row is found, and other records are still read.
pub fn any_flipped_byte_makes_a_record_unreadable(place: &impl SealedPlace) {
    let row = put_row(place, "note/a", b"tea");
    put_row(place, "note/b", b"mate");
    let mut rows = place.rows();
    for at in 0..row.value.len() {
        let mut bad = row.clone();
        bad.value[at] ^= 1 << (at % 8);
        replace(&mut rows, &bad);
        let store = place.open().expect("opens");
        assert_unreadable(store.get(&key_of("note/a")), &Part::Record(key_of("note/a")));
        assert_unreadable(store.scan("note/"), &Part::Row(row.name.clone()));
        assert_eq!(read(&store, "note/b"), Some((1, b"mate".to_vec())), "byte {at}");
    }
    replace(&mut rows, &row);
    assert_eq!(read(&place.open().expect("opens"), "note/a"), Some((1, b"tea".to_vec())));
}

/// STO-10: likewise when bytes are missing or added.
pub fn a_record_cut_short_or_grown_is_unreadable(place: &impl SealedPlace) {
    let row = put_row(place, "note/a", b"tea");
    let cut = [0, 1, 15, 16, 47, 48, 63, 64, 319].map(|len| row.value[..len].to_vec());
    let grown = [row.value.iter().copied().chain([0]).collect(), row.value.repeat(2)];
    for value in cut.into_iter().chain(grown) {
        replace(&mut place.rows(), &Row { value, ..row.clone() });
        let answer = place.open().expect("opens").get(&key_of("note/a"));
        assert_unreadable(answer, &Part::Record(key_of("note/a")));
    }
}

/// STO-10: a record in another one's row is not that record.
pub fn swapped_records_are_unreadable(place: &impl SealedPlace) {
    let (a, b) = (put_row(place, "note/a", b"tea"), put_row(place, "note/b", b"mate"));
    replace(&mut place.rows(), &Row { value: b.value.clone(), ..a.clone() });
    replace(&mut place.rows(), &Row { value: a.value.clone(), ..b });
    let store = place.open().expect("opens");
    for key in ["note/a", "note/b"] {
        assert_unreadable(store.get(&key_of(key)), &Part::Record(key_of(key)));
    }
}

/// Nothing is created over a record that cannot be read.
pub fn an_unreadable_record_is_not_absent_and_not_replaced(place: &impl SealedPlace) {
    let mut bad = put_row(place, "note/a", b"tea");
    bad.value[20] ^= 1;
    replace(&mut place.rows(), &bad);
    let before = all(&place.rows());
    let mut store = place.open().expect("opens");
    let answer = try_apply(&mut store, [put("note/b", 0, b""), put("note/a", 0, b"anew")]);
    assert!(matches!(answer, Err(StoreError::Conflict { .. })), "{answer:?}");
    drop(store);
    assert_eq!(all(&place.rows()), before);
}

/// STO-9: an old copy of one row, version and all, is found when the store is opened.
pub fn a_row_put_back_to_an_older_version_is_found(place: &impl SealedPlace) {
    let old = put_row(place, "note/a", b"1");
    put_row(place, "note/b", b"1");
    apply(&mut place.open().expect("opens"), [put("note/a", 1, b"2")]);
    replace(&mut place.rows(), &old);
    assert_ledger_differs(place);
}

/// STO-9: a missing row is found, so that its record is not taken for absent.
pub fn a_removed_row_is_found(place: &impl SealedPlace) {
    let row = put_row(place, "note/a", b"1");
    put_row(place, "note/b", b"1");
    remove(&mut place.rows(), &row);
    assert_ledger_differs(place);
}

/// STO-9: a deleted row that comes back is found: a used one-time prekey would be such a row.
pub fn a_row_that_returns_is_found(place: &impl SealedPlace) {
    let old = put_row(place, "note/a", b"1");
    put_row(place, "note/b", b"1");
    apply(&mut place.open().expect("opens"), [delete("note/a", 1)]);
    replace(&mut place.rows(), &old);
    assert_ledger_differs(place);
}

/// STO-9: each byte of a row's name counts.
pub fn a_row_under_another_name_is_found(place: &impl SealedPlace) {
    let row = put_row(place, "note/a", b"1");
    let mut rows = place.rows();
    for at in 0..row.name.len() {
        let mut renamed = row.clone();
        renamed.name[at] ^= 1 << (at % 8);
        remove(&mut rows, &row);
        replace(&mut rows, &renamed);
        assert_ledger_differs(place);
        remove(&mut rows, &renamed);
        replace(&mut rows, &row);
    }
    place.open().expect("opens again");
}

/// STO-9: neither an old ledger with new rows nor a new one with old rows passes.
pub fn a_ledger_of_another_time_is_found(place: &impl SealedPlace) {
    apply(&mut place.open().expect("opens"), [put("note/a", 0, b"1")]);
    let old = all(&place.rows());
    apply(&mut place.open().expect("opens"), [put("note/a", 1, b"2")]);
    let new = all(&place.rows());
    let ledger = |rows: &[Row]| rows.iter().find(|row| row.name == LEDGER).cloned();
    for (records, ledger) in [(&old, ledger(&new)), (&new, ledger(&old))] {
        records.iter().for_each(|row| replace(&mut place.rows(), row));
        replace(&mut place.rows(), &ledger.expect("every store has a ledger"));
        assert_ledger_differs(place);
    }
    // All rows of one time fit each other: only an anchor elsewhere shows that they are old.
    old.iter().for_each(|row| replace(&mut place.rows(), row));
    assert_eq!(read(&place.open().expect("opens"), "note/a"), Some((1, b"1".to_vec())));
}

/// STO-4, STO-8: every byte of header and ledger counts, and so does their being there.
pub fn a_damaged_header_or_ledger_is_found(place: &impl SealedPlace) {
    apply(&mut place.open().expect("opens"), [put("note/a", 0, b"1")]);
    let mut rows = place.rows();
    for (name, part) in [(HEADER, Part::Header), (LEDGER, Part::Ledger)] {
        let row = find(&rows, name);
        for at in 0..row.value.len() {
            let mut bad = row.clone();
            bad.value[at] ^= 1 << (at % 8);
            replace(&mut rows, &bad);
            assert_unreadable(place.open(), &part);
        }
        remove(&mut rows, &row);
        assert_unreadable(place.open(), &part);
        replace(&mut rows, &row);
        place.open().expect("opens again");
    }
}

/// A store is made in empty rows only.
pub fn rows_that_are_there_are_never_made_anew(place: &impl SealedPlace) {
    apply(&mut place.open().expect("opens"), [put("note/a", 0, b"tea")]);
    let before = all(&place.rows());
    let answer = Sealed::create_over(place.rows(), Unlock::Passphrase("another"));
    assert_unreadable(answer, &Part::Header);
    assert_eq!(all(&place.rows()), before);
    assert_eq!(keys(&place.open().expect("opens"), ""), ["note/a"]);
}

fn assert_ledger_differs(place: &impl Place) {
    assert_unreadable(place.open(), &Part::Ledger);
}

fn assert_unreadable<T>(answer: Result<T, StoreError>, part: &Part) {
    match answer {
        Err(StoreError::Unreadable { what }) => assert_eq!(what, *part),
        Err(other) => panic!("{part:?} should be unreadable, not: {other}"),
        Ok(_) => panic!("{part:?} should be unreadable"),
    }
}

fn all(rows: &impl Rows) -> Vec<Row> {
    let mut all = rows.moment().and_then(|moment| moment.scan(b"")).expect("reads");
    all.sort_by(|a, b| a.name.cmp(&b.name));
    all
}

fn record_rows(rows: &impl Rows) -> Vec<Row> {
    let mut rows = all(rows);
    rows.retain(|row| row.name != HEADER && row.name != LEDGER);
    rows
}

fn find(rows: &impl Rows, name: &[u8]) -> Row {
    rows.moment().and_then(|moment| moment.get(name)).expect("reads").expect("is there")
}

/// Puts a new record and gives the row that has appeared.
fn put_row(place: &impl SealedPlace, key: &str, value: &[u8]) -> Row {
    let before = record_rows(&place.rows());
    apply(&mut place.open().expect("opens"), [put(key, 0, value)]);
    let mut rows = record_rows(&place.rows());
    rows.retain(|row| !before.contains(row));
    let [row] = <[Row; 1]>::try_from(rows).expect("one record, one row");
    row
}

/// Puts a row as it is, version and all, whatever is there now.
fn replace(rows: &mut impl Rows, row: &Row) {
    remove(rows, row);
    let mut batch = rows.begin(Durability::Relaxed).expect("begins");
    for version in 0..row.version {
        assert!(batch.put(&row.name, version, &row.value).expect("writes"));
    }
    batch.commit().expect("commits");
}

fn remove(rows: &mut impl Rows, row: &Row) {
    let now = rows.moment().and_then(|moment| moment.get(&row.name)).expect("reads");
    if let Some(now) = now {
        let mut batch = rows.begin(Durability::Relaxed).expect("begins");
        assert!(batch.delete(&now.name, now.version).expect("deletes"));
        batch.commit().expect("commits");
    }
}

fn files(place: &impl Place) -> Vec<Vec<u8>> {
    let Some(folder) = place.folder() else {
        return Vec::new();
    };
    let entries = fs::read_dir(folder).expect("lists").map(|entry| entry.expect("lists"));
    entries
        .flat_map(|entry| {
            let content = fs::read(entry.path()).expect("reads");
            [entry.file_name().into_encoded_bytes(), content]
        })
        .collect()
}

/// How a text can look in a file: UTF-8, UTF-16, hex, and base64 at its three alignments.
fn encodings(text: &str) -> Vec<Vec<u8>> {
    let utf8 = text.as_bytes();
    let hex: String = utf8.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut all = vec![
        utf8.to_vec(),
        text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
        hex.clone().into_bytes(),
        hex.to_uppercase().into_bytes(),
    ];
    for skipped in 0..3 {
        for last_two in [b"+/", b"-_"] {
            all.push(base64(&utf8[skipped..], last_two));
        }
    }
    all
}

/// The base64 of all whole groups of three bytes.
fn base64(bytes: &[u8], last_two: &[u8; 2]) -> Vec<u8> {
    let alphabet: Vec<u8> =
        (b'A'..=b'Z').chain(b'a'..=b'z').chain(b'0'..=b'9').chain(*last_two).collect();
    let digits = |group: &[u8]| {
        let bits = group.iter().fold(0, |bits, &byte| bits << 8 | usize::from(byte));
        [18, 12, 6, 0].map(|shift| alphabet[bits >> shift & 63])
    };
    bytes.chunks_exact(3).flat_map(digits).collect()
}
