//! Two people and their transcript, record by record, without sessions between them.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;

use kuvert_wire::transcript::{Block, HeadClaim, Mode, SealedHead, TranscriptBody};
use kuvert_wire::{Decode, Encode, FrameType, MessageId, Timestamp};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use zeroize::Zeroizing;

use super::{Advance, Entry, Export, Finding, Logged, Show, Side, Switch, Transcript};
use crate::identity::IdentityKeyPair;
use crate::record::{Change, Key, Record, Version};

mod erasure;
mod export;
mod findings;
mod forks;
mod frozen;
mod mutations;
mod owed;
mod places;
mod size;
mod stored;
mod switch;
mod talk;

pub(super) use mutations::redigested;

const START: u64 = 1_760_000_000_000;

pub(super) fn at(seconds: u64) -> Timestamp {
    Timestamp::from_millis(START + 1000 * seconds)
}

/// A logged message on its way.
#[derive(Clone)]
pub(super) struct Sent {
    frame_type: FrameType,
    message_id: MessageId,
    body: Vec<u8>,
    time: Timestamp,
    block: Block,
}

impl Sent {
    fn logged(&self) -> Logged<'_> {
        Logged { frame_type: self.frame_type, message_id: self.message_id, body: &self.body }
    }
}

/// One of the two: keys, the running transcript, a store, and the content of messages.
pub(super) struct Person {
    keys: IdentityKeyPair,
    pub(super) transcript: Transcript,
    rows: BTreeMap<Key, (Version, Zeroizing<Vec<u8>>)>,
    bodies: BTreeMap<MessageId, Vec<u8>>,
    rng: ChaCha20Rng,
}

impl Person {
    fn side(&self) -> Side {
        self.transcript.our_side()
    }

    /// Applies changes as a store does: all versions have to fit, and no key occurs twice.
    fn apply(&mut self, changes: &[Change]) {
        let mut keys = Vec::new();
        for change in changes {
            let version = self.rows.get(change.key()).map_or(Version::ABSENT, |row| row.0);
            assert_eq!(version, change.expected(), "{change:?}");
            assert!(!keys.contains(&change.key()), "{change:?} twice");
            keys.push(change.key());
            match change {
                Change::Put { key, value, .. } => {
                    self.rows.insert(key.clone(), (version.next(), value.clone()));
                }
                Change::Delete { key, .. } => assert!(self.rows.remove(key).is_some(), "{key:?}"),
            }
        }
    }

    fn adopt(&mut self, advance: Advance) -> Vec<Finding> {
        self.apply(&advance.changes);
        self.transcript = advance.next;
        advance.findings
    }

    pub(super) fn adopts(&mut self, advance: Advance) {
        assert_eq!(self.adopt(advance), []);
    }

    pub(super) fn write(&mut self, frame_type: FrameType, body: &[u8], time: Timestamp) -> Sent {
        let mut id = [0; 16];
        self.rng.fill_bytes(&mut id);
        let message_id = MessageId::from_bytes(id);
        let logged = Logged { frame_type, message_id, body };
        let (block, advance) = self.transcript.append(&logged, time, &mut self.rng).unwrap();
        assert_eq!(self.adopt(advance), []);
        self.bodies.insert(message_id, body.to_vec());
        Sent { frame_type, message_id, body: body.to_vec(), time, block }
    }

    fn say(&mut self, text: &str, time: Timestamp) -> Sent {
        self.write(FrameType::Message, text.as_bytes(), time)
    }

    pub(super) fn notice(&mut self, body: &TranscriptBody, time: Timestamp) -> Sent {
        self.write(FrameType::Transcript, &body.encode(), time)
    }

    pub(super) fn hear(&mut self, sent: &Sent) -> Vec<Finding> {
        let advance = self.transcript.receive(&sent.logged(), sent.time, &sent.block, sent.time);
        self.bodies.insert(sent.message_id, sent.body.clone());
        self.adopt(advance)
    }

    pub(super) fn seal(&mut self, now: Timestamp) -> SealedHead {
        let (head, advance) = self.transcript.seal(now);
        assert_eq!(self.adopt(advance), []);
        head
    }

    fn hear_head(&mut self, head: &SealedHead, now: Timestamp) -> Vec<Finding> {
        let advance = self.transcript.receive_head(head, now);
        self.adopt(advance)
    }

    /// A claim as this person signs it.
    pub(super) fn sealed(&self, claim: HeadClaim) -> SealedHead {
        let fixed = &self.transcript.fixed;
        fixed.conversation.seal(fixed.our, claim, &fixed.key)
    }

    fn records(&self) -> Vec<Record> {
        let is_live = |key: &&Key| key.as_str().starts_with("transcript/");
        let live = self.rows.keys().filter(is_live);
        live.map(|key| {
            let (version, value) = &self.rows[key];
            Record { key: key.clone(), version: *version, value: value.clone() }
        })
        .collect()
    }

    fn restart(&mut self) {
        let [loaded] = Transcript::load(self.records()).unwrap().try_into().unwrap();
        self.transcript = loaded;
    }

    /// The entries of both logs, the lower side's first.
    pub(super) fn entries(&self) -> [Vec<Entry>; 2] {
        Side::BOTH.map(|side| {
            let device = self.transcript.conversation().device(side);
            let prefix = Entry::prefix(self.transcript.id(), device);
            let rows = self.rows.iter().filter(|(key, _)| key.as_str().starts_with(&prefix));
            rows.map(|(_, (_, value))| Entry::decode(value).unwrap()).collect()
        })
    }

    pub(super) fn body(&self, entry: &Entry) -> Option<Vec<u8>> {
        let (_, id) = entry.message()?;
        self.bodies.get(&id).cloned()
    }

    fn export(&self) -> Export<'_> {
        self.transcript.export::<core::convert::Infallible>(self.entries()).unwrap()
    }

    pub(super) fn file(&self) -> Vec<u8> {
        self.export().to_bytes(|entry| self.body(entry)).unwrap()
    }

    /// A file with the chosen entries only.
    pub(super) fn file_of(&self, chosen: impl Fn(Side, u64) -> bool) -> Vec<u8> {
        let mut file = Vec::new();
        let choose = |side: Side, entry: &Entry| match entry.leaf() {
            Some(leaf) if chosen(side, leaf.seq) => {
                Show::everything(self.body(entry).unwrap_or_default())
            }
            _ => Show::Nothing,
        };
        let written = self.export().write(choose, |line| {
            file.extend_from_slice(line);
            Ok::<_, core::convert::Infallible>(())
        });
        written.unwrap();
        file
    }
}

/// Two people whose transcript is on. `low` is the one with the lower account key.
pub(super) struct Pair {
    pub(super) low: Person,
    pub(super) high: Person,
}

impl Pair {
    pub(super) fn new(mode: Mode) -> Self {
        Self::seeded(mode, 1)
    }

    pub(super) fn seeded(mode: Mode, seed: u64) -> Self {
        let mut rngs = [seed, seed + 1_000_000].map(ChaCha20Rng::seed_from_u64);
        let mut keys: VecDeque<_> =
            rngs.iter_mut().map(|rng| IdentityKeyPair::generate(at(0), rng)).collect();
        if keys[0].cert().account_key() > keys[1].cert().account_key() {
            keys.swap(0, 1);
        }
        let (one, other) = (keys.pop_front().unwrap(), keys.pop_front().unwrap());
        let [mut one_rng, mut other_rng] = rngs;
        let (ours, theirs) = (one.cert().clone(), other.cert().clone());
        let switch = Switch::new(*theirs.device_id());
        let said = switch.start(mode, &one, &theirs, at(0), &mut one_rng).unwrap();
        let TranscriptBody::Start(first) = said.body else { panic!("a start: {:?}", said.body) };
        let there = Switch::new(*ours.device_id());
        let there = there.hear_start(&first, at(1), &theirs, &ours, at(1)).unwrap().unwrap().next;
        let answer = there.start(mode, &other, &ours, at(2), &mut other_rng).unwrap();
        let TranscriptBody::Start(second) = answer.body else {
            panic!("a start: {:?}", answer.body)
        };
        let here =
            said.turn.next.hear_start(&second, at(2), &ours, &theirs, at(3)).unwrap().unwrap();
        Self {
            low: Self::person(one, here.begins.unwrap(), one_rng),
            high: Self::person(other, answer.turn.begins.unwrap(), other_rng),
        }
    }

    fn person(keys: IdentityKeyPair, begins: Advance, rng: ChaCha20Rng) -> Person {
        let (rows, bodies) = (BTreeMap::new(), BTreeMap::new());
        let transcript = begins.next.clone();
        let mut person = Person { keys, transcript, rows, bodies, rng };
        assert_eq!(person.adopt(begins), []);
        person
    }

    /// One speaks and the other hears.
    pub(super) fn tell(&mut self, from: Side, text: &str, seconds: u64) {
        let sent = self.of(from).say(text, at(seconds));
        assert_eq!(self.of(from.other()).hear(&sent), []);
    }

    fn of(&mut self, side: Side) -> &mut Person {
        if side == Side::Low { &mut self.low } else { &mut self.high }
    }

    /// Both state what they have, and hear it of each other.
    pub(super) fn seal(&mut self, seconds: u64) {
        for side in Side::BOTH {
            let head = self.of(side).seal(at(seconds));
            assert_eq!(self.of(side.other()).hear_head(&head, at(seconds)), []);
        }
    }

    /// A short conversation, both ways, sealed.
    pub(super) fn talked(mode: Mode, messages: u64) -> Self {
        let mut pair = Self::new(mode);
        for i in 0..messages {
            let side = if i % 3 == 1 { Side::High } else { Side::Low };
            pair.tell(side, &alloc::format!("message {i} <b>&\u{202e}"), 10 + i);
        }
        pair.seal(10 + messages);
        pair
    }
}
