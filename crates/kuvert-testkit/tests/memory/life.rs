//! A life with every kind of secret in it: two devices with sealed files make keys, agree, talk until
//! the post-quantum ratchet has turned, skip messages, keep a transcript, are loaded again, and back up.

use std::convert::Infallible;
use std::path::Path;

use kuvert_core::at_rest::RecordKey;
use kuvert_core::prekey::VerifiedBundle;
use kuvert_core::secret::Secret;
use kuvert_core::transcript::SwitchState;
use kuvert_core::{Content, Device, Outcome, Outgoing, Step};
use kuvert_store::{SqliteStore, Store};
use kuvert_wire::transcript::Mode;
use kuvert_wire::{DeviceId, Timestamp};
use rand_core::{TryCryptoRng, TryRng};
use zeroize::Zeroize;

use crate::watch::Watch;

/// What the stores are opened with. It stands in the program's read-only part, which is not searched.
pub(crate) const PASSPHRASE: &str = "nine herons over the salt marsh";

/// What is said: read-only too, so that a copy elsewhere is one that the libraries made.
pub(crate) const TEXTS: [&str; 4] = [
    "the plums behind the mill are ripe on thursday",
    "bring the long ladder and say nothing to the miller",
    "he counts the baskets at noon and again at dusk",
    "then come at dawn, by the path along the water",
];

/// What the files of the two are called.
pub(crate) const FILES: [&str; 2] = ["alice.kuvert", "bob.kuvert"];

/// Turns of talk: enough for two epochs of the post-quantum ratchet when both sides hurry it.
const TURNS: usize = 40;
/// So many one-time prekeys at the relay that no more are made than the one that is used.
const ENOUGH: usize = 80;
const START: Timestamp = Timestamp::from_millis(1_782_000_000_000);

/// One of the two, with all that it holds.
pub(crate) struct Person {
    device: Device,
    store: SqliteStore,
    rng: Chance,
}

/// Random bytes that can be foretold and leave no copy behind: no block is buffered.
pub(crate) struct Chance {
    state: u64,
    /// What was drawn, for the one who watches.
    drawn: Option<Vec<Vec<u8>>>,
}

impl TryRng for Chance {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let [a, b, c, d, ..] = self.next().to_le_bytes();
        Ok(u32::from_le_bytes([a, b, c, d]))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(self.next())
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        for chunk in out.chunks_mut(8) {
            chunk.copy_from_slice(&self.next().to_le_bytes()[..chunk.len()]);
        }
        if let Some(drawn) = &mut self.drawn {
            drawn.push(out.to_vec());
        }
        Ok(())
    }
}

impl TryCryptoRng for Chance {}

impl Chance {
    /// SplitMix64.
    const fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

/// The whole life in `folder`; what the two hold at its end.
pub(crate) fn lived(folder: &Path, watch: &mut impl Watch) -> [Person; 2] {
    let mut alice = Person::born(&folder.join(FILES[0]), 1, watch);
    let mut bob = Person::born(&folder.join(FILES[1]), 2, watch);
    alice.meets(&mut bob, watch);
    for turn in 0..TURNS {
        let (from, to) =
            if turn % 2 == 0 { (&mut alice, &mut bob) } else { (&mut bob, &mut alice) };
        from.hurries(to, watch);
        from.says(TEXTS[turn % TEXTS.len()], to, watch);
    }
    alice.skips_two(&mut bob, watch);
    alice.keeps_a_transcript(&mut bob, watch);
    alice.is_loaded_again(watch);
    bob.is_loaded_again(watch);
    bob.says_on_record(TEXTS[0], &mut alice, watch);
    alice.backs_up();
    [alice, bob]
}

impl Person {
    fn born(file: &Path, seed: u64, watch: &mut impl Watch) -> Self {
        let mut rng = Chance { state: seed, drawn: watch.wants_draws().then(Vec::new) };
        let mut store = SqliteStore::create(file, PASSPHRASE).unwrap();
        let device =
            Device::create(START, &mut rng).commit(|changes| store.apply(changes)).unwrap();
        let mut person = Self { device, store, rng };
        person.takes(watch, |device, rng| device.prekeys(ENOUGH, START, rng));
        person
    }

    fn id(&self) -> DeviceId {
        *self.device.device_id()
    }

    /// Makes a step durable, and lets the watcher look at what is held and drawn.
    fn takes<T>(
        &mut self,
        watch: &mut impl Watch,
        step: impl for<'d> FnOnce(&'d mut Device, &mut Chance) -> Step<'d, T>,
    ) -> T {
        let output = self.takes_openly(watch, step);
        self.drawn().iter().for_each(|bytes| watch.drew(bytes));
        output
    }

    /// The same for a step whose random bytes are no keys.
    fn takes_openly<T>(
        &mut self,
        watch: &mut impl Watch,
        step: impl for<'d> FnOnce(&'d mut Device, &mut Chance) -> Step<'d, T>,
    ) -> T {
        self.drawn().iter().for_each(|bytes| watch.drew(bytes));
        let step = step(&mut self.device, &mut self.rng);
        let output = step.commit(|changes| self.store.apply(changes)).unwrap();
        watch.holds(&self.store);
        output
    }

    fn drawn(&mut self) -> Vec<Vec<u8>> {
        self.rng.drawn.as_mut().map(std::mem::take).unwrap_or_default()
    }

    fn meets(&mut self, other: &mut Self, watch: &mut impl Watch) {
        let bundle = other.takes(watch, |device, rng| device.bundle(true, START, rng));
        let account = other.device.account_id();
        let bundle = VerifiedBundle::verify(bundle, &account, START).unwrap();
        self.takes(watch, |device, rng| device.initiate(&bundle, START, rng).unwrap());
        self.says(TEXTS[0], other, watch);
        other.says(TEXTS[1], self, watch);
    }

    fn seals(&mut self, text: &str, to: &DeviceId, watch: &mut impl Watch) -> Outgoing {
        let content = Content::text(text);
        self.takes(watch, |device, rng| device.encrypt(to, &content, START, rng).unwrap())
    }

    fn opens(&mut self, outgoing: &Outgoing, watch: &mut impl Watch) {
        let outcomes =
            self.takes(watch, |device, rng| device.receive(&outgoing.envelope, None, START, rng));
        for outcome in outcomes {
            // A message that has come out is the app's, and so is wiping it.
            if let Outcome::Message(mut received) = outcome {
                received.frame.body.zeroize();
            }
        }
    }

    fn says(&mut self, text: &str, to: &mut Self, watch: &mut impl Watch) {
        let outgoing = self.seals(text, &to.id(), watch);
        to.opens(&outgoing, watch);
    }

    fn hurries(&mut self, to: &mut Self, watch: &mut impl Watch) {
        let peer = to.id();
        let outgoing = self.takes(watch, |device, rng| device.heal(&peer, START, rng).unwrap());
        to.opens(&outgoing, watch);
    }

    /// The third comes first: two keys are kept, one of them for good.
    fn skips_two(&mut self, to: &mut Self, watch: &mut impl Watch) {
        let peer = to.id();
        let sealed = [TEXTS[1], TEXTS[2], TEXTS[3]].map(|text| self.seals(text, &peer, watch));
        to.opens(&sealed[2], watch);
        to.opens(&sealed[0], watch);
    }

    fn keeps_a_transcript(&mut self, other: &mut Self, watch: &mut impl Watch) {
        let (us, them) = (self.id(), other.id());
        let offer = self.begins_a_transcript(&them, watch);
        other.opens(&offer, watch);
        let consent = other.begins_a_transcript(&us, watch);
        self.opens(&consent, watch);
        assert!(matches!(self.device.transcript_state(&them), SwitchState::On(Mode::Deniable)));
        self.says_on_record(TEXTS[2], other, watch);
        other.says_on_record(TEXTS[3], self, watch);
    }

    /// In a transcript, with a salt.
    fn says_on_record(&mut self, text: &str, to: &mut Self, watch: &mut impl Watch) {
        let (peer, content) = (to.id(), Content::text(text));
        let outgoing = self.takes_openly(watch, |device, rng| {
            device.encrypt(&peer, &content, START, rng).unwrap()
        });
        self.drawn().iter().for_each(|bytes| watch.drew_on_record(bytes));
        to.opens(&outgoing, watch);
    }

    /// What is drawn for it is its name, which both know.
    fn begins_a_transcript(&mut self, peer: &DeviceId, watch: &mut impl Watch) -> Outgoing {
        let offer = self.takes_openly(watch, |device, rng| {
            device.start_transcript(peer, Mode::Deniable, START, rng).unwrap()
        });
        self.drawn();
        offer
    }

    fn is_loaded_again(&mut self, watch: &mut impl Watch) {
        self.device = Device::load(self.store.snapshot(Device::COLLECTIONS).unwrap()).unwrap();
        watch.holds(&self.store);
    }

    /// What the file of a backup would be made of.
    fn backs_up(&mut self) {
        let key = RecordKey::for_backup(&Secret::random(&mut self.rng));
        for record in self.store.scan("session/").unwrap() {
            let sealed = key.seal(&[5; 16], b"backup", &record.value);
            assert_eq!(key.open(&[5; 16], b"backup", &sealed).unwrap(), record.value);
        }
    }
}
