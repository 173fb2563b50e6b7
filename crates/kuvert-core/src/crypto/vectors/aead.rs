//! ChaCha20-Poly1305: Wycheproof, the vector of RFC 8439 among it.

use super::{array, bytes, is_valid, text, wycheproof};
use crate::crypto::aead::{self, NONCE_LEN};
use crate::secret::Secret;

#[test]
fn chacha20_poly1305() {
    wycheproof("chacha20_poly1305", |_, case| {
        let id = &case["tcId"];
        let Ok(nonce) = <[u8; NONCE_LEN]>::try_from(bytes(case, "iv")) else {
            assert_eq!(text(case, "result"), "invalid", "{id}: our nonces have one length");
            return;
        };
        let key = Secret::copied_from(&array(case, "key"));
        let (ad, plaintext) = (bytes(case, "aad"), bytes(case, "msg"));
        let sealed = [bytes(case, "ct"), bytes(case, "tag")].concat();
        let opened = aead::open(&key, &nonce, &ad, &sealed);
        if is_valid(case) {
            assert_eq!(**opened.unwrap(), plaintext, "{id}");
            assert_eq!(aead::seal(&key, &nonce, &ad, &plaintext), sealed, "{id}");
        } else {
            assert!(opened.is_err(), "{id}");
        }
    });
}
