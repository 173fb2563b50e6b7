//! A person: a home that is open in up to two processes, a clock, and what was seen.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};

use kuvert::{Address, Client};

use super::Adapter;
use super::book::Mark;
use super::clock::Clock;
use super::disk::Disk;
use super::event::{Process, Seat};
use super::line::Line;
use super::process::Life;
use super::screen::Screen;

/// A client under simulation.
pub(super) type Simulated<A> = Client<Disk<<A as Adapter>::Store>, Line<<A as Adapter>::Carrier>>;

pub(super) struct Person<A: Adapter> {
    pub(super) clock: Clock,
    pub(super) address: Address,
    pub(super) screen: Screen,
    /// What had been seen when the copy of the home was made, and when that was.
    pub(super) copy: Option<(Screen, Mark)>,
    /// Two processes were ever open at once.
    pub(super) had_company: bool,
    rooms: [Room<A>; 2],
}

/// Where one process runs, if it does.
pub(super) struct Room<A: Adapter> {
    client: Arc<Mutex<Option<Simulated<A>>>>,
    pub(super) life: Life,
}

impl<A: Adapter> Person<A> {
    pub(super) fn new(clock: Clock, address: Address) -> Self {
        let rooms = [Room::default(), Room::default()];
        let screen = Screen::default();
        Self { clock, address, screen, copy: None, had_company: false, rooms }
    }

    pub(super) const fn room(&self, seat: Seat) -> &Room<A> {
        match seat.process {
            Process::App => &self.rooms[0],
            Process::Helper => &self.rooms[1],
        }
    }

    /// Ends all processes.
    pub(super) fn end_all(&self) {
        self.rooms.iter().for_each(Room::end);
    }
}

impl<A: Adapter> Room<A> {
    pub(super) fn client(&self) -> MutexGuard<'_, Option<Simulated<A>>> {
        self.client.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The client, unless it is at work.
    pub(super) fn idle_client(&self) -> Option<MutexGuard<'_, Option<Simulated<A>>>> {
        match self.client.try_lock() {
            Ok(client) => Some(client),
            Err(TryLockError::Poisoned(client)) => Some(client.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// The process ends, with what it was about to do.
    pub(super) fn end(&self) {
        self.client().take();
        self.life.renew();
    }
}

impl<A: Adapter> Default for Room<A> {
    fn default() -> Self {
        Self { client: Arc::default(), life: Life::default() }
    }
}

impl<A: Adapter> Clone for Room<A> {
    fn clone(&self) -> Self {
        Self { client: Arc::clone(&self.client), life: self.life.clone() }
    }
}
