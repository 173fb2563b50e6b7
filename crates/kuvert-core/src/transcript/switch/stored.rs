//! The record of a switch.

use alloc::vec::Vec;

use kuvert_wire::transcript::{Start, TranscriptNonce};
use kuvert_wire::{Decode, DecodeError, DeviceId, Encode, Reader, Timestamp};

use super::{OurStart, Owed, Switch, TheirStart};
use crate::record::{Change, Key, Record, Version};
use crate::secret::Secret;
use crate::transcript::waiting::{decode_option, encode_option};

const FORMAT: u8 = 1;

impl Switch {
    /// Its record as it would be written now; `None` if it was never written.
    #[cfg(any(test, feature = "hazmat"))]
    pub(crate) fn record(&self) -> Option<Record> {
        let value = zeroize::Zeroizing::new(self.encode_record());
        let record = Record { key: self.key(), version: self.version, value };
        (self.version != Version::ABSENT).then_some(record)
    }

    /// The change that deletes its record, if there is one.
    pub(crate) fn delete(&self) -> Option<Change> {
        let is_stored = self.version != Version::ABSENT;
        is_stored.then(|| Change::Delete { key: self.key(), expected: self.version })
    }

    pub(super) fn key(&self) -> Key {
        Key::new("switch", self.peer)
    }

    /// `format u8=1 | peer 16 | option (start 129 | option seed 32 | sent u64) | option (start 129 | sent u64) | said u64 |
    /// heard u64 | count u8 | ended nonces | count u8 | early | owed start u8 | count u8 | owed stops | repeated u64`
    pub(super) fn encode_record(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(1024);
        out.push(FORMAT);
        self.peer.encode_into(&mut out);
        encode_option(self.ours.as_ref(), &mut out);
        encode_option(self.theirs.as_ref(), &mut out);
        self.said.encode_into(&mut out);
        self.heard.encode_into(&mut out);
        encode_all(&self.done, &mut out);
        encode_all(&self.early, &mut out);
        out.push(u8::from(self.owed.start));
        encode_all(&self.owed.stops, &mut out);
        self.owed.repeated.encode_into(&mut out);
        out
    }

    /// Loads a switch from its record, which stands under `switch/`.
    ///
    /// # Errors
    ///
    /// The record's key if it is not one of a switch.
    pub fn load(record: &Record) -> Result<Self, Key> {
        let mut reader = Reader::new(&record.value);
        let switch = decode_record(&mut reader, record.version).ok();
        let is_whole = reader.remaining() == 0;
        switch.filter(|switch| is_whole && switch.key() == record.key).ok_or(record.key.clone())
    }
}

fn decode_record(reader: &mut Reader<'_>, version: Version) -> Result<Switch, DecodeError> {
    let format = reader.u8()?;
    if format != FORMAT {
        return Err(DecodeError::UnsupportedVersion { found: format.into() });
    }
    Ok(Switch {
        peer: DeviceId::decode_from(reader)?,
        ours: decode_option(reader)?,
        theirs: decode_option(reader)?,
        said: Timestamp::decode_from(reader)?,
        heard: Timestamp::decode_from(reader)?,
        done: decode_all(reader)?,
        early: decode_all(reader)?,
        owed: Owed {
            start: reader.flag("start that is owed")?,
            stops: decode_all::<TranscriptNonce>(reader)?,
            repeated: Timestamp::decode_from(reader)?,
        },
        version,
    })
}

/// All of these lists have limits far below 256.
fn encode_all<T: Encode>(all: &[T], out: &mut Vec<u8>) {
    out.push(u8::try_from(all.len()).unwrap_or(u8::MAX));
    all.iter().for_each(|one| one.encode_into(out));
}

fn decode_all<T: Decode>(reader: &mut Reader<'_>) -> Result<Vec<T>, DecodeError> {
    (0..reader.u8()?).map(|_| T::decode_from(reader)).collect()
}

impl Encode for OurStart {
    fn encode_into(&self, out: &mut Vec<u8>) {
        self.start.encode_into(out);
        out.push(u8::from(self.seed.is_some()));
        self.seed.iter().for_each(|seed| out.extend_from_slice(seed.expose()));
        self.sent.encode_into(out);
    }

    fn encoded_len(&self) -> usize {
        Start::LEN + 1 + self.seed.as_ref().map_or(0, |_| 32) + self.sent.encoded_len()
    }
}

impl Decode for OurStart {
    fn decode_from(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let start = Start::decode_from(reader)?;
        let has_seed = reader.flag("signing key")?;
        let seed = has_seed.then(|| reader.array_ref().map(Secret::copied_from)).transpose()?;
        Ok(Self { start, seed, sent: Timestamp::decode_from(reader)? })
    }
}

impl Encode for TheirStart {
    fn encode_into(&self, out: &mut Vec<u8>) {
        self.start.encode_into(out);
        self.sent.encode_into(out);
    }

    fn encoded_len(&self) -> usize {
        Start::LEN + self.sent.encoded_len()
    }
}

impl Decode for TheirStart {
    fn decode_from(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { start: Start::decode_from(reader)?, sent: Timestamp::decode_from(reader)? })
    }
}

#[cfg(test)]
mod tests {
    use kuvert_wire::Signature;
    use kuvert_wire::transcript::{Mode, TranscriptKey};

    use super::*;

    #[test]
    fn a_start_is_as_long_as_it_says_and_no_part_of_it_is_one() {
        let start = Start {
            mode: Mode::Signed,
            nonce: TranscriptNonce::from_bytes([1; 32]),
            key: TranscriptKey::from_bytes([2; 32]),
            signature: Signature::from_bytes([3; 64]),
        };
        let sent = Timestamp::from_millis(4);
        for seed in [None, Some(Secret::copied_from(&[5; 32]))] {
            let ours = OurStart { start, seed, sent };
            let bytes = ours.encode();
            assert_eq!(bytes.len(), ours.encoded_len());
            assert!((0..bytes.len()).all(|len| OurStart::decode(&bytes[..len]).is_err()));
            assert_eq!(OurStart::decode(&bytes), Ok(ours));
        }
        let theirs = TheirStart { start, sent };
        let bytes = theirs.encode();
        assert_eq!(bytes.len(), theirs.encoded_len());
        assert!((0..bytes.len()).all(|len| TheirStart::decode(&bytes[..len]).is_err()));
        assert_eq!(TheirStart::decode(&bytes), Ok(theirs));
    }
}
