//! Ed25519 bent: signatures that looser rules accept, on certificates and prekeys.

use alloc::vec::Vec;

use ed25519_dalek::{Verifier, VerifyingKey};
use kuvert_wire::{AccountKey, DeviceCert, DeviceKey, PrekeyBundle, Signature};
use sha2::{Digest, Sha512};

use super::mallory::identity;
use super::party::{Party, verified};
use crate::crypto::kdf::Label;
use crate::crypto::sign::SigningSecret;
use crate::identity::{CertError, IdentityKeyPair, VerifiedCert, device_id};
use crate::prekey::BundleError;
use crate::secret::Secret;

/// A number below 2^256, as its high and low half.
#[derive(Clone, Copy, PartialEq, PartialOrd)]
struct Number(u128, u128);

/// The order of the group: 2^252 + 27742317777372353535851937790883648493.
const L: Number = Number(1 << 124, 27_742_317_777_372_353_535_851_937_790_883_648_493);

impl Number {
    const ZERO: Self = Self(0, 0);

    fn plus(self, other: Self) -> Self {
        let (low, carry) = self.1.overflowing_add(other.1);
        Self(self.0 + other.0 + u128::from(carry), low)
    }

    fn minus(self, other: Self) -> Self {
        let (low, borrow) = self.1.overflowing_sub(other.1);
        Self(self.0 - other.0 - u128::from(borrow), low)
    }

    fn plus_mod(self, other: Self) -> Self {
        let sum = self.plus(other);
        if sum >= L { sum.minus(L) } else { sum }
    }

    /// `self` times a number of any length, its bytes from the lowest.
    fn times_mod(self, factor: &[u8]) -> Self {
        let bits =
            factor.iter().rev().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1));
        bits.fold(Self::ZERO, |product, bit| {
            let doubled = product.plus_mod(product);
            if bit == 1 { doubled.plus_mod(self) } else { doubled }
        })
    }

    fn bytes(self) -> [u8; 32] {
        let bytes = [self.1.to_le_bytes(), self.0.to_le_bytes()].concat();
        bytes.try_into().expect("two halves")
    }

    fn from_bytes(bytes: &[u8; 32]) -> Self {
        let half = |at: usize| u128::from_le_bytes(bytes[at..at + 16].try_into().expect("16"));
        Self(half(16), half(0))
    }
}

/// The private scalar behind a signing key.
fn scalar(key: &SigningSecret) -> [u8; 32] {
    let digest = Sha512::digest(key.seed().expose());
    let mut scalar: [u8; 32] = digest[..32].try_into().expect("half of 64 bytes");
    scalar[0] &= 0xf8;
    scalar[31] = scalar[31] & 0x7f | 0x40;
    scalar
}

fn signature(commitment: &[u8; 32], scalar: Number) -> Signature {
    let bytes = [*commitment, scalar.bytes()].concat();
    Signature::from_bytes(bytes.try_into().expect("64 bytes"))
}

/// The neutral element: of order 1.
const NEUTRAL: [u8; 32] = {
    let mut point = [0; 32];
    point[0] = 1;
    point
};

/// Valid under the neutral element as public key, for every message: `S·B = R`, and the key adds
/// nothing.
fn for_the_neutral_key() -> Signature {
    let any = SigningSecret::from_seed(&Secret::copied_from(&[5; 32]));
    signature(&any.public(), Number(0, 1).times_mod(&scalar(&any)))
}

/// Valid under `key` with the neutral element as commitment: `S = k·a`.
fn with_the_neutral_commitment(key: &SigningSecret, message: &[u8]) -> Signature {
    let digest = Sha512::digest([&NEUTRAL[..], &key.public(), message].concat());
    signature(&NEUTRAL, Number(0, 1).times_mod(&scalar(key)).times_mod(&digest))
}

/// An honest signature with another name for its scalar, `S + L`.
fn with_large_scalar(signed: &Signature) -> Signature {
    let (commitment, s) = signed.as_bytes().split_first_chunk().expect("64 bytes");
    signature(commitment, Number::from_bytes(s.try_into().expect("32 bytes")).plus(L))
}

/// What RFC 8032 alone asks for.
fn is_valid_loosely(public: &[u8; 32], message: &[u8], signed: &Signature) -> bool {
    let signed = ed25519_dalek::Signature::from_bytes(signed.as_bytes());
    VerifyingKey::from_bytes(public).is_ok_and(|key| key.verify(message, &signed).is_ok())
}

fn signed_message(label: Label<'_>, parts: &[&[u8]]) -> Vec<u8> {
    [&[label.bytes()], parts].concat().concat()
}

fn refused(cert: DeviceCert) {
    assert_eq!(VerifiedCert::verify(cert), Err(CertError::BadSignature));
}

/// An account key of small order, under which one signature is good for every certificate; strict
/// verification refuses the key.
#[test]
fn small_order_key_on_a_certificate() {
    let mut cert = identity().cert().cert().clone();
    cert.account_key = AccountKey::from_bytes(NEUTRAL);
    cert.signature = for_the_neutral_key();
    let message = signed_message(Label::SIG_DEVICE, &[&cert.signed_bytes()]);
    assert!(is_valid_loosely(&NEUTRAL, &message, &cert.signature), "the forgery works elsewhere");
    refused(cert.clone());
    // The same point by its other names: the sign bit set, and one more than the prime.
    for (first, middle, last) in [(1, 0, 0x80), (0xee, 0xff, 0x7f), (0xee, 0xff, 0xff)] {
        let mut name = [middle; 32];
        (name[0], name[31]) = (first, last);
        refused(DeviceCert { account_key: AccountKey::from_bytes(name), ..cert.clone() });
    }
}

/// A device key of small order in a certificate, so that everybody can sign its prekeys.
#[test]
fn small_order_key_on_prekeys() {
    let mut party = Party::new(3);
    let (own, bundle) = (identity(), party.bundle(true));
    let mut cert = own.cert().cert().clone();
    cert.device_key = DeviceKey::from_bytes(NEUTRAL);
    cert.signature = own.account().sign(Label::SIG_DEVICE, &[&cert.signed_bytes()]);
    assert!(VerifiedCert::verify(cert.clone()).is_ok());
    let mut forged = PrekeyBundle { cert, ..bundle };
    forged.medium.signature = for_the_neutral_key();
    let id = device_id(&forged.cert);
    let parts: [&[u8]; 2] = [id.as_bytes(), &forged.medium.signed_bytes()];
    let message = signed_message(Label::SIG_MEDIUM_PREKEY, &parts);
    assert!(is_valid_loosely(&NEUTRAL, &message, &forged.medium.signature));
    let refused = BundleError::BadSignature { prekey: "medium" };
    assert_eq!(verified(forged).err(), Some(refused));
}

/// A commitment of small order, with which a signer can make one signature good for more than one
/// key; strict verification refuses the commitment.
#[test]
fn small_order_commitment() {
    let own = identity();
    let mut cert = own.cert().cert().clone();
    let message = signed_message(Label::SIG_DEVICE, &[&cert.signed_bytes()]);
    cert.signature = with_the_neutral_commitment(&own.account(), &message);
    assert!(is_valid_loosely(&own.account().public(), &message, &cert.signature));
    refused(cert);

    let (mut bundle, own) = signed_bundle();
    let bytes = bundle.medium.signed_bytes();
    let message = signed_message(Label::SIG_MEDIUM_PREKEY, &[own.device_id().as_bytes(), &bytes]);
    bundle.medium.signature = with_the_neutral_commitment(&own.device(), &message);
    assert!(is_valid_loosely(&own.device().public(), &message, &bundle.medium.signature));
    let refused = BundleError::BadSignature { prekey: "medium" };
    assert_eq!(verified(bundle).err(), Some(refused));

    let (mut bundle, own) = signed_bundle();
    let one_time = bundle.one_time.as_mut().expect("has one");
    let bytes = one_time.signed_bytes();
    let message = signed_message(Label::SIG_ONETIME_PREKEY, &[own.device_id().as_bytes(), &bytes]);
    one_time.signature = with_the_neutral_commitment(&own.device(), &message);
    let refused = BundleError::BadSignature { prekey: "one-time" };
    assert_eq!(verified(bundle).err(), Some(refused));
}

/// The relay gives a good signature a second form by adding the group's order to its scalar, so that
/// one certificate would have two encodings; a scalar that is not reduced is refused.
#[test]
fn scalar_over_the_order() {
    let mut cert = identity().cert().cert().clone();
    cert.signature = with_large_scalar(&cert.signature);
    refused(cert);
    let (bundle, _) = signed_bundle();
    let mut medium = bundle.clone();
    medium.medium.signature = with_large_scalar(&medium.medium.signature);
    let refused = |prekey| Some(BundleError::BadSignature { prekey });
    assert_eq!(verified(medium).err(), refused("medium"));
    let mut one_time = bundle;
    let changed = one_time.one_time.as_mut().expect("has one");
    changed.signature = with_large_scalar(&changed.signature);
    assert_eq!(verified(one_time).err(), refused("one-time"));
}

fn signed_bundle() -> (PrekeyBundle, IdentityKeyPair) {
    let mut party = Party::new(3);
    let bundle = party.bundle(true);
    assert!(verified(bundle.clone()).is_ok());
    (bundle, party.stolen_identity())
}
