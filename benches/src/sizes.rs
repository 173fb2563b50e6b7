//! Bytes on the wire beyond the text.

use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use vodozemac::olm::Account;

use crate::kuvert::{self, KuvertPair, Saved};
use crate::olm::{self, OlmPair, Published};
use crate::scenario::{Pair, Side};

/// Messages of a conversation that are averaged.
const ROUNDS: usize = 100;

/// What a text of one length costs beyond itself, in bytes.
#[derive(Clone, Copy, Debug)]
pub struct Overhead {
    /// The first message, with the handshake in front.
    pub first: usize,
    /// A later message of one chain.
    pub same_chain: usize,
    /// A message that turns the ratchet.
    pub turn: usize,
}

/// Kuvert's, for a text of `len` bytes.
#[must_use]
pub fn kuvert(len: usize) -> Overhead {
    let text = "t".repeat(len);
    let (alice, mut bob) = (Saved::new(1), Saved::new(2));
    let mut rng = ChaCha20Rng::seed_from_u64(3);
    let (_, first) = kuvert::initiate(&mut alice.load(), bob.publish(), &text, &mut rng);
    later(first.len() - len, &mut KuvertPair::new(), &text)
}

/// vodozemac's.
#[must_use]
pub fn vodozemac(len: usize) -> Overhead {
    let text = "t".repeat(len);
    let (_, first) = olm::initiate(&Account::new(), &Published::new(), &text);
    later(first.len() - len, &mut OlmPair::new(), &text)
}

fn later(first: usize, pair: &mut impl Pair, text: &str) -> Overhead {
    let same_chain = mean((0..ROUNDS).map(|_| pass(pair, Side::Alice, text)));
    let turns = (0..ROUNDS).map(|round| if round % 2 == 0 { Side::Bob } else { Side::Alice });
    let turn = mean(turns.map(|side| pass(pair, side, text)));
    Overhead { first, same_chain, turn }
}

fn pass(pair: &mut impl Pair, from: Side, text: &str) -> usize {
    let envelope = pair.seal(from, text);
    let to = if from == Side::Alice { Side::Bob } else { Side::Alice };
    assert_eq!(pair.open(to, &envelope), text.len());
    envelope.len() - text.len()
}

fn mean(sizes: impl Iterator<Item = usize>) -> usize {
    sizes.sum::<usize>() / ROUNDS
}
