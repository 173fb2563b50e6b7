//! All measurements of time, in one process: `cargo xtask bench` runs it and prints the table.

use std::cell::LazyCell;
use std::collections::BTreeSet;
use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{BatchSize, Bencher, Criterion, SamplingMode};
use kuvert_benches::cases::{self, Case};
use kuvert_benches::kuvert::{self, KuvertPair, Saved};
use kuvert_benches::mls::{self, Member, MlsPair};
use kuvert_benches::noise::{self, NoisePair};
use kuvert_benches::olm::{self, OlmPair, Published};
use kuvert_benches::others::Maker;
use kuvert_benches::relayed::{Keeping, Relayed, STREAM};
use kuvert_benches::results::{OURS, OWN};
use kuvert_benches::rows::{self, SESSIONS, rows};
use kuvert_benches::scenario::{BODY_LENS, Pair, Side};
use kuvert_benches::stored::{Desk, Durability, Spent};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use vodozemac::olm::Account;

/// Messages after which a chain is left for a new one.
const CHAIN: u64 = 100;

fn main() {
    let criterion = || {
        Criterion::default()
            .without_plots()
            .nresamples(2_000)
            .warm_up_time(Duration::from_millis(300))
    };
    let precise = || criterion().measurement_time(Duration::from_secs(2));
    let brief = || criterion().sample_size(50).measurement_time(Duration::from_secs(1));
    let slow = || criterion().sample_size(20).measurement_time(Duration::from_secs(3));
    primitives(&mut precise().configure_from_args());
    primitives_of_others(&mut brief().configure_from_args());
    let mut precise = precise().configure_from_args();
    handshakes(&mut precise);
    for len in BODY_LENS {
        same_chain(&mut precise, len);
    }
    ping_pong(&mut precise);
    single(&mut precise);
    let mut slow = slow().configure_from_args();
    front_doors(&mut slow);
    store(&mut slow);
    relay(&mut slow);
    slow.final_summary();
}

/// Each primitive that is part of a floor, once.
fn primitives(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group(OWN);
    for primitive in all_primitives() {
        group.bench_function(primitive.id(), |bencher| primitive.measure(bencher));
    }
}

/// The same by others, as far as they have it.
fn primitives_of_others(criterion: &mut Criterion) {
    for maker in Maker::ALL {
        let mut group = criterion.benchmark_group(maker.group());
        for primitive in all_primitives().into_iter().filter(|one| maker.has(*one)) {
            group.bench_function(primitive.id(), |bencher| maker.measure(primitive, bencher));
        }
    }
}

fn all_primitives() -> BTreeSet<kuvert_benches::primitive::Primitive> {
    rows().iter().flat_map(|row| row.floor.0.iter().map(|line| line.primitive)).collect()
}

fn handshakes(criterion: &mut Criterion) {
    let text = "t".repeat(BODY_LENS[0]);
    kuvert_handshake(criterion, &text);
    olm_handshake(criterion, &text);
    noise_handshake(criterion, &text);
    mls_handshake(criterion, &text);
}

fn kuvert_handshake(criterion: &mut Criterion, text: &str) {
    let (alice, mut bob) = (Saved::new(1), Saved::new(2));
    let bundle = bob.publish();
    let mut rng = ChaCha20Rng::seed_from_u64(3);
    let (_, envelope) = kuvert::initiate(&mut alice.load(), bundle.clone(), text, &mut rng);

    criterion.benchmark_group("initiator").bench_function(OURS, |bencher| {
        let begin = || (alice.load(), bundle.clone());
        bencher.iter_batched(
            begin,
            |(mut device, bundle)| {
                let sent = kuvert::initiate(&mut device, bundle, black_box(text), &mut rng);
                (device, sent)
            },
            BatchSize::SmallInput,
        );
    });
    criterion.benchmark_group("responder").bench_function(OURS, |bencher| {
        let begin = || bob.load();
        bencher.iter_batched(
            begin,
            |mut device| {
                let received = kuvert::receive(&mut device, black_box(&envelope), &mut rng);
                (device, received)
            },
            BatchSize::SmallInput,
        );
    });
}

fn olm_handshake(criterion: &mut Criterion, text: &str) {
    let (alice, bob) = (Account::new(), Published::new());
    let (_, envelope) = olm::initiate(&alice, &bob, text);

    let mut group = criterion.benchmark_group("initiator");
    let initiate = || olm::initiate(&alice, &bob, black_box(text));
    group.bench_function("vodozemac", |bencher| {
        bencher.iter(|| (bob.signature_is_good(), initiate()));
    });
    group.bench_function("vodozemac-unsigned", |bencher| bencher.iter(initiate));
    group.finish();

    criterion.benchmark_group("responder").bench_function("vodozemac", |bencher| {
        let begin = || Account::from_pickle(bob.copy());
        bencher.iter_batched(
            begin,
            |mut account| {
                let done = olm::respond(&mut account, alice.curve25519_key(), black_box(&envelope));
                (account, done)
            },
            BatchSize::SmallInput,
        );
    });
}

fn noise_handshake(criterion: &mut Criterion, text: &str) {
    let keys = noise::Keys::new();
    for (side, group) in ["initiator", "responder"].into_iter().enumerate() {
        criterion.benchmark_group(group).bench_function("snow", |bencher| {
            bencher.iter_custom(|iterations| {
                (0..iterations).map(|_| noise::handshake(&keys, black_box(text)).1[side]).sum()
            });
        });
    }
}

fn mls_handshake(criterion: &mut Criterion, text: &str) {
    let (alice, bob) = (Member::new("Alice"), Member::new("Bob"));
    let package = bob.publish();
    let (_, first) = mls::initiate(&alice, &package, text);
    let initiate = |alice: Member| {
        let done = mls::initiate(&alice, black_box(&package), text);
        (alice, done)
    };
    criterion.benchmark_group("initiator").bench_function("openmls", |bencher| {
        bencher.iter_batched(|| alice.copy(), initiate, BatchSize::SmallInput);
    });
    let respond = |bob: Member| {
        let done = mls::respond(&bob, black_box(&first));
        (bob, done)
    };
    criterion.benchmark_group("responder").bench_function("openmls", |bencher| {
        bencher.iter_batched(|| bob.copy(), respond, BatchSize::SmallInput);
    });
}

fn same_chain(criterion: &mut Criterion, len: usize) {
    let text = "t".repeat(len);
    let mut group = criterion.benchmark_group(format!("encrypt-{len}"));
    group.bench_function(OURS, |bencher| encrypt(bencher, &mut KuvertPair::new(), &text));
    group.bench_function("vodozemac", |bencher| encrypt(bencher, &mut OlmPair::new(), &text));
    group.bench_function("snow", |bencher| encrypt(bencher, &mut NoisePair::new(), &text));
    group.bench_function("openmls", |bencher| encrypt(bencher, &mut MlsPair::new(), &text));
    group.finish();
    let mut group = criterion.benchmark_group(format!("decrypt-{len}"));
    group.bench_function(OURS, |bencher| decrypt(bencher, &mut KuvertPair::new(), &text));
    group.bench_function("vodozemac", |bencher| decrypt(bencher, &mut OlmPair::new(), &text));
    group.bench_function("snow", |bencher| decrypt(bencher, &mut NoisePair::new(), &text));
    group.bench_function("openmls", |bencher| decrypt(bencher, &mut MlsPair::new(), &text));
}

fn encrypt(bencher: &mut Bencher<'_>, pair: &mut impl Pair, text: &str) {
    chunked(bencher, pair, text, |sealing, _| sealing);
}

fn decrypt(bencher: &mut Bencher<'_>, pair: &mut impl Pair, text: &str) {
    chunked(bencher, pair, text, |_, opening| opening);
}

/// Messages of one chain; sealing and opening are timed apart, the turns between not at all.
///
/// Short messages are timed some at once, since a clock costs time too; long ones singly, so that
/// memory is used again as it would be.
fn chunked(
    bencher: &mut Bencher<'_>,
    pair: &mut impl Pair,
    text: &str,
    counted: fn(Duration, Duration) -> Duration,
) {
    let at_once = u64::try_from(65_536 / text.len()).unwrap_or(1).clamp(1, 50);
    bencher.iter_custom(|iterations| {
        let mut total = Duration::ZERO;
        let (mut left, mut on_chain) = (iterations, CHAIN);
        while left > 0 {
            if on_chain >= CHAIN {
                pair.turn();
                on_chain = 0;
            }
            let now = left.min(at_once);
            let begun = Instant::now();
            let envelopes: Vec<_> =
                (0..now).map(|_| pair.seal(Side::Alice, black_box(text))).collect();
            let sealing = begun.elapsed();
            let begun = Instant::now();
            for envelope in &envelopes {
                black_box(pair.open(Side::Bob, black_box(envelope)));
            }
            total += counted(sealing, begun.elapsed());
            left -= now;
            on_chain += now;
        }
        total
    });
}

/// One message each way; the table halves it.
fn ping_pong(criterion: &mut Criterion) {
    let text = "t".repeat(BODY_LENS[0]);
    let mut group = criterion.benchmark_group("ping-pong");
    group.bench_function(OURS, |bencher| there_and_back(bencher, &mut KuvertPair::new(), &text));
    group
        .bench_function("vodozemac", |bencher| there_and_back(bencher, &mut OlmPair::new(), &text));
}

fn there_and_back(bencher: &mut Bencher<'_>, pair: &mut impl Pair, text: &str) {
    bencher.iter(|| {
        // Alice wrote last, so Bob's turn it is; either message turns the ratchet.
        pair.pass(Side::Bob, black_box(text));
        pair.pass(Side::Alice, black_box(text));
    });
}

/// Envelopes for a receiver that begins again each time.
fn single(criterion: &mut Criterion) {
    let mut measure = |group: &str, name: &str, case: fn() -> Case| {
        // Criterion calls the closure for each sample; some cases take long to make.
        let case = LazyCell::new(case);
        let mut group = criterion.benchmark_group(group);
        group.bench_function(name, |bencher| deliver(bencher, &case));
    };
    measure("ahead", OURS, cases::ahead);
    measure("ahead", "vodozemac", olm::ahead);
    measure("ahead", "openmls", mls::ahead);
    measure("skipped", OURS, cases::skipped);
    measure("skipped", "vodozemac", olm::skipped);
    measure("hostile", OURS, cases::hostile);
    measure("hostile", "vodozemac", olm::hostile);
}

fn front_doors(criterion: &mut Criterion) {
    for sessions in SESSIONS {
        let count = usize::try_from(sessions).expect("a few thousand");
        let case = LazyCell::new(|| cases::front_door(count));
        // Garbage changes nothing: its receiver need not begin again.
        let mut receiver = LazyCell::new(|| case.receiver());
        let mut group = criterion.benchmark_group(rows::front_door(sessions));
        group.bench_function(OURS, |bencher| bencher.iter(|| case.deliver(&mut receiver)));
    }
}

fn deliver(bencher: &mut Bencher<'_>, case: &Case) {
    let begin = || case.receiver();
    let delivered = |mut receiver| {
        case.deliver(&mut receiver);
        receiver
    };
    bencher.iter_batched(begin, delivered, BatchSize::SmallInput);
}

fn store(criterion: &mut Criterion) {
    for (group, durability) in
        [("store-full", Durability::Full), ("store-relaxed", Durability::Relaxed)]
    {
        let mut measure = |name: &str, part: fn(Spent) -> Duration| {
            let mut desk = LazyCell::new(|| Desk::new(durability));
            let mut group = criterion.benchmark_group(group);
            group.bench_function(name, |bencher| {
                let mut one = || part(desk.receive(BODY_LENS[1]));
                bencher.iter_custom(|count| (0..count).map(|_| one()).sum());
            });
        };
        measure(OURS, |spent| spent.sealed);
        measure("plain", |spent| spent.plain);
    }
}

fn relay(criterion: &mut Criterion) {
    let text = "t".repeat(BODY_LENS[0]);
    for (name, keeping) in [("memory", Keeping::Memory), ("sqlite", Keeping::Sqlite)] {
        let mut relayed = LazyCell::new(|| Relayed::new(keeping));
        let mut measure = |group: &str, pass: &dyn Fn(&mut Relayed) -> Duration| {
            let mut group = criterion.benchmark_group(group);
            // Each sample takes long: one of each is enough.
            group.sampling_mode(SamplingMode::Flat).bench_function(name, |bencher| {
                bencher.iter_custom(|count| (0..count).map(|_| pass(&mut relayed)).sum());
            });
        };
        measure("relay-one", &|relayed| relayed.pass(&text));
        measure("relay-stream", &|relayed| relayed.stream(&text, STREAM));
    }
}
