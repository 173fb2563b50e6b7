//! Rows of a sealed store.
//!
//! ```text
//! input = any number of rows:   version u8 | name length u8 | value length u16 | name | value
//! ```

use kuvert_core::secret::Secret;
use kuvert_core::{Change, Changes, Key, Version};
use kuvert_store::rows::{Batch, Durability, Moment, Rows};
use kuvert_store::{MemoryRows, Sealed, Store, Unlock};
use kuvert_wire::{DecodeError, Reader};

/// Versions are reached by writing so often.
const MAX_VERSION: u8 = 8;

pub(super) fn run(input: &[u8]) {
    let mut rows = MemoryRows::new();
    let mut reader = Reader::new(input);
    while let Ok((version, name, value)) = row(&mut reader) {
        put(&mut rows, version, name, value);
    }
    let key = master();
    let Ok(mut store) = Sealed::open_over(rows.clone(), Unlock::Key(&key)) else { return };
    if let Ok(records) = store.snapshot(&[""]) {
        for record in records {
            let found = store.get(&record.key).expect("it was there a moment ago");
            assert!(found.as_ref() == Some(&record));
        }
    }
    let change = Change::Put {
        key: Key::new("fuzz", "new"),
        expected: Version::ABSENT,
        value: b"tea".to_vec().into(),
    };
    if store.apply(&Changes::of([change])).is_ok() {
        let again = Sealed::open_over(rows, Unlock::Key(&key)).expect("what it has written");
        let found = again.get(&Key::new("fuzz", "new")).expect("what it has written");
        assert_eq!(found.expect("it is there").value.as_slice(), b"tea");
    }
}

/// The key that all these stores are opened with.
fn master() -> Secret<32> {
    Secret::copied_from(&[7; 32])
}

fn row<'a>(reader: &mut Reader<'a>) -> Result<(u8, &'a [u8], &'a [u8]), DecodeError> {
    let (version, name) = (reader.u8()?, reader.u8()?);
    let value = reader.u16()?;
    Ok((version % MAX_VERSION, reader.take(name.into())?, reader.take(value.into())?))
}

fn put(rows: &mut MemoryRows, version: u8, name: &[u8], value: &[u8]) {
    let mut batch = rows.begin(Durability::Full).expect("memory can be written");
    for before in 0..=version {
        // A name that is there already keeps what it has.
        let _ = batch.put(name, before.into(), value);
    }
    batch.commit().expect("memory can be written");
}

/// A store with some records, as an input.
pub(super) fn seed(records: &[(&str, &[u8])]) -> Vec<u8> {
    let rows = MemoryRows::new();
    let mut store = Sealed::create_over(rows.clone(), Unlock::Key(&master())).expect("it is empty");
    for (key, value) in records {
        let key = Key::parse(key).expect("a name of a record");
        let value = value.to_vec().into();
        let put = Change::Put { key, expected: Version::ABSENT, value };
        store.apply(&Changes::of([put])).expect("memory can be written");
    }
    let mut bytes = Vec::new();
    for row in rows.moment().and_then(|moment| moment.scan(b"")).expect("memory can be read") {
        let version = u8::try_from(row.version).expect("a few batches");
        let name = u8::try_from(row.name.len()).expect("names are short");
        bytes.extend_from_slice(&[version - 1, name]);
        let value = u16::try_from(row.value.len()).expect("records are short");
        bytes.extend_from_slice(&value.to_be_bytes());
        bytes.extend_from_slice(&row.name);
        bytes.extend_from_slice(&row.value);
    }
    bytes
}
