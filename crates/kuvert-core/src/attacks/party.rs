//! An honest device with its records, which is what a thief of them gets.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use kuvert_wire::{DeviceId, PrekeyBundle, Reader, Timestamp};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

use crate::error::ProtocolError;
use crate::identity::IdentityKeyPair;
use crate::prekey::{BundleError, MediumPrekeyPair, VerifiedBundle};
use crate::session::{Session, SessionFacts};
use crate::{Change, Changes, Content, Device, Key, Received, Record, Step};

pub(super) const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

pub(super) struct Party {
    pub(super) device: Device,
    pub(super) records: BTreeMap<Key, Record>,
    pub(super) rng: ChaCha20Rng,
    pub(super) now: Timestamp,
}

impl Party {
    pub(super) fn new(seed: u64) -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let mut records = BTreeMap::new();
        let device = Device::create(NOW, &mut rng).commit(|changes| apply(&mut records, changes));
        Self { device: device.expect("stored"), records, rng, now: NOW }
    }

    /// Another device that goes on from a copy of this one's records.
    pub(super) fn copy(&self, seed: u64) -> Self {
        let device = Device::load(self.records.values().cloned()).expect("its own records");
        let rng = ChaCha20Rng::seed_from_u64(seed);
        Self { device, records: self.records.clone(), rng, now: self.now }
    }

    pub(super) fn bundle(&mut self, with_one_time: bool) -> PrekeyBundle {
        let now = self.now;
        self.take(|device, rng| Ok(device.bundle(with_one_time, now, rng))).expect("stored")
    }

    pub(super) fn id(&self) -> DeviceId {
        *self.device.device_id()
    }

    pub(super) fn begin(&mut self, bundle: PrekeyBundle) -> Result<DeviceId, ProtocolError> {
        let now = self.now;
        let bundle = verified(bundle)?;
        self.take(|device, rng| device.initiate(&bundle, now, rng))
    }

    pub(super) fn send(&mut self, to: &Self, text: &str) -> Vec<u8> {
        self.send_to(&to.id(), &Content::text(text))
    }

    pub(super) fn send_to(&mut self, to: &DeviceId, content: &Content) -> Vec<u8> {
        let now = self.now;
        self.take(|device, rng| device.encrypt(to, content, now, rng)).expect("can send").envelope
    }

    /// Opens an envelope; an error has to leave every stored byte alone.
    pub(super) fn receive(&mut self, envelope: &[u8]) -> Result<Received, ProtocolError> {
        let now = self.now;
        let before = self.records.clone();
        let received = self.take(|device, rng| device.decrypt(envelope, now, rng));
        assert!(received.is_ok() || self.records == before, "an error changed the state");
        received
    }

    pub(super) fn hears(&mut self, envelope: &[u8], text: &str) -> Received {
        let received = self.receive(envelope).expect("opens");
        assert_eq!(core::str::from_utf8(&received.frame.body), Ok(text));
        received
    }

    pub(super) fn refuses(&mut self, envelope: &[u8], error: ProtocolError) {
        assert_eq!(self.receive(envelope).err(), Some(error));
    }

    /// The session with a peer that is in use.
    pub(super) fn session_with(&self, peer: &DeviceId) -> SessionFacts {
        self.device.peer(peer).and_then(|peer| peer.active()).expect("has one")
    }

    /// The device's identity, from its records.
    pub(super) fn stolen_identity(&self) -> IdentityKeyPair {
        let record = self.first_under("device/identity");
        IdentityKeyPair::decode_from(&mut Reader::new(&record[1..])).expect("its own record")
    }

    /// The device's medium-term prekey, from its records.
    pub(super) fn stolen_medium(&self) -> MediumPrekeyPair {
        let record = self.first_under("prekey/medium/");
        MediumPrekeyPair::decode_from(&mut Reader::new(record)).expect("its own record")
    }

    /// The device's only session, from its records.
    pub(super) fn stolen_session(&self) -> Session {
        Session::decode(self.first_under("session/")).expect("its own record")
    }

    /// Bytes of all records under a prefix.
    pub(super) fn stored_len(&self, prefix: &str) -> usize {
        self.under(prefix).map(|record| record.value.len()).sum()
    }

    pub(super) fn under(&self, prefix: &str) -> impl Iterator<Item = &Record> {
        self.records.values().filter(move |record| record.key.as_str().starts_with(prefix))
    }

    fn first_under(&self, prefix: &str) -> &[u8] {
        &self.under(prefix).next().expect("has one").value
    }

    pub(super) fn take<T>(
        &mut self,
        step: impl for<'d> FnOnce(
            &'d mut Device,
            &mut ChaCha20Rng,
        ) -> Result<Step<'d, T>, ProtocolError>,
    ) -> Result<T, ProtocolError> {
        let step = step(&mut self.device, &mut self.rng)?;
        step.commit(|changes| apply(&mut self.records, changes))
    }
}

fn apply(records: &mut BTreeMap<Key, Record>, changes: &Changes) -> Result<(), ProtocolError> {
    for change in changes.iter() {
        match change {
            Change::Put { key, expected, value } => {
                let (version, value) = (expected.next(), value.clone());
                records.insert(key.clone(), Record { key: key.clone(), version, value });
            }
            Change::Delete { key, .. } => drop(records.remove(key)),
        }
    }
    Ok(())
}

/// Checks a bundle as whoever asked for its account, whatever that is.
pub(super) fn verified(bundle: PrekeyBundle) -> Result<VerifiedBundle, BundleError> {
    let account = crate::identity::account_id(&bundle.cert.account_key);
    VerifiedBundle::verify(bundle, &account, NOW)
}

/// Alice has begun a session with Bob, and both have heard each other.
pub(super) fn talking() -> (Party, Party) {
    let (mut alice, mut bob) = (Party::new(1), Party::new(2));
    talk(&mut alice, &mut bob);
    (alice, bob)
}

/// `from` begins a session with `to`, and both hear each other on it.
pub(super) fn talk(from: &mut Party, to: &mut Party) {
    from.begin(to.bundle(true)).expect("a good bundle");
    pass(from, to);
    pass(to, from);
}

/// A message arrives.
pub(super) fn pass(from: &mut Party, to: &mut Party) -> Vec<u8> {
    let envelope = from.send(to, "tea at four?");
    to.hears(&envelope, "tea at four?");
    envelope
}
