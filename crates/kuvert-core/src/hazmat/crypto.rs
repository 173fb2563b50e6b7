//! Operations of the conventions and of identities, agreement and franking.

use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

use kuvert_wire::label::{PREFIX, label};
use kuvert_wire::{AccountKey, DeviceKey, IdentityKey};

use crate::agreement::{FirstSecrets, SecondSecrets, Th1Input, schedule_with};
use crate::crypto::dh;
use crate::crypto::kdf::{self, Expander, Label, MAX_EXPAND_LEN};
use crate::identity::device_id_of;
use crate::safety_number::SafetyNumber;
use crate::secret::Secret;

/// An input of a length that the operation has no meaning for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} has a wrong length")]
pub struct BadInput {
    /// Which input.
    pub what: &'static str,
}

/// `hl`: `HL(s, x)`, 32 bytes.
///
/// # Errors
///
/// [`BadInput`] for a label over 245 bytes.
pub fn hash(s: &str, x: &[u8]) -> Result<[u8; 32], BadInput> {
    Ok(kdf::hash(Label::from_encoded(&encoded(s)?), &[x]))
}

/// `hm`: `HM(k, s, x)`, 32 bytes, under a key of any length.
///
/// # Errors
///
/// [`BadInput`] for a label over 245 bytes.
pub fn mac(k: &[u8], s: &str, x: &[u8]) -> Result<[u8; 32], BadInput> {
    Ok(kdf::mac(k, Label::from_encoded(&encoded(s)?), &[x]))
}

/// `xl`: `XL(k, s, ctx, n)`, `n` bytes.
///
/// # Errors
///
/// [`BadInput`] for a label over 245 bytes, a context over 65,535 or an `n` over 8,160, the most that
/// HKDF-Expand gives.
pub fn expand(k: &[u8; 32], s: &str, ctx: &[u8], n: usize) -> Result<Vec<u8>, BadInput> {
    check(ctx.len() <= usize::from(u16::MAX), "ctx")?;
    check(n <= MAX_EXPAND_LEN, "n")?;
    let mut out = vec![0; n];
    let key = Expander::new(&Secret::copied_from(k));
    key.expand_into(Label::from_encoded(&encoded(s)?), &[ctx], &mut out);
    Ok(out)
}

/// X25519 of a private key with `their` public key, 32 bytes, as agreements and turns of the ratchet compute
/// it; `None` if that is zero.
#[must_use]
pub fn x25519(private: &[u8; 32], their: &[u8; 32]) -> Option<[u8; 32]> {
    let shared = dh::agree(&Secret::copied_from(private), their).ok()?;
    Some(*shared.expose())
}

/// `device_id`: from a device's two public keys, 16 bytes.
#[must_use]
pub fn device_id(sig_pk: &[u8; 32], dh_pk: &[u8; 32]) -> [u8; 16] {
    let (device, identity) = (DeviceKey::from_bytes(*sig_pk), IdentityKey::from_bytes(*dh_pk));
    *device_id_of(&device, &identity).as_bytes()
}

/// `safety`: the safety number of two accounts, 12 groups of 5 digits.
#[must_use]
pub fn safety(a: &[u8; 32], b: &[u8; 32]) -> String {
    SafetyNumber::between(&AccountKey::from_bytes(*a), &AccountKey::from_bytes(*b)).to_string()
}

/// `frank`: the franking key and commitment, 32 bytes each, of a frame under a message key.
#[must_use]
pub fn frank(mk: &[u8; 32], salt: &[u8; 16], frame: &[u8]) -> ([u8; 32], [u8; 32]) {
    let key = Expander::new(&Secret::copied_from(mk));
    let fk = key.expand_public(Label::MSG_FRANK, &[salt]);
    (fk, kdf::mac(&fk, Label::FRANK, &[frame]))
}

/// What [`agreement`] takes: the transcript's parts as encoded bytes, and all secrets.
#[derive(Clone, Debug)]
pub struct AgreementInput<'a> {
    /// The initiator's certificate, 177 bytes.
    pub cert_a: &'a [u8],
    /// The responder's certificate, 177 bytes.
    pub cert_b: &'a [u8],
    /// The responder's medium-term prekey, 1,684 bytes.
    pub medium: &'a [u8],
    /// The responder's one-time prekey, 1,668 bytes, or empty.
    pub one_time: &'a [u8],
    /// EK, 32 bytes.
    pub ek: &'a [u8],
    /// CT, 1,568 bytes.
    pub ct: &'a [u8],
    /// SS, 32 bytes.
    pub ss: &'a [u8; 32],
    /// DH1 to DH5, 32 bytes each; DH4 is zero without a one-time prekey.
    pub dh: [&'a [u8; 32]; 5],
}

/// What [`agreement`] gives.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AgreementOutput {
    /// TH1.
    pub th1: [u8; 32],
    /// EID.
    pub eid: [u8; 193],
    /// TH2.
    pub th2: [u8; 32],
    /// `root`.
    pub root: [u8; 32],
    /// `chain_i`.
    pub chain_i: [u8; 32],
    /// `hdr_i`.
    pub hdr_i: [u8; 32],
    /// `hdr_i_next`.
    pub hdr_i_next: [u8; 32],
    /// `hdr_r`.
    pub hdr_r: [u8; 32],
    /// `pq_0`.
    pub pq_0: [u8; 32],
    /// `session_id`.
    pub session_id: [u8; 16],
}

/// `kx`: the key schedule of the handshake.
///
/// # Errors
///
/// [`BadInput`] for the first input that is too long or too short.
pub fn agreement(input: &AgreementInput<'_>) -> Result<AgreementOutput, BadInput> {
    let [dh1, dh2, dh3, dh4, dh5] = input.dh.map(Secret::copied_from);
    let has_one_time = !input.one_time.is_empty();
    check(input.cert_b.len() == 177, "cert_b")?;
    check(input.medium.len() == 1684, "medium")?;
    check(!has_one_time || input.one_time.len() == 1668, "ot")?;
    let transcript = Th1Input {
        cert_b: input.cert_b,
        medium: input.medium,
        one_time: has_one_time.then_some(input.one_time),
        ephemeral_key: exactly(input.ek, "ek")?,
        kem_ciphertext: exactly(input.ct, "ct")?,
    };
    let ss = Secret::copied_from(input.ss);
    let first = FirstSecrets { dh2, dh3, dh4: has_one_time.then_some(dh4), ss };
    let cert_a = exactly(input.cert_a, "cert_a")?;
    let (th1, eid, th2, secrets) =
        schedule_with(&transcript, first, SecondSecrets { dh1, dh5 }, cert_a);
    Ok(AgreementOutput {
        th1,
        eid,
        th2,
        root: *secrets.root.expose(),
        chain_i: *secrets.chain_i.expose(),
        hdr_i: *secrets.hdr_i.expose(),
        hdr_i_next: *secrets.hdr_i_next.expose(),
        hdr_r: *secrets.hdr_r.expose(),
        pq_0: *secrets.pq_0.expose(),
        session_id: *secrets.session_id.as_bytes(),
    })
}

fn encoded(s: &str) -> Result<Vec<u8>, BadInput> {
    check(s.len() + PREFIX.len() <= usize::from(u8::MAX), "s")?;
    Ok(label(s))
}

fn exactly<'a, const N: usize>(
    bytes: &'a [u8],
    what: &'static str,
) -> Result<&'a [u8; N], BadInput> {
    bytes.try_into().map_err(|_| BadInput { what })
}

pub(super) fn check(holds: bool, what: &'static str) -> Result<(), BadInput> {
    if holds { Ok(()) } else { Err(BadInput { what }) }
}

#[cfg(test)]
mod tests {
    use super::super::kat::cases;
    use super::*;

    #[test]
    fn known_answers_of_the_conventions() {
        for case in cases("hl") {
            assert_eq!(hash(&case.text("s"), &case.bytes("x")), Ok(case.expect().array("out")));
        }
        for case in cases("hm") {
            let out = mac(&case.bytes("k"), &case.text("s"), &case.bytes("x"));
            assert_eq!(out, Ok(case.expect().array("out")));
        }
        for case in cases("xl") {
            let (s, ctx, n) = (case.text("s"), case.bytes("ctx"), case.number("n"));
            assert_eq!(expand(&case.array("k"), &s, &ctx, n), Ok(case.expect().bytes("out")));
        }
    }

    #[test]
    fn known_answers_of_identities() {
        for case in cases("device_id") {
            let id = device_id(&case.array("sig_pk"), &case.array("dh_pk"));
            assert_eq!(id, case.expect().array("out"));
        }
        for case in cases("safety") {
            let digits = safety(&case.array("a"), &case.array("b"));
            assert_eq!(digits, case.expect().text("digits"));
        }
    }

    #[test]
    fn known_answers_of_franking() {
        for case in cases("frank") {
            let (fk, fc) = frank(&case.array("mk"), &case.array("salt"), &case.bytes("frame"));
            assert_eq!((fk, fc), (case.expect().array("fk"), case.expect().array("fc")));
        }
    }

    #[test]
    fn known_answers_of_the_agreement() {
        for case in cases("kx") {
            let dh: [[u8; 32]; 5] =
                ["dh1", "dh2", "dh3", "dh4", "dh5"].map(|field| match case.text(field).as_str() {
                    "" => [0; 32],
                    _ => case.array(field),
                });
            let output = agreement(&AgreementInput {
                cert_a: &case.bytes("cert_a"),
                cert_b: &case.bytes("cert_b"),
                medium: &case.bytes("medium"),
                one_time: &case.bytes("ot"),
                ek: &case.bytes("ek"),
                ct: &case.bytes("ct"),
                ss: &case.array("ss"),
                dh: dh.each_ref(),
            });
            let expect = case.expect();
            let expected = AgreementOutput {
                th1: expect.array("th1"),
                eid: expect.array("eid"),
                th2: expect.array("th2"),
                root: expect.array("root"),
                chain_i: expect.array("chain_i"),
                hdr_i: expect.array("hdr_i"),
                hdr_i_next: expect.array("hdr_i_next"),
                hdr_r: expect.array("hdr_r"),
                pq_0: expect.array("pq_0"),
                session_id: expect.array("session_id"),
            };
            assert_eq!(output, Ok(expected));
        }
    }

    /// RFC 7748 §6.1.
    #[test]
    fn known_answers_of_x25519() {
        let key = |hex: &str| hex::decode(hex).unwrap().try_into().unwrap();
        let alice = key("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a");
        let bob = key("de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f");
        let shared = key("4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742");
        assert_eq!(x25519(&alice, &bob), Some(shared));
        assert_eq!(x25519(&alice, &[0; 32]), None);
    }

    #[test]
    fn inputs_of_a_wrong_length_are_errors() {
        let long = "x".repeat(246);
        assert_eq!(hash(&long, b""), Err(BadInput { what: "s" }));
        assert!(hash(&long[1..], b"").is_ok());
        assert_eq!(expand(&[0; 32], "test", &[], 8161), Err(BadInput { what: "n" }));
        assert_eq!(expand(&[0; 32], "test", &[], 8160).unwrap().len(), 8160);
        assert_eq!(expand(&[0; 32], "test", &[0; 65_536], 1), Err(BadInput { what: "ctx" }));
    }
}
