use std::collections::HashSet;

use kuvert_wire::relay::{Nonce, Refused};
use kuvert_wire::{Encode, PrekeyId};

use super::*;
use crate::engine::{MailboxRows, SqliteEngine};
use crate::keys::Person;

const NONCE: Nonce = Nonce::from_bytes([1; 32]);
const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);

fn refusal<T>(result: Result<T>) -> Option<Refusal> {
    match result {
        Err(Failure::Refused(Refused { reason, .. })) => Some(reason),
        Err(Failure::Engine(error)) => panic!("{error}"),
        Ok(_) => None,
    }
}

struct Book(SqliteEngine);

impl Book {
    fn new() -> Self {
        Self(SqliteEngine::in_memory().unwrap())
    }

    fn publish(&mut self, person: &Person, ids: impl IntoIterator<Item = u32>) -> Result<()> {
        let proven = ProvenPublish::check(person.publish(&NONCE, ids), &NONCE).unwrap();
        publish(&mut self.0, &proven, NOW, &Limits::default())
    }

    fn stock(&mut self, person: &Person) -> u16 {
        let device = ProvenDevice::by_stock(&person.stock(&NONCE), &NONCE).unwrap();
        stock(&mut self.0, &device).unwrap()
    }

    fn bundle(&mut self, person: &Person) -> PrekeyBundle {
        bundle(&mut self.0, &person.account_id(), true, NOW).unwrap()
    }

    fn one_time(&mut self, person: &Person) -> Option<u32> {
        self.bundle(person).one_time.map(|prekey| prekey.id.number())
    }
}

#[test]
fn a_bundle_is_what_was_published() {
    let (mut book, alice) = (Book::new(), Person::new(1));
    book.publish(&alice, [5]).unwrap();
    let bundle = book.bundle(&alice);
    let one_time = Some(alice.one_time(5));
    let published = PrekeyBundle { cert: alice.cert(), medium: alice.medium(u32::MAX), one_time };
    assert_eq!(bundle.encode(), published.encode());
}

#[test]
fn publishing_opens_the_front_door() {
    let (mut book, alice) = (Book::new(), Person::new(1));
    let door = alice.front_door().mailbox();
    assert!(book.0.mailbox(&door).unwrap().is_none());
    book.publish(&alice, []).unwrap();
    assert!(!book.0.mailbox(&door).unwrap().unwrap().is_guarded);
}

#[test]
fn an_account_that_has_not_published_is_not_found() {
    let mut book = Book::new();
    let nobody = Person::new(1).account_id();
    assert_eq!(refusal(bundle(&mut book.0, &nobody, true, NOW)), Some(Refusal::NotFound));
    assert_eq!(book.stock(&Person::new(1)), 0);
}

/// REL-21
#[test]
fn each_one_time_prekey_is_handed_out_once_and_then_the_medium_one_serves() {
    let (mut book, alice) = (Book::new(), Person::new(1));
    book.publish(&alice, 1..=5).unwrap();
    let handed_out: HashSet<u32> = (0..5).filter_map(|_| book.one_time(&alice)).collect();
    assert_eq!(handed_out, (1..=5).collect());
    assert_eq!((book.one_time(&alice), book.stock(&alice)), (None, 0));
    assert_eq!(book.bundle(&alice).medium, alice.medium(u32::MAX));
}

/// REL-21
#[test]
fn a_late_retry_does_not_bring_a_prekey_back() {
    let (mut book, alice) = (Book::new(), Person::new(1));
    book.publish(&alice, 1..=2).unwrap();
    let first = book.one_time(&alice).unwrap();
    book.publish(&alice, 1..=2).unwrap();
    assert_eq!(book.stock(&alice), 1);
    assert_ne!(book.one_time(&alice).unwrap(), first);
    book.publish(&alice, 1..=2).unwrap();
    assert_eq!(book.one_time(&alice), None);
}

#[test]
fn who_may_not_take_one_leaves_the_stock_as_it_is() {
    let (mut book, alice) = (Book::new(), Person::new(1));
    book.publish(&alice, 1..=2).unwrap();
    let bundle = bundle(&mut book.0, &alice.account_id(), false, NOW).unwrap();
    assert_eq!((bundle.one_time, book.stock(&alice)), (None, 2));
}

#[test]
fn publishing_again_adds_to_the_stock_and_replaces_the_medium_prekey() {
    let (mut book, alice) = (Book::new(), Person::new(1));
    book.publish(&alice, 1..=2).unwrap();
    let next = alice.publish_parts(&NONCE, alice.cert(), alice.medium(77), vec![alice.one_time(3)]);
    let proven = ProvenPublish::check(next, &NONCE).unwrap();
    publish(&mut book.0, &proven, NOW, &Limits::default()).unwrap();
    assert_eq!(book.stock(&alice), 3);
    assert_eq!(book.bundle(&alice).medium.id, PrekeyId::new(77).unwrap());
}

/// REL-22
#[test]
fn the_stock_is_limited() {
    let (mut book, alice) = (Book::new(), Person::new(1));
    book.publish(&alice, 1..=100).unwrap();
    book.publish(&alice, 101..=200).unwrap();
    assert_eq!(refusal(book.publish(&alice, [201])), Some(Refusal::TooMany));
}

/// REL-18
#[test]
fn a_newer_device_takes_the_account_and_the_older_one_cannot_take_it_back() {
    let (mut book, old) = (Book::new(), Person::new(1));
    let new = old.with_new_device(2);
    book.publish(&old, 1..=3).unwrap();
    book.publish(&new, [1]).unwrap();
    assert_eq!(book.bundle(&old).cert, new.cert());
    assert_eq!((book.stock(&old), book.stock(&new)), (0, 0), "its stock was its own: one prekey");
    assert_eq!(refusal(book.publish(&old, [9])), Some(Refusal::NotOwner));

    let as_old = Person { issued: old.issued, ..old.with_new_device(3) };
    assert_eq!(refusal(book.publish(&as_old, [9])), Some(Refusal::NotOwner));
}

/// REL-18
#[test]
fn a_device_belongs_to_one_account() {
    let (mut book, alice) = (Book::new(), Person::new(1));
    book.publish(&alice, []).unwrap();
    let device = alice.device.clone();
    let second_account = Person { device, ..Person::new(2) };
    assert_eq!(refusal(book.publish(&second_account, [])), Some(Refusal::NotOwner));
}
