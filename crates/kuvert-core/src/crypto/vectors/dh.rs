//! X25519: Wycheproof, the vectors of RFC 7748 among it.

use super::{array, has_flag, text, wycheproof};
use crate::crypto::BadKey;
use crate::crypto::dh::{DhSecret, agree, is_small_order};
use crate::secret::Secret;

#[test]
fn x25519() {
    wycheproof("x25519", |_, case| {
        let id = &case["tcId"];
        let (private, public) =
            (Secret::copied_from(&array(case, "private")), array(case, "public"));
        let (shared, expected) = (agree(&private, &public), array::<32>(case, "shared"));
        // A result of zero is "acceptable" to Wycheproof and an error here.
        if expected == [0; 32] {
            assert_eq!(text(case, "result"), "acceptable", "{id}");
            assert_eq!(shared.err(), Some(BadKey), "{id}");
            assert!(is_small_order(&public), "{id}");
        } else {
            assert_eq!(shared.unwrap().expose(), &expected, "{id}");
            assert!(!is_small_order(&public), "{id}");
            assert!(!has_flag(case, "ZeroSharedSecret"), "{id}");
        }
    });
}

/// RFC 7748 §6.1: Alice's and Bob's key pairs, and what they share.
#[test]
fn rfc_7748_key_pairs() {
    let alice = pair("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a");
    let bob = pair("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb");
    let shows = |bytes: &[u8; 32], text| assert_eq!(hex::encode(bytes), text);
    shows(alice.public(), "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a");
    shows(bob.public(), "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f");
    let shared = alice.agree(bob.public()).unwrap();
    shows(shared.expose(), "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742");
}

fn pair(private: &str) -> DhSecret {
    DhSecret::from_secret(Secret::copied_from(&hex::decode(private).unwrap().try_into().unwrap()))
}
