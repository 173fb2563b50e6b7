//! A conversation under a transcript: who, in which mode, and what makes a head authentic.
//!
//! ```text
//! tsk_sig = Sig(device sig_sk, "sig transcript-key", mode || own account_pk || peer account_pk || nonce || tsk_pk)
//! conv_id = HL("tr-conv", mode || account_lo || account_hi || nonce_lo || nonce_hi)          lo/hi by account_pk
//! mac_key = XL(Extract(conv_id, nonce_lo || nonce_hi), "tr-mac-key", "", 32)                 mode 2
//! head_auth = Sig(tsk, "tr-head", head)   or   HM(mac_key, "tr-head-mac", head) || 0^32
//! ```
//!
//! The signing key is fresh for each conversation and certified by the device: a signature under it
//! says nothing about any other conversation. The MAC key follows from the nonces, which both know and
//! every export shows: whoever has seen one can make any head.
//!
//! # Spec
//!
//! `spec/06-transcript.md`, "Start and stop" and "Heads".

use kuvert_wire::transcript::{
    ConversationId, Head, HeadAuth, HeadClaim, Mode, SealedHead, Start, TranscriptKey,
    TranscriptNonce,
};
use kuvert_wire::{AccountKey, DeviceId, Encode, Signature};
use rand_core::CryptoRng;

use crate::crypto::kdf::{Label, expand, extract, hash, mac};
use crate::crypto::sign::{self, SigningSecret};
use crate::crypto::{BadSignature, ct_eq};
use crate::error::ProtocolError;
use crate::identity::{IdentityKeyPair, VerifiedCert};
use crate::secret::Secret;

/// One of the two: the index of a device and of its log. By account key, the lower first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(clippy::exhaustive_enums, reason = "a conversation has two sides")]
pub enum Side {
    /// The one with the lower account key.
    Low,
    /// The one with the higher.
    High,
}

impl Side {
    /// Both, in their order.
    pub const BOTH: [Self; 2] = [Self::Low, Self::High];

    /// The other one.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Low => Self::High,
            Self::High => Self::Low,
        }
    }

    /// What belongs to this side.
    #[must_use]
    pub const fn of<T>(self, [low, high]: &[T; 2]) -> &T {
        match self {
            Self::Low => low,
            Self::High => high,
        }
    }

    /// Likewise, to be changed.
    pub(crate) const fn of_mut<T>(self, [low, high]: &mut [T; 2]) -> &mut T {
        match self {
            Self::Low => low,
            Self::High => high,
        }
    }
}

/// One side's word: its certified device, and the start it sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Party {
    /// Who it is.
    pub cert: VerifiedCert,
    /// What it said.
    pub start: Start,
}

/// A conversation whose two starts fit each other and are authentic.
#[derive(Debug)]
pub struct Conversation {
    id: ConversationId,
    mode: Mode,
    parties: [Party; 2],
    /// In the deniable mode.
    mac_key: Option<Secret<32>>,
}

impl Conversation {
    /// The conversation of two parties, in any order.
    ///
    /// # Errors
    ///
    /// - [`ProtocolError::BadSignature`]: a start is not signed by its device for this peer.
    /// - [`ProtocolError::BadKey`]: both are of one account or device, or share a nonce or key.
    /// - [`ProtocolError::Malformed`]: they are of different modes.
    ///
    /// # Spec
    ///
    /// `spec/06-transcript.md`; checks TRA-3 and TRA-4.
    pub fn new(one: Party, other: Party) -> Result<Self, ProtocolError> {
        check_pair(&one, &other)?;
        for (party, peer) in [(&one, &other), (&other, &one)] {
            check_start(&party.start, &party.cert, peer.cert.account_key())
                .map_err(|_| ProtocolError::BadSignature)?; // TRA-3
        }
        let is_in_order = one.cert.account_key() < other.cert.account_key();
        let parties = if is_in_order { [one, other] } else { [other, one] };
        let mode = parties[0].start.mode;
        let id = conversation_id(mode, &parties);
        let mac_key = (mode == Mode::Deniable).then(|| mac_key(&id, &parties));
        Ok(Self { id, mode, parties, mac_key })
    }

    /// Its name, 32 bytes.
    #[must_use]
    pub const fn id(&self) -> &ConversationId {
        &self.id
    }

    /// What it proves.
    #[must_use]
    pub const fn mode(&self) -> Mode {
        self.mode
    }

    /// The two, the lower account key first.
    #[must_use]
    pub const fn parties(&self) -> &[Party; 2] {
        &self.parties
    }

    /// The device of a side.
    #[must_use]
    pub const fn device(&self, side: Side) -> &DeviceId {
        side.of(&self.parties).cert.device_id()
    }

    /// The side of a device; `None` if it is neither.
    #[must_use]
    pub fn side_of(&self, device: &DeviceId) -> Option<Side> {
        Side::BOTH.into_iter().find(|side| self.device(*side) == device)
    }

    /// What authenticates heads in the deniable mode; it follows from the nonces.
    #[cfg(any(test, feature = "hazmat"))]
    #[must_use]
    pub fn mac_key(&self) -> Option<&[u8; 32]> {
        self.mac_key.as_ref().map(Secret::expose)
    }

    /// A claim as its speaker authenticates it.
    #[must_use]
    pub fn head(&self, speaker: Side, claim: HeadClaim) -> Head {
        Head { conversation: self.id, device: *self.device(speaker), claim }
    }

    /// Whether a head is its speaker's. In the deniable mode either side, and everyone who has seen
    /// the nonces, can make one.
    #[must_use]
    pub fn is_authentic(&self, speaker: Side, head: &SealedHead) -> bool {
        let bytes = self.head(speaker, head.claim).encode();
        match &self.mac_key {
            None => {
                let key = speaker.of(&self.parties).start.key;
                let signature = Signature::from_bytes(*head.auth.as_bytes());
                sign::verify(key.as_bytes(), Label::TR_HEAD, &[&bytes], &signature).is_ok()
            }
            Some(key) => ct_eq(mac_auth(key, &bytes).as_bytes(), head.auth.as_bytes()),
        }
    }

    /// Makes a claim authentic. Needs the speaker's signing key in the signed mode.
    pub(crate) fn seal(&self, speaker: Side, claim: HeadClaim, key: &SpeakerKey) -> SealedHead {
        let bytes = self.head(speaker, claim).encode();
        let auth = match (&self.mac_key, key) {
            (Some(key), _) => mac_auth(key, &bytes),
            (None, SpeakerKey(Some(key))) => {
                HeadAuth::from_bytes(*key.sign(Label::TR_HEAD, &[&bytes]).as_bytes())
            }
            // A signed conversation of ours always has its key; a head without one proves nothing.
            (None, SpeakerKey(None)) => HeadAuth::from_bytes([0; 64]),
        };
        SealedHead { claim, auth }
    }
}

/// Our signing key for one conversation; none in the deniable mode.
#[derive(Debug)]
pub(crate) struct SpeakerKey(pub(crate) Option<SigningSecret>);

/// A new start of ours, and the key that it certifies.
#[cfg_attr(not(test), allow(dead_code, reason = "devices offer it, with their keys"))]
pub(crate) fn generate_start<R: CryptoRng + ?Sized>(
    mode: Mode,
    our: &IdentityKeyPair,
    their: &AccountKey,
    rng: &mut R,
) -> (Start, SpeakerKey) {
    let mut nonce = [0; TranscriptNonce::LEN];
    rng.fill_bytes(&mut nonce);
    let mut start = Start {
        mode,
        nonce: TranscriptNonce::from_bytes(nonce),
        key: TranscriptKey::from_bytes([0; TranscriptKey::LEN]),
        signature: Signature::from_bytes([0; Signature::LEN]),
    };
    let secret = (mode == Mode::Signed).then(|| SigningSecret::generate(rng));
    if let Some(secret) = &secret {
        start.key = TranscriptKey::from_bytes(secret.public());
        let signed = signed_parts(&start, our.cert().account_key(), their);
        let parts: [&[u8]; 5] = core::array::from_fn(|i| &signed[i][..]);
        start.signature = our.device().sign(Label::SIG_TRANSCRIPT_KEY, &parts);
    }
    (start, SpeakerKey(secret))
}

/// Checks that a start is its device's, said to this peer.
pub(crate) fn check_start(
    start: &Start,
    cert: &VerifiedCert,
    peer: &AccountKey,
) -> Result<(), BadSignature> {
    if start.mode == Mode::Deniable {
        return Ok(());
    }
    let signed = signed_parts(start, cert.account_key(), peer);
    let parts: [&[u8]; 5] = core::array::from_fn(|i| &signed[i][..]);
    let device = cert.cert().device_key.as_bytes();
    sign::verify(device, Label::SIG_TRANSCRIPT_KEY, &parts, &start.signature)
}

fn signed_parts(start: &Start, own: &AccountKey, peer: &AccountKey) -> [alloc::vec::Vec<u8>; 5] {
    [
        [start.mode.code()].to_vec(),
        own.encode(),
        peer.encode(),
        start.nonce.encode(),
        start.key.encode(),
    ]
}

fn check_pair(one: &Party, other: &Party) -> Result<(), ProtocolError> {
    let is_one_person = one.cert.account_key() == other.cert.account_key()
        || one.cert.device_id() == other.cert.device_id();
    let is_reflected = one.start.nonce == other.start.nonce
        || (one.start.mode == Mode::Signed && one.start.key == other.start.key);
    if is_one_person || is_reflected {
        return Err(ProtocolError::BadKey); // TRA-4
    }
    if one.start.mode != other.start.mode {
        return Err(ProtocolError::Malformed); // TRA-2
    }
    Ok(())
}

fn conversation_id(mode: Mode, [low, high]: &[Party; 2]) -> ConversationId {
    let parts: [&[u8]; 5] = [
        &[mode.code()],
        low.cert.account_key().as_bytes(),
        high.cert.account_key().as_bytes(),
        low.start.nonce.as_bytes(),
        high.start.nonce.as_bytes(),
    ];
    ConversationId::from_bytes(hash(Label::TR_CONV, &parts))
}

fn mac_key(id: &ConversationId, [low, high]: &[Party; 2]) -> Secret<32> {
    let nonces: [&[u8]; 2] = [low.start.nonce.as_bytes(), high.start.nonce.as_bytes()];
    expand(&extract(id.as_bytes(), &nonces), Label::TR_MAC_KEY, &[])
}

pub(crate) fn mac_auth(key: &Secret<32>, head: &[u8]) -> HeadAuth {
    let mut auth = [0; HeadAuth::LEN];
    auth[..32].copy_from_slice(&mac(key.expose(), Label::TR_HEAD_MAC, &[head]));
    HeadAuth::from_bytes(auth)
}

#[cfg(test)]
mod tests {
    use kuvert_wire::Timestamp;
    use kuvert_wire::transcript::{TreeHash, TreeHead};
    use rand_chacha::ChaCha20Rng;
    use rand_chacha::rand_core::SeedableRng;

    use super::*;

    struct Person {
        keys: IdentityKeyPair,
        rng: ChaCha20Rng,
    }

    impl Person {
        fn new(seed: u64) -> Self {
            let mut rng = ChaCha20Rng::seed_from_u64(seed);
            Self { keys: IdentityKeyPair::generate(Timestamp::default(), &mut rng), rng }
        }

        fn party(&mut self, mode: Mode, peer: &Self) -> (Party, SpeakerKey) {
            let account = peer.keys.cert().account_key();
            let (start, key) = generate_start(mode, &self.keys, account, &mut self.rng);
            (Party { cert: self.keys.cert().clone(), start }, key)
        }
    }

    fn pair(mode: Mode) -> ([Party; 2], [SpeakerKey; 2]) {
        let (mut alice, mut bob) = (Person::new(1), Person::new(2));
        let (one, one_key) = alice.party(mode, &bob);
        let (other, other_key) = bob.party(mode, &alice);
        ([one, other], [one_key, other_key])
    }

    fn claim() -> HeadClaim {
        let tree = TreeHead { size: 3, root: TreeHash::from_bytes([7; 32]) };
        HeadClaim { own: tree, peer: tree, time: Timestamp::from_millis(9) }
    }

    #[test]
    fn both_sides_have_the_same_conversation() {
        for mode in [Mode::Signed, Mode::Deniable] {
            let ([one, other], _) = pair(mode);
            let here = Conversation::new(one.clone(), other.clone()).unwrap();
            let there = Conversation::new(other, one).unwrap();
            assert_eq!(here.id(), there.id());
            assert_eq!(here.parties(), there.parties());
            let [low, high] = here.parties();
            assert!(low.cert.account_key() < high.cert.account_key());
            assert_eq!(here.side_of(low.cert.device_id()), Some(Side::Low));
        }
    }

    /// TRA-3
    #[test]
    fn a_start_is_signed_by_its_device_for_this_peer_in_this_mode() {
        let ([one, other], _) = pair(Mode::Signed);
        let refused = |bad: Party| {
            assert_eq!(
                Conversation::new(bad, other.clone()).err(),
                Some(ProtocolError::BadSignature)
            );
        };
        let mut bad = one.clone();
        bad.start.nonce = TranscriptNonce::from_bytes([1; 32]);
        refused(bad);
        let mut bad = one;
        bad.start.key = TranscriptKey::from_bytes([1; 32]);
        refused(bad);
        let (mut alice, carol) = (Person::new(1), Person::new(3));
        refused(alice.party(Mode::Signed, &carol).0);
    }

    /// TRA-4
    #[test]
    fn a_start_that_comes_back_is_refused() {
        let ([one, other], _) = pair(Mode::Deniable);
        let refused = Some(ProtocolError::BadKey);
        assert_eq!(Conversation::new(one.clone(), one.clone()).err(), refused);
        let reflected = Party { start: one.start, ..other };
        assert_eq!(Conversation::new(one, reflected).err(), refused);
    }

    /// TRA-4
    #[test]
    fn two_devices_of_one_account_have_no_conversation() {
        let (mut alice, bob) = (Person::new(1), Person::new(2));
        let keys =
            IdentityKeyPair::another_device(&alice.keys, Timestamp::default(), &mut alice.rng);
        let mut second = Person { keys, rng: ChaCha20Rng::seed_from_u64(3) };
        let (one, _) = alice.party(Mode::Signed, &bob);
        let (other, _) = second.party(Mode::Signed, &bob);
        assert_eq!(check_pair(&one, &other), Err(ProtocolError::BadKey));
    }

    /// TRA-2
    #[test]
    fn both_are_of_one_mode() {
        let ([one, _], _) = pair(Mode::Signed);
        let ([_, other], _) = pair(Mode::Deniable);
        assert_eq!(Conversation::new(one, other).err(), Some(ProtocolError::Malformed));
    }

    #[test]
    fn a_head_is_authentic_as_its_speakers_and_as_nothing_else() {
        for mode in [Mode::Signed, Mode::Deniable] {
            let ([one, other], [key, _]) = pair(mode);
            let speaker = one.clone();
            let conversation = Conversation::new(one, other).unwrap();
            let side = conversation.side_of(speaker.cert.device_id()).unwrap();
            let head = conversation.seal(side, claim(), &key);
            assert!(conversation.is_authentic(side, &head));
            assert!(!conversation.is_authentic(side.other(), &head));
            let mut later = head;
            later.claim.time = Timestamp::from_millis(10);
            assert!(!conversation.is_authentic(side, &later));
            for place in 0..64 {
                let mut auth = *head.auth.as_bytes();
                auth[place] ^= 1;
                let bad = SealedHead { auth: HeadAuth::from_bytes(auth), ..head };
                assert!(!conversation.is_authentic(side, &bad), "{mode:?} {place}");
            }
        }
    }
}
