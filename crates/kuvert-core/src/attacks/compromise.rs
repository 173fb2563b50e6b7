//! One side's records are copied at some moment, and the conversation goes on.
//!
//! The thief listens and does not interfere. Two of its kind: one has the records, the other is
//! given besides every X25519 private key that either side makes from then on, as whoever computes
//! discrete logarithms has.

use alloc::vec::Vec;
use core::time::Duration;

use kuvert_wire::Envelope;

use super::party::{Party, pass, talking};
use super::spy::{By, Heard, Spy};
use crate::agreement;
use crate::error::ProtocolError;

/// Messages that each side writes before it is the other's turn.
const PER_TURN: usize = 2;
const TURNS: usize = 48;

/// A conversation by turns, with a thief at the end of each turn, on one side.
struct Conversation {
    alice: Party,
    bob: Party,
    sent: Vec<(bool, Vec<u8>)>,
}

impl Conversation {
    fn new() -> Self {
        let (alice, bob) = talking();
        Self { alice, bob, sent: Vec::new() }
    }

    fn turn(&mut self) -> Vec<Vec<u8>> {
        let by_alice = (self.sent.len() / PER_TURN).is_multiple_of(2);
        let (from, to) = match by_alice {
            true => (&mut self.alice, &mut self.bob),
            false => (&mut self.bob, &mut self.alice),
        };
        let envelopes: Vec<_> = (0..PER_TURN).map(|_| pass(from, to)).collect();
        self.sent.extend(envelopes.iter().map(|envelope| (by_alice, envelope.clone())));
        envelopes
    }

    fn side(&self, alices: bool) -> &Party {
        if alices { &self.alice } else { &self.bob }
    }
}

/// A spy, whom it stole from and when, and what it has heard since.
struct Thief {
    spy: Spy,
    alices: bool,
    turn: usize,
    is_given_keys: bool,
    knew_the_epoch: bool,
    mixed: u32,
    heard: Vec<Heard>,
    /// Epochs mixed into the chain of each message heard, as its receiver counts.
    chains: Vec<u32>,
}

impl Thief {
    fn new(conversation: &Conversation, turn: usize, alices: bool, is_given_keys: bool) -> Self {
        let spy = Spy::with_records_of(conversation.side(alices));
        let (knew_the_epoch, mixed) = (spy.knows_the_current_epoch(), spy.mixed());
        let (heard, chains) = (Vec::new(), Vec::new());
        Self { spy, alices, turn, is_given_keys, knew_the_epoch, mixed, heard, chains }
    }

    fn listens(&mut self, by_alice: bool, envelope: &[u8]) {
        let by = if by_alice == self.alices { By::Victim } else { By::Other };
        self.heard.push(self.spy.listens(by, envelope));
    }
}

/// Everything that thieves of one kind hear, whenever they came.
fn overheard(is_given_keys: bool) -> Vec<Thief> {
    let mut conversation = Conversation::new();
    let mut thieves: Vec<Thief> = Vec::new();
    for turn in 0..TURNS {
        let by_alice = turn.is_multiple_of(2);
        let envelopes = conversation.turn();
        let mixed = conversation.side(!by_alice).session_with(&conversation.side(by_alice).id());
        for thief in &mut thieves {
            if thief.is_given_keys {
                thief.spy.is_given_the_key_of(&conversation.alice);
                thief.spy.is_given_the_key_of(&conversation.bob);
            }
            for envelope in &envelopes {
                thief.listens(by_alice, envelope);
                thief.chains.push(mixed.ratchet.pq_mixed);
            }
        }
        for alices in [true, false] {
            thieves.push(Thief::new(&conversation, turn, alices, is_given_keys));
        }
    }
    thieves
}

/// A thief of the records reads along until the victim has written again, one round trip at most;
/// then the root has a Diffie-Hellman result in it that it lacks.
#[test]
fn healing_after_one_round_trip() {
    for thief in overheard(false) {
        let by_alice = thief.turn.is_multiple_of(2);
        // Whoever has just written has its current private key stolen, which the answer goes to.
        let readable = if by_alice == thief.alices { PER_TURN } else { 0 };
        for (at, heard) in thief.heard.iter().enumerate() {
            let is_text = *heard == Heard::Text;
            assert_eq!(is_text, at < readable, "turn {}, message {at}", thief.turn);
            assert!(at < readable + 2 * PER_TURN || *heard == Heard::Nothing, "not even headers");
        }
    }
}

/// A thief that has all X25519 keys as well reads along until the first epoch is mixed that it has
/// no secret of: the current one, or the next if the current one's secret is in the records.
#[test]
fn healing_after_the_next_mixed_epoch_without_x25519() {
    let thieves = overheard(true);
    let mut healed = 0;
    for thief in &thieves {
        let last_readable = thief.mixed + u32::from(thief.knew_the_epoch);
        for (at, (heard, mixed)) in thief.heard.iter().zip(&thief.chains).enumerate() {
            let is_text = *heard == Heard::Text;
            assert_eq!(is_text, *mixed <= last_readable, "turn {}, message {at}", thief.turn);
        }
        healed += usize::from(thief.heard.last().is_some_and(|heard| *heard == Heard::Nothing));
    }
    assert!(healed > thieves.len() / 3, "{healed} of {}", thieves.len());
    assert!(thieves.iter().any(|thief| thief.knew_the_epoch));
    assert!(thieves.iter().any(|thief| !thief.knew_the_epoch));
}

/// Neither a device put together from the records nor the keys in them open anything that came
/// before, on either side, at whatever moment they are taken.
#[test]
fn earlier_messages_stay_closed() {
    let mut conversation = Conversation::new();
    for turn in 0..30 {
        conversation.turn();
        for alices in [true, false] {
            let mut device = conversation.side(alices).copy(77);
            for (by_alice, envelope) in conversation.sent.iter().rev().take(20) {
                assert!(device.receive(envelope).is_err());
                let mut spy = Spy::with_records_of(conversation.side(alices));
                let by = if *by_alice == alices { By::Victim } else { By::Other };
                assert_ne!(spy.listens(by, envelope), Heard::Text, "turn {turn}");
            }
        }
    }
}

/// The first message too: its one-time prekey went with it, and nothing else stands in for it.
#[test]
fn the_first_message_stays_closed() {
    let (mut alice, mut bob) = (Party::new(1), Party::new(2));
    alice.begin(bob.bundle(true)).expect("a good bundle");
    let hello = pass(&mut alice, &mut bob);
    let prefix = Envelope::decode(&hello).expect("an envelope").prefix.expect("has one");
    let peer = alice.id();
    bob.take(|device, _| device.close(&peer)).expect("known");
    bob.copy(78).refuses(&hello, ProtocolError::UnknownPrekey);
    let mut without = prefix;
    without.one_time_id = None;
    let (identity, medium) = (bob.stolen_identity(), bob.stolen_medium());
    assert!(agreement::respond(&identity, &medium, None, &without).is_err());
}

/// Without a one-time prekey the first message can be opened by whoever takes the device before the
/// medium-term prekey is erased, 44 days after it was made, and by nobody afterwards.
#[test]
fn a_weak_start_is_open_until_the_medium_prekey_is_erased() {
    const DAY: Duration = Duration::from_secs(24 * 3600);
    let (mut alice, mut bob) = (Party::new(1), Party::new(2));
    alice.begin(bob.bundle(false)).expect("a good bundle");
    let hello = pass(&mut alice, &mut bob);
    let prefix = Envelope::decode(&hello).expect("an envelope").prefix.expect("has one");
    let (identity, medium) = (bob.stolen_identity(), bob.stolen_medium());
    assert!(agreement::respond(&identity, &medium, None, &prefix).is_ok());

    bob.now = bob.now.saturating_add(DAY * 44);
    let now = bob.now;
    bob.take(|device, _| Ok(device.tidy(now))).expect("stored");
    assert_eq!(bob.under("prekey/medium/").count(), 0);
}
