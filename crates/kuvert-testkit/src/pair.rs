//! Two devices and a clock, with nothing between them but the test.

use core::time::Duration;

use kuvert_core::SessionFacts;
use kuvert_wire::{DeviceId, Timestamp};

use crate::Party;

/// Alice and Bob. The same seed gives the same bytes.
#[derive(Debug)]
pub struct Pair {
    /// One of them.
    pub alice: Party,
    /// The other.
    pub bob: Party,
    /// The time that both see.
    pub now: Timestamp,
}

/// One of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a pair has two sides")]
pub enum Side {
    /// Alice.
    Alice,
    /// Bob.
    Bob,
}

impl Side {
    /// Both, Alice first.
    pub const BOTH: [Self; 2] = [Self::Alice, Self::Bob];

    /// The other one.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Alice => Self::Bob,
            Self::Bob => Self::Alice,
        }
    }
}

impl Pair {
    /// Two devices that know nothing of each other, in 2026.
    #[must_use]
    pub fn strangers(seed: u64) -> Self {
        let now = Timestamp::from_millis(1_782_000_000_000);
        let (alice, bob) = (Party::new(2 * seed, now), Party::new(2 * seed + 1, now));
        Self { alice, bob, now }
    }

    /// Alice has begun a session with Bob and he has answered.
    #[must_use]
    pub fn talking(seed: u64) -> Self {
        let mut pair = Self::strangers(seed);
        pair.begin(Side::Alice);
        pair.pass(Side::Alice, "hello");
        pair.pass(Side::Bob, "hello yourself");
        pair
    }

    /// One of the two.
    pub const fn party(&mut self, side: Side) -> &mut Party {
        match side {
            Side::Alice => &mut self.alice,
            Side::Bob => &mut self.bob,
        }
    }

    /// The name of one of the two.
    #[must_use]
    pub const fn id(&self, side: Side) -> DeviceId {
        match side {
            Side::Alice => *self.alice.device().device_id(),
            Side::Bob => *self.bob.device().device_id(),
        }
    }

    /// `side` begins a session with the other, with a one-time prekey.
    ///
    /// # Panics
    ///
    /// If that is refused.
    pub fn begin(&mut self, side: Side) {
        let now = self.now;
        let bundle = self.party(side.other()).bundle(true, now).expect("a bundle");
        self.party(side).begin(bundle, now).expect("a bundle that was just made");
    }

    /// `from` seals a text for the other.
    ///
    /// # Panics
    ///
    /// If that is refused.
    pub fn send(&mut self, from: Side, text: &str) -> Vec<u8> {
        self.now = self.now.saturating_add(Duration::from_millis(1));
        let (to, now) = (self.id(from.other()), self.now);
        self.party(from).send(&to, text, now).expect("a session").envelope
    }

    /// A text goes from one to the other and arrives.
    ///
    /// # Panics
    ///
    /// If it does not.
    pub fn pass(&mut self, from: Side, text: &str) {
        let (envelope, now) = (self.send(from, text), self.now);
        let received = self.party(from.other()).receive(&envelope, now).expect("opens");
        assert_eq!(received.frame.body, text.as_bytes());
    }

    /// The session that `side` sends on.
    ///
    /// # Panics
    ///
    /// If there is none.
    #[must_use]
    pub fn session(&self, side: Side) -> SessionFacts {
        let device = match side {
            Side::Alice => self.alice.device(),
            Side::Bob => self.bob.device(),
        };
        let peer = device.peer(&self.id(side.other())).expect("knows the other");
        peer.active().expect("has a session")
    }

    /// Time goes by.
    pub fn wait(&mut self, span: Duration) {
        self.now = self.now.saturating_add(span);
    }
}
