//! Two people, their processes, and what happens to them.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use kuvert::{AccountId, Client, Error, Event as Told, Petname, Surroundings};
use kuvert_transport::Transport;
use kuvert_wire::PostId;

use super::Adapter;
use super::book::Book;
use super::chance::Chance;
use super::clock::Clock;
use super::disk::Disk;
use super::event::{Event, Seat, span};
use super::finish::finish;
use super::lie::{Liar, Lie};
use super::line::Line;
use super::person::{Person, Simulated};
use super::process::{self, Ended, Life};
use super::weather::{Post, Sky};
use crate::Side;

/// Time that passes with each event, so that no two have one time.
const TICK: Duration = Duration::from_millis(50);

/// More than there can be to tell at once.
const MOST_EVENTS: usize = 20_000;

pub(super) struct World<A: Adapter> {
    pub(super) adapter: A,
    pub(super) sky: Sky,
    pub(super) clock: Clock,
    chance: Chance,
    pub(super) people: [Person<A>; 2],
    /// The relay's own hands.
    courier: A::Carrier,
    pub(super) book: Book,
    pub(super) findings: Vec<String>,
    asides: Asides,
    pub(super) compared: usize,
}

/// What processes did while another one was at work.
type Asides = Arc<Mutex<Vec<(Seat, Ended<Result<Option<Shown>, Error>>)>>>;

/// An event and its number.
pub(super) type Shown = (Option<u64>, Told);

impl<A: Adapter> World<A> {
    pub(super) fn new(mut adapter: A, seed: u64, is_lossy: bool) -> Self {
        let (mut chance, clock) = (Chance::new(seed), Clock::new());
        let liar = Liar::new(clock.now(), &mut chance);
        let sky = Sky::new(Chance::new(!seed), liar, is_lossy);
        let people = Side::BOTH.map(|side| born(&mut adapter, side, &sky, &clock, &mut chance));
        let courier = adapter.carrier(Side::Alice);
        let (book, findings, asides, compared) = Default::default();
        let mut world =
            Self { adapter, sky, clock, chance, people, courier, book, findings, asides, compared };
        Side::BOTH.into_iter().for_each(|side| world.introduce(side));
        world
    }

    /// Gives the other a name.
    fn introduce(&mut self, side: Side) {
        let address = self.person(side.other()).address.clone();
        let name: Petname = format!("{:?}", side.other()).parse().expect("a name is a name");
        self.work(Seat::app(side), async |client| client.add_contact(&name, &address));
    }

    pub(super) const fn person(&mut self, side: Side) -> &mut Person<A> {
        &mut self.people[side as usize]
    }

    pub(super) fn account(&self, side: Side) -> AccountId {
        self.people[side as usize].address.account
    }

    pub(super) fn happen(&mut self, event: Event) {
        self.clock.pass(TICK);
        self.note(format_args!("{:?} {event:?}", self.clock.elapsed()));
        match event {
            Event::Send(seat, amount) => self.send(seat, amount),
            Event::Receive(seat) => drop(self.receive(seat)),
            Event::Drain(seat) => self.drain(seat),
            Event::Flush(seat) => drop(self.work(seat, async |client| client.flush().await)),
            Event::Pass(amount) => self.clock.pass(span(amount)),
            Event::Kill(seat) => self.room(seat).end(),
            Event::Crash(seat, amount) => self.room(seat).life.end_after(amount % 32),
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
            Event::Flip(side, amount) => weather.flip_one(side, amount),
            Event::Lie(side, amount) => weather.lie_once(side, Lie::from_amount(amount)),
            _ => unreachable!("the others are no weather"),
        }
    }

    /// Writes a message: its number, and enough to make it as long as the amount says.
    pub(super) fn send(&mut self, seat: Seat, amount: u8) {
        let number = self.book.write(seat.side);
        let filler = if amount < 250 { usize::from(amount) } else { 40 * usize::from(amount) };
        let text = format!("{number} {}", "x".repeat(filler));
        let peer = self.account(seat.side.other());
        let sent = self.work(seat, async |client| client.send(peer, &text).await);
        if sent.is_some() {
            self.book.is_safe(number);
        }
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

    /// The other process of a home does something in the middle of what this one does next.
    fn race(&mut self, seat: Seat, amount: u8) {
        let other = seat.beside();
        if !self.open(other) {
            return;
        }
        let (room, asides) = (self.room(other).clone(), Arc::clone(&self.asides));
        self.room(seat).life.interrupt_after(amount % 16, move || {
            // If it is itself what comes in between, it is at work already.
            let Some(mut client) = room.idle_client() else { return };
            let Some(client) = client.as_mut() else { return };
            let ended = process::run(|| finish(next(client)));
            asides.lock().unwrap_or_else(PoisonError::into_inner).push((other, ended));
        });
    }

    fn jump(&mut self, side: Side, amount: u8) {
        self.person(side).clock.jump(60 * span(amount), amount >= 128);
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

    /// Does `work` in a process, which is begun if it does not run. `None` if that came to nothing.
    pub(super) fn work<R>(
        &mut self,
        seat: Seat,
        work: impl AsyncFnOnce(&mut Simulated<A>) -> Result<R, Error>,
    ) -> Option<R> {
        if !self.open(seat) {
            return None;
        }
        let room = self.room(seat).clone();
        let ended = {
            let mut client = room.client();
            let client = client.as_mut()?;
            process::run(|| finish(work(client)))
        };
        let done = self.after(seat, ended);
        self.catch_up();
        self.compare(seat);
        done
    }

    /// Begins the process if it does not run; whether it does.
    fn open(&mut self, seat: Seat) -> bool {
        if self.room(seat).client().is_some() {
            return true;
        }
        let life = self.room(seat).life.clone();
        let opened = process::run(|| self.opened(seat, life));
        let Some(client) = self.after(seat, opened) else { return false };
        *self.room(seat).client() = Some(client);
        true
    }

    fn opened(&mut self, seat: Seat, life: Life) -> Result<Simulated<A>, Error> {
        let clock = self.person(seat.side).clock.clone();
        let store = Disk::new(self.adapter.store(seat.side), life.clone());
        let carrier = self.adapter.carrier(seat.side);
        let line = Line::new(carrier, seat.side, self.sky.clone(), self.clock.clone(), life);
        Client::open_in(store, |_| line, surroundings(clock, &mut self.chance))
    }

    /// Takes note of how work ended.
    fn after<R>(&mut self, seat: Seat, ended: Ended<Result<R, Error>>) -> Option<R> {
        match ended {
            Ended::Well(Ok(done)) => return Some(done),
            Ended::Well(Err(error)) if is_usual(&error) => {
                self.note(format_args!("  {seat:?}: {error}"));
            }
            Ended::Well(Err(error)) => self.find(format!("{seat:?} fails: {error:?}")),
            Ended::Crashed => {
                self.note(format_args!("  {seat:?} crashes"));
                self.room(seat).end();
            }
            Ended::Panicked(words) => {
                self.find(format!("{seat:?} panics: {words}"));
                self.room(seat).end();
            }
        }
        None
    }

    /// Shows what the other process was told in between.
    fn catch_up(&mut self) {
        let asides =
            std::mem::take(&mut *self.asides.lock().unwrap_or_else(PoisonError::into_inner));
        for (seat, ended) in asides {
            self.note(format_args!("  {seat:?} comes in between"));
            if let Some(shown) = self.after(seat, ended).flatten() {
                self.show(seat, shown);
            }
        }
    }

    fn show(&mut self, seat: Seat, (number, told): Shown) {
        let person = self.person(seat.side);
        if number.is_some_and(|number| !person.screen.is_new(number)) {
            return self.note(format_args!("  {seat:?} is told again"));
        }
        match told {
            Told::Message(message) => {
                let first = message.text().ok().and_then(|text| text.split(' ').next());
                match first.and_then(|number| number.parse().ok()) {
                    Some(number) => {
                        person.screen.show(number);
                        self.note(format_args!("  {seat:?} reads message {number}"));
                    }
                    None => self.find(format!("{seat:?} is shown what nobody wrote")),
                }
            }
            other => {
                let name = name_of(&other);
                self.note(format_args!("  {seat:?} is told: {name}"));
                self.book.tell(seat.side, name);
            }
        }
    }

    fn room(&self, seat: Seat) -> &super::person::Room<A> {
        self.people[seat.side as usize].room(seat)
    }

    pub(super) fn note(&self, line: core::fmt::Arguments<'_>) {
        self.sky.weather().trace.note(line);
    }

    /// Something that must never happen.
    pub(super) fn find(&mut self, finding: String) {
        self.note(format_args!("  FINDING {finding}"));
        self.findings.push(finding);
    }
}

async fn next<S: kuvert::Store, T: kuvert::Carrier>(
    client: &mut Client<S, T>,
) -> Result<Option<Shown>, Error> {
    let told = client.poll_event(Duration::ZERO, None).await?;
    Ok(told.map(|told| (client.event_number(), told)))
}

fn surroundings(clock: Clock, chance: &mut Chance) -> Surroundings {
    Surroundings { clock: Box::new(move || clock.now()), random: Box::new(chance.fork()) }
}

/// Makes an account.
fn born<A: Adapter>(
    adapter: &mut A,
    side: Side,
    sky: &Sky,
    world: &Clock,
    chance: &mut Chance,
) -> Person<A> {
    let (clock, life) = (world.another(), Life::default());
    let store = Disk::new(adapter.store(side), life.clone());
    let line = Line::new(adapter.carrier(side), side, sky.clone(), world.clone(), life);
    let around = surroundings(clock.clone(), chance);
    let client = Client::create_in(store, line, "one of two", around);
    let mut client = client.expect("an empty store takes an account");
    finish(client.publish_prekeys()).expect("nothing is wrong with the network yet");
    Person::new(clock, client.address())
}

/// Errors that a person has to live with: the network, and what is wrong with what it says.
const fn is_usual(error: &Error) -> bool {
    matches!(
        error,
        Error::Transport(_)
            | Error::WrongIdentity { .. }
            | Error::Bundle(_)
            | Error::UnknownAddress
    )
}

/// What kind of event it is.
fn name_of(told: &Told) -> String {
    let text = format!("{told:?}");
    text.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default().to_owned()
}
