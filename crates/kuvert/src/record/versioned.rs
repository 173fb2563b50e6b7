//! Reading a record with its version, and the change that replaces exactly what was read.

use kuvert_core::{Change, Key, Record, Version};
use kuvert_store::Store;
use kuvert_wire::Reader;
use serde::Serialize;
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use crate::Error;

/// The only format so far of every record of this crate.
const FORMAT: u8 = 1;
/// Contexts are a few ids.
const MAX_CONTEXT: usize = 1024;

/// A record's content, where it stands, and the version that was read.
#[derive(Clone, Debug)]
pub(crate) struct Versioned<T> {
    pub(crate) key: Key,
    pub(crate) version: Version,
    pub(crate) value: T,
}

impl<T: Serialize + DeserializeOwned> Versioned<T> {
    /// Takes apart a record as the store gave it.
    pub(crate) fn from_record(record: Record) -> Result<Self, Error> {
        let value = unpack(&record.key, &record.value)?;
        Ok(Self { key: record.key, version: record.version, value })
    }

    /// The change that writes `self.value` over what was read.
    pub(crate) fn put(&self) -> Result<Change, Error> {
        let value = pack(&self.key, &self.value)?;
        Ok(Change::Put { key: self.key.clone(), expected: self.version, value })
    }
}

impl<T> Versioned<T> {
    /// A record that does not exist yet.
    pub(crate) const fn new(key: Key, value: T) -> Self {
        Self { key, version: Version::ABSENT, value }
    }

    /// The change that deletes what was read.
    pub(crate) fn delete(&self) -> Change {
        Change::Delete { key: self.key.clone(), expected: self.version }
    }
}

/// The record under `key`, if there is one.
pub(crate) fn read<T, S>(store: &S, key: &Key) -> Result<Option<Versioned<T>>, Error>
where
    T: Serialize + DeserializeOwned,
    S: Store,
{
    store.get(key)?.map(Versioned::from_record).transpose()
}

/// The record under `key`, or an empty one that is about to be its first version.
pub(crate) fn read_or_new<T, S>(store: &S, key: Key) -> Result<Versioned<T>, Error>
where
    T: Serialize + DeserializeOwned + Default,
    S: Store,
{
    Ok(read(store, &key)?.unwrap_or_else(|| Versioned::new(key, T::default())))
}

/// All records under a prefix that ends in `/`, in the order of their keys.
pub(crate) fn read_all<T, S>(store: &S, prefix: &str) -> Result<Vec<Versioned<T>>, Error>
where
    T: Serialize + DeserializeOwned,
    S: Store,
{
    store.scan(prefix)?.into_iter().map(Versioned::from_record).collect()
}

/// The change that writes the first version of a record.
pub(crate) fn insert<T: Serialize>(key: Key, value: &T) -> Result<Change, Error> {
    let value = pack(&key, value)?;
    Ok(Change::Put { key, expected: Version::ABSENT, value })
}

/// The context under which [`kuvert_core::Step::keep`] stores an output.
pub(crate) fn pack_context<T: Serialize>(key: &Key, context: &T) -> Result<Vec<u8>, Error> {
    pack(key, context).map(|bytes| bytes.to_vec())
}

/// Takes apart what [`kuvert_core::Step::keep`] has stored: context and encoded output.
pub(crate) fn unpack_kept<T: DeserializeOwned>(record: &Record) -> Result<(T, &[u8]), Error> {
    let mut reader = Reader::new(&record.value);
    let context = reader.len32("context", MAX_CONTEXT).and_then(|len| reader.take(len));
    let context = context.map_err(|_| damaged(&record.key))?;
    Ok((unpack(&record.key, context)?, reader.rest()))
}

fn pack<T: Serialize>(key: &Key, value: &T) -> Result<Zeroizing<Vec<u8>>, Error> {
    postcard::to_extend(value, vec![FORMAT]).map(Zeroizing::new).map_err(|_| damaged(key))
}

fn unpack<T: DeserializeOwned>(key: &Key, bytes: &[u8]) -> Result<T, Error> {
    match bytes.split_first() {
        Some((&FORMAT, rest)) => match postcard::take_from_bytes(rest) {
            Ok((value, [])) => Ok(value),
            _ => Err(damaged(key)),
        },
        _ => Err(damaged(key)),
    }
}

/// The error for a record that is not in its format.
pub(crate) fn damaged(key: &Key) -> Error {
    Error::Record { key: key.to_string() }
}
