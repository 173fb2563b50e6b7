//! Bytes on the wire beyond the text.

use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use vodozemac::olm::Account;

use crate::kuvert::{self, KuvertPair, Saved};
use crate::mls::{self, Member, MlsPair};
use crate::noise::NoisePair;
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

/// What a text of one length costs beyond itself with each.
#[derive(Clone, Copy, Debug)]
pub struct Overheads {
    /// Kuvert's.
    pub kuvert: Overhead,
    /// vodozemac's.
    pub vodozemac: Overhead,
    /// A message of snow's; all are the same.
    pub snow: usize,
    /// openmls's; the first is the welcome and the message. It has no turn.
    pub openmls: Overhead,
}

/// All of it, for a text of `len` bytes.
#[must_use]
pub fn all(len: usize) -> Overheads {
    let text = "t".repeat(len);
    let snow = pass(&mut NoisePair::new(), Side::Alice, &text);
    Overheads { kuvert: kuvert(&text), vodozemac: vodozemac(&text), snow, openmls: openmls(&text) }
}

fn kuvert(text: &str) -> Overhead {
    let (alice, mut bob) = (Saved::new(1), Saved::new(2));
    let mut rng = ChaCha20Rng::seed_from_u64(3);
    let (_, first) = kuvert::initiate(&mut alice.load(), bob.publish(), text, &mut rng);
    later(first.len() - text.len(), &mut KuvertPair::new(), text)
}

fn vodozemac(text: &str) -> Overhead {
    let (_, first) = olm::initiate(&Account::new(), &Published::new(), text);
    later(first.len() - text.len(), &mut OlmPair::new(), text)
}

fn openmls(text: &str) -> Overhead {
    let (_, [welcome, first]) =
        mls::initiate(&Member::new("Alice"), &Member::new("Bob").publish(), text);
    later(welcome.len() + first.len() - text.len(), &mut MlsPair::new(), text)
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
