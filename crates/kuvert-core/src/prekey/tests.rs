//! A good bundle, and each way in which one must be refused, alone.

use alloc::boxed::Box;
use core::time::Duration;

use kuvert_wire::{KemPrekey, MediumPrekey, OneTimePrekey, PrekeyBundle, PrekeyPublic, Timestamp};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;

use super::*;
use crate::crypto::kdf::Label;
use crate::identity::{CertError, IdentityKeyPair};

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);
const DAY: Duration = Duration::from_secs(86_400);
const MILLI: Duration = Duration::from_millis(1);

struct Bob {
    identity: IdentityKeyPair,
    medium: MediumPrekeyPair,
    one_time: OneTimePrekeyPair,
    rng: ChaCha20Rng,
}

impl Bob {
    fn new() -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(3);
        let identity = IdentityKeyPair::generate(NOW, &mut rng);
        let medium = MediumPrekeyPair::generate(&identity, NOW, &mut rng);
        let one_time = OneTimePrekeyPair::generate(&identity, &mut rng);
        Self { identity, medium, one_time, rng }
    }

    fn bundle(&self) -> PrekeyBundle {
        PrekeyBundle {
            cert: self.identity.cert().cert().clone(),
            medium: self.medium.public().clone(),
            one_time: Some(self.one_time.public().clone()),
        }
    }

    /// A bundle whose medium prekey was changed before Bob signed it.
    fn with_medium(&self, change: impl FnOnce(&mut MediumPrekey)) -> PrekeyBundle {
        let mut bundle = self.bundle();
        change(&mut bundle.medium);
        let bytes = bundle.medium.signed_bytes();
        let parts: [&[u8]; 2] = [self.identity.device_id().as_bytes(), &bytes];
        bundle.medium.signature = self.identity.device().sign(Label::SIG_MEDIUM_PREKEY, &parts);
        bundle
    }

    /// A bundle whose one-time prekey was changed before Bob signed it.
    fn with_one_time(&self, change: impl FnOnce(&mut OneTimePrekey)) -> PrekeyBundle {
        let mut one_time = self.one_time.public().clone();
        change(&mut one_time);
        let bytes = one_time.signed_bytes();
        let parts: [&[u8]; 2] = [self.identity.device_id().as_bytes(), &bytes];
        one_time.signature = self.identity.device().sign(Label::SIG_ONETIME_PREKEY, &parts);
        PrekeyBundle { one_time: Some(one_time), ..self.bundle() }
    }

    fn verify(&self, bundle: PrekeyBundle) -> Result<VerifiedBundle, BundleError> {
        self.verify_at(bundle, NOW)
    }

    fn verify_at(
        &self,
        bundle: PrekeyBundle,
        now: Timestamp,
    ) -> Result<VerifiedBundle, BundleError> {
        VerifiedBundle::verify(bundle, &self.identity.cert().account_id(), now)
    }
}

/// An encapsulation key whose first coefficient is the modulus itself, 3329.
fn over_the_modulus(ek: &KemPrekey) -> KemPrekey {
    let mut bytes = Box::new(*ek.as_bytes());
    bytes[0] = 0x01;
    bytes[1] = bytes[1] & 0xf0 | 0x0d;
    KemPrekey::from_boxed(bytes)
}

#[test]
fn a_good_bundle_verifies_with_and_without_one_time_prekey() {
    let bob = Bob::new();
    let strong = bob.verify(bob.bundle()).unwrap();
    assert!(!strong.is_weak_start());
    assert_eq!(strong.cert(), bob.identity.cert());
    let weak = bob.verify(PrekeyBundle { one_time: None, ..bob.bundle() }).unwrap();
    assert!(weak.is_weak_start());
}

/// IDN-1
#[test]
fn a_certificate_with_a_wrong_signature_is_refused() {
    let (bob, mut bundle) = (Bob::new(), Bob::new().bundle());
    bundle.cert.list_version += 1;
    let refused = BundleError::Cert(CertError::BadSignature);
    assert_eq!(bob.verify(bundle).err(), Some(refused));
}

/// IDN-2
#[test]
fn a_bundle_of_another_account_is_refused() {
    let mut bob = Bob::new();
    let carol = IdentityKeyPair::generate(NOW, &mut bob.rng);
    let result = VerifiedBundle::verify(bob.bundle(), &carol.cert().account_id(), NOW);
    assert_eq!(result.err(), Some(BundleError::IdentityChanged));
}

/// PRE-1
#[test]
fn a_medium_prekey_that_the_device_has_not_signed_is_refused() {
    let (bob, mut bundle) = (Bob::new(), Bob::new().bundle());
    bundle.medium.created = bundle.medium.created.saturating_sub(MILLI);
    let refused = BundleError::BadSignature { prekey: "medium" };
    assert_eq!(bob.verify(bundle).err(), Some(refused));
}

/// PRE-1
#[test]
fn a_medium_prekey_of_another_device_of_the_account_is_refused() {
    let mut bob = Bob::new();
    let (account, key) = (&bob.identity.account(), bob.identity.cert().cert().account_key);
    let other = IdentityKeyPair::certified_by(account, key, &mut bob.rng);
    let bundle = PrekeyBundle { cert: other.cert().cert().clone(), ..bob.bundle() };
    let refused = BundleError::BadSignature { prekey: "medium" };
    assert_eq!(bob.verify(bundle).err(), Some(refused));
}

/// PRE-2
#[test]
fn a_one_time_prekey_that_the_device_has_not_signed_is_refused() {
    let mut bob = Bob::new();
    let mallory = IdentityKeyPair::generate(NOW, &mut bob.rng);
    let one_time = OneTimePrekeyPair::generate(&mallory, &mut bob.rng);
    let bundle = PrekeyBundle { one_time: Some(one_time.public().clone()), ..bob.bundle() };
    let refused = BundleError::BadSignature { prekey: "one-time" };
    assert_eq!(bob.verify(bundle).err(), Some(refused));
}

/// PRE-6
#[test]
fn two_prekeys_with_one_id_are_refused() {
    let bob = Bob::new();
    let bundle = bob.with_one_time(|one_time| one_time.id = bob.medium.id());
    assert_eq!(bob.verify(bundle).err(), Some(BundleError::SameId));
}

/// PRE-7
#[test]
fn a_medium_prekey_is_good_for_a_day_after_its_end_and_no_longer() {
    let bob = Bob::new();
    let end = bob.medium.public().not_after.saturating_add(DAY);
    assert!(bob.verify_at(bob.bundle(), end).is_ok());
    let refused = BundleError::Expired { age: DAY + MILLI };
    assert_eq!(bob.verify_at(bob.bundle(), end.saturating_add(MILLI)).err(), Some(refused));
}

/// PRE-8
#[test]
fn a_medium_prekey_may_come_from_a_day_ahead_and_no_further() {
    let bob = Bob::new();
    let start = NOW.saturating_sub(DAY);
    assert!(bob.verify_at(bob.bundle(), start).is_ok());
    let refused = BundleError::NotYetValid { ahead: DAY + MILLI };
    assert_eq!(bob.verify_at(bob.bundle(), start.saturating_sub(MILLI)).err(), Some(refused));
}

/// PRE-9
#[test]
fn a_term_over_14_days_or_backwards_is_refused() {
    let bob = Bob::new();
    let refused = Some(BundleError::BadTerm);
    let long = bob.with_medium(|medium| medium.not_after = medium.not_after.saturating_add(MILLI));
    assert_eq!(bob.verify(long).err(), refused);
    let back = bob.with_medium(|medium| medium.not_after = medium.created.saturating_sub(MILLI));
    assert_eq!(bob.verify(back).err(), refused);
    let moment = bob.with_medium(|medium| medium.not_after = medium.created);
    assert!(bob.verify(moment).is_ok(), "over as soon as it begins, and clocks differ");
}

/// PRE-10
#[test]
fn a_medium_encapsulation_key_over_the_modulus_is_refused() {
    let bob = Bob::new();
    let bundle = bob.with_medium(|medium| medium.ek = over_the_modulus(&medium.ek));
    assert_eq!(bob.verify(bundle).err(), Some(BundleError::BadKey));
}

/// PRE-11
#[test]
fn a_one_time_encapsulation_key_over_the_modulus_is_refused() {
    let bob = Bob::new();
    let bundle = bob.with_one_time(|one_time| one_time.ek = over_the_modulus(&one_time.ek));
    assert_eq!(bob.verify(bundle).err(), Some(BundleError::BadKey));
}

/// PRE-12
#[test]
fn a_medium_prekey_of_small_order_is_refused() {
    let bob = Bob::new();
    let bundle = bob.with_medium(|medium| medium.x = PrekeyPublic::from_bytes([0; 32]));
    assert_eq!(bob.verify(bundle).err(), Some(BundleError::BadKey));
}

/// PRE-13
#[test]
fn a_one_time_prekey_of_small_order_is_refused() {
    let bob = Bob::new();
    let bundle = bob.with_one_time(|one_time| one_time.x = PrekeyPublic::from_bytes([0; 32]));
    assert_eq!(bob.verify(bundle).err(), Some(BundleError::BadKey));
}

#[test]
fn a_refused_bundle_says_what_is_wrong_and_whose_move_it_is() {
    use crate::error::{Advice, ProtocolError};
    let hours = |count: u64| Duration::from_secs(count * 3600);
    let asks = [
        (BundleError::Cert(CertError::BadSignature), ProtocolError::BadSignature),
        (BundleError::IdentityChanged, ProtocolError::IdentityChanged),
        (BundleError::BadSignature { prekey: "medium" }, ProtocolError::BadSignature),
        (BundleError::SameId, ProtocolError::Malformed),
        (BundleError::BadTerm, ProtocolError::Malformed),
        (BundleError::BadKey, ProtocolError::BadKey),
    ];
    for (error, name) in asks {
        assert_eq!((error.advice(), ProtocolError::from(error)), (Advice::AskUser, name));
    }
    let late = BundleError::Expired { age: hours(30) };
    let early = BundleError::NotYetValid { ahead: hours(26) };
    for error in [late, early] {
        assert_eq!(error.advice(), Advice::RetryLater);
        assert_eq!(ProtocolError::from(error), ProtocolError::Expired);
    }
    let texts = [late, early, BundleError::BadSignature { prekey: "one-time" }];
    assert_eq!(
        texts.map(|error| alloc::format!("{error}")),
        [
            "the medium prekey expired 30 hours ago",
            "the medium prekey was made 26 hours in the future",
            "the device has not signed its one-time prekey",
        ]
    );
}
