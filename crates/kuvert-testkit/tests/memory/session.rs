//! Which bytes of a session's record are keys.
//!
//! # Spec
//!
//! `spec/09-storage.md`, "Session records".

/// The keys in a session's record.
#[derive(Default)]
pub(crate) struct SessionSecrets {
    pub(crate) keys: Vec<(&'static str, Vec<u8>)>,
    /// Chain keys once more.
    pub(crate) chains: Vec<[u8; 32]>,
}

struct Fields<'a> {
    rest: &'a [u8],
    found: SessionSecrets,
}

impl Fields<'_> {
    fn take(&mut self, len: usize) -> &[u8] {
        let (taken, rest) = self.rest.split_at(len);
        self.rest = rest;
        taken
    }

    fn byte(&mut self) -> u8 {
        self.take(1)[0]
    }

    fn key(&mut self, name: &'static str, len: usize) {
        let key = self.take(len).to_vec();
        self.found.keys.push((name, key));
    }

    fn chain_key(&mut self) {
        let key = self.rest[..32].try_into().unwrap();
        self.found.chains.push(key);
        self.key("a chain key", 32);
    }

    fn chain(&mut self) {
        self.take(4 + 32);
        self.key("a header key", 32);
        self.take(4 + 4);
    }

    fn sending(&mut self) {
        if self.byte() == 1 {
            self.key("a ratchet key", 32);
            self.take(32);
            self.chain_key();
            self.key("a header key", 32);
            self.take(12);
        }
    }

    fn receiving(&mut self) {
        match self.byte() {
            0 => {}
            1 => {
                self.chain_key();
                self.key("a header key", 32);
            }
            2 => {
                self.chain_key();
                self.chain();
            }
            other => panic!("no receiving state {other}"),
        }
    }

    /// Fragments and numbers, which come after these, are no keys.
    fn post_quantum(&mut self) {
        let state = self.byte();
        self.take(4 + 8);
        match state {
            1 | 2 => {
                self.key("the seed of an epoch", 64);
                self.key("an epoch's secret", 32);
            }
            3 | 5 => {
                self.key("what an epoch mixes in", 32);
                self.key("an epoch's secret", 32);
            }
            4 => self.key("an epoch's secret", 32),
            other => panic!("no state {other} of the post-quantum ratchet"),
        }
    }
}

/// The ratchet's part begins where the session's name comes for the second time.
pub(crate) fn session_secrets(record: &[u8]) -> SessionSecrets {
    let name = &record[1..17];
    let second = record[17..].windows(16).position(|window| window == name).unwrap();
    let mut fields = Fields { rest: &record[17 + second + 16..], found: SessionSecrets::default() };
    for name in ["a root key", "a header key", "a header key"] {
        fields.key(name, 32);
    }
    fields.byte();
    fields.sending();
    fields.receiving();
    for _ in 0..fields.byte() {
        fields.chain();
    }
    fields.post_quantum();
    fields.found
}
