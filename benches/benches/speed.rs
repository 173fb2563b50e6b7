//! All measurements, in one process: `cargo xtask bench` runs it and prints the table.

use std::collections::BTreeSet;
use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{BatchSize, Bencher, Criterion};
use kuvert_benches::olm::{self, OlmPair, Published};
use kuvert_benches::scenario::{BODY_LENS, Pair, Side, rows};
use vodozemac::olm::Account;

/// Messages of one chain that are timed together.
const CHUNK: u64 = 100;

fn main() {
    let mut criterion = Criterion::default()
        .without_plots()
        .sample_size(40)
        .nresamples(2_000)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_millis(1_500))
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
    let all: BTreeSet<_> = rows()
        .iter()
        .flat_map(|row| row.floor.0.iter().map(|line| line.primitive))
        .collect();
    let mut group = criterion.benchmark_group("primitive");
    for primitive in all {
        group.bench_function(primitive.id(), |bencher| primitive.measure(bencher));
    }
}

fn handshakes(criterion: &mut Criterion) {
    let text = "t".repeat(BODY_LENS[0]);
    let (alice, bob) = (Account::new(), Published::new());
    let (_, envelope) = olm::initiate(&alice, &bob, &text);

    let mut group = criterion.benchmark_group("initiator");
    group.bench_function("vodozemac", |bencher| {
        bencher.iter(|| olm::initiate(&alice, &bob, black_box(&text)))
    });
    group.bench_function("vodozemac-signed", |bencher| {
        bencher.iter(|| {
            assert!(bob.signature_is_good());
            olm::initiate(&alice, &bob, black_box(&text))
        });
    });
    group.finish();

    let mut group = criterion.benchmark_group("responder");
    let fresh = || Account::from_pickle(bob.copy());
    group.bench_function("vodozemac", |bencher| {
        let respond =
            |mut account| olm::respond(&mut account, alice.curve25519_key(), black_box(&envelope));
        bencher.iter_batched(fresh, respond, BatchSize::SmallInput);
    });
}

fn same_chain(criterion: &mut Criterion, len: usize) {
    let text = "t".repeat(len);
    let mut group = criterion.benchmark_group(format!("encrypt-{len}"));
    group.bench_function("vodozemac", |bencher| {
        encrypt(bencher, &mut OlmPair::new(), &text)
    });
    group.finish();
    let mut group = criterion.benchmark_group(format!("decrypt-{len}"));
    group.bench_function("vodozemac", |bencher| {
        decrypt(bencher, &mut OlmPair::new(), &text)
    });
}

fn encrypt(bencher: &mut Bencher<'_>, pair: &mut impl Pair, text: &str) {
    chunked(bencher, pair, text, |sealing, _| sealing);
}

fn decrypt(bencher: &mut Bencher<'_>, pair: &mut impl Pair, text: &str) {
    chunked(bencher, pair, text, |_, opening| opening);
}

/// Chunks of messages on one chain; sealing and opening are timed apart, the turns between not at all.
fn chunked(
    bencher: &mut Bencher<'_>,
    pair: &mut impl Pair,
    text: &str,
    counted: fn(Duration, Duration) -> Duration,
) {
    bencher.iter_custom(|iterations| {
        let mut total = Duration::ZERO;
        let mut left = iterations;
        while left > 0 {
            let now = left.min(CHUNK);
            pair.turn();
            let begun = Instant::now();
            let envelopes: Vec<_> = (0..now)
                .map(|_| pair.seal(Side::Alice, black_box(text)))
                .collect();
            let sealed = begun.elapsed();
            let begun = Instant::now();
            for envelope in &envelopes {
                black_box(pair.open(Side::Bob, black_box(envelope)));
            }
            total += counted(sealed, begun.elapsed());
            left -= now;
        }
        total
    });
}

/// One message each way; the table halves it.
fn ping_pong(criterion: &mut Criterion) {
    let text = "t".repeat(BODY_LENS[0]);
    let mut group = criterion.benchmark_group("ping-pong");
    group.bench_function("vodozemac", |bencher| {
        there_and_back(bencher, &mut OlmPair::new(), &text)
    });
}

fn there_and_back(bencher: &mut Bencher<'_>, pair: &mut impl Pair, text: &str) {
    bencher.iter(|| {
        pair.pass(Side::Alice, black_box(text));
        pair.pass(Side::Bob, black_box(text));
    });
}
