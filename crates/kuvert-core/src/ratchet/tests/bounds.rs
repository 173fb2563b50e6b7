//! Numbers beyond their limits, and states that are cut short.

use kuvert_wire::{Header, PqFields};

use super::*;

/// RAT-11
#[test]
fn a_number_beyond_the_limit_is_refused_whoever_sealed_it() {
    let (mut alice, mut bob) = running();
    let first = alice.send(b"begins a chain");
    bob.receive(&first).expect("opens");
    let chain = alice.state().sending.as_ref().expect("has one");
    let (header_key, public) = (&chain.header_key, *chain.ratchet_key.public());
    let sealed = |message_number, previous_chain_length| {
        let header = Header {
            ratchet_key: RatchetPublicKey::from_bytes(public),
            message_number,
            previous_chain_length,
            pq_mixed: 0,
            pq: PqFields::idle(),
        };
        let (mut envelope, nonce) = (vec![2, 1], [9; 12]);
        envelope.extend_from_slice(&nonce);
        let mut sealed = vec![];
        header_key.seal_into(Kind::Session, &nonce, &header, &mut sealed);
        envelope.extend_from_slice(&u16::try_from(sealed.len()).expect("fits").to_be_bytes());
        envelope.extend_from_slice(&sealed);
        envelope.extend_from_slice(&[0; 80 + 272]);
        envelope
    };
    for (number, length) in [(MAX_CHAIN, 0), (u32::MAX, 0), (0, MAX_CHAIN + 1), (1, u32::MAX)] {
        let refused = bob.receive(&sealed(number, length));
        assert_eq!(refused, Err(ProtocolError::ChainExhausted), "{number} {length}");
    }
    let refused = bob.receive(&sealed(1, MAX_CHAIN));
    assert_eq!(refused, Err(ProtocolError::Undecryptable), "its number is fine, its text is none");
}

/// A responder that has made its session and has had nothing yet, and one whose records are cut.
#[test]
fn every_state_is_read_back_and_no_part_of_it_is() {
    let (mut alice, mut bob) = parties();
    bob.reload();
    assert!(matches!(bob.state().receiving, Receiving::Expected { .. }));
    bob.receive(&alice.send(b"hello")).expect("opens");
    let (alice, mut running) = (alice, running().1);
    for state in [&alice.ratchet.state, &parties().1.ratchet.state, running.state()] {
        let mut bytes = vec![];
        state.encode_into(&mut bytes);
        assert_eq!(bytes.len(), state.encoded_len());
        for len in 0..bytes.len() {
            let mut reader = Reader::new(&bytes[..len]);
            assert!(State::decode_from(&mut reader, true).is_err(), "{len} of {}", bytes.len());
        }
    }
}
