use std::time::Duration;

use kuvert_wire::relay::{Nonce, Post};

use super::*;
use crate::directory;
use crate::engine::{Batch, MailboxRows, SqliteEngine};
use crate::franking::FrankingKeys;
use crate::keys::{self, Owner, Person};
use crate::mailbox::{self, Posted};
use crate::proof::{ProvenMailbox, ProvenPublish};

const NONCE: Nonce = Nonce::from_bytes([1; 32]);
const DAY: Duration = Duration::from_secs(86_400);

fn day(number: u32) -> Timestamp {
    Timestamp::from_millis(1_700_000_000_000).saturating_add(DAY * number)
}

fn engine_with_mailbox() -> (SqliteEngine, Owner) {
    let (mut rows, owner) = (SqliteEngine::in_memory().unwrap(), Owner::new(1));
    mailbox::open(&mut rows, &proven(&owner), &[], day(0)).unwrap();
    (rows, owner)
}

fn proven(owner: &Owner) -> ProvenMailbox {
    ProvenMailbox::by_open(&owner.open(&NONCE, &[]), &NONCE).unwrap()
}

fn post(rows: &mut SqliteEngine, owner: &Owner, number: u8, now: Timestamp) -> Posted {
    put(rows, &keys::post(owner.mailbox(), number, &[number]), now)
}

fn put(rows: &mut SqliteEngine, post: &Post, now: Timestamp) -> Posted {
    mailbox::post(rows, post, &FrankingKeys::default(), now, &Limits::default()).unwrap()
}

fn sweep_at(rows: &mut SqliteEngine, now: Timestamp) -> Swept {
    sweep(rows, now, &Limits::default()).unwrap()
}

/// REL-16
#[test]
fn an_envelope_waits_for_thirty_days() {
    let (mut rows, owner) = engine_with_mailbox();
    post(&mut rows, &owner, 1, day(0));
    post(&mut rows, &owner, 2, day(10));
    assert_eq!(sweep_at(&mut rows, day(30)), Swept::default());
    let just_after = day(30).saturating_add(Duration::from_millis(1));
    assert_eq!(sweep_at(&mut rows, just_after), Swept { messages: 1, ..Swept::default() });
    let left = rows.mailbox(&owner.mailbox()).unwrap().unwrap();
    assert_eq!((left.queued_messages, left.queued_bytes, left.last_position), (1, 1, 2));
}

#[test]
fn a_confirmed_post_is_known_for_a_day() {
    let (mut rows, owner) = engine_with_mailbox();
    post(&mut rows, &owner, 1, day(0));
    mailbox::confirm(&mut rows, &owner.mailbox(), 1, day(5)).unwrap();
    assert_eq!(sweep_at(&mut rows, day(6)).notes, 0);
    assert_eq!(post(&mut rows, &owner, 1, day(6)), Posted::Known);
    assert_eq!(sweep_at(&mut rows, day(7)).notes, 1);
    assert_eq!(post(&mut rows, &owner, 1, day(7)), Posted::New);
}

#[test]
fn a_mailbox_goes_when_its_owner_has_not_come_for_ninety_days() {
    let (mut rows, owner) = engine_with_mailbox();
    mailbox::attach(&mut rows, &[(proven(&owner), 0)], day(50)).unwrap();
    assert_eq!(sweep_at(&mut rows, day(139)).mailboxes, 0);
    assert_eq!(sweep_at(&mut rows, day(141)).mailboxes, 1);
    assert!(rows.mailbox(&owner.mailbox()).unwrap().is_none());
}

#[test]
fn an_account_goes_when_it_publishes_no_more() {
    let (mut rows, alice) = (SqliteEngine::in_memory().unwrap(), Person::new(1));
    let limits = Limits::default();
    let publish = ProvenPublish::check(alice.publish(&NONCE, 1..=3), &NONCE).unwrap();
    directory::publish(&mut rows, &publish, day(0), &limits).unwrap();
    directory::bundle(&mut rows, &alice.account_id(), true, day(0)).unwrap();
    assert_eq!(sweep_at(&mut rows, day(45)).notes, 1, "the handed-out prekey is forgotten");
    assert_eq!(sweep_at(&mut rows, day(90)).accounts, 0);
    assert_eq!(sweep_at(&mut rows, day(91)).accounts, 1);
    assert!(directory::bundle(&mut rows, &alice.account_id(), true, day(91)).is_err());
}

#[test]
fn what_was_erased_is_given_back_and_cannot_be_found_in_the_folder() {
    let dir = tempfile::tempdir().unwrap();
    let mut rows = SqliteEngine::open(dir.path(), u64::MAX).unwrap();
    let owner = Owner::new(1);
    mailbox::open(&mut rows, &proven(&owner), &[], day(0)).unwrap();
    let canary = b"sealed, but promised to be gone ".repeat(2000);
    for number in 0..50 {
        let post = keys::post(owner.mailbox(), number, &canary);
        put(&mut rows, &post, day(0));
    }
    let path = dir.path().join(crate::engine::sqlite::FILE_NAME);
    drop(rows);
    let full = std::fs::read(&path).unwrap();
    assert!(full.len() > 50 * canary.len());

    let mut rows = SqliteEngine::open(dir.path(), u64::MAX).unwrap();
    mailbox::confirm(&mut rows, &owner.mailbox(), 50, day(1)).unwrap();
    sweep_at(&mut rows, day(1));
    drop(rows);
    let files = std::fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().path());
    let left: Vec<u8> = files.flat_map(|path| std::fs::read(path).unwrap()).collect();
    assert!(left.len() < full.len() / 2, "{} of {}", left.len(), full.len());
    assert!(!left.windows(32).any(|window| window == &canary[..32]));
}

#[test]
fn one_call_is_bounded_and_says_so() {
    let (mut rows, owner) = engine_with_mailbox();
    rows.begin().unwrap();
    for number in 0..1200_u32 {
        let mut post = keys::post(owner.mailbox(), 0, b"x");
        let bytes: [u8; 16] = std::array::from_fn(|at| number.to_be_bytes()[at % 4]);
        post.post_id = kuvert_wire::PostId::from_bytes(bytes);
        put(&mut rows, &post, day(0));
    }
    rows.commit().unwrap();
    let erased: Vec<Swept> = (0..3).map(|_| sweep_at(&mut rows, day(31))).collect();
    assert_eq!(erased.iter().map(|swept| swept.messages).collect::<Vec<_>>(), [500, 500, 200]);
    assert_eq!(erased.iter().map(Swept::is_complete).collect::<Vec<_>>(), [false, false, true]);
}
