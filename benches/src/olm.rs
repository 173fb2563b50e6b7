//! vodozemac, Olm version 1: 3DH and the Double Ratchet with AES-CBC and an 8-byte MAC; no
//! post-quantum part, no header encryption, no padding.

use vodozemac::Curve25519PublicKey;
use vodozemac::olm::{Account, AccountPickle, OlmMessage, Session, SessionConfig};
use vodozemac::{Ed25519PublicKey, Ed25519Signature};

use crate::cases::{AHEAD, Case, Receiver};
use crate::scenario::{Pair, Side};

/// The keys that Bob has published, signed as Matrix signs them.
pub struct Published {
    account: Account,
    one_time: Curve25519PublicKey,
    signature: Ed25519Signature,
}

impl Published {
    /// Bob's account with one one-time key.
    #[must_use]
    pub fn new() -> Self {
        let mut account = Account::new();
        account.generate_one_time_keys(1);
        let one_time = *account.one_time_keys().values().next().expect("one was made");
        account.mark_keys_as_published();
        let signature = account.sign(one_time.to_bytes());
        Self { account, one_time, signature }
    }

    /// A copy of Bob's account, for a handshake that uses up the key.
    #[must_use]
    pub fn copy(&self) -> AccountPickle {
        self.account.pickle()
    }

    /// The check of the one-time key's signature, which Olm leaves to its caller.
    #[must_use]
    pub fn signature_is_good(&self) -> bool {
        let key: Ed25519PublicKey = self.account.ed25519_key();
        key.verify(&self.one_time.to_bytes(), &self.signature).is_ok()
    }
}

impl Default for Published {
    fn default() -> Self {
        Self::new()
    }
}

/// Alice's handshake: the session and her first envelope.
#[must_use]
pub fn initiate(alice: &Account, bob: &Published, text: &str) -> (Session, Vec<u8>) {
    let config = SessionConfig::version_1();
    let session = alice.create_outbound_session(config, bob.account.curve25519_key(), bob.one_time);
    let mut session = session.expect("the keys are good");
    let envelope = encrypt(&mut session, text);
    (session, envelope)
}

/// Bob's handshake: the session and the length of the first text.
#[must_use]
pub fn respond(bob: &mut Account, alice: Curve25519PublicKey, envelope: &[u8]) -> (Session, usize) {
    let OlmMessage::PreKey(message) = decode(envelope) else { panic!("a first message") };
    let created = bob.create_inbound_session(SessionConfig::version_1(), alice, &message);
    let created = created.expect("the message is good");
    (created.session, created.plaintext.len())
}

/// A type byte and the message, as a carrier would have it.
fn encrypt(session: &mut Session, text: &str) -> Vec<u8> {
    let (kind, mut bytes) = session.encrypt(text).expect("an established session").to_parts();
    bytes.push(u8::try_from(kind).expect("0 or 1"));
    bytes
}

fn decode(envelope: &[u8]) -> OlmMessage {
    let (kind, bytes) = envelope.split_last().expect("not empty");
    OlmMessage::from_parts(usize::from(*kind), bytes).expect("a good message")
}

/// Two sessions that talk to each other.
pub struct OlmPair {
    alice: Session,
    bob: Session,
}

impl OlmPair {
    /// A pair whose handshake is done.
    #[must_use]
    pub fn new() -> Self {
        let (alice, published) = (Account::new(), Published::new());
        let (session, envelope) = initiate(&alice, &published, "x");
        let mut bob = Account::from_pickle(published.copy());
        let (answer, _) = respond(&mut bob, alice.curve25519_key(), &envelope);
        let mut pair = Self { alice: session, bob: answer };
        pair.turn();
        pair
    }

    fn session(&mut self, side: Side) -> &mut Session {
        match side {
            Side::Alice => &mut self.alice,
            Side::Bob => &mut self.bob,
        }
    }
}

impl Default for OlmPair {
    fn default() -> Self {
        Self::new()
    }
}

impl Pair for OlmPair {
    fn seal(&mut self, from: Side, text: &str) -> Vec<u8> {
        encrypt(self.session(from), text)
    }

    fn open(&mut self, at: Side, envelope: &[u8]) -> usize {
        self.session(at).decrypt(&decode(envelope)).expect("a good message").len()
    }
}

/// Keys of skipped messages that a chain keeps.
const KEPT: usize = 40;
/// Where the ratchet key of a message begins: version, tag, length.
const RATCHET_KEY: usize = 3;

/// A thousand messages are missing before it; keys of the last forty are kept.
#[must_use]
pub fn ahead() -> Case {
    let mut pair = OlmPair::new();
    lose(&mut pair, AHEAD);
    let envelope = pair.seal(Side::Alice, &"t".repeat(64));
    case(&pair, envelope, true)
}

/// It was missing; its key is kept among forty.
#[must_use]
pub fn skipped() -> Case {
    let mut pair = OlmPair::new();
    let late = pair.seal(Side::Alice, &"t".repeat(64));
    lose(&mut pair, KEPT - 1);
    pair.pass(Side::Alice, "arrives");
    case(&pair, late, true)
}

/// A message with another ratchet key: that is its header.
#[must_use]
pub fn hostile() -> Case {
    let mut pair = OlmPair::new();
    let mut envelope = pair.seal(Side::Alice, &"t".repeat(64));
    envelope[RATCHET_KEY] ^= 1;
    case(&pair, envelope, false)
}

fn lose(pair: &mut OlmPair, count: usize) {
    for _ in 0..count {
        pair.seal(Side::Alice, "lost");
    }
}

fn case(pair: &OlmPair, envelope: Vec<u8>, opens: bool) -> Case {
    let saved = serde_json::to_vec(&pair.bob.pickle()).expect("it has a form");
    let begin = move || -> Receiver {
        let pickle = serde_json::from_slice(&saved).expect("its own form");
        let mut session = Session::from_pickle(pickle);
        Box::new(move |envelope| session.decrypt(&decode(envelope)).is_ok())
    };
    Case::new(begin, envelope, opens)
}

/// Bytes of a session as JSON: the initiator's, fresh, and one that keeps forty keys.
#[must_use]
pub fn states() -> [usize; 2] {
    let (alice, bob) = (Account::new(), Published::new());
    let (fresh, _) = initiate(&alice, &bob, "hello");
    let mut pair = OlmPair::new();
    lose(&mut pair, KEPT);
    pair.pass(Side::Alice, "arrives");
    [&fresh, &pair.bob]
        .map(|session| serde_json::to_vec(&session.pickle()).expect("it has a form").len())
}
