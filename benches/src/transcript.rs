//! Two devices with a transcript, or without one, and what the store has of it.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::time::{Duration, Instant};

use kuvert_core::device::{Content, Device};
use kuvert_core::transcript::{Entry, ExportError, Show, Side};
use kuvert_core::{Change, Changes, Key, Step};
use kuvert_wire::transcript::Mode;
use kuvert_wire::{Decode, DeviceId, Timestamp};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

use crate::kuvert::{Saved, initiate, receive};

/// Messages timed at once; each batch is a chain of its own.
const BATCH: usize = 1000;

/// What messages say, by their names.
pub type Bodies = BTreeMap<[u8; 16], Vec<u8>>;

/// Alice, who writes, and Bob, who answers now and then.
pub struct Logging {
    alice: Device,
    bob: Device,
    peers: [DeviceId; 2],
    rng: ChaCha20Rng,
    now: Timestamp,
    entries: BTreeMap<Key, Vec<u8>>,
    bodies: Bodies,
    sent: usize,
}

impl Logging {
    /// Two who have talked; with a transcript from here on, or without.
    #[must_use]
    pub fn new(with_transcript: bool) -> Self {
        let (alice, mut bob) = (Saved::new(1), Saved::new(2));
        let bundle = bob.publish();
        let mut rng = ChaCha20Rng::seed_from_u64(3);
        let (mut alice, mut bob) = (alice.load(), bob.load());
        let (her_peer, envelope) = initiate(&mut alice, bundle, "x", &mut rng);
        let (his_peer, _) = receive(&mut bob, &envelope, &mut rng);
        let now = Timestamp::from_millis(1_800_000_000_000);
        let (entries, bodies) = Default::default();
        let peers = [her_peer, his_peer];
        let mut logging = Self { alice, bob, peers, rng, now, entries, bodies, sent: 0 };
        logging.answer();
        if with_transcript {
            logging.start();
        }
        logging
    }

    fn start(&mut self) {
        let [bob, alice] = self.peers;
        let offer = self.alice.start_transcript(&bob, Mode::Signed, self.now, &mut self.rng);
        let offer = commit(offer.expect("a session"), &mut self.entries).envelope;
        let _ = receive(&mut self.bob, &offer, &mut self.rng);
        let agreed = self.bob.start_transcript(&alice, Mode::Signed, self.now, &mut self.rng);
        let agreed = commit(agreed.expect("a session"), &mut BTreeMap::new()).envelope;
        self.hear(&agreed);
    }

    fn answer(&mut self) {
        let alice = self.peers[1];
        let step = self.bob.encrypt(&alice, &Content::text("go on"), self.now, &mut self.rng);
        let envelope = commit(step.expect("a session"), &mut BTreeMap::new()).envelope;
        self.hear(&envelope);
    }

    fn hear(&mut self, envelope: &[u8]) {
        let step = self.alice.decrypt(envelope, self.now, &mut self.rng).expect("opens");
        let received = commit(step, &mut self.entries);
        self.bodies.insert(*received.frame.message_id.as_bytes(), received.frame.body);
    }

    /// Sends so many messages and gives their envelopes.
    ///
    /// # Panics
    ///
    /// If there are too many for one chain.
    pub fn batch(&mut self, count: usize) -> Vec<Vec<u8>> {
        let text = "t".repeat(64);
        let mut envelopes = Vec::with_capacity(count);
        for _ in 0..count {
            let step =
                self.alice.encrypt(&self.peers[0], &Content::text(&text), self.now, &mut self.rng);
            let sent = commit(step.expect("a session"), &mut self.entries);
            self.bodies.insert(*sent.message_id.as_bytes(), text.as_bytes().to_vec());
            envelopes.push(sent.envelope);
        }
        self.sent += count;
        envelopes
    }

    /// So many messages that arrive, and an answer.
    pub fn round(&mut self, count: usize) {
        let envelopes = self.batch(count);
        self.deliver(&envelopes);
    }

    /// Sends some batches; the time of a message in the fastest.
    #[must_use]
    pub fn fastest_batch(mut self) -> (Self, Duration) {
        let mut fastest = Duration::MAX;
        for _ in 0..20 {
            let begun = Instant::now();
            let envelopes = self.batch(BATCH);
            fastest = fastest.min(begun.elapsed());
            self.deliver(&envelopes);
        }
        (self, fastest / u32::try_from(BATCH).expect("a small number"))
    }

    fn deliver(&mut self, envelopes: &[Vec<u8>]) {
        for envelope in envelopes {
            let _ = receive(&mut self.bob, envelope, &mut self.rng);
        }
        self.answer();
    }

    /// Goes on until `messages` are sent, and seals.
    ///
    /// # Panics
    ///
    /// If there is no transcript.
    #[must_use]
    pub fn filled(mut self, messages: usize) -> Self {
        while self.sent < messages {
            self.round(BATCH.min(messages - self.sent));
        }
        let step = self.alice.seal_transcript(&self.peers[0], self.now, &mut self.rng);
        commit(step.expect("a transcript"), &mut self.entries);
        self
    }

    /// The entries of both logs, and what they say.
    #[must_use]
    pub fn entries(&mut self) -> ([Vec<Entry>; 2], Bodies) {
        let log = self.alice.transcripts(&self.peers[0]).pop().expect("a transcript");
        let of = |side: Side| {
            let prefix = Entry::prefix(log.id(), log.conversation().device(side));
            let stored = self.entries.iter().filter(|(key, _)| key.as_str().starts_with(&prefix));
            stored.map(|(_, value)| Entry::decode(value).expect("an entry")).collect()
        };
        (Side::BOTH.map(of), self.bodies.clone())
    }

    /// Writes the file, with all messages or one.
    ///
    /// # Panics
    ///
    /// If the entries do not fit.
    pub fn export<E: std::fmt::Debug>(
        &self,
        entries: [Vec<Entry>; 2],
        bodies: &Bodies,
        only: Option<u64>,
        out: impl FnMut(&[u8]) -> Result<(), E>,
    ) {
        let log = self.alice.transcripts(&self.peers[0]).pop().expect("a transcript");
        let ours = log.our_side();
        let choose = |side: Side, entry: &Entry| {
            let seq = entry.leaf().map(|leaf| leaf.seq);
            if only.is_some() && (side != ours || seq != only) {
                return Show::Nothing;
            }
            let id = entry.message().map(|(_, id)| *id.as_bytes()).unwrap_or_default();
            Show::everything(bodies.get(&id).cloned().unwrap_or_default())
        };
        let export = log.export::<E>(entries).expect("the entries that were sealed");
        match export.write(choose, out) {
            Ok(()) => {}
            Err(ExportError::Output(error)) => panic!("{error:?}"),
            Err(_) => panic!("the content that was logged"),
        }
    }

    /// The whole file.
    #[must_use]
    pub fn file(&mut self) -> Vec<u8> {
        let (entries, bodies) = self.entries();
        let mut file = Vec::new();
        self.export(entries, &bodies, None, |line| {
            file.extend_from_slice(line);
            Ok::<(), Infallible>(())
        });
        file
    }

    /// The line of one message in the middle, by which it is proven alone: its length without the
    /// content, and the length of the inclusion proof in it.
    ///
    /// # Panics
    ///
    /// If there is no such line.
    #[must_use]
    pub fn proof_of_one(&self, entries: [Vec<Entry>; 2], bodies: &Bodies) -> (usize, usize) {
        let mut file = String::new();
        self.export(entries, bodies, Some(self.sent as u64 / 2), |line| {
            file.push_str(std::str::from_utf8(line).expect("JSON"));
            Ok::<(), Infallible>(())
        });
        let line = file.lines().find(|line| line.contains("\"proof\":[\"")).expect("one message");
        let nodes = line.split("\"proof\":").nth(1).and_then(|rest| rest.find(']'));
        // 64 bytes of text, its type and its name, in base64.
        let content = (64_usize + 17) * 8 / 6;
        (line.len() - content, nodes.expect("an array") + 1)
    }
}

fn commit<T>(step: Step<'_, T>, entries: &mut BTreeMap<Key, Vec<u8>>) -> T {
    step.commit(|changes| {
        keep(entries, changes);
        Ok::<(), Infallible>(())
    })
    .expect("infallible")
}

fn keep(entries: &mut BTreeMap<Key, Vec<u8>>, changes: &Changes) {
    for change in changes.iter() {
        if let Change::Put { key, value, .. } = change
            && key.as_str().starts_with("entry/")
        {
            entries.insert(key.clone(), value.to_vec());
        }
    }
}
