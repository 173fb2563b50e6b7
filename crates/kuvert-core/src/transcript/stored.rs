//! The records of a transcript that are held in memory: all but its entries.
//!
//! ```text
//! transcript/<conv>/fixed      = format u8=1 | our side u8 | their_start u64 | 2 × (cert 177 | start 129) | option seed 32
//! transcript/<conv>/own        = format | log | option head 152 | option uncovered u64 | redactions u32 | ended u8
//! transcript/<conv>/peer       = format | log | seen u64 | option head | option held head | option uncovered u64 | asked u64 | redactions u32
//! transcript/<conv>/waiting-…  = format | an entry that waits for those before it
//! transcript/<conv>/bare-…     = format | leaf 169, that came without its message
//! transcript/<conv>/finding-…  = format | at u64 | finding
//! option x                     = 0 | 1 · x
//! ```
//!
//! # Spec
//!
//! `spec/06-transcript.md`, "Records".

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use kuvert_wire::transcript::{Leaf, SealedHead, Start};
use kuvert_wire::{Decode, DecodeError, DeviceCert, Encode, Reader, Timestamp};
use zeroize::Zeroizing;

use super::conversation::{Conversation, Party, Side, SpeakerKey};
use super::finding::Finding;
use super::log::Log;
use super::running::{Fixed, Name, Own, Peer, Transcript};
use super::waiting::{Arrived, decode_option, encode_option};
use crate::crypto::sign::SigningSecret;
use crate::identity::VerifiedCert;
use crate::record::{Key, Record, Version};
use crate::secret::Secret;

const FORMAT: u8 = 1;
/// What all records stand under, beside their entries under `entry/`.
const COLLECTION: &str = "transcript";

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed => f.write_str("fixed"),
            Self::Own => f.write_str("own"),
            Self::Peer => f.write_str("peer"),
            Self::Waiting(seq) => write!(f, "waiting-{seq:016x}"),
            Self::Bare(seq) => write!(f, "bare-{seq:016x}"),
            Self::Finding(number) => write!(f, "finding-{number:08x}"),
        }
    }
}

impl Name {
    fn parse(text: &str) -> Option<Self> {
        let number = |digits| u64::from_str_radix(digits, 16).ok();
        match text.split_once('-') {
            None if text == "fixed" => Some(Self::Fixed),
            None if text == "own" => Some(Self::Own),
            None if text == "peer" => Some(Self::Peer),
            Some(("waiting", digits)) => number(digits).map(Self::Waiting),
            Some(("bare", digits)) => number(digits).map(Self::Bare),
            Some(("finding", digits)) => {
                number(digits).and_then(|number| number.try_into().ok()).map(Self::Finding)
            }
            _ => None,
        }
    }
}

impl Transcript {
    pub(super) fn key_of(&self, name: Name) -> Key {
        Key::new(COLLECTION, format_args!("{}/{name}", self.id()))
    }

    /// All its records as they would be written now, entries aside.
    #[cfg(any(test, feature = "hazmat"))]
    pub(crate) fn records(&self) -> Vec<Record> {
        let record = |(name, version): (&Name, &Version)| {
            let value = self.encode_record(*name)?;
            Some(Record { key: self.key_of(*name), version: *version, value })
        };
        self.versions.iter().filter_map(record).collect()
    }

    /// A record's value; `None` if there is no such thing any more.
    pub(super) fn encode_record(&self, name: Name) -> Option<Zeroizing<Vec<u8>>> {
        let mut out = Zeroizing::new(Vec::with_capacity(1024));
        out.push(FORMAT);
        match name {
            Name::Fixed => encode_fixed(&self.fixed, &mut out),
            Name::Own => encode_own(&self.own, &mut out),
            Name::Peer => encode_peer(&self.peer, &mut out),
            Name::Waiting(seq) => self.waiting.get(&seq)?.encode_into(&mut out),
            Name::Bare(seq) => self.bare.get(&seq)?.encode_into(&mut out),
            Name::Finding(number) => {
                let (at, finding) = self.findings.get(&number)?;
                at.encode_into(&mut out);
                finding.encode_into(&mut out);
            }
        }
        Some(out)
    }

    /// Loads all transcripts from the records under `transcript/`, in any order.
    ///
    /// # Errors
    ///
    /// The key of the first record that is not one of a transcript.
    pub fn load(records: impl IntoIterator<Item = Record>) -> Result<Vec<Self>, Key> {
        let mut found: BTreeMap<[u8; 64], Vec<(Name, Record)>> = BTreeMap::new();
        for record in records {
            let Some((conversation, name)) = parse_key(&record.key) else {
                return Err(record.key);
            };
            found.entry(conversation).or_default().push((name, record));
        }
        found.into_values().map(load_one).collect()
    }
}

fn parse_key(key: &Key) -> Option<([u8; 64], Name)> {
    let rest = key.as_str().strip_prefix(COLLECTION)?.strip_prefix('/')?;
    let (conversation, name) = rest.split_once('/')?;
    Some((conversation.as_bytes().try_into().ok()?, Name::parse(name)?))
}

/// The fixed record comes first, then everything else that is of its conversation.
fn load_one(mut records: Vec<(Name, Record)>) -> Result<Transcript, Key> {
    records.sort_by_key(|(name, _)| *name);
    let unreadable = |record: &Record| record.key.clone();
    let mut records = records.iter();
    let Some((Name::Fixed, first)) = records.next() else {
        return Err(records
            .next()
            .map_or_else(|| Key::new(COLLECTION, "none"), |(_, r)| unreadable(r)));
    };
    let fixed = body(first).and_then(|mut reader| decode_fixed(&mut reader));
    let mut transcript = Transcript::empty(Arc::new(fixed.map_err(|_| unreadable(first))?));
    transcript.note_version(Name::Fixed, first).map_err(|_| unreadable(first))?;
    for (name, record) in records {
        transcript.take_record(*name, record).map_err(|_| unreadable(record))?;
    }
    Ok(transcript)
}

impl Transcript {
    fn note_version(&mut self, name: Name, record: &Record) -> Result<(), DecodeError> {
        self.versions.insert(name, record.version);
        let is_ours = self.key_of(name) == record.key && record.version != Version::ABSENT;
        if is_ours { Ok(()) } else { Err(INVALID) }
    }

    fn take_record(&mut self, name: Name, record: &Record) -> Result<(), DecodeError> {
        self.note_version(name, record)?;
        let mut reader = body(record)?;
        match name {
            Name::Fixed => return Err(INVALID),
            Name::Own => self.own = decode_own(&mut reader)?,
            Name::Peer => self.peer = decode_peer(&mut reader)?,
            Name::Waiting(seq) => {
                let arrived = Arrived::decode_from(&mut reader)?;
                self.waiting.insert(check(seq, arrived.seq)?, arrived);
            }
            Name::Bare(seq) => {
                let leaf = Leaf::decode_from(&mut reader)?;
                self.bare.insert(check(seq, leaf.seq)?, leaf);
            }
            Name::Finding(number) => {
                let at = Timestamp::decode_from(&mut reader)?;
                self.findings.insert(number, (at, Finding::decode_from(&mut reader)?));
            }
        }
        reader.finish()
    }
}

const INVALID: DecodeError = DecodeError::Invalid { what: "record of a transcript" };

fn check(named: u64, found: u64) -> Result<u64, DecodeError> {
    if named == found { Ok(found) } else { Err(INVALID) }
}

fn body(record: &Record) -> Result<Reader<'_>, DecodeError> {
    let mut reader = Reader::new(&record.value);
    match reader.u8()? {
        FORMAT => Ok(reader),
        found => Err(DecodeError::UnsupportedVersion { found: found.into() }),
    }
}

fn encode_fixed(fixed: &Fixed, out: &mut Vec<u8>) {
    out.push(if fixed.our == Side::Low { 0 } else { 1 });
    fixed.their_start.encode_into(out);
    for party in fixed.conversation.parties() {
        party.cert.cert().encode_into(out);
        party.start.encode_into(out);
    }
    out.push(u8::from(fixed.key.0.is_some()));
    fixed.key.0.iter().for_each(|key| out.extend_from_slice(key.seed().expose()));
}

fn decode_fixed(reader: &mut Reader<'_>) -> Result<Fixed, DecodeError> {
    let our = if reader.flag("side")? { Side::High } else { Side::Low };
    let their_start = Timestamp::decode_from(reader)?;
    let (low, high) = (decode_party(reader)?, decode_party(reader)?);
    let has_key = reader.flag("signing key")?;
    let key = has_key.then(|| reader.array_ref().map(Secret::copied_from)).transpose()?;
    reader.clone().finish()?;
    let conversation = Conversation::new(low, high).map_err(|_| INVALID)?;
    let key = SpeakerKey(key.map(|seed| SigningSecret::from_seed(&seed)));
    let start = our.of(conversation.parties()).start;
    let public = key.0.as_ref().map_or([0; 32], SigningSecret::public);
    let is_ours = start.key.as_bytes() == &public;
    if is_ours { Ok(Fixed { conversation, our, key, their_start }) } else { Err(INVALID) }
}

fn decode_party(reader: &mut Reader<'_>) -> Result<Party, DecodeError> {
    let cert = VerifiedCert::verify(DeviceCert::decode_from(reader)?).map_err(|_| INVALID)?;
    Ok(Party { cert, start: Start::decode_from(reader)? })
}

fn encode_own(own: &Own, out: &mut Vec<u8>) {
    own.log.encode_into(out);
    encode_option(own.head.as_ref(), out);
    encode_option(own.uncovered.as_ref(), out);
    out.extend_from_slice(&own.redactions.to_be_bytes());
    out.push(u8::from(own.ended));
}

fn decode_own(reader: &mut Reader<'_>) -> Result<Own, DecodeError> {
    Ok(Own {
        log: Log::decode_from(reader)?,
        head: decode_option(reader)?,
        uncovered: decode_option(reader)?,
        redactions: reader.u32()?,
        ended: reader.flag("ended")?,
    })
}

fn encode_peer(peer: &Peer, out: &mut Vec<u8>) {
    peer.log.encode_into(out);
    out.extend_from_slice(&peer.seen.to_be_bytes());
    encode_option::<SealedHead>(peer.head.as_ref(), out);
    encode_option::<SealedHead>(peer.held.as_ref(), out);
    encode_option(peer.uncovered.as_ref(), out);
    peer.asked.encode_into(out);
    out.extend_from_slice(&peer.redactions.to_be_bytes());
}

fn decode_peer(reader: &mut Reader<'_>) -> Result<Peer, DecodeError> {
    Ok(Peer {
        log: Log::decode_from(reader)?,
        seen: reader.u64()?,
        head: decode_option(reader)?,
        held: decode_option(reader)?,
        uncovered: decode_option(reader)?,
        asked: Timestamp::decode_from(reader)?,
        redactions: reader.u32()?,
    })
}
