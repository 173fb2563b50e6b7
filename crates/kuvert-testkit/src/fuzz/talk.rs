//! Events between two devices, held against the model letter by letter.

use kuvert_wire::{FrameType, Timestamp};

use super::compare_tags;
use crate::model::{Place, Session};
use crate::sim::{Event, span};
use crate::{Pair, Side};

const MAX_EVENTS: usize = 250;
/// Keys of letters that were passed over are kept for 30 days; the model knows nothing of days.
const MAX_SPAN_MS: u64 = 29 * 24 * 3600 * 1000;

pub(super) fn run(input: &[u8]) {
    compare_tags(true);
    let mut world = World::new();
    for event in Event::all_from_bytes(input).into_iter().take(MAX_EVENTS) {
        world.happen(event);
    }
    world.end();
}

struct Letter {
    to: Side,
    place: Place,
    text: String,
    envelope: Vec<u8>,
    is_lost: bool,
    times_opened: usize,
}

struct World {
    pair: Pair,
    model: Session,
    /// All that was ever written.
    letters: Vec<Letter>,
    /// To Alice, to Bob: numbers of letters that have not arrived, in their order.
    wires: [Vec<usize>; 2],
    begun: Timestamp,
}

impl World {
    fn new() -> Self {
        let pair = Pair::talking(1);
        let begun = pair.now;
        Self {
            pair,
            model: Session::answered(),
            letters: Vec::new(),
            wires: [vec![], vec![]],
            begun,
        }
    }

    /// What happens to clients only does not happen here.
    fn happen(&mut self, event: Event) {
        match event {
            Event::Send(seat, _) => self.write(seat.side, false),
            Event::Flush(seat) => self.write(seat.side, true),
            Event::Receive(seat) => self.arrive(seat.side, 0),
            Event::Hold(to, amount) => self.arrive(to, usize::from(amount)),
            Event::Lose(from) => self.lose(from.other()),
            Event::Duplicate(to, amount) | Event::Replay(to, amount) => self.again(to, amount),
            Event::Flip(from, amount) => self.damage(from.other(), amount),
            Event::Kill(seat) => self.pair.party(seat.side).restart(),
            Event::Pass(amount) => self.pass(amount),
            _ => {}
        }
    }

    fn write(&mut self, from: Side, is_burst: bool) {
        let (to, number) = (from.other(), self.letters.len());
        let text = if is_burst { String::new() } else { format!("letter {number}") };
        let envelope = match is_burst {
            true => {
                let (id, now) = (self.pair.id(to), self.pair.now);
                self.pair.party(from).heal(&id, now).expect("a session").envelope
            }
            false => self.pair.send(from, &text),
        };
        let place = self.model.write(from);
        let letter = Letter { to, place, text, envelope, is_lost: false, times_opened: 0 };
        self.letters.push(letter);
        self.wires[to as usize].push(number);
    }

    /// The letter arrives that stands so far back, and overtakes those before it.
    fn arrive(&mut self, to: Side, back: usize) {
        let wire = &mut self.wires[to as usize];
        if !wire.is_empty() {
            let number = wire.remove(back % wire.len());
            self.open(number);
        }
    }

    fn lose(&mut self, to: Side) {
        let wire = &mut self.wires[to as usize];
        if !wire.is_empty() {
            self.letters[wire.remove(0)].is_lost = true;
        }
    }

    /// A letter comes that may have come before, or was lost.
    fn again(&mut self, to: Side, amount: u8) {
        let numbers: Vec<usize> =
            (0..self.letters.len()).filter(|number| self.letters[*number].to == to).collect();
        if !numbers.is_empty() {
            self.open(numbers[usize::from(amount) % numbers.len()]);
        }
    }

    fn pass(&mut self, amount: u8) {
        let later = self.pair.now.saturating_add(span(amount));
        if later.as_millis() - self.begun.as_millis() < MAX_SPAN_MS {
            self.pair.now = later;
        }
    }

    /// A flipped bit is refused, and what is stored stays as it was.
    fn damage(&mut self, to: Side, amount: u8) {
        let next = self.wires[to as usize].first();
        let Some(mut envelope) = next.map(|number| self.letters[*number].envelope.clone()) else {
            return;
        };
        let place = usize::from(amount) * 7919 % envelope.len();
        envelope[place] ^= 1 << (amount % 8);
        let now = self.pair.now;
        let party = self.pair.party(to);
        let before = party.stored();
        party.receive(&envelope, now).expect_err("it is not what was written");
        assert!(party.stored() == before);
    }

    /// The device and the model say the same of it.
    fn open(&mut self, number: usize) {
        let (letter, now) = (&mut self.letters[number], self.pair.now);
        let expected = self.model.read(letter.to, letter.place);
        let party = self.pair.party(letter.to);
        let before = party.stored();
        let opened = party.receive(&letter.envelope, now).map(|received| received.frame);
        match (&opened, &expected) {
            (Ok(frame), Ok(())) => {
                let is_message = frame.frame_type == FrameType::Message;
                assert_eq!(is_message, !letter.text.is_empty());
                assert!(!is_message || frame.body == letter.text.as_bytes());
                letter.times_opened += 1;
            }
            (Err(ours), Err(theirs)) => {
                assert_eq!(ours, theirs, "{:?}", letter.place);
                assert!(party.stored() == before, "refused, and changed");
            }
            _ => panic!("{:?}: {:?}, and the model says {expected:?}", letter.place, opened.err()),
        }
    }

    /// All that is under way arrives; both go on, on one session.
    fn end(mut self) {
        for side in Side::BOTH {
            while !self.wires[side as usize].is_empty() {
                self.arrive(side, 0);
            }
        }
        for letter in &self.letters {
            assert!(letter.times_opened <= 1, "opened twice: {:?}", letter.place);
        }
        for _ in 0..2 {
            for side in Side::BOTH {
                self.write(side, false);
                self.arrive(side.other(), 0);
                let answered = self.letters.last().map(|letter| letter.times_opened);
                assert_eq!(answered, Some(1), "they do not go on");
            }
        }
        assert_eq!(self.pair.session(Side::Alice).session, self.pair.session(Side::Bob).session);
        self.nothing_is_lost();
    }

    /// What was not lost on the way was opened, unless its chain was too old when it came.
    fn nothing_is_lost(&self) {
        let newest = |to: Side| {
            let theirs = self.letters.iter().filter(|letter| letter.to == to);
            theirs.map(|letter| letter.place.chain).max().unwrap_or_default()
        };
        for letter in self.letters.iter().filter(|letter| !letter.is_lost) {
            let is_old = newest(letter.to) - letter.place.chain > MAX_OLD;
            assert!(letter.times_opened == 1 || is_old, "never opened: {:?}", letter.place);
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "it is 5")]
const MAX_OLD: u32 = kuvert_core::limits::MAX_OLD_CHAINS as u32;
