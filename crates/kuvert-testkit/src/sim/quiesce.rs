//! The end of a run: nothing goes wrong any more, time passes, and what is left must come to rest.

use std::time::Duration;

use super::Adapter;
use super::event::Seat;
use super::world::World;
use crate::Side;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// How time passes: often and little at first, then in days, past every deadline that there is.
const PAUSES: &[(usize, u64)] =
    &[(6, 20), (6, MINUTE), (6, 10 * MINUTE), (6, HOUR), (8, 6 * HOUR), (44, DAY)];

/// Rounds in which nothing moves before all is taken to be at rest.
const QUIET_ROUNDS: usize = 3;

impl<A: Adapter> World<A> {
    /// Lets everything come to rest; whether it did.
    pub(super) fn quiesce(&mut self) -> bool {
        self.clear_up();
        self.round(Duration::from_secs(MINUTE));
        let mut to_write = Side::BOTH.to_vec();
        let mut quiet = 0;
        for (count, pause) in PAUSES {
            for _ in 0..*count {
                let before = self.activity();
                // Who has forgotten the other can write only when something of the other's has come.
                to_write.retain(|side| !self.send(Seat::app(*side), 0));
                self.round(Duration::from_secs(*pause));
                quiet = if self.activity() == before { quiet + 1 } else { 0 };
                if quiet >= QUIET_ROUNDS && self.is_settled() {
                    return true;
                }
            }
        }
        false
    }

    /// Whether everything is decided. If not, something is due later: a budget, a window of a day.
    fn is_settled(&mut self) -> bool {
        self.open_messages().is_empty() && self.disagreements().is_empty()
    }

    fn clear_up(&mut self) {
        self.note(format_args!("{:?} quiet", self.clock.elapsed()));
        self.sky.weather().clear_up();
        for person in &self.people {
            person.clock.put_right();
            person.end_all();
        }
    }

    fn round(&mut self, pause: Duration) {
        self.clock.pass(pause);
        for seat in Side::BOTH.map(Seat::app) {
            self.drain(seat);
            self.answer(seat);
            self.work(seat, async |client| client.flush().await);
        }
    }

    /// Grows with everything that moves.
    fn activity(&self) -> usize {
        let shown: usize = self.people.iter().map(|person| person.screen.len()).sum();
        self.sky.weather().trace.wire.sizes.len() + shown
    }
}
