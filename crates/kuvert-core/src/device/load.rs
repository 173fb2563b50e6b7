//! Loading: a device from its records, or a word on which record is in the way.

use alloc::collections::{BTreeMap, BTreeSet};

use kuvert_wire::{Decode, DecodeError, DeviceId, InitId, PrekeyId, Reader, SessionId, Timestamp};

use super::effect::{identity_key, published_key};
use super::peer::Peer;
use super::transcripts::Transcripts;
use super::waiting::{Waiting, WaitingName};
use super::{DatedOneTime, Device, Stored};
use crate::identity::IdentityKeyPair;
use crate::prekey::{MediumPrekeyPair, OneTimePrekeyPair};
use crate::ratchet::skipped::{Page, PageId};
use crate::record::{Key, Record, Version};
use crate::session::{Begun, Head, Session};
use crate::transcript::{Switch, Transcript};

/// Why a device cannot be loaded. Nothing is ever created in its place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// There are no records of a device.
    #[error("there is no device in this store")]
    Absent,
    /// A record is damaged, of another format, or in a place where it means nothing.
    #[error("record {key} cannot be read")]
    Unreadable {
        /// The record's name.
        key: Key,
    },
}

impl Device {
    /// Loads a device from all records under [`Device::COLLECTIONS`], in any order.
    ///
    /// # Errors
    ///
    /// [`LoadError::Absent`] when there is no device, [`LoadError::Unreadable`] for the first record
    /// that is not one of a device.
    pub fn load(records: impl IntoIterator<Item = Record>) -> Result<Self, LoadError> {
        let mut loading = Loading::default();
        for record in records {
            let unreadable = LoadError::Unreadable { key: record.key.clone() };
            loading.take(&record).map_err(|_| unreadable)?;
        }
        loading.finish()
    }
}

#[derive(Default)]
struct Loading {
    identity: Option<IdentityKeyPair>,
    published: Option<Stored<Option<PrekeyId>>>,
    mediums: BTreeMap<PrekeyId, Stored<MediumPrekeyPair>>,
    one_times: BTreeMap<PrekeyId, Stored<DatedOneTime>>,
    peers: BTreeMap<DeviceId, Stored<Peer>>,
    sessions: BTreeMap<SessionId, Stored<Session>>,
    pages: alloc::vec::Vec<(SessionId, Version, Page)>,
    replays: BTreeSet<(PrekeyId, InitId)>,
    waiting: BTreeMap<WaitingName, Stored<Waiting>>,
    switches: BTreeMap<DeviceId, Switch>,
    transcripts: alloc::vec::Vec<Record>,
}

impl Loading {
    fn take(&mut self, record: &Record) -> Result<(), DecodeError> {
        let mut reader = Reader::new(&record.value);
        let version = record.version;
        let mut path = record.key.as_str().split('/');
        let path = [path.next(), path.next(), path.next()].map(Option::unwrap_or_default);
        match path {
            ["device", "identity", _] => {
                self.identity = Some(decode_identity(&mut reader)?);
            }
            ["device", "published", _] => {
                let value = PrekeyId::new(reader.u32()?);
                self.published = Some(Stored { version, value });
            }
            ["prekey", "medium", _] => {
                let value = MediumPrekeyPair::decode_from(&mut reader)?;
                self.mediums.insert(value.id(), Stored { version, value });
            }
            ["prekey", "one-time", _] => {
                let created = Timestamp::decode_from(&mut reader)?;
                let pair = OneTimePrekeyPair::decode_from(&mut reader)?;
                let value = DatedOneTime { created, pair };
                self.one_times.insert(value.pair.id(), Stored { version, value });
            }
            ["peer", ..] => {
                let value = Peer::decode_from(&mut reader)?;
                self.peers.insert(value.device_id(), Stored { version, value });
            }
            ["session", ..] => {
                let value = Session::decode(reader.take(reader.remaining())?)?;
                self.sessions.insert(value.head.id, Stored { version, value });
            }
            ["skipped", session, page] => {
                let session = SessionId::from_bytes(unhex(session)?);
                let page = Page::decode(page.parse()?, &mut reader)?;
                self.pages.push((session, version, page));
            }
            ["replay", medium, init] => {
                let medium = PrekeyId::new(u32::from_be_bytes(unhex(medium)?));
                let medium = medium.ok_or(DecodeError::Invalid { what: "prekey id" })?;
                self.replays.insert((medium, InitId::from_bytes(unhex(init)?)));
                reader.take(1)?;
            }
            ["switch", ..] => {
                let value = Switch::load(record).map_err(|_| INVALID)?;
                self.switches.insert(*value.peer(), value);
                reader.take(reader.remaining())?;
            }
            ["transcript", ..] => {
                self.transcripts.push(record.clone());
                reader.take(reader.remaining())?;
            }
            ["waiting", ..] => {
                let value = Waiting::decode(&mut reader)?;
                self.waiting.insert(value.name, Stored { version, value });
            }
            _ => return Err(DecodeError::Unknown { what: "record" }),
        }
        reader.finish()
    }

    fn finish(mut self) -> Result<Device, LoadError> {
        let is_empty = self.sessions.is_empty() && self.peers.is_empty();
        let identity = self.identity.take().ok_or(if is_empty {
            LoadError::Absent
        } else {
            LoadError::Unreadable { key: identity_key() }
        })?;
        let published = self.published.take();
        let published = published.ok_or(LoadError::Unreadable { key: published_key() })?;
        let transcripts = self.transcripts().map_err(|key| LoadError::Unreadable { key })?;
        let pages = self.place_pages();
        Ok(Device {
            by_init: self.by_init(),
            identity,
            published,
            mediums: self.mediums,
            one_times: self.one_times,
            peers: self.peers,
            sessions: self.sessions,
            pages,
            replays: self.replays,
            waiting: self.waiting,
            transcripts,
        })
    }

    fn transcripts(&mut self) -> Result<Transcripts, Key> {
        let logs = Transcript::load(self.transcripts.drain(..))?;
        let logs = logs.into_iter().map(|log| (*log.id(), log)).collect();
        Ok(Transcripts { switches: core::mem::take(&mut self.switches), logs })
    }

    /// Gives the sessions their skipped keys. A page whose session has ended belongs to nobody.
    fn place_pages(&mut self) -> BTreeMap<(SessionId, PageId), Version> {
        let mut versions = BTreeMap::new();
        for (id, version, page) in self.pages.drain(..) {
            let Some(session) = self.sessions.get_mut(&id) else { continue };
            versions.insert((id, page.id()), version);
            session.value.ratchet.skipped.insert(page);
        }
        versions
    }

    fn by_init(&self) -> BTreeMap<InitId, SessionId> {
        let heads = self.sessions.values().map(|session| &session.value.head);
        let begun = |head: &Head| match head.begun {
            Begun::ByPeer { init, .. } => Some((init, head.id)),
            Begun::ByUs { .. } => None,
        };
        heads.filter_map(begun).collect()
    }
}

#[cfg(any(test, feature = "hazmat"))]
impl Device {
    /// Encodes the device and reads it back in place, as when its process starts anew, and gives the
    /// records that it then makes, sorted by key: what a store must hold. Identity and one-time
    /// prekeys, which no message changes, are left as they are.
    ///
    /// # Errors
    ///
    /// [`LoadError::Unreadable`] for a record of its own that it cannot read; the device is then of no
    /// more use.
    pub fn renew(&mut self) -> Result<alloc::vec::Vec<Record>, LoadError> {
        let mut loading = Loading::default();
        for record in self.changing_records() {
            let unreadable = LoadError::Unreadable { key: record.key.clone() };
            loading.take(&record).map_err(|_| unreadable)?;
        }
        self.pages = loading.place_pages();
        self.by_init = loading.by_init();
        let published = loading.published.take();
        self.published = published.ok_or(LoadError::Unreadable { key: published_key() })?;
        let transcripts = loading.transcripts();
        self.transcripts = transcripts.map_err(|key| LoadError::Unreadable { key })?;
        (self.mediums, self.peers) = (loading.mediums, loading.peers);
        (self.sessions, self.replays) = (loading.sessions, loading.replays);
        self.waiting = loading.waiting;
        Ok(self.changing_records())
    }
}

const INVALID: DecodeError = DecodeError::Invalid { what: "switch of a transcript" };

fn decode_identity(reader: &mut Reader<'_>) -> Result<IdentityKeyPair, DecodeError> {
    match reader.u8()? {
        1 => IdentityKeyPair::decode_from(reader),
        format => Err(DecodeError::UnsupportedVersion { found: format.into() }),
    }
}

fn unhex<const N: usize>(text: &str) -> Result<[u8; N], DecodeError> {
    let invalid = DecodeError::Invalid { what: "record name" };
    if text.len() != 2 * N {
        return Err(invalid);
    }
    let mut out = [0; N];
    for (byte, digits) in out.iter_mut().zip(0..) {
        let digits = text.get(2 * digits..2 * digits + 2).ok_or(invalid)?;
        *byte = u8::from_str_radix(digits, 16).map_err(|_| invalid)?;
    }
    Ok(out)
}
