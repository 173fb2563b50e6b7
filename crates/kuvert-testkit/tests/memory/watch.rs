//! What is to be searched for. Whoever lives watched tells all secrets; the searched process lives
//! the same life unwatched, and so holds no list of them.

use std::collections::HashSet;

use kuvert_core::Device;
use kuvert_core::hazmat::chain_step;
use kuvert_store::{SqliteStore, Store};
use x25519_dalek::{PublicKey, StaticSecret};

use crate::kem::encapsulated;
use crate::life::{PASSPHRASE, TEXTS};
use crate::session::{SessionSecrets, session_secrets};

/// Bytes of a secret that are searched for at a time.
pub(crate) const WINDOW: usize = 16;
/// Windows begin at every eighth byte: of a copy of 24 bytes or more, one is whole.
const STRIDE: usize = 8;
/// The shortest draw that is a key; shorter ones are names and salts.
const KEY_LEN: usize = 32;
/// How far chains are followed: three messages are sealed at once.
const LINKS: u32 = 3;
/// More messages than any chain of the life has.
const NUMBERS: u32 = 8;

/// What a salt of a transcript's message is called, and what else was drawn for that message.
pub(crate) const SALT: &str = "a salt of a transcript";

pub(crate) type Window = [u8; WINDOW];

/// Sees what passes in a life.
pub(crate) trait Watch {
    /// Whether it wants to be told what was drawn.
    fn wants_draws(&self) -> bool;
    /// Random bytes.
    fn drew(&mut self, bytes: &[u8]);
    /// Random bytes for a message of a transcript: its salt, and keys if new ones were due.
    fn drew_on_record(&mut self, bytes: &[u8]);
    /// The state after a step.
    fn holds(&mut self, store: &SqliteStore);
}

/// Sees nothing, and keeps nothing.
pub(crate) struct Blind;

impl Watch for Blind {
    fn wants_draws(&self) -> bool {
        false
    }
    fn drew(&mut self, _: &[u8]) {}
    fn drew_on_record(&mut self, _: &[u8]) {}
    fn holds(&mut self, _: &SqliteStore) {}
}

/// Notes everything.
#[derive(Default)]
pub(crate) struct Notes {
    draws: Vec<Vec<u8>>,
    on_record: Vec<Vec<u8>>,
    /// All values that records with keys ever had, with the names of the records.
    records: HashSet<(String, Vec<u8>)>,
}

impl Watch for Notes {
    fn wants_draws(&self) -> bool {
        true
    }

    fn drew(&mut self, bytes: &[u8]) {
        self.draws.push(bytes.to_vec());
    }

    fn drew_on_record(&mut self, bytes: &[u8]) {
        self.on_record.push(bytes.to_vec());
    }

    fn holds(&mut self, store: &SqliteStore) {
        for record in store.snapshot(Device::COLLECTIONS).unwrap() {
            self.records.insert((record.key.to_string(), record.value.to_vec()));
        }
    }
}

/// Windows of secrets, each with what it is of.
#[derive(Clone, Default)]
pub(crate) struct Secrets(pub(crate) Vec<(String, Window)>);

impl Secrets {
    pub(crate) fn add(&mut self, name: &str, bytes: &[u8]) {
        let windows = bytes.windows(WINDOW).step_by(STRIDE);
        self.0.extend(windows.map(|window| (name.to_owned(), window.try_into().unwrap())));
    }
}

impl Notes {
    /// Private keys and seeds, what they come to with each other, the keys of every state that a
    /// session was in, message keys, and what was said.
    pub(crate) fn secrets(&self) -> Secrets {
        let mut secrets = Secrets::default();
        let keys = || self.draws.iter().enumerate().filter(|(_, draw)| draw.len() >= KEY_LEN);
        for (index, draw) in keys() {
            secrets.add(&format!("private key {index} of {} bytes", draw.len()), draw);
        }
        for shared in agreed(keys().filter_map(|(_, draw)| draw.as_slice().try_into().ok())) {
            secrets.add("a Diffie-Hellman result", &shared);
        }
        let draws = || self.draws.iter().chain(&self.on_record);
        for shared in encapsulated(draws().map(Vec::as_slice)) {
            secrets.add("a shared secret of ML-KEM", &shared);
        }
        for draw in self.on_record.iter().filter(|draw| draw.len() >= KEY_LEN) {
            secrets.add(SALT, draw);
        }
        let mut links = HashSet::new();
        for (_, record) in self.records.iter().filter(|(key, _)| key.starts_with("session/")) {
            let SessionSecrets { keys, chains } = session_secrets(record);
            keys.iter().for_each(|(name, key)| secrets.add(name, key));
            chains.iter().for_each(|chain| links.extend(message_keys(chain)));
        }
        links.iter().for_each(|key| secrets.add("a message key", key));
        TEXTS.iter().for_each(|text| secrets.add(&format!("{text:?}"), text.as_bytes()));
        secrets.add("the passphrase", PASSPHRASE.as_bytes());
        secrets
    }
}

/// What any two of the keys come to.
fn agreed(keys: impl Iterator<Item = [u8; 32]>) -> impl Iterator<Item = [u8; 32]> {
    let keys: Vec<StaticSecret> = keys.map(StaticSecret::from).collect();
    let publics: Vec<PublicKey> = keys.iter().map(PublicKey::from).collect();
    keys.into_iter().enumerate().flat_map(move |(index, key)| {
        let later: Vec<_> = publics[index + 1..].to_vec();
        later.into_iter().map(move |public| key.diffie_hellman(&public).to_bytes())
    })
}

/// The keys of a chain's next messages. A record says elsewhere at which number the chain stands:
/// each is tried.
fn message_keys(chain: &[u8; 32]) -> Vec<[u8; 32]> {
    let step = |chain: &mut [u8; 32], _| {
        let messages = (0..NUMBERS).map(|n| chain_step(chain, n).0).collect::<Vec<_>>();
        *chain = chain_step(chain, 0).1;
        Some(messages)
    };
    (0..LINKS).scan(*chain, step).flatten().collect()
}
