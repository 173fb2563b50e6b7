//! Two ratchets against each other, and each check broken alone.

mod bounds;

use alloc::vec;
use alloc::vec::Vec;

use kuvert_wire::envelope::Kind;
use kuvert_wire::{DecodeError, Encode, Envelope, RatchetPublicKey, Reader, SessionId, Timestamp};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

use super::keys::HeaderKey;
use super::receive::Opened;
use super::send::Sending;
use super::state::{Ratchet, Receiving, Seeds, State};
use crate::crypto::dh::DhSecret;
use crate::error::ProtocolError;
use crate::limits::{MAX_CHAIN, MAX_OLD_CHAINS, MAX_SKIP};
use crate::secret::Secret;

const NOW: Timestamp = Timestamp::from_millis(1_000_000);

fn seeds() -> Seeds {
    let secret = |byte| Secret::copied_from(&[byte; 32]);
    Seeds {
        root: secret(1),
        chain_i: secret(2),
        hdr_i: secret(3),
        hdr_i_next: secret(4),
        hdr_r: secret(5),
        pq_0: secret(6),
        session_id: SessionId::from_bytes([7; 16]),
    }
}

/// Bytes in a frame's place.
struct Raw<'a>(&'a [u8]);

impl Encode for Raw<'_> {
    fn encode_into(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.0);
    }

    fn encoded_len(&self) -> usize {
        self.0.len()
    }
}

/// One side of a conversation, with its own randomness.
struct Party {
    ratchet: Ratchet,
    rng: ChaCha20Rng,
}

impl Party {
    fn send(&mut self, text: &[u8]) -> Vec<u8> {
        self.try_send(text).expect("can send")
    }

    fn try_send(&mut self, text: &[u8]) -> Result<Vec<u8>, ProtocolError> {
        let mut out = vec![2, 1];
        let sending = Sending { kind: Kind::Session, burst: false, now: NOW };
        self.ratchet.state =
            self.ratchet.state.seal(sending, &Raw(text), &mut out, &mut self.rng)?;
        self.reload();
        Ok(out)
    }

    fn open(&mut self, envelope: &[u8]) -> Result<Opened, ProtocolError> {
        let envelope = Envelope::decode(envelope)?;
        let message = &envelope.message;
        let found =
            self.ratchet.find(Kind::Session, message).ok_or(ProtocolError::Undecryptable)?;
        let opened = self.ratchet.open(found, Kind::Session, message, NOW, &mut self.rng);
        opened.map_err(|refused| refused.error)
    }

    fn receive(&mut self, envelope: &[u8]) -> Result<Vec<u8>, ProtocolError> {
        let opened = self.open(envelope)?;
        opened.pq.expect("fragments in order");
        self.ratchet.state = opened.state;
        for (id, page) in opened.pages {
            self.ratchet.skipped.replace(id, page);
        }
        self.reload();
        Ok(opened.frame.to_vec())
    }

    /// Every state goes through storage.
    fn reload(&mut self) {
        let mut bytes = vec![];
        self.ratchet.state.encode_into(&mut bytes);
        let mut reader = Reader::new(&bytes);
        let state = State::decode_from(&mut reader, true).expect("its own bytes");
        reader.finish().expect("all of them");
        let mut again = vec![];
        state.encode_into(&mut again);
        assert_eq!(bytes, again);
        self.ratchet.state = state;
    }

    fn state(&mut self) -> &mut State {
        &mut self.ratchet.state
    }
}

fn parties() -> (Party, Party) {
    let mut alice_rng = ChaCha20Rng::seed_from_u64(1);
    let mut bob_rng = ChaCha20Rng::seed_from_u64(2);
    let alice = Ratchet::initiator(seeds(), NOW, &mut alice_rng);
    let bob = Ratchet::responder(seeds(), NOW, &mut bob_rng);
    (Party { ratchet: alice, rng: alice_rng }, Party { ratchet: bob, rng: bob_rng })
}

/// Both have sent and received.
fn running() -> (Party, Party) {
    let (mut alice, mut bob) = parties();
    let hello = alice.send(b"hello");
    assert_eq!(bob.receive(&hello).as_deref(), Ok(&b"hello"[..]));
    let answer = bob.send(b"answer");
    assert_eq!(alice.receive(&answer).as_deref(), Ok(&b"answer"[..]));
    (alice, bob)
}

#[test]
fn a_long_conversation_heals_again_and_again() {
    let (mut alice, mut bob) = running();
    for round in 0..120_u8 {
        let there = alice.send(&[round]);
        assert_eq!(bob.receive(&there), Ok(vec![round]));
        let back = bob.send(&[round, round]);
        assert_eq!(alice.receive(&back), Ok(vec![round, round]));
    }
    assert!(alice.ratchet.facts().pq_mixed >= 5);
    assert!(alice.ratchet.facts().pq_mixed.abs_diff(bob.ratchet.facts().pq_mixed) <= 1);
}

#[test]
fn any_order_opens_each_message_once() {
    let (mut alice, mut bob) = running();
    let mut sent = vec![];
    for chain in 0..4_u8 {
        sent.extend((0..5).map(|n| alice.send(&[chain, n])));
        let last = sent.last().expect("sent");
        bob.receive(last).expect("opens");
        let turn = bob.send(b"turn");
        alice.receive(&turn).expect("opens");
        sent.pop();
    }
    for envelope in sent.iter().rev() {
        assert!(bob.receive(envelope).is_ok());
    }
    for envelope in &sent {
        assert_eq!(bob.receive(envelope), Err(ProtocolError::Duplicate));
    }
    assert_eq!(bob.ratchet.facts().skipped, 0);
}

#[test]
fn every_flipped_byte_is_refused_and_changes_nothing() {
    let (mut alice, mut bob) = running();
    let envelope = alice.send(b"tea at four");
    let mut before = vec![];
    bob.state().encode_into(&mut before);
    for at in 0..envelope.len() {
        let mut bad = envelope.clone();
        bad[at] ^= 0x10;
        assert!(bob.open(&bad).is_err(), "byte {at}");
    }
    let mut after = vec![];
    bob.state().encode_into(&mut after);
    assert_eq!(before, after);
    assert!(bob.receive(&envelope).is_ok());
}

#[test]
fn two_seals_of_one_state_share_no_key() {
    let (mut alice, _) = running();
    let mut bytes = vec![];
    alice.state().encode_into(&mut bytes);
    let first = alice.send(b"first");
    alice.ratchet.state =
        State::decode_from(&mut Reader::new(&bytes), true).expect("its own bytes");
    let second = alice.send(b"other");
    let tail = |envelope: &[u8]| envelope[envelope.len() - 16 - 256..].to_vec();
    let (first, second) = (tail(&first), tail(&second));
    let zeros = |a: &[u8], b: &[u8]| a.iter().zip(b).filter(|(a, b)| a == b).count();
    assert!(zeros(&first[40..256], &second[40..256]) < 20, "the padding's key stream differs");
}

/// What is counted on from a stored number cannot overflow.
#[test]
fn a_stored_chain_is_not_longer_than_any_gets() {
    let (mut alice, _) = running();
    let mut stored = vec![];
    alice.state().encode_into(&mut stored);
    let sending = 1 + 4 * 32 + 3 * 4;
    let place = 16 + 3 * 32 + 1 + sending + 1 + 32 + 4 + 2 * 32;
    let mut read = |number: u32| {
        stored[place..place + 4].copy_from_slice(&number.to_be_bytes());
        State::decode_from(&mut Reader::new(&stored), true).err()
    };
    let refused = Some(DecodeError::Invalid { what: "length of a chain" });
    assert_eq!(read(MAX_CHAIN), None);
    assert_eq!(read(MAX_CHAIN + 1), refused);
    assert_eq!(read(u32::MAX), refused);
}

/// RAT-1
#[test]
fn a_header_under_no_key_is_refused() {
    let (mut alice, mut bob) = running();
    let mut envelope = alice.send(b"tea");
    envelope[20] ^= 1;
    assert_eq!(bob.receive(&envelope), Err(ProtocolError::Undecryptable));
}

/// RAT-7
#[test]
fn a_chain_keeps_its_ratchet_key() {
    let (mut alice, mut bob) = running();
    let first = alice.send(b"begins a chain");
    bob.receive(&first).expect("opens");
    let chain = alice.state().sending.as_mut().expect("has one");
    chain.ratchet_key = DhSecret::from_secret(Secret::copied_from(&[9; 32])).into();
    let envelope = alice.send(b"tea");
    assert_eq!(bob.receive(&envelope), Err(ProtocolError::Undecryptable));
}

/// RAT-8: the randomness of a sender repeats, so that all else of its message is as it should be.
#[test]
fn a_new_chain_has_a_new_ratchet_key() {
    for turns in [1, 2, 3] {
        let (mut alice, mut bob) = running();
        let repeated = alice.rng.clone();
        let mut keys = Vec::new();
        for _ in 0..turns {
            bob.receive(&alice.send(b"begins a chain")).expect("opens");
            keys.push(alice.ratchet_key());
            alice.receive(&bob.send(b"turn")).expect("opens");
        }
        alice.rng = repeated;
        let envelope = alice.send(b"tea");
        assert_eq!(alice.ratchet_key(), keys[0], "the one of {turns} chains before");
        assert_eq!(bob.receive(&envelope), Err(ProtocolError::Undecryptable));
    }
}

impl Party {
    fn ratchet_key(&self) -> RatchetPublicKey {
        let chain = self.ratchet.state.sending.as_ref().expect("has one");
        RatchetPublicKey::from_bytes(*chain.ratchet_key.public())
    }
}

/// RAT-9
#[test]
fn a_key_that_does_not_exist_yet_opens_nothing() {
    let (_, mut bob) = parties();
    bob.state().receiving = Receiving::Nothing;
    let (mut forger, _) = parties();
    let zeros = HeaderKey::new(Secret::copied_from(&[0; 32]));
    forger.state().sending.as_mut().expect("has one").header_key = zeros;
    let envelope = forger.send(b"under a key of zeros");
    assert_eq!(bob.receive(&envelope), Err(ProtocolError::Undecryptable));
    forger.state().sending.as_mut().expect("has one").header_key =
        bob.state().next_receiving_header.share();
    let envelope = forger.send(b"under a next key, before we have spoken");
    assert_eq!(bob.receive(&envelope), Err(ProtocolError::Undecryptable));
}

/// RAT-10
#[test]
fn a_used_number_is_a_duplicate() {
    let (mut alice, mut bob) = running();
    let envelope = alice.send(b"tea");
    bob.receive(&envelope).expect("opens");
    assert_eq!(bob.receive(&envelope), Err(ProtocolError::Duplicate));
}

/// RAT-11
#[test]
fn numbers_end_at_the_chain_limit() {
    for (number, length) in [(MAX_CHAIN, 0), (0, MAX_CHAIN + 1)] {
        let (mut alice, mut bob) = running();
        let first = alice.send(b"begins a chain");
        bob.receive(&first).expect("opens");
        let mut lying = alice.state().duplicate();
        let chain = lying.sending.as_mut().expect("has one");
        (chain.next_number, chain.previous_length) = (number, length);
        *alice.state() = lying;
        match alice.try_send(b"tea") {
            Ok(envelope) => {
                assert_eq!(bob.receive(&envelope), Err(ProtocolError::ChainExhausted));
            }
            Err(error) => assert_eq!(error, ProtocolError::ChainExhausted),
        }
    }
}

/// RAT-12
#[test]
fn a_jump_is_bounded_over_both_chains() {
    let (mut alice, mut bob) = running();
    let skipped: Vec<_> = (0..MAX_SKIP).map(|_| alice.send(b"lost")).collect();
    let at_limit = alice.send(b"tea");
    let over = alice.send(b"tea");
    assert_eq!(bob.receive(&over), Err(ProtocolError::TooManySkipped));
    assert!(bob.receive(&at_limit).is_ok());
    assert!(bob.receive(&skipped[0]).is_ok());

    // The rest of the old chain and the start of the new one count together.
    let (mut alice, mut bob) = running();
    bob.receive(&alice.send(b"begins a chain")).expect("opens");
    (0..MAX_SKIP - 10).for_each(|_| drop(alice.send(b"lost")));
    alice.receive(&bob.send(b"turn")).expect("opens");
    (0..11).for_each(|_| drop(alice.send(b"lost")));
    assert_eq!(bob.receive(&alice.send(b"tea")), Err(ProtocolError::TooManySkipped));
}

/// RAT-13
#[test]
fn five_old_chains_are_kept() {
    let (mut alice, mut bob) = running();
    let mut late = vec![];
    for _ in 0..=MAX_OLD_CHAINS + 1 {
        late.push(alice.send(b"late"));
        bob.receive(&alice.send(b"in time")).expect("opens");
        alice.receive(&bob.send(b"turn")).expect("opens");
    }
    assert_eq!(bob.ratchet.facts().kept_chains, MAX_OLD_CHAINS);
    assert_eq!(bob.receive(&late[0]), Err(ProtocolError::Undecryptable));
    assert!(bob.receive(&late[1]).is_ok());
}

/// RAT-14
#[test]
fn a_ratchet_key_of_small_order_is_refused() {
    let small = |party: &mut Party| {
        let sending = party.state().sending.as_mut().expect("has one");
        let secret = Secret::copied_from(&[9; 32]);
        sending.ratchet_key = DhSecret::from_stored(secret, [0; 32]).into();
    };
    let (mut alice, mut bob) = parties();
    small(&mut alice);
    assert_eq!(bob.receive(&alice.send(b"hello")), Err(ProtocolError::BadKey));

    let (mut alice, mut bob) = running();
    drop(alice.send(b"begins a chain"));
    small(&mut alice);
    assert_eq!(bob.receive(&alice.send(b"tea")), Err(ProtocolError::BadKey));
}

/// RAT-15
#[test]
fn epochs_are_mixed_in_step() {
    for claimed in [1, 2, u32::MAX] {
        let (mut alice, mut bob) = running();
        drop(alice.send(b"begins a chain"));
        alice.state().sending.as_mut().expect("has one").pq_mixed = claimed;
        assert_eq!(bob.receive(&alice.send(b"tea")), Err(ProtocolError::Undecryptable));
    }
}

/// RAT-16
#[test]
fn a_chain_keeps_its_count_of_epochs() {
    let (mut alice, mut bob) = running();
    bob.receive(&alice.send(b"begins a chain")).expect("opens");
    alice.state().sending.as_mut().expect("has one").pq_mixed = 1;
    assert_eq!(bob.receive(&alice.send(b"tea")), Err(ProtocolError::Undecryptable));
}

/// RAT-17
#[test]
fn a_chain_ends_for_its_sender() {
    let (mut alice, mut bob) = running();
    drop(alice.send(b"begins a chain"));
    alice.state().sending.as_mut().expect("has one").next_number = MAX_CHAIN;
    assert_eq!(alice.try_send(b"tea"), Err(ProtocolError::ChainExhausted));
    // An answer begins a new chain. It comes from a peer that has seen this one.
    let (mut alice2, mut bob2) = running();
    bob2.receive(&alice2.send(b"begins a chain")).expect("opens");
    alice2.state().sending.as_mut().expect("has one").next_number = MAX_CHAIN;
    alice2.receive(&bob2.send(b"turn")).expect("opens");
    assert!(alice2.try_send(b"tea").is_ok());
    drop(bob.send(b"unused"));
}

#[test]
fn a_responder_cannot_speak_first() {
    let (_, mut bob) = parties();
    assert_eq!(bob.try_send(b"tea"), Err(ProtocolError::NoSession));
}

#[test]
fn all_short_messages_have_one_size() {
    let (mut alice, mut bob) = running();
    for round in 0..40_usize {
        let there = alice.send(&vec![1; round * 6]);
        assert_eq!(there.len(), 563);
        bob.receive(&there).expect("opens");
        let back = bob.send(&vec![1; 255 - round]);
        assert_eq!(back.len(), 563);
        alice.receive(&back).expect("opens");
    }
}

#[test]
fn ratchet_keys_are_fresh_for_each_chain() {
    let (mut alice, mut bob) = running();
    let mut seen: Vec<RatchetPublicKey> = vec![];
    for _ in 0..5 {
        bob.receive(&alice.send(b"there")).expect("opens");
        let chain = alice.state().sending.as_ref().expect("has one");
        let key = RatchetPublicKey::from_bytes(*chain.ratchet_key.public());
        assert!(!seen.contains(&key));
        seen.push(key);
        alice.receive(&bob.send(b"back")).expect("opens");
    }
}
