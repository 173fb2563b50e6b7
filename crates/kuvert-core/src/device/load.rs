//! Loading: a device from its records, or a word on which record is in the way.

use alloc::collections::{BTreeMap, BTreeSet};

use kuvert_wire::{Decode, DecodeError, DeviceId, InitId, PrekeyId, Reader, SessionId, Timestamp};

use super::effect::{identity_key, published_key};
use super::peer::Peer;
use super::waiting::{Waiting, WaitingName};
use super::{DatedOneTime, Device, Stored};
use crate::identity::IdentityKeyPair;
use crate::prekey::{MediumPrekeyPair, OneTimePrekeyPair};
use crate::ratchet::skipped::Page;
use crate::record::{Key, Record, Version};
use crate::session::{Begun, Session};

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
            ["waiting", ..] => {
                let value = Waiting::decode(&mut reader)?;
                self.waiting.insert(value.name, Stored { version, value });
            }
            _ => return Err(DecodeError::Unknown { what: "record" }),
        }
        reader.finish()
    }

    fn finish(mut self) -> Result<Device, LoadError> {
        let mut pages = BTreeMap::new();
        for (id, version, page) in self.pages {
            let Some(session) = self.sessions.get_mut(&id) else {
                continue;
            };
            pages.insert((id, page.id()), version);
            session.value.ratchet.skipped.insert(page);
        }
        let by_init = self.sessions.values().filter_map(|session| {
            let Begun::ByPeer { init, .. } = session.value.head.begun else {
                return None;
            };
            Some((init, session.value.head.id))
        });
        let is_empty = self.sessions.is_empty() && self.peers.is_empty();
        let identity = self.identity.ok_or(if is_empty {
            LoadError::Absent
        } else {
            LoadError::Unreadable { key: identity_key() }
        })?;
        Ok(Device {
            by_init: by_init.collect(),
            identity,
            published: self.published.ok_or(LoadError::Unreadable { key: published_key() })?,
            mediums: self.mediums,
            one_times: self.one_times,
            peers: self.peers,
            sessions: self.sessions,
            pages,
            replays: self.replays,
            waiting: self.waiting,
        })
    }
}

fn decode_identity(reader: &mut Reader<'_>) -> Result<IdentityKeyPair, DecodeError> {
    match reader.u8()? {
        1 => IdentityKeyPair::decode_from(reader),
        format => Err(DecodeError::UnsupportedVersion { found: format.into() }),
    }
}

fn unhex<const N: usize>(text: &str) -> Result<[u8; N], DecodeError> {
    let invalid = DecodeError::Invalid { what: "record name" };
    if text.len() != 2 * N || !text.is_ascii() {
        return Err(invalid);
    }
    let mut out = [0; N];
    for (byte, digits) in out.iter_mut().zip(0..) {
        let digits = text.get(2 * digits..2 * digits + 2).ok_or(invalid)?;
        *byte = u8::from_str_radix(digits, 16).map_err(|_| invalid)?;
    }
    Ok(out)
}
