//! While a session is begun: what a directory, a relay or a peer can put in a key's place.

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;

use kuvert_wire::{
    AccountKey, DeviceCert, Encode, EphemeralKey, IdentityKey, InitPrefix, KemPrekey,
    OneTimePrekey, PrekeyBundle, PrekeyId, PrekeyPublic, Signature,
};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

use super::mallory::{Mallory, identity};
use super::party::{Party, pass, talking, verified};
use super::points_of_small_order;
use crate::agreement::{FirstSecrets, SecondSecrets, SessionSecrets, Th1Input, schedule_with};
use crate::crypto::dh::DhSecret;
use crate::crypto::kdf::Label;
use crate::error::ProtocolError;
use crate::identity::{CertError, IdentityKeyPair, VerifiedCert};
use crate::prekey::BundleError;
use crate::ratchet::pq::epoch::{Epoch, EpochSecrets};
use crate::secret::Secret;

fn sign_cert(mut cert: DeviceCert, by: &IdentityKeyPair) -> DeviceCert {
    cert.account_key = by.cert().cert().account_key;
    cert.signature = by.account().sign(Label::SIG_DEVICE, &[&cert.signed_bytes()]);
    cert
}

/// Changes Mallory's own bundle and signs it again, as its owner can.
fn own_bundle(change: impl FnOnce(&mut PrekeyBundle)) -> PrekeyBundle {
    let (own, mut party) = (identity(), Party::new(666));
    let mut bundle = party.bundle(true);
    bundle.cert = own.cert().cert().clone();
    change(&mut bundle);
    let id = own.device_id().as_bytes();
    let bytes = bundle.medium.signed_bytes();
    bundle.medium.signature = own.device().sign(Label::SIG_MEDIUM_PREKEY, &[id, &bytes]);
    if let Some(one_time) = &mut bundle.one_time {
        let bytes = one_time.signed_bytes();
        one_time.signature = own.device().sign(Label::SIG_ONETIME_PREKEY, &[id, &bytes]);
    }
    bundle
}

#[test]
fn mallorys_own_bundle_is_good() {
    assert!(verified(own_bundle(|_| ())).is_ok());
}

/// Mallory certifies an identity key of small order, so that DH1, DH2 and DH5 are known to everyone;
/// the certificate is refused wherever it comes from.
#[test]
fn low_order_point_as_identity_key() {
    for point in points_of_small_order() {
        let mut cert = identity().cert().cert().clone();
        cert.identity_key = IdentityKey::from_bytes(point);
        let cert = sign_cert(cert, &identity());
        assert_eq!(VerifiedCert::verify(cert.clone()), Err(CertError::BadKey));
        let refused = verified(own_bundle(|bundle| bundle.cert = cert.clone())).err();
        assert_eq!(refused, Some(BundleError::Cert(CertError::BadKey)));
        let mut bob = Party::new(2);
        let forged = Forged { cert, ..Forged::by(&mut bob) };
        bob.refuses(&forged.envelope(), ProtocolError::BadKey);
    }
}

/// Mallory publishes a medium-term prekey of small order, which would take DH1 and DH3 out of the
/// keys of whoever writes to her; the bundle is refused.
#[test]
fn low_order_point_as_medium_prekey() {
    for point in points_of_small_order() {
        let bundle = own_bundle(|bundle| bundle.medium.x = PrekeyPublic::from_bytes(point));
        assert_eq!(verified(bundle).err(), Some(BundleError::BadKey));
    }
}

/// Mallory publishes a one-time prekey of small order, which would take DH4 out; the bundle is
/// refused.
#[test]
fn low_order_point_as_one_time_prekey() {
    for point in points_of_small_order() {
        let bundle = own_bundle(|bundle| {
            bundle.one_time.as_mut().expect("has one").x = PrekeyPublic::from_bytes(point);
        });
        assert_eq!(verified(bundle).err(), Some(BundleError::BadKey));
    }
}

/// Mallory takes an ephemeral key of small order and computes the whole schedule with the zeros that
/// DH2, DH3 and DH4 then are; each zero is refused before it becomes part of a key.
#[test]
fn low_order_point_as_ephemeral_key() {
    for point in points_of_small_order() {
        for with_one_time in [true, false] {
            let mut bob = Party::new(2);
            let bundle = bob.bundle(with_one_time);
            let zero = || Secret::copied_from(&[0; 32]);
            let forged = Forged {
                ephemeral_key: point,
                dh2: zero(),
                dh3: zero(),
                dh4: with_one_time.then(zero),
                ..Forged::for_bundle(bundle)
            };
            bob.refuses(&forged.envelope(), ProtocolError::BadKey);
        }
    }
}

/// An encapsulation key whose coefficient number `at` is the modulus, 3329, or more.
fn over_the_modulus(ek: &[u8], at: usize, value: u16) -> Vec<u8> {
    let mut out = ek.to_vec();
    let place = at / 2 * 3;
    let [low, high] = value.to_le_bytes();
    if at.is_multiple_of(2) {
        out[place] = low;
        out[place + 1] = out[place + 1] & 0xf0 | high;
    } else {
        out[place + 1] = out[place + 1] & 0x0f | low << 4;
        out[place + 2] = low >> 4 | high << 4;
    }
    out
}

/// Mallory publishes ML-KEM-1024 keys with a coefficient that is not reduced, which have two
/// encodings and so two transcripts; the modulus check refuses each, wherever it is.
#[test]
fn kem_modulus_in_prekeys() {
    for (at, value) in [(0, 3329), (1, 4095), (511, 3329), (1023, 3330)] {
        let spoiled = |ek: &KemPrekey| {
            let bytes = over_the_modulus(ek.as_bytes(), at, value);
            KemPrekey::from_boxed(bytes.into_boxed_slice().try_into().expect("same length"))
        };
        let bundle = own_bundle(|bundle| bundle.medium.ek = spoiled(&bundle.medium.ek));
        assert_eq!(verified(bundle).err(), Some(BundleError::BadKey), "medium, {at}");
        let bundle = own_bundle(|bundle| {
            let one_time = bundle.one_time.as_mut().expect("has one");
            one_time.ek = spoiled(&one_time.ek);
        });
        assert_eq!(verified(bundle).err(), Some(BundleError::BadKey), "one-time, {at}");
    }
}

/// Mallory sends an ML-KEM-768 key over the modulus in the ratchet, its MAC right as she has the
/// key; the session is closed and nothing is encapsulated to it.
#[test]
fn kem_modulus_in_the_ratchet() {
    use crate::crypto::kem::mlkem768::Seed;
    for (at, value) in [(0, 3329), (767, 4095)] {
        let (mut bob, mut mallory) = super::headers::begun();
        let (_, ek) = Seed::generate(&mut ChaCha20Rng::seed_from_u64(1));
        let ek = over_the_modulus(&*ek, at, value);
        let envelope = super::headers::burst_of(&mut mallory, &ek);
        super::headers::fails_the_session(&mut bob, &envelope);
    }
}

/// A KEM that binds nothing: the ciphertext is the secret, masked by the key. Whoever knows the
/// secret can carry it to any other key.
struct ToyKem;

impl ToyKem {
    fn encapsulate(ek: &[u8], ss: &[u8; 32]) -> [u8; 1568] {
        let mut ct = [0; 1568];
        for (at, out) in ct.iter_mut().take(32).enumerate() {
            *out = ss[at] ^ ek[at];
        }
        ct
    }

    fn decapsulate(ek: &[u8], ct: &[u8; 1568]) -> [u8; 32] {
        core::array::from_fn(|at| ct[at] ^ ek[at])
    }
}

fn outputs(secrets: &SessionSecrets) -> [[u8; 32]; 6] {
    let SessionSecrets { root, chain_i, hdr_i, hdr_i_next, hdr_r, pq_0, .. } = secrets;
    [root, chain_i, hdr_i, hdr_i_next, hdr_r, pq_0].map(|secret| *secret.expose())
}

/// All that the schedule gives away or keeps, with everything fixed but what is given.
fn scheduled(
    medium: &[u8],
    ct: &[u8; 1568],
    dh4: Option<[u8; 32]>,
    ss: &[u8; 32],
) -> Vec<[u8; 32]> {
    let transcript = Th1Input {
        cert_b: &[1; 177],
        medium,
        one_time: dh4.map(|_| &[2; 1668][..]),
        ephemeral_key: &[3; 32],
        kem_ciphertext: ct,
    };
    let secret = |bytes: &[u8; 32]| Secret::copied_from(bytes);
    let first = FirstSecrets {
        dh2: secret(&[4; 32]),
        dh3: secret(&[5; 32]),
        dh4: dh4.as_ref().map(secret),
        ss: secret(ss),
    };
    let second = SecondSecrets { dh1: secret(&[6; 32]), dh5: secret(&[7; 32]) };
    let (_, eid, th2, secrets) = schedule_with(&transcript, first, second, &[8; 177]);
    let eid = eid.first_chunk().expect("193 bytes");
    outputs(&secrets).into_iter().chain([th2, *eid]).collect()
}

fn share_nothing(one: &[[u8; 32]], other: &[[u8; 32]]) {
    assert!(one.iter().all(|output| !other.contains(output)));
}

/// Mallory decapsulates what Alice sent her and encapsulates the same secret to Bob, which a KEM
/// without binding allows; keys and ciphertexts are in TH1, so the two sessions share no key.
#[test]
fn kem_re_encapsulation() {
    let (ss, mallorys, bobs) = ([9; 32], [0x11; 1684], [0x22; 1684]);
    let to_mallory = ToyKem::encapsulate(&mallorys, &ss);
    let to_bob = ToyKem::encapsulate(&bobs, &ToyKem::decapsulate(&mallorys, &to_mallory));
    assert_eq!(ToyKem::decapsulate(&bobs, &to_bob), ss, "the attack on the KEM works");
    let honest = scheduled(&mallorys, &to_mallory, None, &ss);
    share_nothing(&honest, &scheduled(&bobs, &to_bob, None, &ss));
    share_nothing(&honest, &scheduled(&bobs, &to_mallory, None, &ss));
    share_nothing(&honest, &scheduled(&mallorys, &to_bob, None, &ss));
}

/// The same in the ratchet: an epoch's secrets depend on the hashes of key and ciphertext.
#[test]
fn kem_re_encapsulation_in_the_ratchet() {
    let derived = |ek: u8, ct: u8| {
        let (previous, shared) = (Secret::copied_from(&[1; 32]), Secret::copied_from(&[2; 32]));
        let secrets = EpochSecrets::derive(Epoch::FIRST, &previous, &[ek; 32], &[ct; 32], &shared);
        [*secrets.mix.expose(), *secrets.next.expose(), secrets.confirmation]
    };
    let all = [derived(1, 1), derived(1, 2), derived(2, 1), derived(2, 2)];
    for (at, one) in all.iter().enumerate() {
        all[..at].iter().for_each(|other| share_nothing(one, other));
    }
}

/// A directory lets the bytes of one kind of key stand for the other, or one kind of prekey for the
/// other; the signature covers a fixed layout under a label for each, so none is valid.
#[test]
fn ec_and_kem_keys_confused() {
    let mut bob = Party::new(2);
    let bundle = bob.bundle(true);
    let one_time = bundle.one_time.clone().expect("has one");
    let bad = |prekey| Some(BundleError::BadSignature { prekey });

    let mut shifted = bundle.clone();
    let (x, ek) = (one_time.x.as_bytes(), one_time.ek.as_bytes());
    let joined = [&ek[..], x].concat();
    let (first, rest) = joined.split_first_chunk().expect("1,600 bytes");
    shifted.one_time = Some(OneTimePrekey {
        x: PrekeyPublic::from_bytes(*first),
        ek: KemPrekey::from_boxed(Box::new(rest.try_into().expect("1,568 bytes"))),
        ..one_time.clone()
    });
    assert_eq!(verified(shifted).err(), bad("one-time"));

    let mut medium_as_one_time = bundle.clone();
    let medium = &bundle.medium;
    medium_as_one_time.one_time = Some(OneTimePrekey {
        id: PrekeyId::new(1).expect("not zero"),
        x: medium.x,
        ek: medium.ek.clone(),
        signature: medium.signature,
    });
    assert_eq!(verified(medium_as_one_time).err(), bad("one-time"));

    let mut one_time_as_medium = bundle;
    one_time_as_medium.medium.x = one_time.x;
    one_time_as_medium.medium.ek = one_time.ek;
    one_time_as_medium.medium.signature = one_time.signature;
    assert_eq!(verified(one_time_as_medium).err(), bad("medium"));
}

/// A secret of X25519 stands where one of ML-KEM belongs, and the reverse; each has its place in the
/// schedule, and an absent DH4 is told from a zero one by `has_ot`, so no two cases share a key.
#[test]
fn ec_and_kem_secrets_confused() {
    let (medium, ct) = ([1; 1684], [2; 1568]);
    let all = [
        scheduled(&medium, &ct, Some([0xaa; 32]), &[0xbb; 32]),
        scheduled(&medium, &ct, Some([0xbb; 32]), &[0xaa; 32]),
        scheduled(&medium, &ct, Some([0; 32]), &[0xbb; 32]),
        scheduled(&medium, &ct, None, &[0xbb; 32]),
        scheduled(&medium, &ct, None, &[0xaa; 32]),
    ];
    for (at, one) in all.iter().enumerate() {
        all[..at].iter().for_each(|other| share_nothing(one, other));
    }
}

/// The network exchanges bytes of EK and CT in a first message; both are in TH1 and in the keys.
#[test]
fn ec_and_kem_bytes_confused_on_the_wire() {
    let (mut alice, mut bob) = (Party::new(1), Party::new(2));
    alice.begin(bob.bundle(true)).expect("a good bundle");
    let mut envelope = alice.send(&bob, "hello");
    let (ek, ct) = (12..44, 44..76);
    let original = envelope.clone();
    envelope[ek.clone()].copy_from_slice(&original[ct.clone()]);
    envelope[ct].copy_from_slice(&original[ek]);
    bob.refuses(&envelope, ProtocolError::Undecryptable);
    bob.hears(&original, "hello");
}

/// Mallory certifies Alice's device keys under her own account and passes herself off as the owner
/// of what Alice says; without IK_A she has neither DH1 nor DH5, and her message does not open.
#[test]
fn identity_misbinding_of_the_initiator() {
    let (alice, mut bob) = (Party::new(1), Party::new(2));
    let cert = sign_cert(alice.device.cert().clone(), &identity());
    assert!(VerifiedCert::verify(cert.clone()).is_ok(), "the certificate alone is good");
    let forged = Forged { cert, ..Forged::by(&mut bob) };
    bob.refuses(&forged.envelope(), ProtocolError::Undecryptable);
    assert_eq!(bob.device.peers().count(), 0);
}

/// Mallory publishes Bob's keys and prekeys under her own certificate and hands on to Bob what Alice
/// means for Mallory; each side hashes the certificate it knows into TH1, so it does not open.
#[test]
fn identity_misbinding_of_the_responder() {
    let (mut alice, mut bob) = (Party::new(1), Party::new(2));
    let mut bundle = bob.bundle(true);
    bundle.cert = sign_cert(bundle.cert, &identity());
    assert!(verified(bundle.clone()).is_ok(), "device and prekeys are Bob's, the account is hers");
    let peer = alice.begin(bundle).expect("nothing tells them apart yet");
    let envelope = alice.send_to(&peer, &crate::Content::text("for mallory"));
    bob.refuses(&envelope, ProtocolError::Undecryptable);
    assert_eq!(bob.device.one_time_count(), 1);
}

/// The same towards one who knows Bob already: his device is pinned under his account.
#[test]
fn identity_misbinding_of_a_known_peer() {
    let (mut alice, mut bob) = talking();
    let mut bundle = bob.bundle(true);
    bundle.cert = sign_cert(bundle.cert, &identity());
    assert_eq!(alice.begin(bundle), Err(ProtocolError::IdentityChanged));
    pass(&mut alice, &mut bob);
}

/// Mallory has Bob's medium-term private key and poses as Alice to him: she computes DH1 to DH4 and
/// SS, and her certificate of Alice's opens, but DH5 needs IK_A or IK_B, and her message does not
/// open. With IK_B too, which is all of Bob's device, it would: DH5 is what stands between.
#[test]
fn kci_with_the_medium_prekey_alone() {
    for has_identity_key in [false, true] {
        let (alice, mut bob) = (Party::new(1), Party::new(2));
        let forged = Forged::by(&mut bob);
        let alices = alice.device.cert().identity_key;
        let dh1 = bob.stolen_medium().agree(alices.as_bytes()).expect("a good key");
        let dh5 = match has_identity_key {
            true => bob.stolen_identity().identity.agree(alices.as_bytes()).expect("a good key"),
            false => Secret::copied_from(&[0; 32]),
        };
        let forged = Forged { cert: alice.device.cert().clone(), dh1, dh5, ..forged };
        if has_identity_key {
            bob.hears(&forged.envelope(), "from mallory");
        } else {
            bob.refuses(&forged.envelope(), ProtocolError::Undecryptable);
        }
    }
}

/// The relay takes the one-time prekey out of a bundle; it can, as the bundle as a whole has no
/// signature, but both sides see the weak start until the first round trip.
#[test]
fn downgrade_to_no_one_time_prekey() {
    let (mut alice, mut bob) = (Party::new(1), Party::new(2));
    let mut bundle = bob.bundle(true);
    bundle.one_time = None;
    assert!(verified(bundle.clone()).expect("good").is_weak_start());
    alice.begin(bundle).expect("a good bundle");
    assert!(alice.session_with(&bob.id()).weak_start);
    pass(&mut alice, &mut bob);
    assert!(bob.session_with(&alice.id()).weak_start);
    pass(&mut bob, &mut alice);
    pass(&mut alice, &mut bob);
    let weak = [alice.session_with(&bob.id()), bob.session_with(&alice.id())];
    assert!(weak.iter().all(|session| !session.weak_start));
}

/// The network says in the prefix that no one-time prekey was used, or another one of Bob's; TH1
/// then has other bytes, and the certificate does not open.
#[test]
fn downgrade_on_the_wire() {
    let (mut alice, mut bob) = (Party::new(1), Party::new(2));
    alice.begin(bob.bundle(true)).expect("a good bundle");
    let other = bob.bundle(true).one_time.expect("has one").id;
    let envelope = alice.send(&bob, "hello");
    for id in [0, other.number()] {
        let mut changed = envelope.clone();
        changed[8..12].copy_from_slice(&id.to_be_bytes());
        bob.refuses(&changed, ProtocolError::Undecryptable);
    }
    bob.hears(&envelope, "hello");
}

/// The relay hands one one-time prekey to two initiators; the second is refused, and nothing of the
/// first one's session is touched.
#[test]
fn one_time_prekey_used_twice() {
    let (mut alice, mut bob, mut carol) = (Party::new(1), Party::new(2), Party::new(3));
    let bundle = bob.bundle(true);
    alice.begin(bundle.clone()).expect("a good bundle");
    carol.begin(bundle).expect("a good bundle");
    pass(&mut alice, &mut bob);
    let second = carol.send(&bob, "me too");
    bob.refuses(&second, ProtocolError::UnknownPrekey);
    pass(&mut bob, &mut alice);
}

/// A stranger uses up all one-time prekeys; sessions begin without one, visibly, and their first
/// messages cannot be replayed, even when the session is gone.
#[test]
fn prekey_drain() {
    let (mut alice, mut bob) = (Party::new(1), Party::new(2));
    alice.begin(bob.bundle(false)).expect("a good bundle");
    let hello = pass(&mut alice, &mut bob);
    assert!(bob.session_with(&alice.id()).weak_start);
    pass(&mut bob, &mut alice);
    bob.refuses(&hello, ProtocolError::Duplicate);
    let peer = alice.id();
    bob.take(|device, _| device.close(&peer)).expect("known");
    let mut bob = bob.copy(4);
    bob.refuses(&hello, ProtocolError::Duplicate);
    assert_eq!(bob.device.sessions().count(), 0);
}

/// A first message made from chosen secrets: Mallory's own, as far as she has not put others there.
pub(super) struct Forged {
    pub(super) bundle: PrekeyBundle,
    pub(super) cert: DeviceCert,
    pub(super) ephemeral_key: [u8; 32],
    pub(super) dh1: Secret<32>,
    pub(super) dh2: Secret<32>,
    pub(super) dh3: Secret<32>,
    pub(super) dh4: Option<Secret<32>>,
    pub(super) dh5: Secret<32>,
}

impl Forged {
    pub(super) fn by(bob: &mut Party) -> Self {
        Self::for_bundle(bob.bundle(true))
    }

    /// What Mallory has without any stolen key: DH2, DH3 and DH4, and zeros for DH1 and DH5.
    pub(super) fn for_bundle(bundle: PrekeyBundle) -> Self {
        let ephemeral = DhSecret::generate(&mut ChaCha20Rng::seed_from_u64(13));
        let with = |key: &[u8; 32]| ephemeral.agree(key).expect("a good key");
        Self {
            cert: identity().cert().cert().clone(),
            ephemeral_key: *ephemeral.public(),
            dh1: Secret::copied_from(&[0; 32]),
            dh2: with(bundle.cert.identity_key.as_bytes()),
            dh3: with(bundle.medium.x.as_bytes()),
            dh4: bundle.one_time.as_ref().map(|one_time| with(one_time.x.as_bytes())),
            dh5: Secret::copied_from(&[0; 32]),
            bundle,
        }
    }

    pub(super) fn envelope(self) -> Vec<u8> {
        let bundle = verified(self.bundle).expect("a good bundle");
        let (ct, ss) = bundle.kem().encapsulate(&mut ChaCha20Rng::seed_from_u64(14));
        let one_time = bundle.one_time().map(Encode::encode);
        let transcript = Th1Input {
            cert_b: &bundle.cert().cert().encode(),
            medium: &bundle.medium().encode(),
            one_time: one_time.as_deref(),
            ephemeral_key: &self.ephemeral_key,
            kem_ciphertext: &ct,
        };
        let first = FirstSecrets { dh2: self.dh2, dh3: self.dh3, dh4: self.dh4, ss };
        let second = SecondSecrets { dh1: self.dh1, dh5: self.dh5 };
        let cert = self.cert.encode().try_into().expect("177 bytes");
        let (_, sealed_cert, _, secrets) = schedule_with(&transcript, first, second, &cert);
        let prefix = InitPrefix {
            medium_id: bundle.medium().id,
            one_time_id: bundle.one_time().map(|one_time| one_time.id),
            ephemeral_key: EphemeralKey::from_bytes(self.ephemeral_key),
            kem_ciphertext: ct,
            sealed_cert,
        };
        let mut mallory = Mallory::with(secrets, prefix);
        let header = mallory.header(0);
        mallory.seals(&header)
    }
}

/// A forged certificate that Mallory's account has not signed, for an account that is not hers.
#[test]
fn a_certificate_for_anothers_account() {
    let (alice, mut bob) = (Party::new(1), Party::new(2));
    let mut cert = identity().cert().cert().clone();
    cert.account_key = AccountKey::from_bytes(*alice.device.account_key().as_bytes());
    for signature in [cert.signature, alice.device.cert().signature, zeros()] {
        let forged =
            Forged { cert: DeviceCert { signature, ..cert.clone() }, ..Forged::by(&mut bob) };
        bob.refuses(&forged.envelope(), ProtocolError::BadSignature);
    }
}

fn zeros() -> Signature {
    Signature::from_bytes(vec![0; 64].try_into().expect("64 bytes"))
}
