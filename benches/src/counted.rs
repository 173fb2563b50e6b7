//! What instructions are counted of: operations that are the same in each run, to the last branch.
//!
//! Randomness comes from seeds and the time stands still, so that a count changes only when the code
//! does. What a process does once, such as asking what its processor can do, comes before.

use std::convert::Infallible;
use std::hint::black_box;

use kuvert_core::transcript::Verifier;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

use crate::cases::{self, Case};
use crate::kuvert::{self, KuvertPair, Saved};
use crate::scenario::{Pair, Side};
use crate::transcript::Logging;

/// Messages of a transcript that is verified.
const VERIFIED: usize = 1000;
/// Rounds of a ping-pong, so that it has its share of the KEM ratchet: five epochs.
const ROUNDS: u32 = 100;

/// An operation to be counted.
#[derive(Clone, Copy, Debug)]
pub struct Operation {
    /// Its name in the results.
    pub name: &'static str,
    /// How often it is done at once; a count is divided by that.
    pub times: u32,
    /// Does all that comes before, and gives what is counted.
    prepare: fn(u32) -> Work,
}

type Work = Box<dyn FnMut()>;

/// All operations.
pub const OPERATIONS: &[Operation] = &[
    operation("handshake-initiator", 1, |_| initiator()),
    operation("handshake-responder", 1, |_| responder()),
    operation("encrypt-64", 50, |times| encrypt(64, times)),
    operation("decrypt-64", 50, |times| decrypt(64, times)),
    operation("encrypt-1024", 50, |times| encrypt(1024, times)),
    operation("decrypt-1024", 50, |times| decrypt(1024, times)),
    operation("encrypt-65501", 5, |times| encrypt(65_501, times)),
    operation("decrypt-65501", 5, |times| decrypt(65_501, times)),
    operation("ping-pong-64", 2 * ROUNDS, |_| ping_pong()),
    operation("decrypt-1000-ahead", 1, |_| deliver(cases::ahead())),
    operation("decrypt-skipped", 1, |_| deliver(cases::skipped())),
    operation("hostile-header", 1, |_| deliver(cases::hostile())),
    operation("front-door-100", 1, |_| deliver(cases::front_door(100))),
    operation("transcript-append", 100, append),
    operation("transcript-export-1000", 1, |_| export()),
    operation("transcript-verify-1000", 1, |_| verify()),
];

const fn operation(name: &'static str, times: u32, prepare: fn(u32) -> Work) -> Operation {
    Operation { name, times, prepare }
}

impl Operation {
    /// Prepares it, and does it in [`counted_section`].
    pub fn run(self) {
        let mut work = (self.prepare)(self.times);
        counted_section(&mut *work);
    }
}

/// What valgrind counts by its name: all that happens in here, and nothing else.
#[inline(never)]
pub fn counted_section(work: &mut dyn FnMut()) {
    work();
    // Were it a tail call, it would be over before it has begun.
    black_box(());
}

fn initiator() -> Work {
    let (alice, mut bob) = (Saved::new(1), Saved::new(2));
    let mut bundle = Some(bob.publish());
    let (mut device, mut rng) = (alice.load(), ChaCha20Rng::seed_from_u64(3));
    let text = "t".repeat(64);
    Box::new(move || {
        let bundle = bundle.take().expect("it is done once");
        black_box(kuvert::initiate(&mut device, bundle, &text, &mut rng));
    })
}

fn responder() -> Work {
    let (alice, mut bob) = (Saved::new(1), Saved::new(2));
    let (bundle, mut rng) = (bob.publish(), ChaCha20Rng::seed_from_u64(3));
    let (_, envelope) = kuvert::initiate(&mut alice.load(), bundle, &"t".repeat(64), &mut rng);
    let mut device = bob.load();
    Box::new(move || {
        black_box(kuvert::receive(&mut device, &envelope, &mut rng));
    })
}

fn encrypt(len: usize, times: u32) -> Work {
    let (mut pair, text) = (KuvertPair::new(), "t".repeat(len));
    pair.pass(Side::Alice, &text);
    Box::new(move || {
        for _ in 0..times {
            black_box(pair.seal(Side::Alice, &text));
        }
    })
}

fn decrypt(len: usize, times: u32) -> Work {
    let (mut pair, text) = (KuvertPair::new(), "t".repeat(len));
    pair.pass(Side::Alice, &text);
    let envelopes: Vec<_> = (0..times).map(|_| pair.seal(Side::Alice, &text)).collect();
    Box::new(move || {
        for envelope in &envelopes {
            black_box(pair.open(Side::Bob, envelope));
        }
    })
}

fn ping_pong() -> Work {
    let (mut pair, text) = (KuvertPair::new(), "t".repeat(64));
    Box::new(move || {
        for _ in 0..ROUNDS {
            pair.pass(Side::Bob, &text);
            pair.pass(Side::Alice, &text);
        }
    })
}

fn deliver(case: Case) -> Work {
    let mut receiver = case.receiver();
    Box::new(move || case.deliver(&mut receiver))
}

fn append(times: u32) -> Work {
    let mut logging = Logging::new(true);
    let times = usize::try_from(times).expect("a small number");
    logging.round(times);
    Box::new(move || {
        black_box(logging.batch(times));
    })
}

fn export() -> Work {
    let mut logging = Logging::new(true).filled(VERIFIED);
    let (entries, bodies) = logging.entries();
    let mut entries = Some(entries);
    Box::new(move || {
        let entries = entries.take().expect("it is done once");
        logging.export(entries, &bodies, None, |line| {
            black_box(line);
            Ok::<_, Infallible>(())
        });
    })
}

fn verify() -> Work {
    let file = Logging::new(true).filled(VERIFIED).file();
    Box::new(move || {
        let mut verifier = Verifier::new();
        verifier.push(&file).expect("it verifies");
        black_box(verifier.finish().expect("it verifies"));
    })
}
