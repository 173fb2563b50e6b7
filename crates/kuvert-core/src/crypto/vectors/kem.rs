//! ML-KEM: Wycheproof, NIST's ACVP, and C2SP's overflowing moduli and unlucky samples.

use alloc::vec::Vec;

use serde_json::Value;

use super::{array, bytes, has_flag, is_valid, json, list, read, text, wycheproof};
use crate::secret::Secret;

/// The same tests for both parameter sets.
macro_rules! parameter_set {
    ($set:ident, $name:literal, $prefix:literal) => {
        mod $set {
            use libcrux_ml_kem::$set as raw;

            use super::*;
            use crate::crypto::kem::$set::{CT_LEN, EK_LEN, EncapsulationKey, Seed};

            fn checked(ek: &[u8]) -> Option<EncapsulationKey> {
                EncapsulationKey::check(<&[u8; EK_LEN]>::try_from(ek).ok()?).ok()
            }

            fn encapsulate(ek: &[u8], coins: &[u8; 32]) -> Option<(Vec<u8>, Vec<u8>)> {
                let (ct, shared) = checked(ek)?.encapsulate_with(&Secret::copied_from(coins));
                Some((ct.to_vec(), shared.expose().to_vec()))
            }

            fn seed(bytes: &[u8]) -> Option<Seed> {
                Some(Seed::from_secret(Secret::copied_from(bytes.try_into().ok()?)))
            }

            fn decapsulate(seed_bytes: &[u8], ct: &[u8]) -> Option<Vec<u8>> {
                let ct = <&[u8; CT_LEN]>::try_from(ct).ok()?;
                Some(seed(seed_bytes)?.decapsulate(ct).expose().to_vec())
            }

            #[test]
            fn wycheproof_key_generation() {
                wycheproof(concat!($prefix, "_keygen_seed"), |_, case| {
                    let ek = seed(&bytes(case, "seed")).unwrap().encapsulation_key();
                    assert_eq!(ek[..], bytes(case, "ek"), "{}", case["tcId"]);
                });
            }

            #[test]
            fn wycheproof_encapsulation() {
                wycheproof(concat!($prefix, "_encaps"), |_, case| {
                    let found = encapsulate(&bytes(case, "ek"), &array(case, "m"));
                    let expected = is_valid(case).then(|| (bytes(case, "c"), bytes(case, "K")));
                    assert_eq!(found, expected, "{}", case["tcId"]);
                    assert!(!has_flag(case, "ModulusOverflow") || found.is_none());
                });
            }

            #[test]
            fn wycheproof_decapsulation() {
                wycheproof($prefix, |_, case| {
                    let (seed_bytes, ct) = (bytes(case, "seed"), bytes(case, "c"));
                    let shared = decapsulate(&seed_bytes, &ct);
                    let expected = is_valid(case).then(|| bytes(case, "K"));
                    assert_eq!(shared, expected, "{}", case["tcId"]);
                    if let (Some(seed), Some(ek)) = (seed(&seed_bytes), case["ek"].as_str()) {
                        assert_eq!(hex::encode(&*seed.encapsulation_key()), ek);
                    }
                });
            }

            #[test]
            fn acvp_key_generation() {
                let cases = acvp("keygen", |group| text(group, "parameterSet") == $name);
                assert_eq!(cases.len(), 25);
                for case in cases {
                    let seed = seed(&[bytes(&case, "d"), bytes(&case, "z")].concat()).unwrap();
                    assert_eq!(seed.encapsulation_key()[..], bytes(&case["expected"], "ek"));
                }
            }

            #[test]
            fn acvp_encapsulation() {
                let cases = acvp_function("encapsulation", $name);
                assert_eq!(cases.len(), 25);
                for case in cases {
                    let found = encapsulate(&bytes(&case, "ek"), &array(&case, "m"));
                    let expected = &case["expected"];
                    assert_eq!(found, Some((bytes(expected, "c"), bytes(expected, "k"))));
                }
            }

            #[test]
            fn acvp_encapsulation_key_check() {
                let cases = acvp_function("encapsulationKeyCheck", $name);
                assert_eq!(cases.len(), 10);
                for case in cases {
                    let passed = Some(checked(&bytes(&case, "ek")).is_some());
                    assert_eq!(passed, case["expected"]["testPassed"].as_bool());
                }
            }

            /// With expanded private keys, which exist below this crate's wrapper alone.
            #[test]
            fn acvp_decapsulation() {
                let cases = acvp_function("decapsulation", $name);
                assert_eq!(cases.len(), 10);
                for case in cases {
                    let dk = bytes(&case, "dk").as_slice().try_into().unwrap();
                    let ct = bytes(&case, "c").as_slice().try_into().unwrap();
                    let shared = raw::decapsulate(&dk, &ct);
                    assert_eq!(shared[..], bytes(&case["expected"], "k"));
                }
            }

            #[test]
            fn keys_over_the_modulus_are_refused() {
                let file = read(concat!("cctv/modulus-", $name, ".txt"));
                let mut count = 0;
                for line in file.lines() {
                    let ek = hex::decode(line).unwrap();
                    assert_eq!(ek.len(), EK_LEN);
                    assert!(checked(&ek).is_none(), "line {count}");
                    count += 1;
                }
                assert!(count > 50);
            }

            /// The file's seeds are those of the draft standard, which hashed them otherwise; its
            /// keys, and so the unlucky matrix, are still right.
            #[test]
            fn unlucky_samples_come_out_right() {
                let file = read(concat!("cctv/unluckysample-", $name, ".txt"));
                let field = |name: &str| {
                    let line = file.lines().find_map(|l| l.strip_prefix(name)?.strip_prefix(" = "));
                    hex::decode(line.unwrap()).unwrap()
                };
                let coins = field("m").try_into().unwrap();
                let found = encapsulate(&field("ek"), &coins);
                assert_eq!(found, Some((field("c"), field("K"))));
                let dk = field("dk").as_slice().try_into().unwrap();
                let ct = field("c").as_slice().try_into().unwrap();
                assert_eq!(raw::decapsulate(&dk, &ct)[..], field("K"));
            }
        }
    };
}

parameter_set!(mlkem768, "ML-KEM-768", "mlkem_768");
parameter_set!(mlkem1024, "ML-KEM-1024", "mlkem_1024");

/// All cases of the groups that `wanted` picks.
fn acvp(name: &str, wanted: impl Fn(&Value) -> bool) -> Vec<Value> {
    let file = json(&alloc::format!("acvp/{name}.json"));
    let groups = list(&file, "testGroups").iter().filter(|group| wanted(group));
    groups.flat_map(|group| list(group, "tests").to_vec()).collect()
}

fn acvp_function(function: &str, set: &str) -> Vec<Value> {
    acvp("encap-decap", |group| {
        text(group, "function") == function && text(group, "parameterSet") == set
    })
}
