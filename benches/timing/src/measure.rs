//! Calls in random order of two inputs, out of one place in memory.

use std::env;
use std::hint::black_box;
use std::time::Instant;

use dudect_bencher::rand::RngExt as _;
use dudect_bencher::{BenchRng, Class, CtRunner};

/// Calls before the first that is measured.
const WARM_UP: usize = 1000;
/// Samples where nothing is said.
const SAMPLES: usize = 100_000;

/// Times `act` on `left` and `right`, which have one length. What is chosen is put in one place first, and
/// both are read for it: neither a cache nor a branch tells them apart.
pub(crate) fn compare<T>(
    runner: &mut CtRunner,
    rng: &mut BenchRng,
    [left, right]: [&[u8]; 2],
    act: impl Fn(&[u8]) -> T,
) {
    let mut input = left.to_vec();
    for _ in 0..WARM_UP {
        act(left);
        act(right);
    }
    for _ in 0..samples() {
        // Opaque, or the compiler branches on it: a branch that is predicted wrongly for one class more
        // often than for the other was measured as a leak, in another direction in each run.
        let is_left = black_box(u8::from(rng.random::<bool>()));
        let mask = 0_u8.wrapping_sub(is_left);
        for ((byte, left), right) in input.iter_mut().zip(left).zip(right) {
            *byte = left & mask | right & !mask;
        }
        // Reading the clock waits for all that is under way.
        black_box(Instant::now());
        runner.run_one(class(is_left), || act(black_box(&input)));
    }
}

/// Opaque to the compiler, which would otherwise make two copies of what is timed, one for each class.
fn class(is_left: u8) -> Class {
    black_box([Class::Right, Class::Left])[usize::from(is_left) & 1]
}

/// How many calls a case has.
fn samples() -> usize {
    env::var("KUVERT_TIMING_SAMPLES").map_or(SAMPLES, |count| count.parse().expect("a number"))
}
