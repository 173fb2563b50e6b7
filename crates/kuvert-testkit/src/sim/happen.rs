//! What each event does.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use kuvert::{Client, Error};
use kuvert_transport::Transport;
use kuvert_wire::PostId;
use kuvert_wire::transcript::Mode;

use super::Adapter;
use super::event::{Event, Seat, span};
use super::finish::finish;
use super::lie::Lie;
use super::process;
use super::weather::Post;
use super::world::{Shown, World};
use crate::Side;

/// Time that passes with each event, so that no two have one time.
const TICK: Duration = Duration::from_millis(50);

const DAY: Duration = Duration::from_secs(24 * 3600);

/// More than there can be to tell at once.
const MOST_EVENTS: usize = 20_000;

impl<A: Adapter> World<A> {
    pub(super) fn happen(&mut self, event: Event) {
        self.clock.pass(TICK);
        self.note(format_args!("{:?} {event:?}", self.clock.elapsed()));
        match event {
            Event::Send(seat, amount) => drop(self.send(seat, amount)),
            Event::Receive(seat) => drop(self.receive(seat)),
            Event::Drain(seat) => self.drain(seat),
            Event::Flush(seat) => drop(self.work(seat, async |client| client.flush().await)),
            Event::Record(seat, amount) => self.record(seat, amount),
            Event::Pass(amount) => self.clock.pass(span(amount)),
            Event::Sleep(amount) => self.clock.pass(DAY * u32::from(amount % 45)),
            Event::Kill(seat) => self.room(seat).end(),
            Event::Crash(seat, amount) => self.room(seat).life.end_after(amount % 32),
            Event::Refuse(seat, amount) => self.room(seat).life.refuse_after(amount % 8),
            Event::Race(seat, amount) => self.race(seat, amount),
            Event::Jump(side, amount) => self.jump(side, amount),
            Event::Snapshot(side) => self.snapshot(side),
            Event::Restore(side) => self.restore(side),
            Event::Replay(side, amount) => self.replay(side, amount),
            Event::Misdeliver(side, amount) => self.misdeliver(side, amount),
            Event::Inject(side, amount) => self.inject(side, amount),
            Event::Answer(seat) => self.answer(seat),
            other => self.change_weather(other),
        }
    }

    fn change_weather(&mut self, event: Event) {
        let mut weather = self.sky.weather();
        match event {
            Event::Lose(side) | Event::Withhold(side) => weather.lose_one(side),
            Event::Hold(side, amount) => weather.hold_one(side, span(amount)),
            Event::Duplicate(side, amount) => weather.double_one(side, span(amount)),
            Event::LoseAnswer(side) => weather.lose_an_answer(side),
            Event::Cut(side) => weather.cut(side, true),
            Event::Mend(side) => weather.cut(side, false),
            Event::Deny(side) => weather.deny_one(side),
            Event::Flip(side, amount) => weather.flip_one(side, amount),
            Event::Lie(side, amount) => weather.lie_once(side, Lie::from_amount(amount)),
            _ => unreachable!("the others are no weather"),
        }
    }

    /// Writes a message: its number, and enough to make it as long as the amount says. Whether it was
    /// taken.
    pub(super) fn send(&mut self, seat: Seat, amount: u8) -> bool {
        let number = self.book.write(seat.side);
        let filler = if amount < 250 { usize::from(amount) } else { 40 * usize::from(amount) };
        let text = format!("{number} {}", "x".repeat(filler));
        let peer = self.account(seat.side.other());
        let sent = self.work(seat, async |client| client.send(peer, &text).await);
        if sent.is_some() {
            self.book.is_safe(number);
        }
        sent.is_some()
    }

    /// Asks for an event and shows it; whether there was one.
    pub(super) fn receive(&mut self, seat: Seat) -> bool {
        let polled = self.work(seat, async |client| next(client).await).flatten();
        let is_there = polled.is_some();
        if let Some(shown) = polled {
            self.show(seat, shown);
        }
        is_there
    }

    pub(super) fn drain(&mut self, seat: Seat) {
        let is_endless = (0..MOST_EVENTS).all(|_| self.receive(seat));
        if is_endless {
            self.find(format!("{seat:?} is told things without end"));
        }
    }

    /// Most ask for a signed transcript, so that it often runs.
    fn record(&mut self, seat: Seat, amount: u8) {
        let peer = self.account(seat.side.other());
        self.work(seat, async |client| match amount % 8 {
            0 => client.stop_transcript(peer).await,
            1 => client.start_transcript(peer, Mode::Deniable).await,
            _ => client.start_transcript(peer, Mode::Signed).await,
        });
    }

    /// The other process of a home does something in the middle of what this one does next.
    fn race(&mut self, seat: Seat, amount: u8) {
        let other = seat.beside();
        if !self.open(other) {
            return;
        }
        let (room, asides) = (self.room(other).clone(), Arc::clone(&self.asides));
        self.room(seat).life.interrupt_after(amount / 2 % 16, move || {
            // If it is itself what comes in between, it is at work already.
            let Some(mut client) = room.idle_client() else { return };
            let Some(client) = client.as_mut() else { return };
            let ended = process::run(|| match amount.is_multiple_of(2) {
                true => finish(next(client)),
                false => finish(client.flush()).map(|()| None),
            });
            asides.lock().unwrap_or_else(PoisonError::into_inner).push((other, ended));
        });
    }

    fn jump(&mut self, side: Side, amount: u8) {
        self.person(side).clock.jump(200 * span(amount), amount >= 128);
    }

    fn snapshot(&mut self, side: Side) {
        if self.adapter.snapshot(side) {
            let mark = self.book.mark();
            let person = self.person(side);
            person.copy = Some((person.screen.clone(), mark));
        }
    }

    fn restore(&mut self, side: Side) {
        let person = self.person(side);
        let Some((screen, mark)) = person.copy.clone() else { return };
        person.end_all();
        person.screen = screen;
        self.book.take_back(side, mark);
        self.adapter.restore(side);
    }

    fn replay(&mut self, side: Side, amount: u8) {
        let post = self.sky.weather().some_post(side, amount);
        if let Some(post) = post {
            self.deliver(post);
        }
    }

    fn misdeliver(&mut self, side: Side, amount: u8) {
        let weather = self.sky.weather();
        let (from, to) = (weather.some_post(side, amount), weather.some_post(side.other(), amount));
        drop(weather);
        if let Some((from, to)) = from.zip(to) {
            self.deliver(Post { route: to.route, ..from });
        }
    }

    fn inject(&mut self, side: Side, amount: u8) {
        let post = self.sky.weather().some_post(side, amount);
        let Some(post) = post else { return };
        let mut envelope = vec![0; post.envelope.len()];
        envelope.fill_with(|| self.chance.bytes::<1>()[0]);
        // Half of them begin as an envelope does.
        if amount.is_multiple_of(2) {
            envelope[..2].copy_from_slice(&post.envelope[..2]);
        }
        self.deliver(Post { envelope, ..post });
    }

    /// The relay posts something by itself. That nobody lives there any more is no matter.
    fn deliver(&mut self, Post { route, envelope }: Post) {
        let id = PostId::from_bytes(self.chance.bytes());
        drop(finish(self.courier.post(&route, id, &envelope)));
    }

    /// A person says no to another identity, if there is one to answer about.
    pub(super) fn answer(&mut self, seat: Seat) {
        let peer = self.account(seat.side.other());
        self.work(seat, async |client| match client.identity_question(peer) {
            Some(_) => client.reject_identity(peer),
            None => Ok(()),
        });
    }
}

async fn next<S: kuvert::Store, T: kuvert::Carrier>(
    client: &mut Client<S, T>,
) -> Result<Option<Shown>, Error> {
    let told = client.poll_event(Duration::ZERO, None).await?;
    Ok(told.map(|told| (client.event_number(), told)))
}
