//! Both sides against each other, and against everything that must be refused.

use kuvert_wire::{Decode, Encode, EphemeralKey, InitPrefix, PrekeyBundle, Timestamp};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;

use super::initiator::Initiated;
use super::*;
use crate::identity::IdentityKeyPair;
use crate::prekey::{MediumPrekeyPair, OneTimePrekeyPair, VerifiedBundle};

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

/// Alice writes first, Bob has published prekeys.
struct World {
    alice: IdentityKeyPair,
    bob: IdentityKeyPair,
    medium: MediumPrekeyPair,
    one_time: OneTimePrekeyPair,
    rng: ChaCha20Rng,
}

impl World {
    fn new() -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(7);
        let alice = IdentityKeyPair::generate(NOW, &mut rng);
        let bob = IdentityKeyPair::generate(NOW, &mut rng);
        let medium = MediumPrekeyPair::generate(&bob, NOW, &mut rng);
        let one_time = OneTimePrekeyPair::generate(&bob, &mut rng);
        Self { alice, bob, medium, one_time, rng }
    }

    fn bundle(&self, with_one_time: bool) -> VerifiedBundle {
        let bundle = PrekeyBundle {
            cert: self.bob.cert().cert().clone(),
            medium: self.medium.public().clone(),
            one_time: with_one_time.then(|| self.one_time.public().clone()),
        };
        VerifiedBundle::verify(bundle, &self.bob.cert().account_id(), NOW).unwrap()
    }

    fn initiate(&mut self, with_one_time: bool) -> Initiated {
        let bundle = self.bundle(with_one_time);
        initiate(&self.alice, &bundle, &mut self.rng).unwrap()
    }

    fn respond(&self, prefix: &InitPrefix) -> Result<Responded, AgreementError> {
        let one_time = prefix.one_time_id.is_some().then_some(&self.one_time);
        respond(&self.bob, &self.medium, one_time, prefix)
    }
}

fn assert_same(ours: &SessionSecrets, theirs: &SessionSecrets) {
    let all = |s: &SessionSecrets| {
        [&s.root, &s.chain_i, &s.hdr_i, &s.hdr_i_next, &s.hdr_r, &s.pq_0].map(Secret::duplicate)
    };
    assert!(all(ours) == all(theirs));
    assert_eq!(ours.session_id, theirs.session_id);
}

#[test]
fn both_sides_end_with_the_same_secrets() {
    for with_one_time in [true, false] {
        let mut world = World::new();
        let initiated = world.initiate(with_one_time);
        let responded = world.respond(&initiated.prefix).unwrap();
        assert_same(&initiated.secrets, &responded.secrets);
        assert_eq!(&responded.their, world.alice.cert());
    }
}

#[test]
fn every_output_is_different_from_every_other() {
    let SessionSecrets { root, chain_i, hdr_i, hdr_i_next, hdr_r, pq_0, .. } =
        World::new().initiate(true).secrets;
    let all = [root, chain_i, hdr_i, hdr_i_next, hdr_r, pq_0];
    for (i, one) in all.iter().enumerate() {
        assert!(all[..i].iter().all(|other| other != one), "output {i}");
    }
}

#[test]
fn two_handshakes_share_nothing() {
    let mut world = World::new();
    let (one, other) = (world.initiate(true), world.initiate(true));
    assert!(one.secrets.root != other.secrets.root);
    assert_ne!(one.secrets.session_id, other.secrets.session_id);
    assert_ne!(init_id(&one.prefix), init_id(&other.prefix));
}

#[test]
fn the_init_id_is_that_of_ephemeral_key_and_ciphertext() {
    let prefix = World::new().initiate(true).prefix;
    let mut other = prefix.clone();
    other.sealed_cert[0] ^= 1;
    assert_eq!(init_id(&other), init_id(&prefix));
    other.kem_ciphertext[1567] ^= 1;
    assert_ne!(init_id(&other), init_id(&prefix));
}

/// AGR-2, AGR-3
#[test]
fn prekeys_that_the_prefix_does_not_name_are_not_used() {
    let mut world = World::new();
    let prefix = world.initiate(true).prefix;
    let other_medium = MediumPrekeyPair::generate(&world.bob, NOW, &mut world.rng);
    let other_one_time = OneTimePrekeyPair::generate(&world.bob, &mut world.rng);
    let (bob, one_time) = (&world.bob, Some(&world.one_time));
    let refused = |result: Result<Responded, _>| {
        assert_eq!(result.err(), Some(AgreementError::UnknownPrekey));
    };
    refused(respond(bob, &other_medium, one_time, &prefix));
    refused(respond(bob, &world.medium, Some(&other_one_time), &prefix));
    refused(respond(bob, &world.medium, None, &prefix));
    let weak = world.initiate(false).prefix;
    refused(respond(&world.bob, &world.medium, Some(&world.one_time), &weak));
}

/// AGR-4
#[test]
fn an_ephemeral_key_of_small_order_is_refused() {
    let mut world = World::new();
    let mut prefix = world.initiate(true).prefix;
    prefix.ephemeral_key = EphemeralKey::from_bytes([0; 32]);
    assert_eq!(world.respond(&prefix).err(), Some(AgreementError::BadKey(BadKey)));
}

/// AGR-5
#[test]
fn a_prefix_with_any_byte_changed_is_refused() {
    for with_one_time in [true, false] {
        let mut world = World::new();
        let prefix = world.initiate(with_one_time).prefix;
        let bytes = prefix.encode();
        let places = (10..42).chain((42..1610).step_by(97)).chain(1610..1803);
        for place in places {
            let mut bad = bytes.clone();
            bad[place] ^= 1;
            let error = world.respond(&InitPrefix::decode(&bad).unwrap()).err();
            assert_eq!(error, Some(AgreementError::Unauthentic(Unauthentic)), "byte {place}");
        }
    }
}

/// AGR-5
#[test]
fn a_first_message_for_someone_else_does_not_open() {
    let mut world = World::new();
    let prefix = world.initiate(true).prefix;
    let carol = IdentityKeyPair::generate(NOW, &mut world.rng);
    let result = respond(&carol, &world.medium, Some(&world.one_time), &prefix);
    assert_eq!(result.err(), Some(AgreementError::Unauthentic(Unauthentic)));
}

/// AGR-6
#[test]
fn a_certificate_that_its_account_has_not_signed_is_refused() {
    let mut world = World::new();
    let bundle = world.bundle(true);
    let (signer, alice) = (&world.bob.account(), world.alice.cert().cert().account_key);
    let mallory = IdentityKeyPair::certified_by(signer, alice, &mut world.rng);
    let prefix = initiate(&mallory, &bundle, &mut world.rng).unwrap().prefix;
    let refused = AgreementError::Cert(CertError::BadSignature);
    assert_eq!(world.respond(&prefix).err(), Some(refused));
}

/// IDN-6
#[test]
fn a_session_within_one_account_is_refused_on_both_sides() {
    let mut world = World::new();
    let bundle = world.bundle(true);
    let (account, key) = (&world.bob.account(), world.bob.cert().cert().account_key);
    let own = IdentityKeyPair::certified_by(account, key, &mut world.rng);
    let refused = Some(AgreementError::OwnAccount);
    assert_eq!(initiate(&own, &bundle, &mut world.rng).err(), refused);
    let prefix = initiator::run(&own, &bundle, &mut world.rng).unwrap().prefix;
    assert_eq!(world.respond(&prefix).err(), refused);
}

#[test]
fn debug_has_no_secrets() {
    let secrets = World::new().initiate(true).secrets;
    let text = alloc::format!("{secrets:?}");
    for secret in [&secrets.root, &secrets.chain_i, &secrets.pq_0] {
        assert!(!text.contains(&hex::encode(&secret.expose()[..4])));
        assert!(!text.contains(&alloc::format!("{:?}", &secret.expose()[..4])[1..15]));
    }
}

#[test]
fn a_refused_agreement_has_the_protocols_name_for_it() {
    use crate::error::ProtocolError;
    let names: [(AgreementError, ProtocolError); 7] = [
        (AgreementError::UnknownPrekey, ProtocolError::UnknownPrekey),
        (crate::crypto::BadKey.into(), ProtocolError::BadKey),
        (AgreementError::OwnAccount, ProtocolError::BadKey),
        (crate::crypto::Unauthentic.into(), ProtocolError::Undecryptable),
        (DecodeError::Truncated { needed: 1 }.into(), ProtocolError::Malformed),
        (DecodeError::UnsupportedVersion { found: 9 }.into(), ProtocolError::UnsupportedVersion),
        (CertError::BadSignature.into(), ProtocolError::BadSignature),
    ];
    for (error, name) in names {
        assert_eq!(ProtocolError::from(error), name, "{error}");
    }
}
