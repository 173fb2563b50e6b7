//! Two people talk, and whatever comes by is shown.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use kuvert::{Client, Entry, Event, Surroundings};
use kuvert_core::at_rest::{NameKey, RecordKey};
use kuvert_core::prekey::VerifiedBundle;
use kuvert_core::secret::Secret;
use kuvert_core::transcript::{Logged, Verifier};
use kuvert_core::{Change, Changes, Content, Device, Key, Record, Version};
use kuvert_store::rows::{Durability, Rows as _};
use kuvert_store::{
    AnchorKey, Anchored, FileAnchor, MemoryAnchor, MemoryRows, MemoryStore, SqliteRows,
    SqliteStore, Store, Unlock,
};
use kuvert_testkit::Side;
use kuvert_testkit::sim::{Adapter, Endpoint, Memory};
use kuvert_wire::Timestamp;
use kuvert_wire::transcript::Mode;

use crate::Shown;
use crate::chance::{Chance, Drawn};

type Person = Client<Anchored<MemoryStore, MemoryAnchor>, Endpoint>;

const NOW: Timestamp = Timestamp::from_millis(1_782_000_000_000);
const TEXTS: [&str; 2] =
    ["the plums behind the mill are ripe", "bring the long ladder on thursday"];
const PASSPHRASE: &str = "nine herons over the salt marsh";
/// So many one-time prekeys at the relay that no more are made.
const ENOUGH: usize = 80;
/// The shortest draw that is a key.
const KEY_LEN: usize = 32;

/// Shows a conversation, devices and stores; gives all secrets of it.
pub(crate) fn talk(shown: &mut Shown, drawn: &Drawn) -> BTreeMap<String, Vec<u8>> {
    let mut records = BTreeMap::new();
    people(shown, drawn, &mut records);
    devices(shown, drawn, &mut records);
    verifier(shown);
    stores(shown);
    let mut secrets = BTreeMap::new();
    for (index, draw) in drawn.all().into_iter().enumerate().filter(|(_, d)| d.len() >= KEY_LEN) {
        secrets.insert(format!("draw {index}"), draw);
    }
    for (key, value) in records {
        // RK, NHKs and NHKr stand behind the second mention of the session's name.
        let name = value[1..17].to_vec();
        let second = value[17..].windows(16).position(|window| window == name).unwrap();
        let ratchet = &value[17 + second + 16..];
        for (place, secret) in ratchet.chunks_exact(KEY_LEN).take(3).enumerate() {
            secrets.insert(format!("key {place} of {key}"), secret.to_vec());
        }
    }
    let texts = TEXTS.iter().chain([&PASSPHRASE]);
    secrets.extend(texts.map(|text| ((*text).to_owned(), text.as_bytes().to_vec())));
    secrets
}

/// Runs what does not wait.
fn at_once<T>(work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(done) = work.as_mut().poll(&mut context) {
            return done;
        }
    }
}

fn person(memory: &mut Memory, side: Side, drawn: &Drawn) -> Person {
    let (store, carrier) = (memory.store(side), memory.carrier(side));
    let random = Box::new(Chance::new(side as u64, drawn));
    let around = Surroundings { clock: Box::new(|| NOW), random };
    let mut person = Client::create_in(store, carrier, "somebody", around).unwrap();
    at_once(person.publish_prekeys()).unwrap();
    person
}

fn people(shown: &mut Shown, drawn: &Drawn, records: &mut BTreeMap<String, Vec<u8>>) {
    let mut memory = Memory::new();
    let [mut alice, mut bob] = Side::BOTH.map(|side| person(&mut memory, side, drawn));
    shown.debug(&Surroundings { clock: Box::new(|| NOW), random: Box::new(Chance::new(9, drawn)) });
    let to_bob = at_once(alice.start_session(&bob.address())).unwrap();
    let to_alice = alice.account();
    shown.debug(&at_once(alice.send(to_bob, TEXTS[0])).unwrap());
    hears(&mut bob, shown);
    shown.debug(&at_once(bob.send(to_alice, TEXTS[1])).unwrap());
    hears(&mut alice, shown);
    at_once(alice.start_transcript(to_bob, Mode::Deniable)).unwrap();
    hears(&mut bob, shown);
    at_once(bob.start_transcript(to_alice, Mode::Deniable)).unwrap();
    hears(&mut alice, shown);
    shown.debug(&at_once(alice.send(to_bob, TEXTS[0])).unwrap());
    hears(&mut bob, shown);
    for (person, peer) in [(&mut alice, to_bob), (&mut bob, to_alice)] {
        shown.debug(&person.contacts().unwrap());
        shown.debug(&person.history(peer).unwrap());
        shown.debug::<Vec<Entry>>(&person.conversation(peer).unwrap());
        shown.debug(&at_once(person.status()).unwrap());
        shown.debug(person);
        person.with_device(|device| of_device(device, shown));
        for record in person.store().scan("session/").unwrap() {
            records.insert(record.key.to_string(), record.value.to_vec());
        }
    }
}

fn hears(person: &mut Person, shown: &mut Shown) {
    while let Some(event) = at_once(person.poll_event(Duration::ZERO, None)).unwrap() {
        shown.debug::<Event>(&event);
        if let Event::Message(message) = &event {
            shown.debug(message);
            shown.debug(message.sender());
        }
        person.acknowledge().unwrap();
    }
}

/// What a device shows of itself.
fn of_device(device: &Device, shown: &mut Shown) {
    shown.debug(device);
    device.sessions().for_each(|session| shown.debug(&session));
    device.mailboxes().for_each(|mailbox| shown.debug(&mailbox));
    for peer in device.peers() {
        shown.debug(&peer);
        shown.debug(&device.transcript_state(&peer.device_id()));
        for transcript in device.transcripts(&peer.device_id()) {
            shown.debug(transcript);
            shown.debug(transcript.conversation());
            shown.debug(&transcript.our_side());
        }
    }
    let is_one_time = |record: &Record| record.key.as_str().starts_with("prekey/");
    for record in device.records().into_iter().filter(|record| !is_one_time(record)) {
        shown.debug(&record);
        shown.debug(&record.version);
        shown.debug(&record.key);
        shown.text(&record.key.to_string());
    }
}

/// Two devices by hand: what comes out of each step, and the steps.
fn devices(shown: &mut Shown, drawn: &Drawn, records: &mut BTreeMap<String, Vec<u8>>) {
    let mut rng = Chance::new(77, drawn);
    let mut stores = [MemoryStore::new(), MemoryStore::new()];
    let [a, b] = &mut stores;
    let step = Device::create(NOW, &mut rng);
    shown.debug(&step);
    let mut alice = step.commit(|changes| a.apply(changes)).unwrap();
    let mut bob = Device::create(NOW, &mut rng).commit(|changes| b.apply(changes)).unwrap();
    let upload = bob.prekeys(ENOUGH, NOW, &mut rng).commit(|changes| b.apply(changes)).unwrap();
    shown.debug(&upload);
    let bundle = bob.bundle(true, NOW, &mut rng).commit(|changes| b.apply(changes)).unwrap();
    let bundle = VerifiedBundle::verify(bundle, &bob.account_id(), NOW).unwrap();
    shown.debug(&bundle);
    let peer = alice.initiate(&bundle, NOW, &mut rng).unwrap();
    let peer = peer.commit(|changes| a.apply(changes)).unwrap();
    let content = Content::text(TEXTS[0]);
    shown.debug(&content);
    let (changes, pending) = alice.encrypt(&peer, &content, NOW, &mut rng).unwrap().split();
    shown.debug(&changes);
    shown.debug(&pending);
    changes.iter().for_each(|change| shown.debug::<Change>(change));
    a.apply(&changes).unwrap();
    let receipt = changes.committed();
    shown.debug(&receipt);
    let outgoing = pending.release(receipt).unwrap();
    shown.debug(&outgoing);
    shown.debug(&outgoing.route);
    let outcomes = bob.receive(&outgoing.envelope, None, NOW, &mut rng);
    let outcomes = outcomes.commit(|changes| b.apply(changes)).unwrap();
    shown.debug(&outcomes);
    for outcome in &outcomes {
        shown.debug(outcome);
    }
    let received = outcomes.message().unwrap();
    shown.debug(received);
    shown.debug(&received.frame);
    let frame = &received.frame;
    let (frame_type, message_id, body) = (frame.frame_type, frame.message_id, &frame.body);
    shown.debug(&Logged { frame_type, message_id, body });
    shown.debug(&received.franking);
    for (device, store) in [(&alice, &stores[0]), (&bob, &stores[1])] {
        of_device(device, shown);
        shown.debug(store);
        for record in store.scan("session/").unwrap() {
            records.insert(format!("{} again", record.key), record.value.to_vec());
        }
    }
}

/// A verifier in the middle of a line.
fn verifier(shown: &mut Shown) {
    let mut verifier = Verifier::keeping();
    let _ = verifier.push(TEXTS[0].as_bytes());
    shown.debug(&verifier);
}

/// Stores, and the keys that they are made of.
fn stores(shown: &mut Shown) {
    let secret = Secret::copied_from(&std::array::from_fn::<u8, 32, _>(|n| TEXTS[0].as_bytes()[n]));
    shown.debug(&secret);
    shown.debug(&RecordKey::for_store(&secret));
    shown.debug(&NameKey::new(&secret));
    shown.debug(&AnchorKey::new(&secret));
    shown.debug(&Unlock::Key(&secret));
    shown.debug(&Unlock::Passphrase(PASSPHRASE));
    let folder = tempfile::tempdir().unwrap();
    let mut store = SqliteStore::create(folder.path().join("store"), PASSPHRASE).unwrap();
    let (key, value) = (Key::new("note", "tea"), TEXTS[0].as_bytes().to_vec());
    let put = Change::Put { key, expected: Version::ABSENT, value: value.into() };
    store.apply(&Changes::of([put])).unwrap();
    shown.debug(&store);
    shown.debug(&store.scan("note/").unwrap());
    let again = SqliteStore::open(folder.path().join("store"), TEXTS[1]).unwrap_err();
    shown.debug(&again);
    shown.text(&again.to_string());
    shown.debug(&FileAnchor::open(folder.path().join("anchor"), AnchorKey::new(&secret)).unwrap());
    let mut rows = SqliteRows::create(folder.path().join("rows")).unwrap();
    shown.debug(&rows);
    shown.debug(&rows.moment().unwrap());
    shown.debug(&rows.begin(Durability::Full).unwrap());
    let mut rows = MemoryRows::default();
    shown.debug(&rows.moment().unwrap());
    shown.debug(&rows.begin(Durability::Full).unwrap());
}
