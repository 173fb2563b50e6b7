//! Devices against each other, over stores that check every version and reload after every step.

mod bounds;
mod crossing;
mod first;
mod healing;
mod kept;
mod outcomes;
mod question;
mod records;
mod statements;
mod talk;
mod transcripts;
mod waiting;

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::time::Duration;

use kuvert_wire::frame::MAX_BODY;
use kuvert_wire::{
    AccountKey, Control, Decode, DeviceId, Encode, FrameType, InitPrefix, MessageId, Receipt,
    Timestamp,
};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

use super::*;
use crate::error::ProtocolError;
use crate::limits::{INACTIVE_AGE, MAX_TAKEOVERS, UNANSWERED_AGE};
use crate::prekey::VerifiedBundle;
use crate::record::{Change, Key, Record};
use crate::session::Status;

/// A store in memory that is strict about versions.
#[derive(Clone, Default, PartialEq, Debug)]
struct Records(BTreeMap<Key, Record>);

impl Records {
    fn apply(&mut self, changes: &crate::Changes) -> Result<(), ProtocolError> {
        for change in changes.iter() {
            let version = self.0.get(change.key()).map_or(Version::ABSENT, |r| r.version);
            assert_eq!(version, change.expected(), "{change:?}");
            match change {
                Change::Put { key, expected, value } => {
                    let (version, value) = (expected.next(), value.clone());
                    self.0.insert(key.clone(), Record { key: key.clone(), version, value });
                }
                Change::Delete { key, .. } => assert!(self.0.remove(key).is_some(), "{key:?}"),
            }
        }
        Ok(())
    }
}

struct Party {
    device: Device,
    store: Records,
    rng: ChaCha20Rng,
    now: Timestamp,
}

impl Party {
    fn new(seed: u64) -> Self {
        let now = Timestamp::from_millis(1_700_000_000_000);
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let mut store = Records::default();
        let device = Device::create(now, &mut rng).commit(|c| store.apply(c)).expect("stored");
        Self { device, store, rng, now }
    }

    /// The device as its records have it.
    fn reload(&mut self) {
        let records: Vec<_> = self.store.0.values().filter(|r| is_of_device(r)).cloned().collect();
        assert!(self.device.records() == records, "memory is what the store has");
        let by_init = core::mem::take(&mut self.device.by_init);
        self.device = Device::load(records.clone()).expect("its own records");
        assert_eq!(self.device.by_init, by_init, "and so is what first flights are known by");
        assert!(self.device.records() == records, "it comes back as it was");
        self.device.renew().expect("its own records");
        assert!(self.device.records() == records, "once more");
    }

    /// The device as an old copy of its store has it.
    fn put_back(&mut self, copy: Records) {
        let records: Vec<_> = copy.0.values().filter(|r| is_of_device(r)).cloned().collect();
        (self.store, self.device) = (copy, Device::load(records).expect("its own records"));
    }

    fn bundle(&mut self, with_one_time: bool) -> VerifiedBundle {
        let account = self.device.account_id();
        let step = self.device.bundle(with_one_time, self.now, &mut self.rng);
        let bundle = step.commit(|c| self.store.apply(c)).expect("stored");
        self.reload();
        VerifiedBundle::verify(bundle, &account, self.now).expect("a good bundle")
    }

    fn initiate(&mut self, bundle: &VerifiedBundle) -> Result<DeviceId, ProtocolError> {
        let step = self.device.initiate(bundle, self.now, &mut self.rng)?;
        let peer = step.commit(|c| self.store.apply(c))?;
        self.reload();
        Ok(peer)
    }

    fn send(&mut self, peer: &DeviceId, text: &str) -> Vec<u8> {
        self.try_send(peer, &Content::text(text)).expect("can send")
    }

    fn try_send(&mut self, peer: &DeviceId, content: &Content) -> Result<Vec<u8>, ProtocolError> {
        self.now = self.now.saturating_add(Duration::from_millis(1));
        let step = self.device.encrypt(peer, content, self.now, &mut self.rng)?;
        let outgoing = step.commit(|c| self.store.apply(c))?;
        self.reload();
        Ok(outgoing.envelope)
    }

    fn receive(&mut self, envelope: &[u8]) -> Result<Received, ProtocolError> {
        let before = self.store.clone();
        let step = self.device.decrypt(envelope, self.now, &mut self.rng);
        let received = step.and_then(|step| step.commit(|c| self.store.apply(c)));
        assert!(received.is_ok() || self.store == before, "an error changed the state");
        self.reload();
        received
    }

    fn hears(&mut self, envelope: &[u8], text: &str) -> Received {
        let received = self.receive(envelope).expect("opens");
        assert_eq!(core::str::from_utf8(&received.frame.body), Ok(text));
        received
    }

    fn id(&self) -> DeviceId {
        *self.device.device_id()
    }

    fn status_with(&self, peer: &DeviceId) -> Option<Status> {
        Some(self.device.peer(peer)?.active()?.status)
    }
}

/// Entries of transcripts are the app's to read.
fn is_of_device(record: &Record) -> bool {
    Device::COLLECTIONS.iter().any(|prefix| record.key.as_str().starts_with(prefix))
}

/// Alice has begun a session with Bob and nothing has been sent yet.
fn begun(with_one_time: bool) -> (Party, Party) {
    let (mut alice, mut bob) = (Party::new(1), Party::new(2));
    let bundle = bob.bundle(with_one_time);
    alice.initiate(&bundle).expect("begins");
    (alice, bob)
}

/// Both have heard each other.
fn established() -> (Party, Party) {
    let (mut alice, mut bob) = begun(true);
    let hello = alice.send(&bob.id(), "hello");
    bob.hears(&hello, "hello");
    let answer = bob.send(&alice.id(), "answer");
    alice.hears(&answer, "answer");
    (alice, bob)
}

fn active(party: &Party, peer: &DeviceId) -> Option<kuvert_wire::SessionId> {
    Some(party.device.peer(peer)?.active()?.session)
}

/// Two devices, the one with the lower id first.
fn leader_and_follower() -> (Party, Party) {
    let (one, other) = (Party::new(1), Party::new(2));
    if one.id() < other.id() { (one, other) } else { (other, one) }
}
