//! A listener with stolen records: sees every envelope from then on, and goes as far as keys allow.
//!
//! It follows both directions of the session and the post-quantum ratchet with whatever secrets it
//! has: the stolen ones, those that follow from them, and X25519 keys that it is given later.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use kuvert_wire::{
    Decode, Envelope, Fragment, Header, PqFields, PqKind, RatchetPublicKey, Reader, SessionId,
};

use super::mallory::open;
use super::party::Party;
use crate::crypto::dh::agree;
use crate::crypto::kdf::sha256;
use crate::crypto::kem::mlkem768::Seed;
use crate::ratchet::erasure::Fragments;
use crate::ratchet::keys::{ChainKey, HeaderKey, RootKey};
use crate::ratchet::pq::epoch::{Epoch, EpochSecrets};
use crate::ratchet::sealing::{self, Bound, Received};
use crate::secret::Secret;

/// Who sent an envelope, as the spy sees it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum By {
    Victim,
    Other,
}

/// How much of an envelope the spy can read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Heard {
    Nothing,
    /// Counters and a ratchet key, no text.
    Header,
    Text,
}

/// One direction of the session. What is not known is not there.
#[derive(Default)]
struct Direction {
    key: Option<RatchetPublicKey>,
    header_key: Option<HeaderKey>,
    next_header_key: Option<HeaderKey>,
    /// The chain from message `number` on.
    chain: Option<(ChainKey, u32)>,
}

pub(super) struct Spy {
    session: SessionId,
    root: Option<RootKey>,
    /// Epochs that are mixed into the root.
    mixed: u32,
    victim: Direction,
    other: Direction,
    /// X25519 private keys by their public ones.
    keys: BTreeMap<[u8; 32], Secret<32>>,
    epochs: Epochs,
}

/// What the spy knows of the post-quantum ratchet, by epoch.
#[derive(Default)]
struct Epochs {
    seeds: BTreeMap<u32, Seed>,
    /// `pqs`: what an epoch ended with.
    ends: BTreeMap<u32, Secret<32>>,
    mixes: BTreeMap<u32, Secret<32>>,
    ciphertexts: BTreeMap<u32, Fragments>,
}

impl Spy {
    /// Takes a copy of a device's only session, by the layout of the stored record.
    pub(super) fn with_records_of(victim: &Party) -> Self {
        let mut record = Vec::new();
        victim.stolen_session().ratchet.state.encode_into(&mut record);
        let mut spy = Self {
            session: SessionId::from_bytes([0; 16]),
            root: None,
            mixed: 0,
            victim: Direction::default(),
            other: Direction::default(),
            keys: BTreeMap::new(),
            epochs: Epochs::default(),
        };
        spy.read(&mut Reader::new(&record));
        spy
    }

    fn read(&mut self, record: &mut Reader<'_>) {
        self.session = SessionId::decode_from(record).expect("its layout");
        self.root = Some(RootKey::new(secret(record)));
        self.victim.next_header_key = Some(HeaderKey::new(secret(record)));
        self.other.next_header_key = Some(HeaderKey::new(secret(record)));
        let step_due = record.u8();
        assert!(step_due.is_ok());
        if record.u8() == Ok(1) {
            let (private, public) = (secret(record), record.array().expect("its layout"));
            self.keys.insert(public, private);
            self.victim.key = Some(RatchetPublicKey::from_bytes(public));
            let chain = ChainKey::new(secret(record));
            self.victim.header_key = Some(HeaderKey::new(secret(record)));
            self.victim.chain = Some((chain, record.u32().expect("its layout")));
            record.take(8).expect("PN and pq_mixed");
        }
        match record.u8().expect("its layout") {
            1 => {
                self.other.chain = Some((ChainKey::new(secret(record)), 0));
                self.other.header_key = Some(HeaderKey::new(secret(record)));
            }
            2 => {
                let tip = ChainKey::new(secret(record));
                record.take(4).expect("the chain's id");
                self.other.key = RatchetPublicKey::decode_from(record).ok();
                self.other.header_key = Some(HeaderKey::new(secret(record)));
                self.other.chain = Some((tip, record.u32().expect("its layout")));
                record.take(4).expect("pq_mixed");
            }
            _ => {}
        }
        let kept = record.u8().expect("its layout");
        record.take(usize::from(kept) * 76).expect("old chains");
        self.mixed = self.epochs.read(record);
    }

    /// Is given the X25519 private key that a device's session has at the moment.
    pub(super) fn is_given_the_key_of(&mut self, party: &Party) {
        let given = Self::with_records_of(party);
        self.keys.extend(given.keys);
    }

    /// Whether the stolen records already decide what the current epoch will mix.
    pub(super) fn knows_the_current_epoch(&self) -> bool {
        let current = self.mixed + 1;
        self.epochs.seeds.contains_key(&current) || self.epochs.mixes.contains_key(&current)
    }

    /// Epochs mixed into the root as far as the spy has followed it.
    pub(super) const fn mixed(&self) -> u32 {
        self.mixed
    }

    /// Listens to one envelope, in order.
    pub(super) fn listens(&mut self, by: By, envelope: &[u8]) -> Heard {
        let envelope = Envelope::decode(envelope).expect("an envelope");
        let direction = self.direction(by);
        let try_open = |key: &Option<HeaderKey>| open(key.as_ref()?, &envelope);
        if let Some(header) = try_open(&direction.header_key) {
            direction.key.get_or_insert(header.ratchet_key);
            let opened = direction.opens(&header, &envelope);
            return self.goes_on(&header, opened);
        }
        match try_open(&direction.next_header_key) {
            Some(header) => {
                let opened = self.turns(by, &header, &envelope);
                self.goes_on(&header, opened)
            }
            None => Heard::Nothing,
        }
    }

    fn goes_on(&mut self, header: &Header, opened: bool) -> Heard {
        self.epochs.listens(&header.pq);
        if opened { Heard::Text } else { Heard::Header }
    }

    fn direction(&mut self, by: By) -> &mut Direction {
        match by {
            By::Victim => &mut self.victim,
            By::Other => &mut self.other,
        }
    }

    /// A new chain: tries every secret that could have gone into it, zeros for what is not known.
    fn turns(&mut self, by: By, header: &Header, envelope: &Envelope<'_>) -> bool {
        let opposite = match by {
            By::Victim => self.other.key,
            By::Other => self.victim.key,
        };
        let dh = opposite.and_then(|opposite| self.agreed(&header.ratchet_key, &opposite));
        let zero = Secret::copied_from(&[0; 32]);
        let mut opened = None;
        for dh in dh.iter().chain([&zero]) {
            for mix in self.epochs.mixes.values().map(Some).chain([None]) {
                let Some(root) = &self.root else { continue };
                let (key, mixed) = (&header.ratchet_key, header.pq_mixed);
                let step = root.step(dh, mix, &self.session, key, mixed);
                let chain = Some((step.chain, 0));
                let mut tried = Direction { chain, ..Direction::default() };
                if tried.opens(header, envelope) {
                    opened = Some((step.root, step.next_header, tried.chain));
                }
            }
        }
        let is_open = opened.is_some();
        let (root, next_header_key, chain) = match opened {
            Some((root, next_header, chain)) => (Some(root), Some(next_header), chain),
            None => (None, None, None),
        };
        if is_open {
            self.mixed = header.pq_mixed;
        }
        self.root = root;
        let direction = self.direction(by);
        direction.key = Some(header.ratchet_key);
        direction.header_key = direction.next_header_key.take();
        (direction.next_header_key, direction.chain) = (next_header_key, chain);
        is_open
    }

    fn agreed(&self, one: &RatchetPublicKey, other: &RatchetPublicKey) -> Option<Secret<32>> {
        let private = |key: &RatchetPublicKey| self.keys.get(key.as_bytes());
        match (private(one), private(other)) {
            (Some(secret), _) => agree(secret, other.as_bytes()).ok(),
            (_, Some(secret)) => agree(secret, one.as_bytes()).ok(),
            (None, None) => None,
        }
    }
}

impl Direction {
    /// Whether the body opens. Behind its place in the chain, the spy tries what it has there.
    fn opens(&mut self, header: &Header, envelope: &Envelope<'_>) -> bool {
        let Some((mut chain, mut number)) = self.chain.take() else { return false };
        let (mut key, _) = chain.advance(header.message_number);
        while number <= header.message_number {
            (key, chain) = chain.advance(number);
            number += 1;
        }
        self.chain = Some((chain, number));
        let message = &envelope.message;
        let bound = Bound {
            kind: envelope.kind(),
            header_nonce: message.header_nonce,
            sealed_header: message.sealed_header,
            salt: message.salt,
        };
        let received = Received {
            franking: message.franking,
            commitment: message.commitment,
            ciphertext: message.ciphertext,
        };
        sealing::open(&key, &bound, &received).is_ok()
    }
}

impl Epochs {
    /// Reads the stored state of the post-quantum ratchet; how many epochs are mixed.
    fn read(&mut self, record: &mut Reader<'_>) -> u32 {
        let state = record.u8().expect("its layout");
        let epoch = record.u32().expect("its layout");
        record.take(8).expect("since");
        match state {
            1 | 2 => {
                let seed = Secret::copied_from(record.array_ref().expect("its layout"));
                self.seeds.insert(epoch, Seed::from_secret(seed));
                self.ends.insert(epoch - 1, secret(record));
                let count = if state == 2 { record.u8().expect("its layout") } else { 0 };
                for _ in 0..count {
                    let index = record.u8().expect("its layout");
                    let data = record.array().expect("its layout");
                    self.collect(epoch, &Fragment { index, data });
                }
            }
            4 => drop(self.ends.insert(epoch - 1, secret(record))),
            _ => {
                self.mixes.insert(epoch, secret(record));
                self.ends.insert(epoch, secret(record));
            }
        }
        epoch - 1
    }

    fn listens(&mut self, fields: &PqFields) {
        if fields.kind == PqKind::Ciphertext {
            fields.fragments.iter().for_each(|fragment| self.collect(fields.epoch, fragment));
        }
    }

    fn collect(&mut self, epoch: u32, fragment: &Fragment) {
        let collected = self.ciphertexts.entry(epoch).or_default();
        collected.add(fragment).expect("honest fragments");
        let Some(object) = collected.decode(1120).expect("zero padding") else { return };
        let (Some(seed), Some(before)) = (self.seeds.get(&epoch), self.ends.get(&(epoch - 1)))
        else {
            return;
        };
        let (ct, kc) = object.split_first_chunk().expect("1,120 bytes");
        let (ek, shared) = (seed.encapsulation_key(), seed.decapsulate(ct));
        let number = Epoch::from_number(epoch).expect("from 1 on");
        let hashes = (sha256(&[&*ek]), sha256(&[ct]));
        let secrets = EpochSecrets::derive(number, before, &hashes.0, &hashes.1, &shared);
        assert_eq!(secrets.confirmation, kc);
        self.mixes.insert(epoch, secrets.mix);
        self.ends.insert(epoch, secrets.next);
    }
}

fn secret(record: &mut Reader<'_>) -> Secret<32> {
    Secret::copied_from(record.array_ref().expect("its layout"))
}
