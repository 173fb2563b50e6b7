//! Effects: each change to a device, once as records and once in memory, so that the two agree.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;

use kuvert_wire::{DeviceId, Encode, InitId, PrekeyId, SessionId};
use zeroize::Zeroizing;

use super::peer::Peer;
use super::waiting::{Waiting, WaitingName, waiting_key};
use super::{DatedOneTime, Device, Stored};
use crate::prekey::MediumPrekeyPair;
use crate::ratchet::skipped::{Page, PageId};
use crate::record::{Change, Key, Version};
use crate::session::{Begun, Head, Session, SessionStep, Status, stored};
use crate::transcript::{Advance, Switch, Turn};

/// One change to a device.
pub(super) enum Effect {
    BeginSession(Box<Session>),
    StepSession(Box<SessionStep>),
    /// Another session has taken its place.
    SetAside(SessionId),
    EndSession(SessionId),
    PutPeer(Box<Peer>),
    DropPeer(DeviceId),
    AddMedium(Box<MediumPrekeyPair>),
    /// The private key goes, and with it what was remembered against replay.
    DropMedium(PrekeyId),
    AddOneTime(Box<DatedOneTime>),
    DropOneTime(PrekeyId),
    RememberInit(PrekeyId, InitId),
    NotePublished(PrekeyId),
    /// An envelope that cannot be opened yet.
    Wait(Box<Waiting>),
    EndWait(WaitingName),
    /// A transcript has come further.
    Advance(Box<Advance>),
    /// It was switched on or off, or asked for.
    Turn(Box<Turn>),
}

impl Device {
    /// The records of a device that has just been made.
    pub(super) fn first_records(&self) -> Vec<Change> {
        vec![
            put(identity_key(), Version::ABSENT, self.identity_value()),
            put(published_key(), Version::ABSENT, published_value(None)),
        ]
    }

    pub(super) fn identity_value(&self) -> Zeroizing<Vec<u8>> {
        let mut identity = Zeroizing::new(vec![1]);
        self.identity.encode_into(&mut identity);
        identity
    }

    /// An effect as records.
    pub(super) fn changes_of(&self, effect: &Effect) -> Vec<Change> {
        match effect {
            Effect::BeginSession(session) => begin_changes(session),
            Effect::StepSession(step) => self.step_changes(step),
            Effect::SetAside(id) => self.set_aside_changes(id),
            Effect::EndSession(id) => self.end_changes(id),
            Effect::PutPeer(peer) => {
                let id = peer.device_id();
                let version = self.peers.get(&id).map_or(Version::ABSENT, |p| p.version);
                vec![put(peer_key(&id), version, Zeroizing::new(peer.encode()))]
            }
            Effect::DropPeer(id) => {
                let stored = self.peers.get(id);
                let peer = stored.map(|peer| delete(peer_key(id), peer.version));
                let switch = self.transcripts.switches.get(id).and_then(Switch::delete);
                peer.into_iter().chain(switch).collect()
            }
            Effect::AddMedium(pair) => {
                vec![put(medium_key(pair.id()), Version::ABSENT, medium_value(pair))]
            }
            Effect::DropMedium(id) => self.drop_medium_changes(*id),
            Effect::AddOneTime(one_time) => {
                let key = one_time_key(one_time.pair.id());
                vec![put(key, Version::ABSENT, one_time_value(one_time))]
            }
            Effect::DropOneTime(id) => self
                .one_times
                .get(id)
                .map(|stored| delete(one_time_key(*id), stored.version))
                .into_iter()
                .collect(),
            Effect::RememberInit(medium, init) => {
                vec![put(replay_key(*medium, init), Version::ABSENT, replay_value())]
            }
            Effect::NotePublished(id) => {
                vec![put(published_key(), self.published.version, published_value(Some(*id)))]
            }
            Effect::Wait(waiting) => {
                vec![put(waiting_key(&waiting.name), Version::ABSENT, waiting_value(waiting))]
            }
            Effect::Advance(advance) => advance.changes.clone(),
            Effect::Turn(turn) => vec![turn.change.clone()],
            Effect::EndWait(name) => {
                let stored = self.waiting.get(name);
                let delete = stored.map(|stored| delete(waiting_key(name), stored.version));
                delete.into_iter().collect()
            }
        }
    }

    /// An effect in memory, once its records are durable.
    pub(super) fn adopt(&mut self, effect: Effect) {
        match effect {
            Effect::BeginSession(session) => {
                self.try_again(&session.head.peer);
                self.insert_session(*session);
            }
            Effect::StepSession(step) => {
                self.try_again(&step.head.peer);
                self.adopt_step(*step);
            }
            Effect::SetAside(id) => {
                if let Some(stored) = self.sessions.get_mut(&id) {
                    stored.version = stored.version.next();
                    stored.value.head.status = Status::Inactive;
                }
            }
            Effect::EndSession(id) => self.remove_session(&id),
            Effect::PutPeer(peer) => {
                let id = peer.device_id();
                let version = self.peers.get(&id).map_or(Version::ABSENT, |p| p.version).next();
                self.peers.insert(id, Stored { version, value: *peer });
            }
            Effect::DropPeer(id) => {
                self.peers.remove(&id);
                self.transcripts.switches.remove(&id);
            }
            Effect::AddMedium(pair) => {
                self.mediums.insert(pair.id(), first_version(*pair));
            }
            Effect::DropMedium(id) => {
                self.mediums.remove(&id);
                self.replays.retain(|(medium, _)| *medium != id);
            }
            Effect::AddOneTime(one_time) => {
                self.one_times.insert(one_time.pair.id(), first_version(*one_time));
            }
            Effect::DropOneTime(id) => drop(self.one_times.remove(&id)),
            Effect::RememberInit(medium, init) => drop(self.replays.insert((medium, init))),
            Effect::NotePublished(id) => {
                self.published = Stored { version: self.published.version.next(), value: Some(id) };
            }
            Effect::Wait(waiting) => {
                self.waiting.insert(waiting.name, first_version(*waiting));
            }
            Effect::EndWait(name) => drop(self.waiting.remove(&name)),
            Effect::Advance(advance) => self.transcripts.adopt_advance(*advance),
            Effect::Turn(turn) => self.transcripts.adopt_turn(*turn),
        }
    }

    /// A session with this peer has changed: what waits may open now.
    fn try_again(&mut self, peer: &DeviceId) {
        let theirs = self.waiting.values_mut().filter(|stored| stored.value.peer == *peer);
        theirs.for_each(|stored| stored.value.is_tried = stored.value.is_hopeless);
    }

    /// Puts a session, new or loaded, in its place with version 1; pages are counted with it.
    fn insert_session(&mut self, session: Session) {
        let id = session.head.id;
        if let Begun::ByPeer { init, .. } = &session.head.begun {
            self.by_init.insert(*init, id);
        }
        for page in session.ratchet.skipped.page_ids() {
            self.pages.insert((id, page), Version::ABSENT.next());
        }
        self.sessions.insert(id, first_version(session));
    }

    fn remove_session(&mut self, id: &SessionId) {
        self.sessions.remove(id);
        self.pages.retain(|(session, _), _| session != id);
        self.by_init.retain(|_, session| session != id);
    }

    fn adopt_step(&mut self, step: SessionStep) {
        let id = step.head.id;
        for (page, content) in &step.pages {
            match content {
                Some(_) => {
                    let version = self.pages.entry((id, *page)).or_default();
                    *version = version.next();
                }
                None => drop(self.pages.remove(&(id, *page))),
            }
        }
        if let Some(stored) = self.sessions.get_mut(&id) {
            stored.version = stored.version.next();
            stored.value.adopt(step);
        }
    }

    fn step_changes(&self, step: &SessionStep) -> Vec<Change> {
        let id = step.head.id;
        let version = self.sessions.get(&id).map_or(Version::ABSENT, |s| s.version);
        let record = put(session_key(&id), version, session_value(&step.head, &step.state));
        let pages = step.pages.iter().filter_map(|(page, content)| {
            let version = self.pages.get(&(id, *page)).copied().unwrap_or_default();
            page_change(&id, *page, version, content.as_ref())
        });
        core::iter::once(record).chain(pages).collect()
    }

    fn set_aside_changes(&self, id: &SessionId) -> Vec<Change> {
        let Some(stored) = self.sessions.get(id) else {
            return Vec::new();
        };
        let head = Head { status: Status::Inactive, ..stored.value.head.clone() };
        let value = session_value(&head, &stored.value.ratchet.state);
        vec![put(session_key(id), stored.version, value)]
    }

    fn end_changes(&self, id: &SessionId) -> Vec<Change> {
        let Some(stored) = self.sessions.get(id) else {
            return Vec::new();
        };
        let first = PageId { chain: 0, base: 0 };
        let last = PageId { chain: u32::MAX, base: u32::MAX };
        let pages = self.pages.range((*id, first)..=(*id, last));
        let pages = pages.map(|((_, page), version)| delete(page_key(id, *page), *version));
        core::iter::once(delete(session_key(id), stored.version)).chain(pages).collect()
    }

    fn drop_medium_changes(&self, id: PrekeyId) -> Vec<Change> {
        let Some(stored) = self.mediums.get(&id) else {
            return Vec::new();
        };
        let replays = self.replays.iter().filter(|(medium, _)| *medium == id);
        let replays =
            replays.map(|(medium, init)| delete(replay_key(*medium, init), Version::ABSENT.next()));
        core::iter::once(delete(medium_key(id), stored.version)).chain(replays).collect()
    }
}

fn begin_changes(session: &Session) -> Vec<Change> {
    let id = session.head.id;
    let value = session_value(&session.head, &session.ratchet.state);
    let pages =
        session.ratchet.skipped.pages().map(|page| {
            put(page_key(&id, page.id()), Version::ABSENT, Zeroizing::new(page.encode()))
        });
    core::iter::once(put(session_key(&id), Version::ABSENT, value)).chain(pages).collect()
}

fn page_change(
    session: &SessionId,
    page: PageId,
    version: Version,
    content: Option<&Arc<Page>>,
) -> Option<Change> {
    let key = page_key(session, page);
    match content {
        Some(content) => Some(put(key, version, Zeroizing::new(content.encode()))),
        // A page that came and went within one step was never stored.
        None => (version != Version::ABSENT).then(|| delete(key, version)),
    }
}

pub(super) fn session_value(
    head: &Head,
    state: &crate::ratchet::state::State,
) -> Zeroizing<Vec<u8>> {
    // Exactly as long as it gets: growing would leave keys behind, and all of it is wiped in the end.
    let len = stored::encoded_len(head, state);
    let mut value = Zeroizing::new(Vec::with_capacity(len));
    stored::encode(head, state, &mut value);
    debug_assert_eq!(value.len(), len);
    value
}

pub(super) fn medium_value(pair: &MediumPrekeyPair) -> Zeroizing<Vec<u8>> {
    let mut value = Zeroizing::new(Vec::with_capacity(MediumPrekeyPair::LEN));
    pair.encode_into(&mut value);
    value
}

pub(super) fn one_time_value(one_time: &DatedOneTime) -> Zeroizing<Vec<u8>> {
    let mut value = Zeroizing::new(Vec::with_capacity(2048));
    one_time.created.encode_into(&mut value);
    one_time.pair.encode_into(&mut value);
    value
}

pub(super) fn waiting_value(waiting: &Waiting) -> Zeroizing<Vec<u8>> {
    let mut value = Zeroizing::new(Vec::with_capacity(64 + waiting.envelope.len()));
    waiting.encode_into(&mut value);
    value
}

pub(super) fn replay_value() -> Zeroizing<Vec<u8>> {
    Zeroizing::new(vec![1])
}

pub(super) fn published_value(id: Option<PrekeyId>) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(id.map_or(0, PrekeyId::number).to_be_bytes().to_vec())
}

const fn put(key: Key, expected: Version, value: Zeroizing<Vec<u8>>) -> Change {
    Change::Put { key, expected, value }
}

const fn delete(key: Key, expected: Version) -> Change {
    Change::Delete { key, expected }
}

const fn first_version<T>(value: T) -> Stored<T> {
    Stored { version: Version::from_number(1), value }
}

pub(super) fn identity_key() -> Key {
    Key::new("device", "identity")
}

pub(super) fn published_key() -> Key {
    Key::new("device", "published")
}

pub(super) fn session_key(id: &SessionId) -> Key {
    Key::new("session", id)
}

pub(super) fn page_key(session: &SessionId, page: PageId) -> Key {
    Key::new("skipped", format_args!("{session}/{page}"))
}

pub(super) fn peer_key(device: &DeviceId) -> Key {
    Key::new("peer", device)
}

pub(super) fn medium_key(id: PrekeyId) -> Key {
    Key::new("prekey/medium", id)
}

pub(super) fn one_time_key(id: PrekeyId) -> Key {
    Key::new("prekey/one-time", id)
}

pub(super) fn replay_key(medium: PrekeyId, init: &InitId) -> Key {
    Key::new("replay", format_args!("{medium}/{init}"))
}
