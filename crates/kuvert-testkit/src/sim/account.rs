//! Every message is accounted for: shown once, or its loss told with the cause.

use std::collections::BTreeMap;

use kuvert::DeliveryState;

use super::Adapter;
use super::event::Seat;
use super::report::Report;
use super::world::World;
use crate::Side;

/// What has become of a message.
enum Fate {
    /// It does not count: its writer was told that it was not kept, or took it back.
    Void,
    Shown,
    ShownTwice(u32),
    /// Nobody knows yet.
    Open,
    /// Not shown, and one of the two was told why.
    Reported(&'static str),
    /// Not shown, and nobody was told.
    Lost,
}

impl<A: Adapter> World<A> {
    /// Numbers of the messages of which nothing final can be said.
    pub(super) fn open_messages(&mut self) -> Vec<usize> {
        let states = self.states();
        let is_open = |number: &usize| matches!(self.fate(*number, &states), Fate::Open);
        (0..self.book.written().len()).filter(is_open).collect()
    }

    /// How far each kept message got, as its writer's client says.
    fn states(&mut self) -> BTreeMap<usize, DeliveryState> {
        let mut states = BTreeMap::new();
        for side in Side::BOTH {
            let peer = self.account(side.other());
            let history = self.work(Seat::app(side), async |client| client.history(peer));
            let own = history.into_iter().flatten().filter(|entry| entry.outgoing);
            states.extend(own.filter_map(|entry| {
                let number = entry.message.text().ok()?.split(' ').next()?.parse().ok()?;
                Some((number, entry.state))
            }));
        }
        states
    }

    fn fate(&self, number: usize, states: &BTreeMap<usize, DeliveryState>) -> Fate {
        let written = &self.book.written()[number];
        let reader = &self.people[written.from.other() as usize];
        match (reader.screen.times(number), states.get(&number)) {
            (1, _) => Fate::Shown,
            (0, None) if !written.is_safe || written.is_undone => Fate::Void,
            (0, None) => Fate::Lost,
            (0, Some(DeliveryState::Undelivered)) => Fate::Reported("Undelivered"),
            (0, Some(DeliveryState::Delivered)) => {
                self.book.cause(number).map_or(Fate::Lost, Fate::Reported)
            }
            (0, Some(_)) => Fate::Open,
            (times, _) => Fate::ShownTwice(times),
        }
    }

    /// Ends the run and says what came of it.
    pub(super) fn report(mut self, seed: u64, events: usize) -> Report {
        let alarms: Vec<_> = self.book.false_alarms().collect();
        alarms.into_iter().for_each(|alarm| self.find(alarm));
        let states = self.states();
        let (mut written, mut delivered, mut reported) = (0, 0, BTreeMap::new());
        for number in 0..self.book.written().len() {
            let fate = self.fate(number, &states);
            written += usize::from(!matches!(fate, Fate::Void));
            match fate {
                Fate::Void => {}
                Fate::Shown => delivered += 1,
                Fate::Reported(cause) => *reported.entry(cause).or_default() += 1,
                Fate::ShownTwice(times) => {
                    self.find(format!("message {number} was shown {times} times"))
                }
                Fate::Open => self.find(format!("message {number} still waits after 40 days")),
                Fate::Lost => self.find(format!("message {number} is lost, and nobody was told")),
            }
        }
        self.disagreements().into_iter().for_each(|finding| self.find(finding));
        Side::BOTH.into_iter().for_each(|side| self.note_status(side));
        let told = self.book.told();
        let mut weather = self.sky.weather();
        let (digest, trace, wire) = std::mem::take(&mut weather.trace).into_parts();
        drop(weather);
        let findings = self.findings;
        Report { seed, events, written, delivered, reported, told, findings, digest, trace, wire }
    }

    /// The trace ends with what each client has counted.
    fn note_status(&mut self, side: Side) {
        let status = self.work(Seat::app(side), async |client| client.status().await);
        let Some(status) = status else { return };
        let causes: Vec<_> = status.causes.iter().filter(|(_, count)| **count > 0).collect();
        let (waiting, queued) = (status.waiting, status.queued);
        self.note(format_args!("  {side:?}: {waiting} wait, {queued} are queued, {causes:?}"));
    }
}
