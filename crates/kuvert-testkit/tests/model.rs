//! Two devices against the simplest model there is: what was sent arrives at most once, and what is
//! delivered is opened. Whatever happens on the way, both end up talking on one session.

#![cfg(feature = "sim")]
#![allow(clippy::unwrap_used, reason = "a test that fails panics")]

use std::collections::{BTreeSet, VecDeque};

use kuvert_core::ProtocolError;
use kuvert_testkit::sim::{Event, Seat, span};
use kuvert_testkit::{Pair, Side};
use kuvert_wire::FrameType;
use proptest::prelude::*;

fn side() -> impl Strategy<Value = Side> {
    prop_oneof![Just(Side::Alice), Just(Side::Bob)]
}

fn seat() -> impl Strategy<Value = Seat> {
    side().prop_map(Seat::app)
}

/// Events of the simulator, as far as two devices alone can have them.
fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        8 => seat().prop_map(|seat| Event::Send(seat, 0)),
        1 => seat().prop_map(Event::Flush),
        8 => seat().prop_map(Event::Receive),
        2 => side().prop_map(|side| Event::Hold(side, 0)),
        1 => side().prop_map(Event::Lose),
        1 => side().prop_map(|side| Event::Duplicate(side, 0)),
        1 => side().prop_map(|side| Event::Flip(side, 0)),
        2 => seat().prop_map(Event::Kill),
        1 => Just(Event::Pass(13)),
    ]
}

/// A message under way. `overtaken` is bounded, as no message outlives five chains.
struct Letter {
    text: String,
    envelope: Vec<u8>,
    overtaken: u8,
}

struct World {
    pair: Pair,
    /// To Alice, to Bob.
    wires: [VecDeque<Letter>; 2],
    opened: BTreeSet<String>,
    lost: BTreeSet<String>,
    sent: usize,
}

impl World {
    fn new(pair: Pair) -> Self {
        let (wires, opened, lost) = Default::default();
        Self { pair, wires, opened, lost, sent: 0 }
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Send(seat, _) => self.send(seat.side),
            // All that waits in a session are the fragments of its next key.
            Event::Flush(seat) => self.heal(seat.side),
            Event::Receive(seat) => self.deliver(seat.side),
            Event::Hold(to, _) => self.overtake(to),
            Event::Lose(from) => {
                let letter = self.wire(from.other()).pop_front();
                self.lost.extend(letter.map(|letter| letter.text));
            }
            Event::Duplicate(to, _) => self.duplicate(to),
            Event::Flip(from, _) => self.damage(from.other()),
            Event::Kill(seat) => self.pair.party(seat.side).restart(),
            Event::Pass(amount) => self.pair.wait(span(amount)),
            other => panic!("{other:?} is nothing that happens to devices"),
        }
    }

    fn wire(&mut self, to: Side) -> &mut VecDeque<Letter> {
        &mut self.wires[usize::from(to == Side::Bob)]
    }

    fn send(&mut self, from: Side) {
        self.sent += 1;
        let text = format!("number {}", self.sent);
        let envelope = self.pair.send(from, &text);
        self.wire(from.other()).push_back(Letter { text, envelope, overtaken: 0 });
    }

    fn heal(&mut self, from: Side) {
        let (to, now) = (self.pair.id(from.other()), self.pair.now);
        let envelope = self.pair.party(from).heal(&to, now).unwrap().envelope;
        let letter = Letter { text: String::new(), envelope, overtaken: 0 };
        self.wire(from.other()).push_back(letter);
    }

    fn deliver(&mut self, to: Side) {
        if let Some(letter) = self.wire(to).pop_front() {
            self.open(to, &letter);
        }
    }

    fn overtake(&mut self, to: Side) {
        let wire = self.wire(to);
        if wire.len() < 2 || wire[0].overtaken == 3 {
            return self.deliver(to);
        }
        wire[0].overtaken += 1;
        let letter = wire.remove(1).unwrap();
        self.open(to, &letter);
    }

    fn duplicate(&mut self, to: Side) {
        let Some(letter) = self.wire(to).pop_front() else { return };
        self.open(to, &letter);
        let now = self.pair.now;
        let again = self.pair.party(to).receive(&letter.envelope, now);
        assert_eq!(again.err(), Some(ProtocolError::Duplicate));
    }

    /// A flipped bit is refused, and the stored state stays as it was.
    fn damage(&mut self, to: Side) {
        let Some(mut envelope) = self.wire(to).front().map(|letter| letter.envelope.clone()) else {
            return;
        };
        let at = self.sent * 7919 % envelope.len();
        envelope[at] ^= 1 << (self.sent % 8);
        let now = self.pair.now;
        let party = self.pair.party(to);
        let before = party.stored();
        party.receive(&envelope, now).unwrap_err();
        assert!(party.stored() == before);
    }

    fn open(&mut self, to: Side, letter: &Letter) {
        let now = self.pair.now;
        let received = self.pair.party(to).receive(&letter.envelope, now);
        let frame = received.unwrap_or_else(|error| panic!("{}: {error}", letter.text)).frame;
        assert_eq!(frame.body == letter.text.as_bytes(), frame.frame_type == FrameType::Message);
        if frame.frame_type == FrameType::Message {
            assert!(self.opened.insert(letter.text.clone()), "{} came twice", letter.text);
        }
    }

    /// Everything under way arrives; then both talk, and must agree.
    fn quiesce(mut self) {
        while self.wires.iter().any(|wire| !wire.is_empty()) {
            Side::BOTH.into_iter().for_each(|side| self.deliver(side));
        }
        let healed = self.pair.session(Side::Alice).ratchet.pq_mixed + 1;
        for _ in 0..45 {
            Side::BOTH.into_iter().for_each(|side| self.pair.pass(side, "still there?"));
        }
        let (alice, bob) = (self.pair.session(Side::Alice), self.pair.session(Side::Bob));
        assert_eq!(alice.session, bob.session);
        assert!(alice.ratchet.pq_mixed.min(bob.ratchet.pq_mixed) >= healed);
        assert!(alice.ratchet.pq_mixed.abs_diff(bob.ratchet.pq_mixed) <= 1);
        self.lost.retain(|text| !text.is_empty());
        assert_eq!(self.opened.len() + self.lost.len(), self.sent);
    }
}

/// Few cases here, as each is a conversation.
fn config() -> ProptestConfig {
    let default = ProptestConfig::default();
    ProptestConfig { cases: default.cases.div_ceil(10), failure_persistence: None, ..default }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn whatever_happens_in_a_session_both_agree(
        seed in 0..1000_u64,
        events in prop::collection::vec(event(), 1..300),
    ) {
        let mut world = World::new(Pair::talking(seed));
        events.into_iter().for_each(|event| world.happen(event));
        world.quiesce();
    }

    #[test]
    fn whoever_begins_both_agree(
        seed in 0..1000_u64,
        beginnings in prop::collection::vec(side(), 1..4),
        events in prop::collection::vec(event(), 0..20),
    ) {
        let mut world = World::new(Pair::strangers(seed));
        for side in beginnings {
            world.pair.begin(side);
            world.happen(Event::Send(Seat::app(side), 0));
        }
        let can_talk = |side: Side, pair: &Pair| {
            let device = if side == Side::Alice { pair.alice.device() } else { pair.bob.device() };
            device.peer(&pair.id(side.other())).is_some_and(|peer| peer.active().is_some())
        };
        for event in events {
            match event {
                Event::Send(seat, _) | Event::Flush(seat) if !can_talk(seat.side, &world.pair) => {}
                Event::Lose(_) => {}
                event => world.happen(event),
            }
        }
        world.quiesce();
    }

    #[test]
    fn a_session_begun_anew_takes_over(
        seed in 0..1000_u64,
        side in side(),
        before in prop::collection::vec(event(), 0..40),
        after in prop::collection::vec(event(), 0..40),
    ) {
        let mut world = World::new(Pair::talking(seed));
        before.into_iter().for_each(|event| world.happen(event));
        world.pair.begin(side);
        after.into_iter().for_each(|event| world.happen(event));
        world.quiesce();
    }
}
