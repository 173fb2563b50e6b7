//! A peer that knows the protocol and does as it likes: it puts any header into a message and seals
//! it rightly.

use alloc::vec;
use alloc::vec::Vec;

use kuvert_wire::envelope::{Kind, VERSION};
use kuvert_wire::{
    Encode, Envelope, Frame, FrameType, Header, InitPrefix, MessageId, PqFields, PrekeyBundle,
    RatchetPublicKey, SessionId,
};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

use super::party::{NOW, verified};
use crate::agreement::{self, SessionSecrets};
use crate::crypto::dh::DhSecret;
use crate::identity::IdentityKeyPair;
use crate::prekey::{MediumPrekeyPair, OneTimePrekeyPair};
use crate::ratchet::keys::{ChainKey, HeaderKey, MessageKey, RootKey};
use crate::ratchet::sealing::{self, Bound};
use crate::secret::Secret;

/// What a chain of Mallory's seals with. It stays at its beginning: any number can be sealed at any
/// time.
pub(super) struct Chain {
    pub(super) key: DhSecret,
    pub(super) header_key: HeaderKey,
    first: ChainKey,
    /// The furthest message sealed so far, and the chain key for it: saves the way to it.
    furthest: (u32, ChainKey),
    pq_mixed: u32,
}

impl Chain {
    fn new(key: DhSecret, header_key: HeaderKey, first: ChainKey, pq_mixed: u32) -> Self {
        let furthest = (0, copy(&first));
        Self { key, header_key, first, furthest, pq_mixed }
    }

    fn message_key(&mut self, wanted: u32) -> MessageKey {
        let (mut number, mut chain) = match self.furthest.0 <= wanted {
            true => (self.furthest.0, copy(&self.furthest.1)),
            false => (0, copy(&self.first)),
        };
        while number < wanted {
            (number, chain) = (number + 1, chain.advance(number).1);
        }
        let (message_key, _) = chain.advance(wanted);
        self.furthest = (wanted, chain);
        message_key
    }
}

fn copy(key: &ChainKey) -> ChainKey {
    ChainKey::new(key.secret().duplicate())
}

/// Mallory's side of a session.
pub(super) struct Mallory {
    pub(super) chain: Option<Chain>,
    pub(super) prefix: Option<InitPrefix>,
    pub(super) pq_0: Secret<32>,
    pub(super) next_header_key: HeaderKey,
    pub(super) their_next_header_key: HeaderKey,
    session: SessionId,
    root: RootKey,
    their_key: Option<RatchetPublicKey>,
    rng: ChaCha20Rng,
}

/// An identity of Mallory's own.
pub(super) fn identity() -> IdentityKeyPair {
    IdentityKeyPair::generate(NOW, &mut ChaCha20Rng::seed_from_u64(666))
}

impl Mallory {
    /// Begins a session, by the rules.
    pub(super) fn begins(bundle: PrekeyBundle) -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(667);
        let bundle = verified(bundle).expect("a good bundle");
        let begun = agreement::initiate(&identity(), &bundle, &mut rng).expect("good keys");
        Self::with(begun.secrets, begun.prefix)
    }

    /// Begins a session with these secrets, wherever they are from.
    pub(super) fn with(secrets: SessionSecrets, prefix: InitPrefix) -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(668);
        let key = DhSecret::generate(&mut rng);
        let header_key = HeaderKey::new(secrets.hdr_i);
        let chain = Chain::new(key, header_key, ChainKey::new(secrets.chain_i), 0);
        Self {
            chain: Some(chain),
            prefix: Some(prefix),
            pq_0: secrets.pq_0,
            next_header_key: HeaderKey::new(secrets.hdr_i_next),
            their_next_header_key: HeaderKey::new(secrets.hdr_r),
            session: secrets.session_id,
            root: RootKey::new(secrets.root),
            their_key: None,
            rng,
        }
    }

    /// Answers the first message of a session, with the prekeys it was made for.
    pub(super) fn answers(
        envelope: &[u8],
        medium: &MediumPrekeyPair,
        one_time: Option<&OneTimePrekeyPair>,
    ) -> Self {
        let envelope = Envelope::decode(envelope).expect("an envelope");
        let prefix = envelope.prefix.as_ref().expect("a first message");
        let secrets = agreement::respond(&identity(), medium, one_time, prefix).expect("for us");
        let secrets = secrets.secrets;
        let first = HeaderKey::new(secrets.hdr_i);
        let header = open(&first, &envelope).expect("its header key");
        Self {
            chain: None,
            prefix: None,
            pq_0: secrets.pq_0,
            next_header_key: HeaderKey::new(secrets.hdr_r),
            their_next_header_key: HeaderKey::new(secrets.hdr_i_next),
            session: secrets.session_id,
            root: RootKey::new(secrets.root),
            their_key: Some(header.ratchet_key),
            rng: ChaCha20Rng::seed_from_u64(669),
        }
    }

    /// Follows the peer into the chain that its envelope begins, and gives the envelope's header.
    pub(super) fn follows(&mut self, envelope: &[u8]) -> Header {
        let envelope = Envelope::decode(envelope).expect("an envelope");
        let header = open(&self.their_next_header_key, &envelope).expect("a new chain");
        let ours = self.chain.as_ref().expect("has one");
        let dh = ours.key.agree(header.ratchet_key.as_bytes()).expect("an honest key");
        let (key, mixed) = (&header.ratchet_key, header.pq_mixed);
        let step = self.root.step(&dh, None, &self.session, key, mixed);
        (self.root, self.their_next_header_key) = (step.root, step.next_header);
        self.their_key = Some(header.ratchet_key);
        self.prefix = None;
        header
    }

    /// Begins a new chain, by the rules but for the claimed number of epochs.
    pub(super) fn turns(&mut self, pq_mixed: u32) {
        self.turns_mixing(None, pq_mixed);
    }

    /// Likewise, with an epoch's secret in it.
    pub(super) fn turns_mixing(&mut self, mix: Option<&Secret<32>>, pq_mixed: u32) {
        let key = DhSecret::generate(&mut self.rng);
        let dh = key.agree(self.their_key.expect("has heard it").as_bytes()).expect("honest");
        self.turns_with(key, &dh, mix, pq_mixed);
    }

    /// Begins a new chain with any key, and the Diffie-Hellman result that the peer will compute.
    pub(super) fn turns_with(
        &mut self,
        key: DhSecret,
        dh: &Secret<32>,
        mix: Option<&Secret<32>>,
        pq_mixed: u32,
    ) {
        let public = RatchetPublicKey::from_bytes(*key.public());
        let step = self.root.step(dh, mix, &self.session, &public, pq_mixed);
        self.root = step.root;
        let header_key = core::mem::replace(&mut self.next_header_key, step.next_header);
        self.chain = Some(Chain::new(key, header_key, step.chain, pq_mixed));
    }

    /// The header that a correct sender would give message `number`.
    pub(super) fn header(&self, number: u32) -> Header {
        let chain = self.chain.as_ref().expect("has one");
        Header {
            ratchet_key: RatchetPublicKey::from_bytes(*chain.key.public()),
            message_number: number,
            previous_chain_length: 0,
            pq_mixed: chain.pq_mixed,
            pq: PqFields::idle(),
        }
    }

    /// A message with this header, sealed as it has to be.
    pub(super) fn seals(&mut self, header: &Header) -> Vec<u8> {
        self.seals_frame(header, &text("from mallory"))
    }

    pub(super) fn seals_frame(&mut self, header: &Header, frame: &[u8]) -> Vec<u8> {
        let chain = self.chain.as_mut().expect("has one");
        let kind = if self.prefix.is_some() { Kind::Init } else { Kind::Session };
        let mut envelope = vec![kind.code(), VERSION];
        if let Some(prefix) = &self.prefix {
            prefix.encode_into(&mut envelope);
        }
        let nonce = [header.message_number.to_be_bytes(); 3].concat();
        let nonce: [u8; 12] = nonce.try_into().expect("12 bytes");
        let mut sealed_header = vec![];
        chain.header_key.seal_into(kind, &nonce, header, &mut sealed_header);
        let (message_key, salt) = (chain.message_key(header.message_number), [7; 16]);
        let bound =
            Bound { kind, header_nonce: &nonce, sealed_header: &sealed_header, salt: &salt };
        let sealed = sealing::seal(message_key, &bound, frame).expect("short enough");
        let len = u16::try_from(sealed_header.len()).expect("one of two");
        envelope.extend_from_slice(&nonce);
        envelope.extend_from_slice(&len.to_be_bytes());
        envelope.extend_from_slice(&sealed_header);
        envelope.extend_from_slice(&salt);
        envelope.extend_from_slice(&sealed.commitment);
        envelope.extend_from_slice(&sealed.franking);
        let start = envelope.len();
        envelope.extend_from_slice(frame);
        sealed.seal_in_place(&mut envelope, start);
        envelope
    }
}

/// What an envelope's header says under a key, if it is its key.
pub(super) fn open(key: &HeaderKey, envelope: &Envelope<'_>) -> Option<Header> {
    let message = &envelope.message;
    key.open(envelope.kind(), message.header_nonce, message.sealed_header)?.ok()
}

/// A text as a frame.
pub(super) fn text(text: &str) -> Vec<u8> {
    let frame = Frame {
        frame_type: FrameType::Message,
        sent: NOW,
        message_id: MessageId::from_bytes([1; 16]),
        expire_seconds: 0,
        body: text.as_bytes().to_vec(),
        block: None,
    };
    frame.encode()
}
