//! HKDF and HMAC: Wycheproof, RFC 5869, and a second implementation.

use alloc::vec;

use super::{bytes, has_flag, is_valid, wycheproof};
use crate::crypto::ct_eq;
use crate::crypto::kdf::{Expander, Label, MAX_EXPAND_LEN, extract, hkdf};
use crate::secret::Secret;

#[test]
fn hkdf_sha256() {
    wycheproof("hkdf_sha256", |_, case| {
        let size = usize::try_from(case["size"].as_u64().unwrap()).unwrap();
        if has_flag(case, "SizeTooLarge") {
            // Not expressible: lengths are checked at compile time, or against this limit.
            assert!(size > MAX_EXPAND_LEN && !is_valid(case));
            return;
        }
        let mut okm = vec![0; size];
        hkdf(&bytes(case, "salt"), &bytes(case, "ikm"), &bytes(case, "info"), &mut okm);
        assert!(is_valid(case));
        assert_eq!(okm, bytes(case, "okm"), "{}", case["tcId"]);
    });
}

/// RFC 5869 A.1 to A.3.
#[test]
fn rfc_5869() {
    let unhex = |text| hex::decode(text).unwrap();
    let sequence = |range: core::ops::RangeInclusive<u8>| range.collect::<vec::Vec<_>>();
    let cases = [
        (
            sequence(0x00..=0x0c),
            vec![0x0b; 22],
            sequence(0xf0..=0xf9),
            "077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5",
            "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865",
        ),
        (
            sequence(0x60..=0xaf),
            sequence(0x00..=0x4f),
            sequence(0xb0..=0xff),
            "06a6b88c5853361a06104c9ceb35b45cef760014904671014a193f40c15fc244",
            "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e590e09da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87",
        ),
        (
            vec![],
            vec![0x0b; 22],
            vec![],
            "19ef24a32c717b167f33a91d6f648bdf96596776afdb6377ac434c1c293ccb04",
            "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8",
        ),
    ];
    for (salt, ikm, info, prk, okm) in cases {
        assert_eq!(extract(&salt, &[&ikm]).expose()[..], unhex(prk));
        let mut out = vec![0; unhex(okm).len()];
        hkdf(&salt, &ikm, &info, &mut out);
        assert_eq!(out, unhex(okm));
    }
}

#[test]
fn hmac_sha256() {
    use hmac::{Hmac, KeyInit, Mac};
    wycheproof("hmac_sha256", |group, case| {
        let tag_len = usize::try_from(group["tagSize"].as_u64().unwrap()).unwrap() / 8;
        let mut mac = Hmac::<sha2::Sha256>::new_from_slice(&bytes(case, "key")).unwrap();
        mac.update(&bytes(case, "msg"));
        let tag = mac.finalize().into_bytes();
        let matches = ct_eq(&tag[..tag_len], &bytes(case, "tag"));
        assert_eq!(matches, is_valid(case), "{}", case["tcId"]);
        // HKDF-Extract is the same function, with the salt as key.
        let prk = extract(&bytes(case, "key"), &[&bytes(case, "msg")]);
        assert_eq!(prk.expose()[..], tag[..], "{}", case["tcId"]);
    });
}

/// `XL` put together by hand on the `hkdf` crate.
#[test]
fn expand_agrees_with_the_hkdf_crate() {
    let key = Secret::copied_from(&[0x5c; 32]);
    let reference = hkdf::Hkdf::<sha2::Sha256>::from_prk(key.expose()).unwrap();
    let check = |ours: &[u8], ctx: &[u8]| {
        let length = |len: usize| u16::try_from(len).unwrap().to_be_bytes();
        let (n, ctx_len) = (length(ours.len()), length(ctx.len()));
        let mut theirs = vec![0; ours.len()];
        let info: [&[u8]; 4] = [&n, Label::KX_ROOT.bytes(), &ctx_len, ctx];
        reference.expand_multi_info(&info, &mut theirs).unwrap();
        assert_eq!(ours, theirs);
    };
    let expander = Expander::new(&key);
    for ctx in [vec![], vec![7; 32], vec![7; 300]] {
        check(expander.expand::<16>(Label::KX_ROOT, &[&ctx]).expose(), &ctx);
        check(expander.expand::<32>(Label::KX_ROOT, &[&ctx]).expose(), &ctx);
        check(&expander.expand_public::<33>(Label::KX_ROOT, &[&ctx]), &ctx);
        check(&expander.expand_public::<8160>(Label::KX_ROOT, &[&ctx]), &ctx);
    }
}
