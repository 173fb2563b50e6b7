//! Two people, their processes, and what happens to them.

use std::sync::{Arc, Mutex, PoisonError};

use kuvert::{AccountId, Client, Error, Event as Told, Petname, Surroundings, TranscriptChange};
use kuvert_core::ProtocolError;
use kuvert_store::StoreError;

use super::Adapter;
use super::book::Book;
use super::chance::Chance;
use super::clock::Clock;
use super::disk::Disk;
use super::event::Seat;
use super::finish::finish;
use super::lie::Liar;
use super::line::Line;
use super::person::{Person, Room, Simulated};
use super::process::{self, Ended, Life};
use super::weather::Sky;
use crate::Side;

pub(super) struct World<A: Adapter> {
    pub(super) adapter: A,
    pub(super) sky: Sky,
    pub(super) clock: Clock,
    pub(super) chance: Chance,
    pub(super) people: [Person<A>; 2],
    /// The relay's own hands.
    pub(super) courier: A::Carrier,
    pub(super) book: Book,
    pub(super) findings: Vec<String>,
    pub(super) asides: Asides,
}

/// What processes did while another one was at work.
pub(super) type Asides = Arc<Mutex<Vec<(Seat, Ended<Result<Option<Shown>, Error>>)>>>;

/// An event and its number.
pub(super) type Shown = (Option<u64>, Told);

impl<A: Adapter> World<A> {
    pub(super) fn new(mut adapter: A, seed: u64, is_lossy: bool) -> Self {
        let (mut chance, clock) = (Chance::new(seed), Clock::new());
        let liar = Liar::new(clock.now(), &mut chance);
        let sky = Sky::new(Chance::new(!seed), liar, is_lossy);
        let people = Side::BOTH.map(|side| born(&mut adapter, side, &sky, &clock, &mut chance));
        let courier = adapter.carrier(Side::Alice);
        let (book, findings, asides) = Default::default();
        let mut world =
            Self { adapter, sky, clock, chance, people, courier, book, findings, asides };
        world.introduce(Side::Alice);
        // To every fourth Bob she is a stranger until he writes to her.
        if !seed.is_multiple_of(4) {
            world.introduce(Side::Bob);
        }
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
    pub(super) fn open(&mut self, seat: Seat) -> bool {
        if self.room(seat).client().is_some() {
            return true;
        }
        let life = self.room(seat).life.clone();
        let opened = process::run(|| self.opened(seat, life));
        let Some(client) = self.after(seat, opened) else { return false };
        *self.room(seat).client() = Some(client);
        let has_company = self.room(seat.beside()).client().is_some();
        self.person(seat.side).had_company |= has_company;
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

    pub(super) fn show(&mut self, seat: Seat, (number, told): Shown) {
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

    /// Looks at the client of a process, if it runs.
    pub(super) fn with_client<R>(
        &self,
        seat: Seat,
        look: impl FnOnce(&mut Simulated<A>) -> R,
    ) -> Option<R> {
        self.room(seat).client().as_mut().map(look)
    }

    pub(super) fn room(&self, seat: Seat) -> &Room<A> {
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

/// Errors that a person has to live with: the network and what is wrong with what it says, a full disk, and
/// that nobody can write to a stranger.
const fn is_usual(error: &Error) -> bool {
    matches!(
        error,
        Error::Transport(_)
            | Error::WrongIdentity { .. }
            | Error::Bundle(_)
            | Error::UnknownAddress
            | Error::IdentityQuestion { .. }
            | Error::DeviceRefused { .. }
            | Error::UnknownPeer
            | Error::TranscriptRuns
            | Error::NoTranscript
            | Error::Protocol(ProtocolError::NoSession)
            | Error::Store(StoreError::Full)
    )
}

/// What kind of event it is.
fn name_of(told: &Told) -> String {
    let word = |text: String| {
        let mut words = text.split(|c: char| !c.is_ascii_alphanumeric());
        words.next().unwrap_or_default().to_owned()
    };
    match told {
        Told::Transcript(news) => match &news.what {
            TranscriptChange::Finding(finding) => {
                format!("Finding: {}", word(format!("{finding:?}")))
            }
            what => format!("Transcript: {}", word(format!("{what:?}"))),
        },
        other => word(format!("{other:?}")),
    }
}
