//! A peer that has the session's keys and does not keep to the ratchet. What it says is authentic,
//! so the checks themselves have to hold.

use alloc::vec::Vec;

use kuvert_wire::envelope::Kind;
use kuvert_wire::{Fragment, Header, PqFields, PqKind, RatchetPublicKey};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

use super::mallory::{Mallory, identity};
use super::party::{Party, talk};
use super::points_of_small_order;
use crate::crypto::dh::DhSecret;
use crate::crypto::kdf::sha256;
use crate::crypto::kem::mlkem768::Seed;
use crate::error::ProtocolError;
use crate::prekey::{MediumPrekeyPair, OneTimePrekeyPair};
use crate::ratchet::erasure::{Fragments, fragment};
use crate::ratchet::keys::HeaderKey;
use crate::ratchet::pq::epoch::{Epoch, EpochSecrets, key_mac};
use crate::secret::Secret;
use crate::{SessionEnd, Status};

/// Mallory has begun a session with Bob and he has not heard of it.
pub(super) fn begun() -> (Party, Mallory) {
    let mut bob = Party::new(2);
    let mallory = Mallory::begins(bob.bundle(true));
    (bob, mallory)
}

/// Bob has answered, and Mallory has heard it.
fn answered() -> (Party, Mallory) {
    let (mut bob, mut mallory) = begun();
    let envelope = mallory.seals(&mallory.header(0));
    bob.hears(&envelope, "from mallory");
    let answer = bob.send_to(identity().device_id(), &crate::Content::text("answer"));
    mallory.follows(&answer);
    (bob, mallory)
}

fn with_fragments(header: Header, kind: PqKind, epoch: u32, fragments: Vec<Fragment>) -> Header {
    Header { pq: PqFields { kind, epoch, fragments }, ..header }
}

/// A first message with a whole encapsulation key of epoch 1 and its right MAC.
pub(super) fn burst_of(mallory: &mut Mallory, ek: &[u8]) -> Vec<u8> {
    let mac = key_mac(Epoch::FIRST, &mallory.pq_0, ek);
    let object = [ek, &mac].concat();
    let fragments = (0..10).map(|index| fragment(&object, index)).collect();
    let header = with_fragments(mallory.header(0), PqKind::EncapsulationKey, 1, fragments);
    mallory.seals(&header)
}

/// The message ends the session: its keys are erased.
pub(super) fn fails_the_session(bob: &mut Party, envelope: &[u8]) {
    let received = bob.receive(envelope).expect("authentic");
    assert_eq!(received.ended, Some(SessionEnd::PqFailed));
    assert_eq!(bob.under("session/").count(), 0);
    assert_eq!(bob.under("skipped/").count(), 0);
    assert!(bob.receive(envelope).is_err());
}

#[test]
fn mallory_can_keep_to_the_rules() {
    let (mut bob, mut mallory) = answered();
    mallory.turns(0);
    let envelope = mallory.seals(&mallory.header(0));
    bob.hears(&envelope, "from mallory");
    let (mut bob, mut mallory) = begun();
    let (_, ek) = Seed::generate(&mut ChaCha20Rng::seed_from_u64(1));
    let envelope = burst_of(&mut mallory, &*ek);
    assert_eq!(bob.receive(&envelope).expect("opens").ended, None);
}

/// Mallory names a first ratchet key of small order, on which Bob's first answer would fail for
/// ever; Bob refuses it although he does no Diffie-Hellman yet, and keeps his prekey.
#[test]
fn low_order_point_as_first_ratchet_key() {
    for point in points_of_small_order() {
        let (mut bob, mut mallory) = begun();
        let ratchet_key = RatchetPublicKey::from_bytes(point);
        let header = Header { ratchet_key, ..mallory.header(0) };
        let envelope = mallory.seals(&header);
        bob.refuses(&envelope, ProtocolError::BadKey);
        assert_eq!(bob.device.one_time_count(), 1);
    }
}

/// Mallory begins a later chain with a point of small order and the zeros that everyone can compute
/// with it; the result of zero is refused.
#[test]
fn low_order_point_as_later_ratchet_key() {
    for point in points_of_small_order() {
        let (mut bob, mut mallory) = answered();
        let key = DhSecret::from_stored(Secret::copied_from(&[1; 32]), point);
        mallory.turns_with(key, &Secret::copied_from(&[0; 32]), None, 0);
        let envelope = mallory.seals(&mallory.header(0));
        bob.refuses(&envelope, ProtocolError::BadKey);
    }
}

/// The same from a responder, whose first ratchet key is the initiator's first root step.
#[test]
fn low_order_point_as_ratchet_key_of_an_answer() {
    for point in points_of_small_order() {
        let (mut alice, mut mallory) = written_to();
        let key = DhSecret::from_stored(Secret::copied_from(&[1; 32]), point);
        mallory.turns_with(key, &Secret::copied_from(&[0; 32]), None, 0);
        let envelope = mallory.seals(&mallory.header(0));
        alice.refuses(&envelope, ProtocolError::BadKey);
        assert_eq!(alice.session_with(identity().device_id()).status, Status::AwaitingReply);
    }
}

/// Alice has begun a session with Mallory.
fn written_to() -> (Party, Mallory) {
    let (mut alice, mut rng) = (Party::new(1), ChaCha20Rng::seed_from_u64(5));
    let medium = MediumPrekeyPair::generate(&identity(), alice.now, &mut rng);
    let one_time = OneTimePrekeyPair::generate(&identity(), &mut rng);
    let bundle = kuvert_wire::PrekeyBundle {
        cert: identity().cert().cert().clone(),
        medium: medium.public().clone(),
        one_time: Some(one_time.public().clone()),
    };
    let peer = alice.begin(bundle).expect("a good bundle");
    let envelope = alice.send_to(&peer, &crate::Content::text("hello"));
    let mallory = Mallory::answers(&envelope, &medium, Some(&one_time));
    (alice, mallory)
}

#[test]
fn mallory_can_answer_by_the_rules() {
    let (mut alice, mut mallory) = written_to();
    mallory.turns(0);
    let envelope = mallory.seals(&mallory.header(0));
    alice.hears(&envelope, "from mallory");
}

/// A header is sealed under a key of zeros, or of ones, in the hope that a header key which does not
/// exist yet is one; it is no key at all, on either side, at any point of a session's beginning.
#[test]
fn uninitialised_header_keys() {
    for filled in [0, 0xff] {
        let header_key = || HeaderKey::new(Secret::copied_from(&[filled; 32]));
        let (mut bob, mut mallory) = begun();
        mallory.chain.as_mut().expect("has one").header_key = header_key();
        let first = mallory.seals(&mallory.header(0));
        bob.refuses(&first, ProtocolError::Undecryptable);
        mallory.prefix = None;
        let session = mallory.seals(&mallory.header(0));
        bob.refuses(&session, ProtocolError::Undecryptable);

        let (mut alice, mut mallory) = written_to();
        mallory.next_header_key = header_key();
        mallory.turns(0);
        let answer = mallory.seals(&mallory.header(0));
        alice.refuses(&answer, ProtocolError::Undecryptable);

        let (mut alice, mut bob) = (Party::new(1), Party::new(2));
        talk(&mut alice, &mut bob);
        alice.refuses(&session, ProtocolError::Undecryptable);
        bob.refuses(&session, ProtocolError::Undecryptable);
    }
}

/// Mallory uses the header key of her second chain before Bob has said anything; without a ratchet
/// key of his own there is no second chain, and the key is not tried.
#[test]
fn next_header_key_before_the_first_answer() {
    let (mut bob, mut mallory) = begun();
    let first = mallory.seals(&mallory.header(0));
    let early = HeaderKey::new(mallory.next_header_key.secret().duplicate());
    mallory.chain.as_mut().expect("has one").header_key = early;
    let envelope = mallory.seals(&mallory.header(0));
    bob.refuses(&envelope, ProtocolError::Undecryptable);
    bob.hears(&first, "from mallory");
    mallory.prefix = None;
    let envelope = mallory.seals(&mallory.header(0));
    bob.refuses(&envelope, ProtocolError::Undecryptable);
}

/// Mallory claims epochs that have not been mixed, on a new chain, with keys derived to match; only
/// the next one, and only when Bob has sent his ciphertext, can be.
#[test]
fn pq_mixed_jumps_on_a_new_chain() {
    for claimed in [1, 2, u32::MAX] {
        let (mut bob, mut mallory) = answered();
        mallory.turns(claimed);
        let envelope = mallory.seals(&mallory.header(0));
        bob.refuses(&envelope, ProtocolError::Undecryptable);
    }
}

/// Mallory changes the number of mixed epochs in the middle of a chain; a chain keeps the one it
/// began with.
#[test]
fn pq_mixed_jumps_within_a_chain() {
    for claimed in [1, u32::MAX] {
        let (mut bob, mut mallory) = answered();
        mallory.turns(0);
        let envelope = mallory.seals(&mallory.header(0));
        bob.hears(&envelope, "from mallory");
        let header = Header { pq_mixed: claimed, ..mallory.header(1) };
        let envelope = mallory.seals(&header);
        bob.refuses(&envelope, ProtocolError::Undecryptable);
    }
}

/// Mallory claims one epoch more than there is in her very first chain, whose root has none.
///
/// A claim there is in no key yet; the chain is then known by the one that it belongs to, 0.
#[test]
fn pq_mixed_jump_in_the_first_chain() {
    for claimed in [1, u32::MAX] {
        let (mut bob, mut mallory) = begun();
        let header = Header { pq_mixed: claimed, ..mallory.header(0) };
        let envelope = mallory.seals(&header);
        bob.refuses(&envelope, ProtocolError::Undecryptable);
    }
}

/// Bob has sent his ciphertext, and Mallory has what is mixed next.
fn one_epoch_on() -> (Party, Mallory, Secret<32>) {
    let (mut bob, mut mallory) = begun();
    let (seed, ek) = Seed::generate(&mut ChaCha20Rng::seed_from_u64(1));
    let envelope = burst_of(&mut mallory, &*ek);
    bob.hears(&envelope, "from mallory");
    let (id, now) = (*identity().device_id(), bob.now);
    let answer = bob.take(|device, rng| device.heal(&id, now, rng)).expect("can send");
    let header = mallory.follows(&answer.envelope);
    let mix = completed(&header.pq, &seed, &*ek, &mallory.pq_0);
    (bob, mallory, mix)
}

/// Mallory mixes the right secret and calls it another epoch's, with keys derived to match; the
/// epochs are mixed one by one.
#[test]
fn pq_mixed_jump_with_the_right_secret() {
    for claimed in [0, 2, u32::MAX] {
        let (mut bob, mut mallory, mix) = one_epoch_on();
        mallory.turns_mixing(Some(&mix), claimed);
        let envelope = mallory.seals(&mallory.header(0));
        bob.refuses(&envelope, ProtocolError::Undecryptable);
    }
}

/// An epoch is mixed by the rules, and then Mallory claims that none was, or two were; every chain
/// after it counts it.
#[test]
fn pq_mixed_taken_back() {
    for claimed in [0, 1, 2] {
        let (mut bob, mut mallory, mix) = one_epoch_on();
        mallory.turns_mixing(Some(&mix), 1);
        let envelope = mallory.seals(&mallory.header(0));
        bob.hears(&envelope, "from mallory");
        let id = *identity().device_id();
        assert_eq!(bob.session_with(&id).ratchet.pq_mixed, 1);

        mallory.follows(&bob.send_to(&id, &crate::Content::text("answer")));
        mallory.turns(claimed);
        let envelope = mallory.seals(&mallory.header(0));
        match claimed {
            1 => drop(bob.hears(&envelope, "from mallory")),
            _ => bob.refuses(&envelope, ProtocolError::Undecryptable),
        }
    }
}

/// What K mixes at the end of epoch 1.
fn completed(fields: &PqFields, seed: &Seed, ek: &[u8], pq_0: &Secret<32>) -> Secret<32> {
    let mut collected = Fragments::default();
    fields.fragments.iter().for_each(|fragment| collected.add(fragment).expect("no conflict"));
    let object = collected.decode(1120).expect("zero padding").expect("all of it");
    let (ct, kc) = object.split_first_chunk().expect("1,120 bytes");
    let shared = seed.decapsulate(ct);
    let hashes = (sha256(&[ek]), sha256(&[ct]));
    let secrets = EpochSecrets::derive(Epoch::FIRST, pq_0, &hashes.0, &hashes.1, &shared);
    assert_eq!(secrets.confirmation, kc);
    secrets.mix
}

/// Mallory sends two different fragments with one index, in one message or in two: the session is
/// closed, as no object has both.
#[test]
fn conflicting_fragments() {
    let fragment = |byte| Fragment { index: 3, data: [byte; 128] };
    let carrying =
        |header, fragments| with_fragments(header, PqKind::EncapsulationKey, 1, fragments);
    let (mut bob, mut mallory) = begun();
    let envelope = mallory.seals(&carrying(mallory.header(0), [fragment(1)].to_vec()));
    bob.hears(&envelope, "from mallory");
    let again = mallory.seals(&carrying(mallory.header(1), [fragment(1)].to_vec()));
    assert_eq!(bob.hears(&again, "from mallory").ended, None, "the same one says nothing new");
    let envelope = mallory.seals(&carrying(mallory.header(2), [fragment(2)].to_vec()));
    fails_the_session(&mut bob, &envelope);

    let (mut bob, mut mallory) = begun();
    let burst = (0..10).map(|byte| fragment(byte % 2)).collect();
    let envelope = mallory.seals(&carrying(mallory.header(0), burst));
    fails_the_session(&mut bob, &envelope);
}

/// Mallory sends fragments of an epoch that has not come; the session is closed.
#[test]
fn newer_epoch() {
    for epoch in [2, 3, u32::MAX] {
        for kind in [PqKind::EncapsulationKey, PqKind::Ciphertext] {
            let (mut bob, mut mallory) = begun();
            let fragments = [Fragment { index: 0, data: [1; 128] }].to_vec();
            let header = with_fragments(mallory.header(0), kind, epoch, fragments);
            let envelope = mallory.seals(&header);
            fails_the_session(&mut bob, &envelope);
        }
    }
}

/// Mallory, whose turn it is to send a key, sends fragments of a ciphertext; the session is closed.
#[test]
fn fragments_of_the_other_role() {
    let (mut bob, mut mallory) = begun();
    let fragments = [Fragment { index: 0, data: [1; 128] }].to_vec();
    let header = with_fragments(mallory.header(0), PqKind::Ciphertext, 1, fragments);
    let envelope = mallory.seals(&header);
    fails_the_session(&mut bob, &envelope);
}

/// Mallory sends a key with a MAC from outside the session; the session is closed.
#[test]
fn encapsulation_key_from_outside() {
    let (mut bob, mut mallory) = begun();
    mallory.pq_0 = Secret::copied_from(&[3; 32]);
    let (_, ek) = Seed::generate(&mut ChaCha20Rng::seed_from_u64(1));
    let envelope = burst_of(&mut mallory, &*ek);
    fails_the_session(&mut bob, &envelope);
}

/// The kind of an envelope is in the header's and the body's seal: a message cannot change it.
#[test]
fn kind_is_sealed() {
    let (mut bob, mut mallory) = begun();
    let first = mallory.seals(&mallory.header(0));
    bob.hears(&first, "from mallory");
    let envelope = mallory.seals(&mallory.header(1));
    let without = [&[Kind::Session.code()], &envelope[1..2], &envelope[2 + 1803..]].concat();
    bob.refuses(&without, ProtocolError::Undecryptable);
    bob.hears(&envelope, "from mallory");
    bob.refuses(&without, ProtocolError::Duplicate);
}
