//! A simulator: two people talk through everything that can go wrong, over an app's own store and
//! transport.
//!
//! ```text
//!        Alice                                      Bob
//!   app ─┐   ┌─ Disk ── your store     your store ── Disk ─┐   ┌─ app
//!        ├ Client                                        Client ┤
//! helper ┘   └─ Line ── your carrier ◀─▶ your carrier ── Line ─┘   └ helper
//! ```
//! The clients are real. Between them and what the app brings stand a disk at whose every batch the
//! process may end, and a line on which envelopes vanish, are late, overtake each other and come twice,
//! and behind which the relay may be hostile. One seed decides everything: events, faults, keys, times.
//!
//! A run ends quietly: nothing goes wrong any more, time passes until nothing moves, and then every message
//! must have been shown once, or one of the two must have been told why not.
//!
//! ```
//! use kuvert_testkit::sim::{Memory, Mix, Simulation};
//!
//! let report = Simulation::new(7).steps(100).run(&Mix::ALL[0], Memory::new());
//! assert!(report.is_good(), "{report}");
//! assert_eq!(report.share_delivered(), 1.0);
//! ```

mod account;
mod adapter;
mod agree;
mod book;
mod chance;
mod clock;
mod disk;
mod event;
pub(crate) mod finish;
mod happen;
mod hub;
mod lie;
mod line;
mod memory;
mod mix;
mod person;
mod pool;
mod process;
mod quiesce;
mod reload;
mod report;
mod screen;
mod shrink;
mod trace;
mod weather;
mod world;

pub use adapter::Adapter;
pub use event::{Event, Process, Seat, span};
pub use hub::Endpoint;
pub use memory::Memory;
pub use mix::Mix;
pub use report::Report;
pub use trace::Wire;

use chance::Chance;
use kuvert_core::tap;
use world::World;

/// A run to be.
#[derive(Clone, Copy, Debug)]
pub struct Simulation {
    seed: u64,
    steps: usize,
    has_trace: bool,
}

impl Simulation {
    /// A run of 2,000 events, all of which follows from `seed`.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self { seed, steps: 2000, has_trace: false }
    }

    /// How many events happen.
    #[must_use]
    pub const fn steps(self, steps: usize) -> Self {
        Self { steps, ..self }
    }

    /// The report shall have the trace.
    #[must_use]
    pub const fn traced(self) -> Self {
        Self { has_trace: true, ..self }
    }

    /// Runs with events drawn from `mix`.
    pub fn run<A: Adapter>(self, mix: &Mix, adapter: A) -> Report {
        let mut report = self.play(&self.events(mix), adapter);
        let lost = report.written - report.delivered;
        if mix.is_lossless && lost > 0 {
            report.findings.push(format!("{lost} messages are not delivered"));
        }
        report
    }

    /// The events that this run draws from `mix`.
    #[must_use]
    pub fn events(self, mix: &Mix) -> Vec<Event> {
        let mut chance = Chance::new(self.seed);
        (0..self.steps).map(|_| mix.draw(&mut chance)).collect()
    }

    /// The events of this run that are needed to make it fail in the same way; all of them if it does not
    /// fail. Runs it again and again, each time with a new adapter.
    pub fn shrink<A: Adapter>(self, mix: &Mix, adapter: impl Fn() -> A) -> Vec<Event> {
        shrink::shrunk(self.events(mix), |events| self.play(events, adapter()))
    }

    /// Lets the events happen and leaves everything where it is then.
    #[cfg(feature = "fuzz")]
    pub(crate) fn begin<A: Adapter>(self, events: &[Event], adapter: A) {
        let mut world = World::new(adapter, self.seed, false);
        events.iter().for_each(|event| world.happen(*event));
    }

    /// Runs with the given events: those of a fuzzer, of a property test, or of a run that is cut down.
    pub fn play<A: Adapter>(self, events: &[Event], adapter: A) -> Report {
        tap::start();
        let is_lossy = events.iter().any(|event| matches!(event, Event::Lose(_)));
        let mut world = World::new(adapter, self.seed, is_lossy);
        if self.has_trace {
            world.sky.weather().trace.keep_lines();
        }
        events.iter().for_each(|event| world.happen(*event));
        world.quiesce();
        let reused = tap::stop().reused;
        if reused > 0 {
            world.find(format!("{reused} pairs of key and nonce have sealed two plaintexts"));
        }
        world.report(self.seed, events.len())
    }
}
