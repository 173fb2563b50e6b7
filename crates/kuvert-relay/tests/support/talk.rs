//! Two people who write to each other with the real protocol.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::time::Duration;

use kuvert_core::identity::account_id;
use kuvert_core::prekey::VerifiedBundle;
use kuvert_core::transcript::Entry;
use kuvert_core::{
    Change, Changes, Content, Device, Key, Outcomes, Outgoing, ProtocolError, Received, Record,
    Step,
};
use kuvert_wire::relay::Answer;
use kuvert_wire::transcript::Mode;
use kuvert_wire::{DeviceId, Frame, FrameType, Timestamp};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

/// A device with its records.
pub(crate) struct Party {
    device: Device,
    records: BTreeMap<Key, Record>,
    rng: ChaCha20Rng,
    now: Timestamp,
}

impl Party {
    fn new(seed: u64) -> Self {
        let (mut rng, mut records) = (ChaCha20Rng::seed_from_u64(seed), BTreeMap::new());
        let now = Timestamp::from_millis(1_800_000_000_000);
        let Ok(device) =
            Device::create(now, &mut rng).commit(|changes| save(&mut records, changes));
        Self { device, records, rng, now }
    }

    fn take<T>(
        &mut self,
        step: impl for<'d> FnOnce(
            &'d mut Device,
            Timestamp,
            &mut ChaCha20Rng,
        ) -> Result<Step<'d, T>, ProtocolError>,
    ) -> T {
        self.now = self.now.saturating_add(Duration::from_millis(1));
        let step = step(&mut self.device, self.now, &mut self.rng).unwrap();
        let Ok(output) = step.commit(|changes| save(&mut self.records, changes));
        output
    }

    pub(crate) fn id(&self) -> DeviceId {
        *self.device.device_id()
    }

    /// A message as an envelope, and the frame in it.
    pub(crate) fn say(&mut self, to: &Self, text: &str) -> (Vec<u8>, Frame) {
        let (to, content) = (to.id(), Content::text(text));
        let mut block = None;
        let Outgoing { envelope, message_id, .. } = self.take(|device, now, rng| {
            let step = device.encrypt(&to, &content, now, rng)?;
            block = step.block().copied().map(Box::new);
            Ok(step)
        });
        let (frame_type, sent) = (FrameType::Message, self.now);
        let body = text.as_bytes().to_vec();
        (envelope, Frame { frame_type, sent, message_id, expire_seconds: 0, body, block })
    }

    pub(crate) fn hear(&mut self, envelope: &[u8]) -> Received {
        let outcomes: Outcomes =
            self.take(|device, now, rng| Ok(device.receive(envelope, None, now, rng)));
        outcomes.message().unwrap().clone()
    }

    fn start_transcript(&mut self, with: &mut Self) {
        let peer = with.id();
        let start =
            self.take(|device, now, rng| device.start_transcript(&peer, Mode::Signed, now, rng));
        with.take(|device, now, rng| Ok(device.receive(&start.envelope, None, now, rng)));
    }

    /// What this one wrote as number `seq` while the transcript ran, to go with a report.
    pub(crate) fn answer(&self, with: &Self, seq: u64, frame: Frame) -> Answer {
        let transcript = self.device.transcripts(&with.id()).pop().unwrap();
        let record = &self.records[&Entry::key(transcript.id(), &self.id(), seq)];
        let entry = <Entry as kuvert_wire::Decode>::decode(&record.value).unwrap();
        Answer { leaf: *entry.leaf().unwrap(), frame: Some(frame) }
    }
}

fn save(records: &mut BTreeMap<Key, Record>, changes: &Changes) -> Result<(), Infallible> {
    for change in changes.iter() {
        match change {
            Change::Put { key, expected, value } => {
                let (version, value) = (expected.next(), value.clone());
                records.insert(key.clone(), Record { key: key.clone(), version, value });
            }
            other => drop(records.remove(other.key())),
        }
    }
    Ok(())
}

/// Alice and Bob, who have heard each other.
pub(crate) fn acquainted() -> (Party, Party) {
    let (mut alice, mut bob) = (Party::new(1), Party::new(2));
    let bundle = bob.take(|device, now, rng| Ok(device.bundle(true, now, rng)));
    let account = account_id(&bundle.cert.account_key);
    let bundle = VerifiedBundle::verify(bundle, &account, alice.now).unwrap();
    alice.take(|device, now, rng| device.initiate(&bundle, now, rng));
    let (first, _) = alice.say(&bob, "hello");
    bob.hear(&first);
    let (reply, _) = bob.say(&alice, "hello");
    alice.hear(&reply);
    (alice, bob)
}

/// Alice and Bob, with a transcript running.
pub(crate) fn on_the_record() -> (Party, Party) {
    let (mut alice, mut bob) = acquainted();
    alice.start_transcript(&mut bob);
    bob.start_transcript(&mut alice);
    (alice, bob)
}
