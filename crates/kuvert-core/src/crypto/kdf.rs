//! Hashing, MACs and key derivation, and the one table of labels.
//!
//! ```text
//! L(s)               = u8(len("kuvert-v1 "+s)) || "kuvert-v1 " || s
//! HL(s, x)           = SHA-256(L(s) || x)                                       hash
//! HM(k, s, x)        = HMAC-SHA-256(k, L(s) || x)                               mac
//! Extract(salt, ikm) = HKDF-Extract, SHA-256                                    extract
//! XL(k, s, ctx, n)   = HKDF-Expand(k, u16(n) || L(s) || u16(len(ctx)) || ctx, n)  expand
//! ```
//! Parts of an input are given as slices and fed in turn, so nothing is put together in memory
//! first. An [`Expander`] keeps the keyed state: several outputs from one key cost one key set-up.
//!
//! # Spec
//!
//! `spec/00-conventions.md`, "Primitives" and "Labels".

use hmac::digest::{FixedOutput, Update};
use hmac::{Hmac, KeyInit};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::secret::Secret;

const HASH_LEN: usize = 32;
/// Infos shorter than this are put together on the stack; they are public.
const SHORT_INFO: usize = 128;
/// HKDF-Expand counts its blocks in one byte.
pub(crate) const MAX_EXPAND_LEN: usize = 255 * HASH_LEN;

type HmacSha256 = Hmac<Sha256>;

/// What a hash, MAC, signature or derived key is for, as the bytes `L(s)`.
///
/// Each label has one purpose. They carry their length, so one may begin another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Label<'a>(&'a [u8]);

impl<'a> Label<'a> {
    /// `L(s)`.
    pub(crate) const fn bytes(self) -> &'a [u8] {
        self.0
    }

    /// A label from outside the table, already encoded: for known answers alone.
    #[cfg(any(test, feature = "hazmat"))]
    pub(crate) const fn from_encoded(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }
}

macro_rules! labels {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
        #[allow(dead_code, reason = "the table is the whole protocol's, features use parts of it")]
        impl Label<'static> {
            $($(#[$doc])* pub(crate) const $name: Self = Self(
                &const { with_len::<{ concat!("kuvert-v1 ", $text).len() + 1 }>(
                    concat!("kuvert-v1 ", $text).as_bytes(),
                ) },
            );)*

            /// Every label, in the order of the spec.
            pub(crate) const ALL: &'static [Self] = &[$(Self::$name),*];
        }
    };
}

labels! {
    // Identities
    ACCOUNT_ID = "account-id";
    DEVICE_ID = "device-id";
    SIG_DEVICE = "sig device";
    SIG_DEVICE_LIST = "sig device-list";
    SAFETY = "safety";
    SAFETY_DIGITS = "safety-digits";
    // Prekeys
    SIG_MEDIUM_PREKEY = "sig medium-prekey";
    SIG_ONETIME_PREKEY = "sig onetime-prekey";
    // Agreement
    KX_SALT = "kx-salt";
    KX_TH1 = "kx-th1";
    KX_IDENTITY = "kx-identity";
    KX_TH2 = "kx-th2";
    KX_ROOT = "kx-root";
    KX_CHAIN_I = "kx-chain-i";
    KX_HEADER_I = "kx-header-i";
    KX_HEADER_I_NEXT = "kx-header-i-next";
    KX_HEADER_R = "kx-header-r";
    KX_PQ = "kx-pq";
    KX_SESSION_ID = "kx-session-id";
    KX_REPLAY = "kx-replay";
    // Messages
    MSG_FRANK = "msg-frank";
    FRANK = "frank";
    FRANK_TAG = "frank-tag";
    MSG_AD = "msg-ad";
    MSG_COMMIT = "msg-commit";
    MSG_KEY = "msg-key";
    // Ratchet
    CHAIN_MSG = "chain-msg";
    CHAIN_NEXT = "chain-next";
    RATCHET_ROOT = "ratchet-root";
    RATCHET_CHAIN = "ratchet-chain";
    RATCHET_HEADER = "ratchet-header";
    PQ_EK_MAC = "pq-ek-mac";
    PQ_EK = "pq-ek";
    PQ_MIX = "pq-mix";
    PQ_NEXT = "pq-next";
    PQ_CONFIRM = "pq-confirm";
    // Attachments
    ATTACH_KEY = "attach-key";
    ATTACH_COMMIT = "attach-commit";
    // Transcripts
    SIG_TRANSCRIPT_KEY = "sig transcript-key";
    TR_CONV = "tr-conv";
    TR_MAC_KEY = "tr-mac-key";
    TR_SALT = "tr-salt";
    TR_PART = "tr-part";
    TR_PARTS = "tr-parts";
    TR_HEAD = "tr-head";
    TR_HEAD_MAC = "tr-head-mac";
    TR_FILE = "tr-file";
    // Outer sealing
    SEAL = "seal";
    // At rest
    STORE_KEY = "store-key";
    STORE_COMMIT = "store-commit";
    STORE_AD = "store-ad";
    STORE_NAME_KEY = "store-name-key";
    STORE_NAME = "store-name";
    BACKUP_KEY = "backup-key";
    BACKUP_COMMIT = "backup-commit";
    BACKUP_AD = "backup-ad";
    // Relay
    MAILBOX_ID = "mailbox-id";
    TOKEN_ID = "token-id";
    RELAY_MAILBOX_OPEN = "relay mailbox-open";
    RELAY_MAILBOX_READ = "relay mailbox-read";
    RELAY_PUBLISH = "relay publish";
    RELAY_STOCK = "relay stock";
}

/// Puts the length before a label at compile time; a label over 254 bytes does not compile.
const fn with_len<const N: usize>(text: &[u8]) -> [u8; N] {
    assert!(text.len() < 256 && N == text.len() + 1);
    let mut out = [0; N];
    out[0] = N.to_be_bytes()[size_of::<usize>() - 1] - 1;
    let mut i = 1;
    while i < N {
        out[i] = text[i - 1];
        i += 1;
    }
    out
}

/// `HL(s, x)`: 32 bytes.
pub(crate) fn hash(label: Label<'_>, parts: &[&[u8]]) -> [u8; HASH_LEN] {
    let mut hasher = Sha256::new();
    Digest::update(&mut hasher, label.bytes());
    for part in parts {
        Digest::update(&mut hasher, part);
    }
    Digest::finalize(hasher).into()
}

/// Plain SHA-256, where the spec names it without a label: `c` of an epoch, chunks, Merkle trees.
pub(crate) fn sha256(parts: &[&[u8]]) -> [u8; HASH_LEN] {
    let mut hasher = Sha256::new();
    for part in parts {
        Digest::update(&mut hasher, part);
    }
    Digest::finalize(hasher).into()
}

/// `HM(k, s, x)`: 32 bytes that may be public.
pub(crate) fn mac(key: &[u8], label: Label<'_>, parts: &[&[u8]]) -> [u8; HASH_LEN] {
    let mut mac = keyed(key);
    mac.update(label.bytes());
    for part in parts {
        mac.update(part);
    }
    let mut out = [0; HASH_LEN];
    mac.finalize_into((&mut out).into());
    out
}

/// `Extract(salt, ikm)`: the pseudorandom key, 32 bytes.
pub(crate) fn extract(salt: &[u8], ikm: &[&[u8]]) -> Secret<HASH_LEN> {
    let mut mac = keyed(salt);
    for part in ikm {
        mac.update(part);
    }
    Secret::zero_filled(|prk| mac.finalize_into(prk.into()))
}

/// `XL(k, s, ctx, N)` for a single output; for several from one key use an [`Expander`].
pub(crate) fn expand<const N: usize>(
    key: &Secret<32>,
    label: Label<'_>,
    ctx: &[&[u8]],
) -> Secret<N> {
    Expander::new(key).expand(label, ctx)
}

/// A key made ready for several `XL`: the two blocks that HMAC spends on its key are spent once.
pub(crate) struct Expander(HmacSha256);

impl Expander {
    /// Takes the key in.
    pub(crate) fn new(key: &Secret<32>) -> Self {
        Self(keyed(key.expose()))
    }

    /// `XL(k, s, ctx, N)` as a secret. One HMAC for each 32 bytes.
    #[inline]
    pub(crate) fn expand<const N: usize>(&self, label: Label<'_>, ctx: &[&[u8]]) -> Secret<N> {
        const { assert!(N <= MAX_EXPAND_LEN) };
        Secret::zero_filled(|out| self.expand_into(label, ctx, out))
    }

    /// `XL(k, s, ctx, N)` where the output is public: a commitment, an id, digits.
    #[inline]
    pub(crate) fn expand_public<const N: usize>(&self, label: Label<'_>, ctx: &[&[u8]]) -> [u8; N] {
        const { assert!(N <= MAX_EXPAND_LEN) };
        let mut out = [0; N];
        self.expand_into(label, ctx, &mut out);
        out
    }

    /// `XL(k, s, ctx, n)` into `out`, at most [`MAX_EXPAND_LEN`] bytes.
    ///
    /// Inlined, so that what is hashed is put together with lengths that are known: nearly all outputs
    /// are one block from a short context, and feeding that in six parts costs as much as hashing it.
    #[inline(always)]
    pub(crate) fn expand_into(&self, label: Label<'_>, ctx: &[&[u8]], out: &mut [u8]) {
        let mut info = [0; SHORT_INFO];
        let label_end = 2 + label.bytes().len();
        let ctx_len: usize = ctx.iter().map(|part| part.len()).sum();
        if out.len() > HASH_LEN || label_end + 2 + ctx_len >= SHORT_INFO {
            return self.expand_long(label, ctx, out);
        }
        info[..2].copy_from_slice(&len_u16(out.len()));
        info[2..label_end].copy_from_slice(label.bytes());
        info[label_end..label_end + 2].copy_from_slice(&len_u16(ctx_len));
        let mut end = label_end + 2;
        for part in ctx {
            info[end..end + part.len()].copy_from_slice(part);
            end += part.len();
        }
        info[end] = 1; // the counter of the only block
        self.block(&info[..=end], out);
    }

    /// One block of HKDF-Expand, for an info with its counter.
    #[inline(never)]
    fn block(&self, info: &[u8], out: &mut [u8]) {
        let mut mac = self.0.clone();
        mac.update(info);
        if let Ok(out) = <&mut [u8; HASH_LEN]>::try_from(&mut *out) {
            return mac.finalize_into(out.into());
        }
        let mut block = Zeroizing::new([0; HASH_LEN]);
        mac.finalize_into((&mut *block).into());
        out.copy_from_slice(&block[..out.len()]);
    }

    /// Any number of blocks, from a context of any length.
    #[inline(never)]
    fn expand_long(&self, label: Label<'_>, ctx: &[&[u8]], out: &mut [u8]) {
        let out_len = len_u16(out.len());
        let ctx_len = ctx.iter().map(|part| part.len()).sum();
        let absorb = |mac: &mut HmacSha256| {
            mac.update(&out_len);
            mac.update(label.bytes());
            mac.update(&len_u16(ctx_len));
            ctx.iter().for_each(|part| mac.update(part));
        };
        hkdf_expand(&self.0, absorb, out);
    }
}

impl core::fmt::Debug for Expander {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Expander")
    }
}

/// `HM` under a key that is used many times.
pub(crate) struct Mac(HmacSha256);

impl Mac {
    /// Takes the key in.
    pub(crate) fn new(key: &Secret<32>) -> Self {
        Self(keyed(key.expose()))
    }

    /// `HM(k, s, x)`.
    pub(crate) fn mac(&self, label: Label<'_>, parts: &[&[u8]]) -> [u8; HASH_LEN] {
        let mut mac = self.0.clone();
        mac.update(label.bytes());
        parts.iter().for_each(|part| mac.update(part));
        let mut out = [0; HASH_LEN];
        mac.finalize_into((&mut out).into());
        out
    }
}

impl core::fmt::Debug for Mac {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Mac")
    }
}

/// HKDF-Expand (RFC 5869 §2.3). `absorb` feeds the info; `out` is at most [`MAX_EXPAND_LEN`] long.
fn hkdf_expand(keyed: &HmacSha256, absorb: impl Fn(&mut HmacSha256), out: &mut [u8]) {
    let mut block = Zeroizing::new([0; HASH_LEN]);
    for (counter, chunk) in (1..=u8::MAX).zip(out.chunks_mut(HASH_LEN)) {
        let mut mac = keyed.clone();
        if counter > 1 {
            mac.update(&*block);
        }
        absorb(&mut mac);
        mac.update(&[counter]);
        mac.finalize_into((&mut *block).into());
        chunk.copy_from_slice(&block[..chunk.len()]);
    }
}

fn keyed(key: &[u8]) -> HmacSha256 {
    HmacSha256::new_from_slice(key).expect("HMAC takes keys of any length")
}

/// The two functions of RFC 5869 one after the other, for its own vectors.
#[cfg(test)]
pub(super) fn hkdf(salt: &[u8], ikm: &[u8], info: &[u8], out: &mut [u8]) {
    let prk = extract(salt, &[ikm]);
    hkdf_expand(&keyed(prk.expose()), |mac| mac.update(info), out);
}

/// A length as the two bytes the formulas want. Contexts are a few fixed fields, never input.
fn len_u16(len: usize) -> [u8; 2] {
    u16::try_from(len).expect("a context is a few fixed fields").to_be_bytes()
}

#[cfg(test)]
mod tests {
    use alloc::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_two_labels_are_the_same() {
        let distinct: BTreeSet<_> = Label::ALL.iter().map(|label| label.bytes()).collect();
        assert_eq!(distinct.len(), Label::ALL.len());
    }

    #[test]
    fn labels_are_encoded_as_the_wire_crate_does() {
        for label in Label::ALL {
            let text = core::str::from_utf8(&label.bytes()[1..]).expect("labels are ASCII");
            assert!(text.is_ascii());
            let name = text.strip_prefix("kuvert-v1 ").expect("every label has the prefix");
            assert_eq!(label.bytes(), kuvert_wire::label::label(name));
        }
    }

    #[test]
    fn the_relay_protocols_labels_are_in_the_table() {
        use kuvert_wire::relay::proof::{ATTACH, OPEN_MAILBOX, PUBLISH, STOCK};
        for name in [OPEN_MAILBOX, ATTACH, PUBLISH, STOCK] {
            let encoded = kuvert_wire::label::label(name);
            assert!(Label::ALL.iter().any(|label| label.bytes() == encoded), "{name}");
        }
    }

    /// The vectors depend on each label that the specification's table names; here it is shown that
    /// ours are those, to the byte.
    #[test]
    fn the_table_is_the_specifications() {
        let spec = include_str!("../../../../spec/00-conventions.md");
        let (_, section) = spec.split_once("### Labels").expect("there is the section");
        let section = section.split("### ").next().expect("it has text");
        let named = section.split('`').skip(1).step_by(2);
        let named: BTreeSet<_> = named.filter(|name| !name.contains('(')).collect();
        let ours = Label::ALL.iter().map(|label| &label.bytes()["kuvert-v1 ".len() + 1..]);
        let ours: BTreeSet<_> =
            ours.map(|name| core::str::from_utf8(name).expect("labels are ASCII")).collect();
        assert_eq!(named, ours);
    }

    #[test]
    fn parts_are_fed_as_one_input() {
        let key = Secret::copied_from(&[1; 32]);
        assert_eq!(hash(Label::FRANK, &[b"ab", b"c"]), hash(Label::FRANK, &[b"abc"]));
        let whole = expand::<48>(&key, Label::FRANK, &[b"abc"]);
        assert!(whole == expand(&key, Label::FRANK, &[b"a", b"", b"bc"]));
        assert_eq!(
            mac(key.expose(), Label::FRANK, &[b"a", b"b"]),
            Mac::new(&key).mac(Label::FRANK, &[b"ab"])
        );
    }

    /// Short contexts are hashed from the stack, which is an improvement of speed alone.
    #[test]
    fn a_context_of_any_length_is_expanded_alike() {
        let expander = Expander::new(&Secret::copied_from(&[1; 32]));
        let context = [7; SHORT_INFO + 8];
        for ctx_len in 0..context.len() {
            for out_len in [1, HASH_LEN, HASH_LEN + 1] {
                let (mut out, mut long) = ([0; 2 * HASH_LEN], [0; 2 * HASH_LEN]);
                let ctx: [&[u8]; 1] = [&context[..ctx_len]];
                expander.expand_into(Label::FRANK, &ctx, &mut out[..out_len]);
                expander.expand_long(Label::FRANK, &ctx, &mut long[..out_len]);
                assert_eq!(out, long, "{ctx_len} to {out_len}");
            }
        }
    }

    #[test]
    fn the_length_asked_for_is_part_of_the_input() {
        let key = Secret::copied_from(&[1; 32]);
        let short = expand::<16>(&key, Label::FRANK, &[]);
        let long = expand::<32>(&key, Label::FRANK, &[]);
        assert_ne!(short.expose()[..], long.expose()[..16]);
    }

    #[test]
    fn a_label_has_its_length_before_it() {
        assert_eq!(with_len::<1>(b""), [0]);
        assert_eq!(with_len::<4>(b"tea"), *b"\x03tea");
        assert_eq!(with_len::<255>(&[7; 254])[..2], [254, 7]);
    }

    #[test]
    fn debug_shows_no_key() {
        let key = Secret::copied_from(&[9; 32]);
        let shown = alloc::format!("{:?} {:?}", Expander::new(&key), Mac::new(&key));
        assert_eq!(shown, "Expander Mac");
    }
}
