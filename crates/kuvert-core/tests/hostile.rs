//! What the worst envelopes cost their receiver: processor time and memory.
//!
//! `cargo xtask bench --sizes` runs it in a release build and prints the table. Memory is checked in
//! every build; the processor's time of an unoptimised build says nothing, and is bounded loosely.
//!
//! The two who can make an envelope expensive are the network, with bytes of its own or a real
//! message of which it alters the end, and a peer, who has the keys.
#![allow(clippy::unwrap_used, reason = "a test that fails panics")]

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::hint::black_box;
use std::time::{Duration, Instant};

use kuvert_core::identity::{account_id, mailbox_id};
use kuvert_core::prekey::VerifiedBundle;
use kuvert_core::{
    Change, Changes, Content, Device, Key, Outcome, Outcomes, ProtocolError, Record, Step,
};
use kuvert_wire::{DeviceId, InitPrefix, MailboxId, PrekeyBundle, Timestamp};
use peak_alloc::PeakAlloc;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);
/// The bounds that `spec/threat-model.md` gives.
const MAX_MEMORY: usize = 256 << 10;
const MAX_TIME: Duration = Duration::from_millis(2);
/// Steps of chains are not inlined in a build without optimisation.
const SLOWER: u32 = if cfg!(debug_assertions) { 20 } else { 1 };

/// A device with its records.
struct Party {
    device: Device,
    records: BTreeMap<Key, Record>,
    rng: ChaCha20Rng,
    now: Timestamp,
}

impl Party {
    fn new(seed: u64) -> Self {
        let (mut rng, mut records) = (ChaCha20Rng::seed_from_u64(seed), BTreeMap::new());
        let Ok(device) =
            Device::create(NOW, &mut rng).commit(|changes| save(&mut records, changes));
        Self { device, records, rng, now: NOW }
    }

    fn loaded(&self) -> Device {
        Device::load(self.records.values().cloned()).unwrap()
    }

    fn take<T>(
        &mut self,
        step: impl for<'d> FnOnce(
            &'d mut Device,
            Timestamp,
            &mut ChaCha20Rng,
        ) -> Result<Step<'d, T>, ProtocolError>,
    ) -> Result<T, ProtocolError> {
        let step = step(&mut self.device, self.now, &mut self.rng)?;
        let Ok(output) = step.commit(|changes| save(&mut self.records, changes));
        Ok(output)
    }

    fn bundle(&mut self, with_one_time: bool) -> PrekeyBundle {
        self.take(|device, now, rng| Ok(device.bundle(with_one_time, now, rng))).unwrap()
    }

    fn begin(&mut self, bundle: PrekeyBundle) -> DeviceId {
        let account = account_id(&bundle.cert.account_key);
        let bundle = VerifiedBundle::verify(bundle, &account, self.now).unwrap();
        self.take(|device, now, rng| device.initiate(&bundle, now, rng)).unwrap()
    }

    fn send(&mut self, to: DeviceId) -> Vec<u8> {
        let content = Content::text("tea?");
        self.take(|device, now, rng| device.encrypt(&to, &content, now, rng)).unwrap().envelope
    }

    fn heal(&mut self, to: DeviceId) -> Vec<u8> {
        self.take(|device, now, rng| device.heal(&to, now, rng)).unwrap().envelope
    }

    fn hears(&mut self, envelope: &[u8]) {
        self.take(|device, now, rng| device.decrypt(envelope, now, rng)).unwrap();
    }

    fn id(&self) -> DeviceId {
        *self.device.device_id()
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

fn pass(from: &mut Party, to: &mut Party) {
    let envelope = from.send(to.id());
    to.hears(&envelope);
}

/// Alice has begun a session with Bob, and both have heard each other.
fn talking() -> (Party, Party) {
    let (mut alice, mut bob) = (Party::new(1), Party::new(2));
    talk(&mut alice, &mut bob);
    (alice, bob)
}

fn talk(alice: &mut Party, bob: &mut Party) {
    alice.begin(bob.bundle(true));
    pass(alice, bob);
    pass(bob, alice);
}

/// Four sessions with one peer, and in each the receiving chains that are kept at most.
fn many_keys() -> (Party, Party) {
    let (mut alice, mut bob) = talking();
    for session in 0..4 {
        if session > 0 {
            talk(&mut alice, &mut bob);
        }
        for _ in 0..7 {
            alice.send(bob.id());
            pass(&mut alice, &mut bob);
            pass(&mut bob, &mut alice);
        }
    }
    (alice, bob)
}

/// The last of `count` messages of one chain; the others are never delivered.
fn ahead(alice: &mut Party, bob: &Party, count: usize) -> Vec<u8> {
    (0..count).map(|_| alice.send(bob.id())).last().unwrap()
}

fn altered(mut envelope: Vec<u8>) -> Vec<u8> {
    *envelope.last_mut().unwrap() ^= 1;
    envelope
}

/// Bytes in the shape of an envelope, with a header of one of the two sizes.
fn garbage(header_len: u16, text_len: usize) -> Vec<u8> {
    let mut envelope = vec![2, 1];
    envelope.extend([7; 12]);
    envelope.extend(header_len.to_be_bytes());
    envelope.extend(vec![9; usize::from(header_len) + 80 + text_len]);
    envelope
}

/// What comes of an envelope.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fate {
    Opens,
    /// It is kept, to be tried again.
    Waits,
    Dropped,
}

impl Fate {
    fn of(outcomes: &Outcomes) -> Self {
        match outcomes.iter().next() {
            Some(Outcome::Message(_)) => Self::Opens,
            Some(Outcome::Pending { .. }) => Self::Waits,
            _ => Self::Dropped,
        }
    }
}

/// One measured case.
struct Case {
    name: &'static str,
    bob: Party,
    envelope: Vec<u8>,
    fate: Fate,
    /// The mailbox in which it lies: that of the session with the one peer, or the front door.
    via: Option<MailboxId>,
}

fn case(name: &'static str, bob: Party, envelope: Vec<u8>, fate: Fate) -> Case {
    Case { name, bob, envelope, fate, via: None }
}

impl Case {
    fn in_the_sessions_mailbox(self) -> Self {
        let own = self.bob.device.mailboxes().find(|own| own.peer.is_some()).unwrap();
        Self { via: Some(mailbox_id(&own.key)), ..self }
    }
}

/// What the network can do without a key.
fn from_the_network() -> Vec<Case> {
    let mut cases = Vec::new();
    for (name, header, text) in [
        ("garbage in a mailbox, 28 header keys tried", 195, 272),
        ("garbage in a mailbox, the longest", 1356, 65_552),
    ] {
        let bob = many_keys().1;
        cases.push(case(name, bob, garbage(header, text), Fate::Waits).in_the_sessions_mailbox());
    }
    cases.push(case("1 MiB", talking().1, vec![2; 1 << 20], Fate::Dropped));

    let (mut alice, bob) = talking();
    let last = altered(ahead(&mut alice, &bob, 1001));
    cases.push(case("a jump of 1,000, its text altered", bob, last, Fate::Waits));

    let (mut alice, mut bob) = (Party::new(1), Party::new(2));
    alice.begin(bob.bundle(true));
    let first = ahead(&mut alice, &bob, 1);
    let mut foreign = first.clone();
    foreign[2 + InitPrefix::LEN - 1] ^= 1;
    cases.push(case("a first message, its certificate altered", bob, foreign, Fate::Dropped));
    let mut bob = Party::new(2);
    let mut alice = Party::new(1);
    alice.begin(bob.bundle(true));
    let last = altered(ahead(&mut alice, &bob, 1001));
    cases.push(case("a first message, number 1,000, altered", bob, last, Fate::Dropped));
    cases
}

/// What a peer can do, which keeps to the formats.
fn from_a_peer() -> Vec<Case> {
    let mut cases = Vec::new();
    let (mut alice, bob) = talking();
    let last = ahead(&mut alice, &bob, 1001);
    cases.push(case("a jump of 1,000", bob, last, Fate::Opens));

    let (mut alice, bob) = talking();
    let last = ahead(&mut alice, &bob, 1002);
    cases.push(case("a jump of 1,001", bob, last, Fate::Waits));

    let (mut alice, mut bob) = talking();
    for _ in 0..2 {
        bob.hears(&ahead(&mut alice, &bob, 1001));
    }
    let last = ahead(&mut alice, &bob, 1001);
    cases.push(case("a jump of 1,000 with 2,000 keys kept", bob, last, Fate::Opens));

    let (mut alice, mut bob) = talking();
    let late = alice.send(bob.id());
    for _ in 0..2 {
        bob.hears(&ahead(&mut alice, &bob, 1000));
    }
    cases.push(case("a late message with 2,000 keys kept", bob, late, Fate::Opens));

    let (mut alice, mut bob) = talking();
    bob.hears(&ahead(&mut alice, &bob, 1000));
    ahead(&mut alice, &bob, 500);
    pass(&mut bob, &mut alice);
    let last = ahead(&mut alice, &bob, 501);
    cases.push(case("500 of the old chain, 500 of the new", bob, last, Fate::Opens));

    let (mut alice, bob) = (Party::new(1), Party::new(2));
    let mut bob = bob;
    alice.begin(bob.bundle(true));
    let last = ahead(&mut alice, &bob, 1001);
    cases.push(case("a first message, number 1,000", bob, last, Fate::Opens));

    let (mut alice, bob) = talking();
    let burst = alice.heal(bob.id());
    cases.push(case("ten fragments: a KEM key, encapsulation", bob, burst, Fate::Opens));

    let (mut alice, mut bob) = talking();
    bob.hears(&alice.heal(bob.id()));
    let burst = bob.heal(alice.id());
    cases.push(case("ten fragments: a KEM ciphertext", alice, burst, Fate::Opens));
    cases
}

/// What one delivery costs.
struct Cost {
    memory: usize,
    time: Duration,
}

/// The most memory in use beyond what was there, in several deliveries, and the fastest of them.
/// Every time the device is the one before.
fn cost(case: &Case) -> Cost {
    let (mut memory, mut time) = (0, Duration::MAX);
    for round in 0..30 {
        let mut device = case.bob.loaded();
        let mut rng = ChaCha20Rng::seed_from_u64(round);
        let before = MEMORY.current_usage();
        MEMORY.reset_peak_usage();
        let begun = Instant::now();
        let fate = receive(&mut device, case, &mut rng);
        time = time.min(begun.elapsed());
        memory = memory.max(MEMORY.peak_usage() - before);
        assert_eq!(fate, case.fate, "{}", case.name);
    }
    Cost { memory, time }
}

/// Takes an envelope and commits what comes of it, into nothing.
fn receive(device: &mut Device, case: &Case, rng: &mut ChaCha20Rng) -> Fate {
    let envelope = black_box(&case.envelope);
    let step = device.receive(envelope, case.via.as_ref(), case.bob.now, rng);
    let Ok(outcomes) = step.commit(|changes| {
        black_box(changes);
        Ok::<(), Infallible>(())
    });
    Fate::of(black_box(&outcomes))
}

/// A device with as many sessions as there may be, all of them answered, and no word on which of them
/// garbage is meant for. It takes a while to make.
fn full() -> Party {
    let mut bob = Party::new(2);
    for seed in 0..1024 {
        let mut alice = Party::new(1000 + seed);
        for _ in 0..4 {
            talk(&mut alice, &mut bob);
        }
    }
    assert_eq!(bob.device.sessions().count(), 4096);
    bob
}

/// Printed alone: the bound is for an envelope whose mailbox says which peer it is from.
#[test]
#[ignore = "for `cargo xtask bench`: minutes without optimisation"]
fn garbage_for_a_full_device() {
    println!();
    for (sessions, bob) in [(4, many_keys().1), (4096, full())] {
        let name = format!("garbage without a hint, {sessions} sessions");
        let garbage = case("garbage", bob, garbage(195, 272), Fate::Dropped);
        println!("{name:<44}{:>12}{:>12.3}", "-", cost(&garbage).time.as_secs_f64() * 1000.0);
    }
}

/// One test, since what others allocate meanwhile would be counted too.
#[test]
fn the_worst_envelopes_cost_little() {
    println!("\n{:<44}{:>12}{:>12}", "one envelope", "KiB at most", "ms at best");
    let mut dearest = Cost { memory: 0, time: Duration::ZERO };
    for case in from_the_network().into_iter().chain(from_a_peer()) {
        let cost = cost(&case);
        let (kib, ms) = (cost.memory as f64 / 1024.0, cost.time.as_secs_f64() * 1000.0);
        println!("{:<44}{kib:>12.1}{ms:>12.3}", case.name);
        assert!(cost.memory <= MAX_MEMORY, "{}: {} bytes", case.name, cost.memory);
        assert!(cost.time <= MAX_TIME * SLOWER, "{}: {:?}", case.name, cost.time);
        dearest.memory = dearest.memory.max(cost.memory);
        dearest.time = dearest.time.max(cost.time);
    }
    // What is measured is there: a jump makes a thousand keys.
    assert!(dearest.memory > 32 << 10 && dearest.time > Duration::from_micros(100));
}
