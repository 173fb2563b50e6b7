//! Two machines against each other, over a network that loses, reorders and repeats.

use alloc::vec::Vec;
use alloc::{format, vec};
use core::time::Duration;

use kuvert_wire::{Decode, DecodeError, Encode, Fragment};
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};

use super::epoch::key_mac;
use super::key_side::KEY_OBJECT_LEN;
use super::*;
use crate::crypto::kem::mlkem768;
use crate::ratchet::erasure;

const START: Timestamp = Timestamp::from_millis(1_800_000_000_000);
const PQ_0: [u8; 32] = [0x5a; 32];

/// What a header says that concerns this machine, and the chain that it opens or goes on with.
#[derive(Clone)]
struct Message {
    chain: u32,
    pq_mixed: u32,
    fields: PqFields,
}

/// One machine, and of the ratchet around it just when chains begin: odd ones are the initiator's.
struct Side {
    pq: PqRatchet,
    rng: ChaCha20Rng,
    step_due: bool,
    sending: u32,
    sending_mixed: u32,
    receiving: u32,
    mixes: Vec<[u8; 32]>,
}

impl Side {
    fn new(role: Role) -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(role as u64);
        let pq = PqRatchet::new(role, Secret::copied_from(&PQ_0), START, &mut rng);
        let begins = role == Role::Initiator;
        let (sending, receiving) = if begins { (1, 0) } else { (0, 1) };
        let mixes = Vec::new();
        Self { pq, rng, step_due: !begins, sending, sending_mixed: 0, receiving, mixes }
    }

    fn send(&mut self) -> Message {
        self.send_with(false)
    }

    fn send_with(&mut self, burst: bool) -> Message {
        if self.step_due {
            let mix = self.pq.mix_for_sending_step(START);
            self.mixes.extend(mix.map(|mix| *mix.expose()));
            self.sending_mixed = self.pq.mixed();
            self.sending += 2;
            self.step_due = false;
        }
        let fields = self.pq.fields(burst);
        self.store_and_load();
        Message { chain: self.sending, pq_mixed: self.sending_mixed, fields }
    }

    fn receive(&mut self, message: &Message) -> Result<(), PqFailed> {
        let before = self.pq.encode();
        let mut copy = self.pq.duplicate();
        if message.chain > self.receiving {
            let mix = copy.mix_for_receiving_step(message.pq_mixed, START, &mut self.rng);
            self.mixes.extend(mix.expect("possible").map(|mix| *mix.expose()));
            self.receiving = message.chain;
            self.step_due = true;
        }
        copy.receive(&message.fields, &mut self.rng)?;
        assert_eq!(self.pq.encode(), before, "work on a copy leaves the original alone");
        self.pq = copy;
        self.store_and_load();
        Ok(())
    }

    /// Each state has to be as good after storage as before.
    fn store_and_load(&mut self) {
        let stored = self.pq.encode();
        assert_eq!(stored.len(), self.pq.encoded_len());
        self.pq = PqRatchet::decode(&stored).expect("its own form");
        assert_eq!(self.pq.encode(), stored);
    }

    fn refuses(&mut self, fields: PqFields) {
        let mut copy = self.pq.duplicate();
        assert_eq!(copy.receive(&fields, &mut self.rng), Err(PqFailed), "{:?}", self.pq);
    }

    fn ignores(&mut self, fields: &PqFields) {
        let before = self.pq.encode();
        self.pq.receive(fields, &mut self.rng).expect("says nothing new");
        assert_eq!(self.pq.encode(), before);
    }
}

fn pair() -> (Side, Side) {
    (Side::new(Role::Initiator), Side::new(Role::Responder))
}

/// Both write in turn and everything arrives, until `done`; the number of messages it took.
fn ping_pong(a: &mut Side, b: &mut Side, done: impl Fn(&Side, &Side) -> bool) -> usize {
    for count in 0..1000 {
        if done(a, b) {
            return count;
        }
        let (from, to) = if count % 2 == 0 { (&mut *a, &mut *b) } else { (&mut *b, &mut *a) };
        to.receive(&from.send()).unwrap();
    }
    panic!("a {:?} and b {:?} never get there", a.pq, b.pq)
}

fn in_state(name: &'static str) -> impl Fn(&Side, &Side) -> bool {
    move |a, b| a.pq.state.name() == name || b.pq.state.name() == name
}

/// Fragments of `object` as its sender would send them.
fn carrying(kind: PqKind, epoch: u32, object: &[u8], indices: core::ops::Range<u8>) -> PqFields {
    let fragments = indices.map(|index| erasure::fragment(object, index)).collect();
    PqFields { kind, epoch, fragments }
}

#[test]
fn an_epoch_takes_ten_messages_one_way_and_nine_back() {
    let (mut a, mut b) = pair();
    for sent in 0..10 {
        assert_eq!(b.pq.state.name(), "RecvEk", "after {sent}");
        b.receive(&a.send()).unwrap();
    }
    for sent in 0..9 {
        assert_eq!(b.pq.state.name(), "SendCt", "after {sent}");
        a.receive(&b.send()).unwrap();
    }
    assert_eq!((a.pq.state.name(), a.pq.mixed()), ("MixDue", 0));
    b.receive(&a.send()).unwrap();
    assert_eq!((a.pq.mixed(), b.pq.mixed()), (1, 1));
    assert_eq!(a.mixes, b.mixes);
    assert_eq!(b.pq.state.name(), "SendEk", "roles have changed");
}

#[test]
fn bursts_heal_in_one_message_each_way() {
    let (mut a, mut b) = pair();
    b.receive(&a.send_with(true)).unwrap();
    a.receive(&b.send_with(true)).unwrap();
    b.receive(&a.send_with(true)).unwrap();
    assert_eq!((a.pq.mixed(), b.pq.mixed()), (1, 1));
    assert_eq!(a.mixes, b.mixes);
}

#[test]
fn every_epoch_mixes_another_secret() {
    let (mut a, mut b) = pair();
    ping_pong(&mut a, &mut b, |a, b| a.pq.mixed() == 7 && b.pq.mixed() == 7);
    assert_eq!(a.mixes, b.mixes);
    let mut different = a.mixes.clone();
    different.sort_unstable();
    different.dedup();
    assert_eq!(different.len(), 7);
}

/// One of the things that a network does.
fn disturb(rng: &mut ChaCha20Rng, wire: &mut Vec<Message>, to: &mut Side) {
    let pick = usize::try_from(rng.next_u32()).unwrap() % wire.len().max(1);
    match rng.next_u32() % 8 {
        _ if wire.is_empty() => {}
        0 => drop(wire.remove(pick)),
        1 => to.receive(&wire[pick].clone()).unwrap(),
        2 => to.receive(&wire.remove(pick)).unwrap(),
        _ => to.receive(&wire.remove(0)).unwrap(),
    }
}

#[test]
fn loss_order_and_repetition_only_cost_time() {
    for seed in 0..4 {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let (mut a, mut b) = pair();
        let (mut to_a, mut to_b) = (vec![], vec![]);
        for _ in 0..600 {
            let burst = rng.next_u32() % 16 == 0;
            match rng.next_u32() % 4 {
                0 => to_b.push(a.send_with(burst)),
                1 => to_a.push(b.send_with(burst)),
                2 => disturb(&mut rng, &mut to_a, &mut a),
                _ => disturb(&mut rng, &mut to_b, &mut b),
            }
            let common = a.mixes.len().min(b.mixes.len());
            assert_eq!(a.mixes[..common], b.mixes[..common]);
            assert!(a.mixes.len().abs_diff(b.mixes.len()) <= 1);
        }
        let reached = a.pq.mixed();
        ping_pong(&mut a, &mut b, |a, b| a.pq.mixed() > reached && b.pq.mixed() > reached);
        assert_eq!(a.mixes, b.mixes);
    }
}

#[test]
fn indices_go_round_after_254() {
    let mut a = Side::new(Role::Initiator);
    let sent: Vec<u8> = (0..256).map(|_| a.send().fields.fragments[0].index).collect();
    assert_eq!(sent[..255], (0..255).collect::<Vec<u8>>());
    assert_eq!(sent[255], 0);
}

#[test]
fn who_has_nothing_to_send_sends_zeros() {
    for state in ["RecvEk", "RecvCt", "MixDue"] {
        let (mut a, mut b) = pair();
        ping_pong(&mut a, &mut b, in_state(state));
        let side = if a.pq.state.name() == state { &mut a } else { &mut b };
        assert_eq!(side.pq.fields(false), PqFields::idle(), "{state}");
        assert_eq!(side.pq.fields(true), PqFields::idle(), "{state}: no burst of nothing");
    }
}

#[test]
fn an_old_epoch_is_sent_in_bursts() {
    let (mut a, mut b) = pair();
    let late = START.saturating_add(BURST_AFTER);
    assert!(!a.pq.burst_due(late));
    assert!(a.pq.burst_due(late.saturating_add(Duration::from_millis(1))));
    assert_eq!(a.send_with(true).fields.fragments.len(), 10);
    ping_pong(&mut a, &mut b, in_state("MixDue"));
    let _ = a.pq.mix_for_sending_step(late).expect("is due");
    assert!(!a.pq.burst_due(late.saturating_add(BURST_AFTER)), "its age starts anew");
}

/// RAT-18
#[test]
fn a_fragment_from_the_future_fails() {
    let (mut a, mut b) = pair();
    for (side, kind) in [(&mut a, PqKind::Ciphertext), (&mut b, PqKind::EncapsulationKey)] {
        for epoch in [2, 3, u32::MAX] {
            side.refuses(carrying(kind, epoch, &[7; 1280], 0..1));
        }
    }
}

#[test]
fn a_fragment_from_the_past_is_ignored() {
    let (mut a, mut b) = pair();
    let late = [a.send().fields, a.send().fields];
    ping_pong(&mut a, &mut b, |_, b| b.pq.mixed() == 2);
    late.iter().for_each(|fields| b.ignores(fields));
    let nonsense = carrying(PqKind::Ciphertext, 1, &[7; 1280], 0..1);
    b.ignores(&nonsense);
}

/// RAT-19
#[test]
fn a_kind_that_is_not_the_peers_fails() {
    for state in ["SendEk", "RecvEk", "RecvCt", "SendCt", "MixDue"] {
        let (mut a, mut b) = pair();
        ping_pong(&mut a, &mut b, in_state(state));
        let side = if a.pq.state.name() == state { &mut a } else { &mut b };
        let own = match side.pq.state.peers_kind() {
            PqKind::Ciphertext => PqKind::EncapsulationKey,
            _ => PqKind::Ciphertext,
        };
        side.refuses(carrying(own, side.pq.epoch.number(), &[7; 1280], 0..1));
    }
}

/// RAT-20
#[test]
fn two_data_for_one_index_fail() {
    let (mut a, mut b) = pair();
    let fields = a.send().fields;
    b.pq.receive(&fields, &mut b.rng).unwrap();
    b.ignores(&fields);
    let mut other = fields;
    other.fragments[0].data[127] ^= 1;
    b.refuses(other);

    ping_pong(&mut a, &mut b, in_state("RecvCt"));
    let State::RecvCt(state) = &a.pq.state else { panic!("not there") };
    let mut other = state.collected.as_slice()[0].clone();
    other.data[0] ^= 1;
    a.refuses(PqFields { kind: PqKind::Ciphertext, epoch: 1, fragments: vec![other] });
}

/// The encapsulation key of epoch 1 as K sends it.
fn key_object() -> Vec<u8> {
    let State::SendEk(state) = Side::new(Role::Initiator).pq.state else { panic!("not there") };
    state.object.object().to_vec()
}

/// RAT-21
#[test]
fn a_key_without_the_right_mac_fails() {
    for at in [0, mlkem768::EK_LEN - 1, mlkem768::EK_LEN, KEY_OBJECT_LEN - 1] {
        let mut object = key_object();
        object[at] ^= 1;
        let mut b = Side::new(Role::Responder);
        b.refuses(carrying(PqKind::EncapsulationKey, 1, &object, 0..10));
    }
}

/// RAT-21
#[test]
fn a_key_over_the_modulus_fails_even_with_its_mac() {
    let mut ek = key_object()[..mlkem768::EK_LEN].to_vec();
    ek[..2].copy_from_slice(&[0xff, 0x0f]);
    let mac = key_mac(Epoch::FIRST, &Secret::copied_from(&PQ_0), &ek);
    ek.extend_from_slice(&mac);
    Side::new(Role::Responder).refuses(carrying(PqKind::EncapsulationKey, 1, &ek, 0..10));
}

/// RAT-22
#[test]
fn an_answer_without_the_right_confirmation_fails() {
    let (mut a, mut b) = pair();
    ping_pong(&mut a, &mut b, in_state("SendCt"));
    let State::SendCt(state) = &b.pq.state else { panic!("not there") };
    let object = state.object.object().to_vec();
    for at in [0, mlkem768::CT_LEN - 1, mlkem768::CT_LEN, object.len() - 1] {
        let mut wrong = object.clone();
        wrong[at] ^= 1;
        a.refuses(carrying(PqKind::Ciphertext, 1, &wrong, 20..29));
    }
    a.pq.receive(&carrying(PqKind::Ciphertext, 1, &object, 20..29), &mut a.rng).unwrap();
    assert_eq!(a.pq.state.name(), "MixDue");
}

/// RAT-23
#[test]
fn padding_that_is_not_zero_fails() {
    for at in [KEY_OBJECT_LEN, 1279] {
        let mut object = key_object();
        object.resize(1280, 0);
        object[at] = 1;
        let mut b = Side::new(Role::Responder);
        b.refuses(carrying(PqKind::EncapsulationKey, 1, &object, 0..10));
        b.refuses(carrying(PqKind::EncapsulationKey, 1, &object, 100..110));
    }
}

/// RAT-15
#[test]
fn only_the_ciphertext_side_takes_an_epoch_from_a_header() {
    for state in ["SendEk", "RecvEk", "RecvCt", "SendCt", "MixDue"] {
        let (mut a, mut b) = pair();
        ping_pong(&mut a, &mut b, |a, b| a.pq.mixed() == 1 && in_state(state)(a, b));
        let side = if a.pq.state.name() == state { &mut a } else { &mut b };
        let before = side.pq.encode();
        let mut claim = |claimed| side.pq.mix_for_receiving_step(claimed, START, &mut side.rng);
        for impossible in [0, 3, u32::MAX] {
            assert_eq!(claim(impossible), Err(BadPqMixed), "{state}");
        }
        assert_eq!(claim(1), Ok(None), "{state}");
        match state {
            "SendCt" => assert!(matches!(claim(2), Ok(Some(_)))),
            _ => {
                assert_eq!(claim(2), Err(BadPqMixed), "{state}");
                assert_eq!(side.pq.encode(), before);
            }
        }
    }
}

#[test]
fn the_last_epoch_of_all_stays() {
    let (mut a, mut b) = pair();
    ping_pong(&mut a, &mut b, in_state("MixDue"));
    for side in [&mut a, &mut b] {
        side.pq.epoch = Epoch::from_number(u32::MAX).unwrap();
    }
    assert_eq!(a.pq.mix_for_sending_step(START), None);
    let claimed = b.pq.mix_for_receiving_step(u32::MAX, START, &mut b.rng);
    assert_eq!(claimed, Err(BadPqMixed));
}

#[test]
fn a_stored_form_that_cannot_be_is_refused() {
    let invalid = |bytes: &[u8]| PqRatchet::decode(bytes).expect_err("cannot be");
    for state in ["SendEk", "RecvEk", "RecvCt", "SendCt", "MixDue"] {
        let (mut a, mut b) = pair();
        ping_pong(&mut a, &mut b, in_state(state));
        let side = if a.pq.state.name() == state { &a } else { &b };
        let stored = side.pq.encode();
        assert!(matches!(invalid(&stored[..stored.len() - 1]), DecodeError::Truncated { .. }));
        let longer = [&stored[..], &[0]].concat();
        assert_eq!(invalid(&longer), DecodeError::TrailingBytes { extra: 1 });
        let with = |at: usize, byte| [&stored[..at], &[byte], &stored[at + 1..]].concat();
        assert_eq!(invalid(&with(0, 6)), DecodeError::Unknown { what: "pq state" });
        let epoch_0 = [&stored[..1], &[0; 4], &stored[5..]].concat();
        assert_eq!(invalid(&epoch_0), DecodeError::Invalid { what: "pq epoch" });
        if matches!(state, "SendEk" | "SendCt") {
            let index = with(stored.len() - 1, 255);
            assert_eq!(invalid(&index), DecodeError::Invalid { what: "fragment index" });
        }
    }
}

#[test]
fn stored_fragments_are_different_and_too_few() {
    let with = |fragments: Vec<Fragment>| {
        let mut stored = Side::new(Role::Responder).pq.encode();
        let count = stored.last_mut().expect("the count");
        *count = u8::try_from(fragments.len()).unwrap();
        for fragment in fragments {
            stored.push(fragment.index);
            stored.extend_from_slice(&fragment.data);
        }
        PqRatchet::decode(&stored).map(|_| ())
    };
    let fragment = |index| Fragment { index, ..Fragment::ZERO };
    let refused = Err(DecodeError::Invalid { what: "collected fragments" });
    assert_eq!(with((0..9).map(fragment).collect()), Ok(()));
    assert_eq!(with((0..10).map(fragment).collect()), refused, "would be the next state");
    assert_eq!(with(vec![fragment(3), fragment(3)]), refused);
    assert_eq!(with(vec![fragment(255)]), refused);
}

#[test]
fn debug_tells_the_state_and_no_secret() {
    let a = Side::new(Role::Initiator);
    let shown = format!("{:?}", a.pq);
    assert_eq!(shown, format!("PqRatchet {{ epoch: 1, since: {START:?}, state: \"SendEk\" }}"));
    assert!(!shown.contains("90, 90") && !shown.contains("5a5a"));
}

#[test]
fn a_state_is_small() {
    for state in ["SendEk", "RecvEk", "RecvCt", "SendCt", "MixDue"] {
        let (mut a, mut b) = pair();
        ping_pong(&mut a, &mut b, in_state(state));
        for side in [a, b] {
            assert!(side.pq.encoded_len() <= 1207, "{state}: {}", side.pq.encoded_len());
        }
    }
}
