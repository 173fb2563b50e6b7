//! A device: its identity, prekeys, peers and sessions, as one machine.
//!
//! Every operation borrows the device, and gives a [`Step`] that changes it once the step's records
//! are durable; dropping the step, or failing to store it, leaves the device as it was. Clock
//! and randomness come from outside.
//!
//! | verb | what comes out |
//! |---|---|
//! | [`Device::create`] | a new device |
//! | [`Device::prekeys`] | prekeys to publish |
//! | [`Device::initiate`] | a session with the owner of a verified bundle |
//! | [`Device::encrypt`] | an envelope for a peer |
//! | [`Device::receive`] | what came of an envelope |
//! | [`Device::decrypt`] | the same, strictly: what it says or an error |
//! | [`Device::reset`] | a new session in place of one that does not work |
//!
//! # Spec
//!
//! `spec/05-messages.md`, "Sessions"; `spec/05-messages.md`.

mod content;
mod decrypt;
mod effect;
mod encrypt;
mod first;
mod healing;
mod initiate;
mod load;
mod mailboxes;
mod outcome;
mod peer;
mod placement;
mod prekeys;
mod question;
mod receive;
#[cfg(any(test, feature = "hazmat"))]
mod records;
mod recovery;
mod retry;
#[cfg(test)]
mod tests;
mod tidy;
mod transcripts;
mod waiting;

use alloc::collections::{BTreeMap, BTreeSet};
use core::fmt;

use kuvert_wire::{
    AccountId, AccountKey, DeviceCert, DeviceId, InitId, PrekeyId, SessionId, Timestamp,
};
use rand_core::CryptoRng;

use crate::identity::{IdentityKeyPair, account_id};
use crate::prekey::{MediumPrekeyPair, OneTimePrekeyPair};
use crate::ratchet::skipped::PageId;
use crate::record::Version;
use crate::session::{Session, SessionFacts};
use crate::step::Step;
use effect::Effect;
use peer::Peer;
use transcripts::Transcripts;
use waiting::{Waiting, WaitingName};

pub use content::{Content, Outgoing, Received, SessionEnd};
pub use healing::Reset;
pub use load::LoadError;
pub use mailboxes::Mailbox;
pub use outcome::{Outcome, Outcomes};
pub use peer::PeerView;
pub use prekeys::PrekeyUpload;
pub use transcripts::TranscriptEvent;

/// One device of one account, with all its secrets in memory. It mirrors its records in the store.
pub struct Device {
    identity: IdentityKeyPair,
    /// The medium-term prekey that the relay is known to have.
    published: Stored<Option<PrekeyId>>,
    mediums: BTreeMap<PrekeyId, Stored<MediumPrekeyPair>>,
    one_times: BTreeMap<PrekeyId, Stored<DatedOneTime>>,
    peers: BTreeMap<DeviceId, Stored<Peer>>,
    sessions: BTreeMap<SessionId, Stored<Session>>,
    pages: BTreeMap<(SessionId, PageId), Version>,
    /// First flights without a one-time prekey, by the medium-term prekey they used.
    replays: BTreeSet<(PrekeyId, InitId)>,
    /// Which session a peer's first flight began.
    by_init: BTreeMap<InitId, SessionId>,
    /// Envelopes that cannot be opened yet.
    waiting: BTreeMap<WaitingName, Stored<Waiting>>,
    transcripts: Transcripts,
}

/// A value and the version of its record.
struct Stored<T> {
    version: Version,
    value: T,
}

/// A one-time prekey and when it was made.
struct DatedOneTime {
    created: Timestamp,
    pair: OneTimePrekeyPair,
}

impl Device {
    /// The prefixes under which the device's records are; [`Device::load`] wants all of them.
    pub const COLLECTIONS: &[&str] = &[
        "device/",
        "prekey/",
        "peer/",
        "session/",
        "skipped/",
        "replay/",
        "waiting/",
        "switch/",
        "transcript/",
    ];

    /// Makes an account and its first device.
    pub fn create<R: CryptoRng + ?Sized>(now: Timestamp, rng: &mut R) -> Step<'static, Self> {
        let device = Self {
            identity: IdentityKeyPair::generate(now, rng),
            published: Stored { version: Version::ABSENT.next(), value: None },
            mediums: BTreeMap::new(),
            one_times: BTreeMap::new(),
            peers: BTreeMap::new(),
            sessions: BTreeMap::new(),
            pages: BTreeMap::new(),
            replays: BTreeSet::new(),
            by_init: BTreeMap::new(),
            waiting: BTreeMap::new(),
            transcripts: Transcripts::default(),
        };
        Step::new(device.first_records(), device, || {})
    }

    /// The account's public key, which peers pin.
    #[must_use]
    pub const fn account_key(&self) -> &AccountKey {
        self.identity.cert().account_key()
    }

    /// The account's name.
    #[must_use]
    pub fn account_id(&self) -> AccountId {
        account_id(self.account_key())
    }

    /// The device's name.
    #[must_use]
    pub const fn device_id(&self) -> &DeviceId {
        self.identity.device_id()
    }

    /// The device's certificate.
    #[must_use]
    pub const fn cert(&self) -> &DeviceCert {
        self.identity.cert().cert()
    }

    /// All peers this device has a session with, or had.
    pub fn peers(&self) -> impl Iterator<Item = PeerView<'_>> {
        self.peers.values().map(|peer| self.view(&peer.value))
    }

    /// A peer by its device.
    #[must_use]
    pub fn peer(&self, device: &DeviceId) -> Option<PeerView<'_>> {
        self.peers.get(device).map(|peer| self.view(&peer.value))
    }

    /// A peer by its account. While accounts have one device, the one with the newest session.
    #[must_use]
    pub fn peer_of_account(&self, account: &AccountId) -> Option<PeerView<'_>> {
        self.peers()
            .filter(|peer| peer.account_id() == *account)
            .max_by_key(|peer| peer.active().map(|session| session.created))
    }

    /// Public facts about all sessions.
    pub fn sessions(&self) -> impl Iterator<Item = SessionFacts> {
        self.sessions.values().map(|session| session.value.facts())
    }

    /// How many one-time private keys are held.
    #[must_use]
    pub fn one_time_count(&self) -> usize {
        self.one_times.len()
    }

    fn view<'a>(&'a self, peer: &'a Peer) -> PeerView<'a> {
        let facts = |id: &SessionId| self.sessions.get(id).map(|s| s.value.facts());
        PeerView { peer, active: peer.active.as_ref().and_then(facts) }
    }

    /// The peer's active session.
    fn active_session(&self, peer: &Peer) -> Option<&Session> {
        self.sessions.get(peer.active.as_ref()?).map(|stored| &stored.value)
    }

    /// A step that has the given effects.
    fn step<T>(&mut self, effects: alloc::vec::Vec<Effect>, output: T) -> Step<'_, T> {
        let changes = match effects.as_slice() {
            [effect] => self.changes_of(effect),
            effects => effects.iter().flat_map(|effect| self.changes_of(effect)).collect(),
        };
        Step::new(changes, output, move || {
            effects.into_iter().for_each(|effect| self.adopt(effect));
        })
    }
}

impl fmt::Debug for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Device")
            .field("device_id", self.device_id())
            .field("peers", &self.peers.len())
            .field("sessions", &self.sessions.len())
            .field("one_time_prekeys", &self.one_times.len())
            .finish_non_exhaustive()
    }
}
