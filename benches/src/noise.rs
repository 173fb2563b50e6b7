//! snow: the Noise protocol XX and its transport, as the lower bound of what a channel costs. No ratchet, no
//! message out of order, no header, no padding, nothing kept.

use std::hint::black_box;
use std::time::{Duration, Instant};

use snow::{Builder, HandshakeState, TransportState};

use crate::scenario::{Pair, Side};

const PATTERN: &str = "Noise_XX_25519_ChaChaPoly_SHA256";
/// No message of Noise is longer.
const MAX_LEN: usize = 65_535;

/// The static keys of both.
pub struct Keys([Vec<u8>; 2]);

impl Keys {
    /// New ones.
    ///
    /// # Panics
    ///
    /// If there is no randomness.
    #[must_use]
    pub fn new() -> Self {
        let key = || builder(&[]).generate_keypair().expect("randomness").private;
        Self([key(), key()])
    }
}

impl Default for Keys {
    fn default() -> Self {
        Self::new()
    }
}

fn builder(key: &[u8]) -> Builder<'_> {
    let builder = Builder::new(PATTERN.parse().expect("a pattern of Noise"));
    if key.is_empty() { builder } else { builder.local_private_key(key).expect("one key") }
}

/// What each side spends on three messages and a first text: the initiator, the responder.
///
/// # Panics
///
/// If the two do not come together.
#[must_use]
pub fn handshake(keys: &Keys, text: &str) -> (NoisePair, [Duration; 2]) {
    let [alices, bobs] = &keys.0;
    let mut spent = [Duration::ZERO; 2];
    let mut alice = timed(&mut spent[0], || builder(alices).build_initiator().expect("a pattern"));
    let mut bob = timed(&mut spent[1], || builder(bobs).build_responder().expect("a pattern"));
    let one = timed(&mut spent[0], || say(&mut alice));
    let two = timed(&mut spent[1], || {
        hear(&mut bob, &one);
        say(&mut bob)
    });
    let (alice, three, envelope) = timed(&mut spent[0], || {
        hear(&mut alice, &two);
        let three = say(&mut alice);
        let mut alice = alice.into_transport_mode().expect("it is complete");
        let envelope = seal(&mut alice, text);
        (alice, three, envelope)
    });
    let bob = timed(&mut spent[1], || {
        hear(&mut bob, &three);
        let mut bob = bob.into_transport_mode().expect("it is complete");
        assert_eq!(open(&mut bob, &envelope), text.len());
        bob
    });
    (NoisePair { alice, bob }, spent)
}

fn timed<T>(spent: &mut Duration, work: impl FnOnce() -> T) -> T {
    let begun = Instant::now();
    let done = black_box(work());
    *spent += begun.elapsed();
    done
}

fn say(state: &mut HandshakeState) -> Vec<u8> {
    let mut message = vec![0; 256];
    let len = state.write_message(&[], &mut message).expect("its turn");
    message.truncate(len);
    message
}

fn hear(state: &mut HandshakeState, message: &[u8]) {
    let mut payload = [0; 256];
    state.read_message(message, &mut payload).expect("a good message");
}

fn seal(state: &mut TransportState, text: &str) -> Vec<u8> {
    let mut envelope = vec![0; text.len() + 16];
    let len = state.write_message(text.as_bytes(), &mut envelope).expect("short enough");
    envelope.truncate(len);
    envelope
}

fn open(state: &mut TransportState, envelope: &[u8]) -> usize {
    let mut text = vec![0; envelope.len().min(MAX_LEN)];
    state.read_message(envelope, &mut text).expect("a good message")
}

/// Both ends of a channel.
pub struct NoisePair {
    alice: TransportState,
    bob: TransportState,
}

impl NoisePair {
    /// A pair whose handshake is done.
    #[must_use]
    pub fn new() -> Self {
        handshake(&Keys::new(), "x").0
    }
}

impl Default for NoisePair {
    fn default() -> Self {
        Self::new()
    }
}

impl Pair for NoisePair {
    fn seal(&mut self, from: Side, text: &str) -> Vec<u8> {
        seal(if from == Side::Alice { &mut self.alice } else { &mut self.bob }, text)
    }

    fn open(&mut self, at: Side, envelope: &[u8]) -> usize {
        open(if at == Side::Alice { &mut self.alice } else { &mut self.bob }, envelope)
    }
}
