//! What the specification makes unavoidable, operation by operation.
//!
//! Lengths of inputs are counted from the formulas, labels included, so that each hash here has as
//! many blocks as the real one. What an implementation can compute once and keep is left out.

use crate::cases::AHEAD;
use crate::primitive::Primitive;
use crate::scenario::padded_len;

/// The fixed fields of a frame, in front of its body.
const FRAME_FIELDS: usize = 34;
/// A header with one fragment.
const HEADER: usize = 179;
const CERT: usize = 177;
const MEDIUM_PREKEY: usize = 1684;
const ONE_TIME_PREKEY: usize = 1668;
const EPHEMERAL: usize = 32;
const CIPHERTEXT: usize = 1568;
const SIGNATURE: usize = 64;
/// `"kuvert-v1 "` and the byte of its length.
const LABEL_FIELDS: usize = 11;

/// One line of a floor: how often which primitive, and what for.
#[derive(Clone, Debug)]
pub struct Line {
    /// What it is for, in the words of the specification.
    pub what: &'static str,
    /// How often.
    pub count: u32,
    /// Which.
    pub primitive: Primitive,
}

/// The unavoidable primitives of one operation.
#[derive(Clone, Debug, Default)]
pub struct Floor(pub Vec<Line>);

impl Floor {
    /// Checking a bundle, the initiator's handshake, and the first message.
    #[must_use]
    pub fn initiator(body_len: usize) -> Self {
        Self::default()
            .verify("sig device", 113)
            .verify("sig medium-prekey", 16 + MEDIUM_PREKEY - SIGNATURE)
            .verify("sig onetime-prekey", 16 + ONE_TIME_PREKEY - SIGNATURE)
            .add("modulus checks", 2, Primitive::Kem1024Check)
            .add("EK and the first ratchet key", 2, Primitive::X25519Base)
            .add("DH1 to DH5", 5, Primitive::X25519)
            .add("CT, SS", 1, Primitive::Kem1024Encapsulate)
            .schedule()
            .add("EID", 1, Primitive::Seal(CERT))
            .add("epoch 1 of the KEM ratchet", 1, Primitive::Kem768Generate)
            .xl("pq-ek-mac", 4)
            .hm("pq-ek", 1184)
            .message(body_len, Primitive::Seal)
    }

    /// The responder's handshake and its first message.
    #[must_use]
    pub fn responder(body_len: usize) -> Self {
        Self::default()
            .hl("kx-replay", EPHEMERAL + CIPHERTEXT)
            .add("DH1 to DH5", 5, Primitive::X25519)
            .add("the KEM key from its seed", 1, Primitive::Kem1024Generate)
            .add("SS", 1, Primitive::Kem1024Decapsulate)
            .schedule()
            .add("EID", 1, Primitive::Open(CERT))
            .verify("sig device", 113)
            .message(body_len, Primitive::Open)
    }

    /// Sealing a message with a text of `body_len` bytes on the chain that is.
    #[must_use]
    pub fn seal(body_len: usize) -> Self {
        Self::default().message(body_len, Primitive::Seal)
    }

    /// Opening such a message.
    #[must_use]
    pub fn open(body_len: usize) -> Self {
        Self::default().message(body_len, Primitive::Open)
    }

    /// Sealing and opening a message that turns the ratchet, without the KEM's share.
    #[must_use]
    pub fn turn(body_len: usize) -> Self {
        Self::default()
            .add("new ratchet key", 1, Primitive::X25519Base)
            .add("DH, both sides", 2, Primitive::X25519)
            .add("PRK, both sides", 2, Primitive::Hmac(64))
            .add("RK, CK, NHK, both sides", 6, Primitive::Hmac(expand_len("ratchet-header", 52)))
            .add("the header key of the old chain", 1, Primitive::Refuse(HEADER))
            .message(body_len, Primitive::Seal)
            .message(body_len, Primitive::Open)
    }

    /// Opening a message before which a thousand are missing.
    #[must_use]
    pub fn ahead(body_len: usize) -> Self {
        let skipped = u32::try_from(AHEAD).expect("a small number");
        Self::default()
            .add("chain-msg, skipped", skipped, Primitive::Hmac(expand_len("chain-msg", 4)))
            .add("chain-next, skipped", skipped, Primitive::Hmac(expand_len("chain-next", 0)))
            .message(body_len, Primitive::Open)
    }

    /// Opening a message whose key is kept.
    #[must_use]
    pub fn skipped(body_len: usize) -> Self {
        Self::default().under_its_key(body_len, Primitive::Open)
    }

    /// Trying so many header keys in vain.
    #[must_use]
    pub fn refuse(header_keys: u32) -> Self {
        Self::default().add("header keys", header_keys, Primitive::Refuse(HEADER))
    }

    /// Both sides compute the same keys from the same transcript.
    fn schedule(self) -> Self {
        let bundle = CERT + MEDIUM_PREKEY + 1 + ONE_TIME_PREKEY;
        self.hl("kx-th1", 2 + bundle + EPHEMERAL + CIPHERTEXT)
            .add("CK0", 1, Primitive::Hmac(128))
            .xl("kx-identity", 32)
            .hl("kx-th2", 32 + CERT + 16 + CERT)
            .add("CK1", 1, Primitive::Hmac(64))
            .add("root to session_id", 7, Primitive::Hmac(expand_len("kx-header-i", 32)))
    }

    /// One message, its AEADs by `aead`.
    fn message(self, body_len: usize, aead: fn(usize) -> Primitive) -> Self {
        self.xl("chain-msg", 4).xl("chain-next", 0).under_its_key(body_len, aead)
    }

    fn under_its_key(self, body_len: usize, aead: fn(usize) -> Primitive) -> Self {
        let frame = FRAME_FIELDS + body_len;
        self.add("header", 1, aead(HEADER))
            .hl("msg-ad", 2 + 12 + HEADER + 16 + 32)
            .xl("msg-frank", 16)
            .hm("frank", frame)
            .xl("msg-commit", 48)
            .xl("msg-key", 48)
            .add("padded frame", 1, aead(padded_len(frame)))
    }

    fn add(mut self, what: &'static str, count: u32, primitive: Primitive) -> Self {
        self.0.push(Line { what, count, primitive });
        self
    }

    fn verify(self, label: &'static str, len: usize) -> Self {
        self.add(label, 1, Primitive::Ed25519Verify(label_len(label) + len))
    }

    fn hl(self, label: &'static str, len: usize) -> Self {
        self.add(label, 1, Primitive::Sha256(label_len(label) + len))
    }

    fn hm(self, label: &'static str, len: usize) -> Self {
        self.add(label, 1, Primitive::Hmac(label_len(label) + len))
    }

    fn xl(self, label: &'static str, context_len: usize) -> Self {
        self.add(label, 1, Primitive::Hmac(expand_len(label, context_len)))
    }
}

fn label_len(label: &str) -> usize {
    LABEL_FIELDS + label.len()
}

/// The input of the one HMAC in `XL(k, s, ctx, n)` with n up to 32: two lengths, label, context and
/// the counter of HKDF.
fn expand_len(label: &str, context_len: usize) -> usize {
    2 + label_len(label) + 2 + context_len + 1
}
