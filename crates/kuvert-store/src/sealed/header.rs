//! The header: how the keys come out of a passphrase.
//!
//! ```text
//! header (146) = format u8=1 | kind u8 | memory_kib u32 | passes u32 | lanes u32 | salt 16 | sealed 112 | crc u32
//! kind 1: wrap = Argon2id(passphrase, salt)      kind 2: wrap = the app's key, the three costs 0
//! sealed       = RecordKey(wrap).seal(salt, ad = "header" || the 30 bytes before it, master 32 || ledger 32)
//! ```
//! The keys are random and only wrapped, so another passphrase would cost one row. The commitment at
//! the front of `sealed` is the key check: if it does not fit though the checksum does, the passphrase
//! is wrong. The checksum guards against accidents. People can make a new one, and then have a store
//! that opens with no passphrase.
//!
//! # Spec
//!
//! `spec/09-storage.md`, "The header".

use kuvert_core::at_rest::{OVERHEAD, RecordKey, SALT_LEN};
use kuvert_core::secret::Secret;
use kuvert_wire::{DecodeError, Reader};
use zeroize::Zeroizing;

use super::HEADER;
use super::keys::{Keys, Salts, random_secret};
use super::unlock::{Cost, Unlock, stretch};
use crate::error::{Part, StoreError};

const FORMAT: u8 = 1;
const SEALED_LEN: usize = 64 + OVERHEAD;

/// How the keys come out of a passphrase or a key.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Header {
    wrap: Wrap,
    salt: [u8; SALT_LEN],
    sealed: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wrap {
    Passphrase(Cost),
    Key,
}

impl Header {
    /// New random keys, wrapped.
    pub(super) fn generate(unlock: Unlock<'_>) -> Result<(Self, Keys), StoreError> {
        let (master, ledger) = (random_secret()?, random_secret()?);
        let header = Self::wrap(unlock, Salts::fresh(1)?.take()?, &master, &ledger)?;
        Ok((header, Keys::new(&master, &ledger)))
    }

    pub(super) fn wrap(
        unlock: Unlock<'_>,
        salt: [u8; SALT_LEN],
        master: &Secret<32>,
        ledger: &Secret<32>,
    ) -> Result<Self, StoreError> {
        let wrap = match unlock {
            Unlock::Passphrase(_) => Wrap::Passphrase(Cost::NEW),
            Unlock::Key(_) => Wrap::Key,
        };
        let mut header = Self { wrap, salt, sealed: Vec::new() };
        let secrets = Zeroizing::new([*master.expose(), *ledger.expose()]);
        let wrapping = header.wrapping_key(unlock)?;
        header.sealed = wrapping.seal(&salt, &header.ad(), secrets.as_flattened());
        Ok(header)
    }

    /// The keys, if `unlock` is right.
    pub(super) fn open(&self, unlock: Unlock<'_>) -> Result<Keys, StoreError> {
        let secrets = self.wrapping_key(unlock)?.open(&self.salt, &self.ad(), &self.sealed);
        let secrets = secrets.map_err(|_| StoreError::WrongPassphrase)?; // STO-7
        let mut secrets = Reader::new(&secrets);
        let mut next = || secrets.array_ref().map(Secret::copied_from).map_err(|_| unreadable());
        Ok(Keys::new(&next()?, &next()?))
    }

    fn wrapping_key(&self, unlock: Unlock<'_>) -> Result<RecordKey, StoreError> {
        match (self.wrap, unlock) {
            (Wrap::Passphrase(cost), Unlock::Passphrase(passphrase)) => {
                Ok(RecordKey::for_store(&stretch(passphrase, &self.salt, cost)?))
            }
            (Wrap::Key, Unlock::Key(key)) => Ok(RecordKey::for_store(key)),
            _ => Err(StoreError::WrongPassphrase), // STO-7
        }
    }

    fn ad(&self) -> Vec<u8> {
        [HEADER, &self.front()].concat()
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = self.front();
        bytes.extend_from_slice(&self.sealed);
        let crc = crc32(&bytes);
        bytes.extend_from_slice(&crc.to_be_bytes());
        bytes
    }

    fn front(&self) -> Vec<u8> {
        let (kind, costs) = match self.wrap {
            Wrap::Passphrase(cost) => (1, [cost.memory_kib, cost.passes, cost.lanes]),
            Wrap::Key => (2, [0; 3]),
        };
        let mut front = vec![FORMAT, kind];
        costs.iter().for_each(|cost| front.extend_from_slice(&cost.to_be_bytes()));
        front.extend_from_slice(&self.salt);
        front
    }

    /// Reads a header. The checksum comes first: in every format it is the last four bytes, so that
    /// damage is never taken for a later format.
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, StoreError> {
        let (body, crc) = bytes.split_last_chunk().ok_or_else(unreadable)?;
        if crc32(body) != u32::from_be_bytes(*crc) {
            return Err(unreadable()); // STO-4
        }
        match body.first() {
            Some(&FORMAT) => Self::decode_body(&body[1..]).map_err(|_| unreadable()), // STO-6
            found => {
                let found = found.copied().unwrap_or(0);
                Err(StoreError::UnsupportedVersion { found, known: FORMAT }) // STO-5
            }
        }
    }

    fn decode_body(body: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(body);
        let kind = reader.u8()?;
        let (memory_kib, passes, lanes) = (reader.u32()?, reader.u32()?, reader.u32()?);
        let cost = Cost { memory_kib, passes, lanes };
        let wrap = match kind {
            1 if cost.is_bounded() => Wrap::Passphrase(cost),
            2 if cost == Cost::NONE => Wrap::Key,
            _ => {
                return Err(DecodeError::Invalid { what: "kind or cost" });
            }
        };
        let salt = reader.array()?;
        let sealed = reader.take(SEALED_LEN)?.to_vec();
        reader.finish()?;
        Ok(Self { wrap, salt, sealed })
    }
}

const fn unreadable() -> StoreError {
    StoreError::unreadable(Part::Header)
}

/// CRC-32 of IEEE 802.3: finds every flipped byte.
fn crc32(bytes: &[u8]) -> u32 {
    const POLYNOMIAL: u32 = 0xEDB8_8320;
    let shift = |crc: u32, _| (crc >> 1) ^ if crc & 1 == 1 { POLYNOMIAL } else { 0 };
    !bytes.iter().fold(!0, |crc, &byte| (0..8).fold(crc ^ u32::from(byte), shift))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn app_key() -> Secret<32> {
        Secret::copied_from(&[9; 32])
    }

    fn header() -> Header {
        Header::generate(Unlock::Key(&app_key())).unwrap().0
    }

    /// `bytes` with a fresh checksum at the end.
    fn with_crc(bytes: &[u8]) -> Vec<u8> {
        [bytes, &crc32(bytes).to_be_bytes()].concat()
    }

    fn is_unreadable(bytes: &[u8]) -> bool {
        matches!(Header::decode(bytes), Err(StoreError::Unreadable { what: Part::Header }))
    }

    #[test]
    fn the_checksum_is_crc_32() {
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
    }

    #[test]
    fn a_header_is_146_bytes_and_reads_back() {
        let header = header();
        assert_eq!(header.encode().len(), 146);
        assert_eq!(Header::decode(&header.encode()).unwrap(), header);
    }

    /// STO-5
    #[test]
    fn a_later_format_is_not_damage() {
        let mut body = header().encode()[..142].to_vec();
        body[0] = 2;
        let found = Header::decode(&with_crc(&body));
        assert!(matches!(found, Err(StoreError::UnsupportedVersion { found: 2, known: 1 })));
    }

    /// STO-4
    #[test]
    fn a_flipped_byte_or_a_missing_one_is_damage() {
        let good = header().encode();
        for place in 0..good.len() {
            for bit in 0..8 {
                let mut bad = good.clone();
                bad[place] ^= 1 << bit;
                assert!(is_unreadable(&bad), "byte {place}, bit {bit}");
            }
            assert!(is_unreadable(&good[..place]), "{place} bytes");
        }
    }

    /// STO-6
    #[test]
    fn fields_outside_their_bounds_are_refused_before_they_cost_anything() {
        let passphrase = Header { wrap: Wrap::Passphrase(Cost::NEW), ..header() }.encode();
        let with = |place: usize, value: u32| {
            let mut body = passphrase[..142].to_vec();
            body[place..place + 4].copy_from_slice(&value.to_be_bytes());
            with_crc(&body)
        };
        assert!(!is_unreadable(&with(2, 47_104)));
        for (place, value) in [(2, 7), (2, (1 << 20) + 1), (2, u32::MAX), (6, 0), (6, 17)] {
            assert!(is_unreadable(&with(place, value)), "{value} at {place}");
        }
        for lanes in [0, 17, u32::MAX] {
            assert!(is_unreadable(&with(10, lanes)), "{lanes} lanes");
        }
        for kind in [0, 2, 3] {
            let mut body = passphrase[..142].to_vec();
            body[1] = kind;
            assert!(is_unreadable(&with_crc(&body)), "kind {kind}");
        }
        assert!(is_unreadable(&with_crc(&[&passphrase[..142], &[0]].concat())));
    }

    /// STO-7
    #[test]
    fn a_wrong_key_is_told_from_damage() {
        let header = header();
        let other = Secret::copied_from(&[8; 32]);
        assert!(header.open(Unlock::Key(&app_key())).is_ok());
        for wrong in [Unlock::Key(&other), Unlock::Passphrase("tea at four")] {
            assert!(matches!(header.open(wrong), Err(StoreError::WrongPassphrase)));
        }
    }
}
