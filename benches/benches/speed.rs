//! All measurements, in one process: `cargo xtask bench` runs it and prints the table.

use std::collections::BTreeSet;
use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{BatchSize, Bencher, Criterion};
use kuvert_benches::kuvert::{self, KuvertPair, Saved};
use kuvert_benches::olm::{self, OlmPair, Published};
use kuvert_benches::scenario::{BODY_LENS, Pair, Side, rows};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use vodozemac::olm::Account;

/// Messages after which a chain is left for a new one.
const CHAIN: u64 = 100;

fn main() {
    let mut criterion = Criterion::default()
        .without_plots()
        .sample_size(100)
        .nresamples(2_000)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args();
    primitives(&mut criterion);
    handshakes(&mut criterion);
    for len in BODY_LENS {
        same_chain(&mut criterion, len);
    }
    ping_pong(&mut criterion);
    criterion.final_summary();
}

/// Each primitive that is part of a floor, once.
fn primitives(criterion: &mut Criterion) {
    let all: BTreeSet<_> =
        rows().iter().flat_map(|row| row.floor.0.iter().map(|line| line.primitive)).collect();
    let mut group = criterion.benchmark_group("primitive");
    for primitive in all {
        group.bench_function(primitive.id(), |bencher| primitive.measure(bencher));
    }
}

fn handshakes(criterion: &mut Criterion) {
    let text = "t".repeat(BODY_LENS[0]);
    kuvert_handshake(criterion, &text);
    olm_handshake(criterion, &text);
}

fn kuvert_handshake(criterion: &mut Criterion, text: &str) {
    let (alice, mut bob) = (Saved::new(1), Saved::new(2));
    let bundle = bob.publish();
    let mut rng = ChaCha20Rng::seed_from_u64(3);
    let (_, envelope) = kuvert::initiate(&mut alice.load(), bundle.clone(), text, &mut rng);

    criterion.benchmark_group("initiator").bench_function("kuvert", |bencher| {
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
    criterion.benchmark_group("responder").bench_function("kuvert", |bencher| {
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

fn same_chain(criterion: &mut Criterion, len: usize) {
    let text = "t".repeat(len);
    let mut group = criterion.benchmark_group(format!("encrypt-{len}"));
    group.bench_function("kuvert", |bencher| encrypt(bencher, &mut KuvertPair::new(), &text));
    group.bench_function("vodozemac", |bencher| encrypt(bencher, &mut OlmPair::new(), &text));
    group.finish();
    let mut group = criterion.benchmark_group(format!("decrypt-{len}"));
    group.bench_function("kuvert", |bencher| decrypt(bencher, &mut KuvertPair::new(), &text));
    group.bench_function("vodozemac", |bencher| decrypt(bencher, &mut OlmPair::new(), &text));
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
    group
        .bench_function("kuvert", |bencher| there_and_back(bencher, &mut KuvertPair::new(), &text));
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
