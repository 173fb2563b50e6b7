//! Two people, a hub, a clock that stands still.

use core::cell::Cell;
use core::sync::atomic::{AtomicUsize, Ordering};
use core::time::Duration;
use std::sync::Mutex;

use kuvert_core::{Changes, Key, Record};
use kuvert_store::{Anchored, MemoryAnchor, MemoryStore, Rollback, Store, StoreError};
use kuvert_transport::{
    Delivered, Directory, Faults, Loopback, LoopbackHub, MailboxCursor, MailboxOwner, Profile,
    Publication, Route, Transport, TransportError,
};
use kuvert_wire::{AccountId, DeliveryToken, MailboxId, PostId, PrekeyBundle, RelayUrl, Timestamp};

use crate::client::Client;
use crate::event::Event;
use crate::{Carrier, Petname, Surroundings};

thread_local! {
    static NOW: Cell<u64> = const { Cell::new(1_800_000_000_000) };
}

/// The time of this test.
pub(super) fn now() -> Timestamp {
    Timestamp::from_millis(NOW.get())
}

pub(super) fn pass(span: Duration) {
    NOW.set(now().saturating_add(span).as_millis());
}

/// The clock was ahead, and is put right.
pub(super) fn turn_back(span: Duration) {
    NOW.set(now().saturating_sub(span).as_millis());
}

/// The clock of this test, and the system's generator.
pub(super) fn around() -> Surroundings {
    let system = Surroundings::system().expect("a generator");
    Surroundings { clock: Box::new(now), ..system }
}

/// A store that fails when it is told to.
pub(super) struct Disk {
    pub(super) memory: MemoryStore,
    anchor: MemoryAnchor,
    records: Anchored<MemoryStore, MemoryAnchor>,
    pub(super) is_full: bool,
    /// How many records were read as part of a list.
    pub(super) listed: Cell<usize>,
}

impl Disk {
    fn of(memory: MemoryStore, anchor: MemoryAnchor) -> Self {
        let records = Anchored::new(memory.clone(), anchor.clone());
        Self { memory, anchor, records, is_full: false, listed: Cell::new(0) }
    }
}

impl Disk {
    /// Another handle, by which nobody can tell that the records were set back.
    pub(super) fn without_anchor(&self) -> Self {
        Self::of(self.memory.clone(), MemoryAnchor::default())
    }
}

impl Default for Disk {
    fn default() -> Self {
        Self::of(MemoryStore::default(), MemoryAnchor::default())
    }
}

/// Another handle on the same records.
impl Clone for Disk {
    fn clone(&self) -> Self {
        Self::of(self.memory.clone(), self.anchor.clone())
    }
}

impl Store for Disk {
    fn get(&self, key: &Key) -> Result<Option<Record>, StoreError> {
        self.records.get(key)
    }

    fn snapshot(&self, prefixes: &[&str]) -> Result<Vec<Record>, StoreError> {
        let records = self.records.snapshot(prefixes)?;
        self.listed.set(self.listed.get() + records.len());
        Ok(records)
    }

    fn has_any(&self, prefix: &str) -> Result<bool, StoreError> {
        self.records.has_any(prefix)
    }

    fn apply(&mut self, changes: &Changes) -> Result<(), StoreError> {
        if self.is_full { Err(StoreError::Full) } else { self.records.apply(changes) }
    }

    fn rollback(&self) -> Result<Option<Rollback>, StoreError> {
        self.records.rollback()
    }

    fn accept_rollback(&mut self, changes: &Changes) -> Result<(), StoreError> {
        self.records.accept_rollback(changes)
    }
}

/// An endpoint that knows its home.
pub(super) struct Wire {
    pub(super) end: Loopback,
    home: RelayUrl,
    /// What becomes of what is posted.
    pub(super) fate: Mutex<Fate>,
    /// What the profile says.
    pub(super) is_lossy: bool,
    /// How many bundles were fetched.
    pub(super) fetched: AtomicUsize,
}

/// What becomes of an envelope that is posted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Arrives,
    /// It is taken and never seen again.
    IsLost,
    /// It arrives with one bit changed at the end.
    IsDamaged,
}

impl Carrier for Wire {
    fn home(&self) -> &RelayUrl {
        &self.home
    }
}

impl Transport for Wire {
    fn profile(&self) -> Profile {
        Profile { lossy: self.is_lossy, ..self.end.profile() }
    }

    async fn open(
        &self,
        owner: &MailboxOwner,
        tokens: &[DeliveryToken],
    ) -> Result<(), TransportError> {
        self.end.open(owner, tokens).await
    }

    async fn attach(&self, mailboxes: &[MailboxCursor]) -> Result<(), TransportError> {
        self.end.attach(mailboxes).await
    }

    async fn post(&self, route: &Route, id: PostId, envelope: &[u8]) -> Result<(), TransportError> {
        let fate = *self.fate.lock().expect("a fate");
        let mut envelope = envelope.to_vec();
        match (fate, envelope.last_mut()) {
            (Fate::IsLost, _) => return Ok(()),
            (Fate::IsDamaged, Some(last)) => *last ^= 1,
            _ => {}
        }
        self.end.post(route, id, &envelope).await
    }

    async fn next(&self, wait: Duration) -> Result<Option<Delivered>, TransportError> {
        self.end.next(wait).await
    }

    async fn confirm(&self, mailbox: &MailboxId, position: u64) -> Result<(), TransportError> {
        self.end.confirm(mailbox, position).await
    }

    async fn close(&self, mailbox: &MailboxId) -> Result<(), TransportError> {
        self.end.close(mailbox).await
    }
}

impl Directory for Wire {
    async fn publish(
        &self,
        device: &MailboxOwner,
        publication: &Publication,
    ) -> Result<(), TransportError> {
        self.end.publish(device, publication).await
    }

    async fn stock(&self, device: &MailboxOwner) -> Result<u16, TransportError> {
        self.end.stock(device).await
    }

    async fn fetch_bundle(
        &self,
        relay: &RelayUrl,
        account: &AccountId,
    ) -> Result<PrekeyBundle, TransportError> {
        self.fetched.fetch_add(1, Ordering::Relaxed);
        self.end.fetch_bundle(relay, account).await
    }
}

pub(super) type Person = Client<Disk, Wire>;

pub(super) fn hub() -> LoopbackHub {
    LoopbackHub::new("ws://127.0.0.1:7770".parse().expect("a relay"))
}

fn wire(hub: &LoopbackHub) -> Wire {
    Wire {
        end: hub.endpoint(),
        home: hub.url().clone(),
        fate: Mutex::new(Fate::Arrives),
        is_lossy: false,
        fetched: AtomicUsize::new(0),
    }
}

/// Someone with an account of whom the relay knows nothing yet.
pub(super) fn unpublished(hub: &LoopbackHub, name: &str) -> Person {
    Client::create_with(Disk::default(), wire(hub), name, around()).expect("made")
}

/// Someone with an account and published prekeys.
pub(super) async fn person(hub: &LoopbackHub, name: &str) -> Person {
    let mut person = unpublished(hub, name);
    person.publish_prekeys().await.expect("published");
    person
}

/// The same account in another process.
pub(super) fn reopened(hub: &LoopbackHub, person: &Person) -> Person {
    Client::open_with(person.store.clone(), |_| wire(hub), around()).expect("opened")
}

/// The same account on another store, in another process.
pub(super) fn on_disk(hub: &LoopbackHub, disk: Disk) -> Person {
    Client::open_with(disk, |_| wire(hub), around()).expect("opened")
}

/// Alice and Bob, who are each other's contacts.
pub(super) async fn pair(hub: &LoopbackHub) -> (Person, Person) {
    let (mut alice, mut bob) = (person(hub, "alice").await, person(hub, "bob").await);
    alice.add_contact(&name("bob"), &bob.address()).expect("added");
    bob.add_contact(&name("alice"), &alice.address()).expect("added");
    (alice, bob)
}

pub(super) fn name(text: &str) -> Petname {
    text.parse().expect("a name")
}

/// All events there are now.
pub(super) async fn events(person: &mut Person) -> Vec<Event> {
    let mut found = Vec::new();
    while let Some(event) = person.poll_event(Duration::ZERO, None).await.expect("polled") {
        found.push(event);
    }
    found
}

/// The texts that arrive now.
pub(super) async fn heard(person: &mut Person) -> Vec<String> {
    let text = |event| match event {
        Event::Message(message) => Some(message.text().expect("text").to_owned()),
        _ => None,
    };
    events(person).await.into_iter().filter_map(text).collect()
}

pub(super) fn offline(person: &Person, offline: bool) {
    person.carrier.end.set_faults(Faults { offline, ..Default::default() });
}

pub(super) fn answers_lost(person: &Person, answers_lost: bool) {
    person.carrier.end.set_faults(Faults { answers_lost, ..Default::default() });
}

/// What becomes of all that `person` posts from now on.
pub(super) fn fate(person: &Person, fate: Fate) {
    *person.carrier.fate.lock().expect("a fate") = fate;
}

/// Posts a text that has this fate.
pub(super) async fn say(person: &mut Person, to: AccountId, text: &str, how: Fate) {
    fate(person, how);
    person.send(to, text).await.expect("sent");
    fate(person, Fate::Arrives);
}

/// Both look and send until neither has news for the other; what they were told.
pub(super) async fn settle(alice: &mut Person, bob: &mut Person) -> (Vec<Event>, Vec<Event>) {
    let (mut to_alice, mut to_bob) = (Vec::new(), Vec::new());
    for _ in 0..6 {
        to_bob.extend(events(bob).await);
        to_alice.extend(events(alice).await);
    }
    (to_alice, to_bob)
}

/// The texts of messages among events.
pub(super) fn texts(events: &[Event]) -> Vec<&str> {
    events
        .iter()
        .filter_map(|event| match event {
            Event::Message(message) => message.text().ok(),
            _ => None,
        })
        .collect()
}
