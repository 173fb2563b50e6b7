//! Ed25519: Wycheproof (the vectors of RFC 8032 among it) and C2SP's edge cases.

use kuvert_wire::Signature;

use super::{array, bytes, has_flag, is_valid, json, text, wycheproof};
use crate::crypto::sign::{SigningSecret, verify_bytes};
use crate::secret::Secret;

#[test]
fn ed25519() {
    wycheproof("ed25519", |group, case| {
        let public = array(&group["publicKey"], "pk");
        let message = bytes(case, "msg");
        let verified = <[u8; 64]>::try_from(bytes(case, "sig")).is_ok_and(|signature| {
            verify_bytes(&public, &message, &Signature::from_bytes(signature)).is_ok()
        });
        assert_eq!(verified, is_valid(case), "{}", case["tcId"]);
    });
}

/// RFC 8032 §7.1, tests 1 to 3: from the seed to the signature.
#[test]
fn rfc_8032() {
    let unhex = |text| hex::decode(text).unwrap();
    for (seed, public, message, signature) in [
        (
            "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
            "",
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
        ),
        (
            "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
            "72",
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
        ),
        (
            "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
            "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
            "af82",
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
        ),
    ] {
        let key = SigningSecret::from_seed(&Secret::copied_from(&unhex(seed).try_into().unwrap()));
        assert_eq!(key.public()[..], unhex(public));
        let signed = key.sign_bytes(&[&unhex(message)]);
        assert_eq!(signed.as_bytes()[..], unhex(signature));
        assert!(verify_bytes(&key.public(), &unhex(message), &signed).is_ok());
    }
}

/// Strict verification refuses every case with a low-order or non-canonical key or commitment.
#[test]
fn edge_cases_are_checked_strictly() {
    let cases = json("cctv/ed25519vectors.json");
    let cases = cases.as_array().unwrap();
    let mut accepted = 0;
    for case in cases {
        let signature = Signature::from_bytes(array(case, "sig"));
        let message = text(case, "msg").as_bytes();
        if verify_bytes(&array(case, "key"), message, &signature).is_err() {
            continue;
        }
        accepted += 1;
        if case["flags"].is_null() {
            continue;
        }
        for flag in ["low_order_A", "low_order_R", "non_canonical_A", "non_canonical_R"] {
            assert!(!has_flag(case, flag), "case {} with {flag}", case["number"]);
        }
    }
    assert_eq!((cases.len(), accepted), (914, 43));
}
