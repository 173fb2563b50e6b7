//! Edited records: what a store that lies, or a program of another version, would make a device and a
//! client load. They are refused, or what is loaded can be used.

use std::sync::LazyLock;
use std::time::Duration;

use arbitrary::{Result, Unstructured};
use kuvert::{Client, Surroundings};
use kuvert_core::{Change, Changes, Content, Device, Key, Record, Version};
use kuvert_store::{MemoryStore, Store};
use kuvert_wire::Timestamp;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

use super::edits::edit;
use super::scene::Scene;
use crate::Side;
use crate::sim::finish::finish;
use crate::sim::{Adapter, Event, Memory, Process, Seat, Simulation};

const MAX_EDITED: usize = 6;

pub(super) fn device(input: &[u8]) {
    static RECORDS: LazyLock<(Vec<Record>, Vec<Vec<u8>>, Timestamp)> = LazyLock::new(|| {
        let scene = Scene::middle();
        let (now, under_way) = (scene.pair.now, scene.under_way.clone());
        let to_bob = under_way.into_iter().filter(|(to, _)| *to == Side::Bob);
        (scene.into_party(Side::Bob).stored(), to_bob.map(|(_, bytes)| bytes).collect(), now)
    });
    let (records, envelopes, now) = &*RECORDS;
    let mut records = records.clone();
    let _ = edited(&mut records, &mut Unstructured::new(input));
    let Ok(device) = Device::load(records) else { return };
    let records = device.records();
    let again = Device::load(records.clone()).expect("what it has made itself");
    assert!(again.records() == records, "two ways to write the same");
    use_device(device, envelopes, *now);
}

fn use_device(mut device: Device, envelopes: &[Vec<u8>], now: Timestamp) {
    let kept = |_: &Changes| Ok::<_, core::convert::Infallible>(());
    let rng = &mut ChaCha20Rng::seed_from_u64(3);
    for envelope in envelopes {
        let Ok(_) = device.receive(envelope, None, now, rng).commit(kept);
    }
    while let Some(step) = device.retry(now, rng) {
        let Ok(_) = step.commit(kept);
    }
    let Ok(()) = device.tidy(now).commit(kept);
    let peers: Vec<_> = device.peers().map(|peer| peer.device_id()).collect();
    for peer in peers {
        if let Ok(step) = device.encrypt(&peer, &Content::text("on"), now, rng) {
            let Ok(_) = step.commit(kept);
        }
        if let Ok(Some(step)) = device.request_leaves(&peer, now, rng) {
            let Ok(_) = step.commit(kept);
        }
    }
    let Ok(_) = device.bundle(true, now, rng).commit(kept);
}

pub(super) fn client(input: &[u8]) {
    static RECORDS: LazyLock<Vec<Record>> = LazyLock::new(of_a_client);
    let mut records = RECORDS.clone();
    let _ = edited(&mut records, &mut Unstructured::new(input));
    let mut store = MemoryStore::new();
    let puts = records.into_iter().map(|Record { key, value, .. }| Change::Put {
        key,
        expected: Version::ABSENT,
        value,
    });
    if store.apply(&Changes::of(puts)).is_err() {
        return; // Two records have one name.
    }
    let carrier = Memory::new().carrier(Side::Alice);
    if let Ok(client) = Client::open_in(store, |_| carrier, around()) {
        use_client(client);
    }
}

fn use_client<S: Store + Send + 'static, T: kuvert::Carrier>(mut client: Client<S, T>) {
    // Errors are answers; only a panic is a finding.
    let contacts = client.contacts().unwrap_or_default();
    for contact in &contacts {
        let _ = client.history(contact.account);
        let _ = client.conversation(contact.account);
        let _ = client.safety_number(contact.account);
        let _ = finish(client.send(contact.account, "on"));
    }
    for _ in 0..4 {
        let _ = finish(client.poll_event(Duration::ZERO, None));
        let _ = client.acknowledge();
    }
    let _ = (client.queued(), client.has_work(), finish(client.status()));
    let _ = finish(client.flush());
}

fn around() -> Surroundings {
    let now = Timestamp::from_millis(1_790_000_000_000);
    let random = Box::new(ChaCha20Rng::seed_from_u64(5));
    Surroundings { clock: Box::new(move || now), random }
}

/// All that Alice has stored after a conversation with letters under way, a transcript, and a network
/// that breaks off.
fn of_a_client() -> Vec<Record> {
    let mut memory = Memory::new();
    let store = memory.store(Side::Alice);
    let [alice, bob] = Side::BOTH.map(|side| Seat { side, process: Process::App });
    let talk = [
        Event::Send(alice, 3),
        Event::Drain(bob),
        Event::Record(alice, 0),
        Event::Drain(bob),
        Event::Record(bob, 0),
        Event::Send(bob, 9),
        Event::Drain(alice),
    ];
    let broken = [Event::Cut(Side::Alice), Event::Send(alice, 1), Event::Send(alice, 2)];
    Simulation::new(1).begin(&[&talk[..], &talk, &broken].concat(), memory);
    store.snapshot(&[""]).expect("memory can be read")
}

/// Edits the values of some records; takes some away, or puts them elsewhere.
fn edited(records: &mut Vec<Record>, input: &mut Unstructured<'_>) -> Result<()> {
    for _ in 0..MAX_EDITED {
        if input.is_empty() || records.is_empty() {
            break;
        }
        let place = input.choose_index(records.len())?;
        match input.int_in_range(0..=7)? {
            0 => drop(records.remove(place)),
            // Nothing is ever written 2^64 times.
            1 => records[place].version = Version::from_number(input.arbitrary::<u32>()?.into()),
            2 => {
                let other = input.choose_index(records.len())?;
                records[place].value = records[other].value.clone();
            }
            3 => rename(&mut records[place], input)?,
            _ => edit(&mut records[place].value, input)?,
        }
    }
    Ok(())
}

fn rename(record: &mut Record, input: &mut Unstructured<'_>) -> Result<()> {
    let mut name = record.key.as_str().as_bytes().to_vec();
    edit(&mut name, input)?;
    let key = core::str::from_utf8(&name).ok().and_then(Key::parse);
    record.key = key.unwrap_or_else(|| record.key.clone());
    Ok(())
}
