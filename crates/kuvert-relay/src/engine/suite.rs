//! Every engine must do what the one in memory does: the same requests, the same answers.
//!
//! One alphabet of events plays on both through the rules; after each event the answers are compared, and at the end all
//! that can be seen from outside.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use kuvert_wire::relay::{Nonce, Post, TokenId};
use kuvert_wire::{MailboxId, Timestamp};
use proptest::prelude::*;

use super::{Batch, Engine, MailboxRows, MemoryEngine, SqliteEngine};
use crate::keys::{self, Owner, Person, token};
use crate::limits::Limits;
use crate::mailbox::Cursor;
use crate::proof::{ProvenDevice, ProvenMailbox, ProvenPublish, token_id};
use crate::{directory, mailbox, sweep};

const NONCE: Nonce = Nonce::from_bytes([1; 32]);
const DOORS: [u8; 3] = [1, 2, 3];

#[derive(Clone, Debug)]
enum Event {
    Open { door: u8, tokens: Vec<u8> },
    Post { door: u8, post_id: u8, token: Option<u8>, len: usize },
    Fetch { after: [u64; 3], limit: usize },
    Confirm { door: u8, up_to: u64 },
    Close { door: u8 },
    Publish { person: u8, device: u8, ids: Vec<u32> },
    Bundle { person: u8, may_take: bool },
    Stock { person: u8, device: u8 },
    Wait { hours: u32 },
    Sweep,
    Undone(Box<Event>),
}

fn any_event() -> impl Strategy<Value = Event> {
    let door = || prop::sample::select(DOORS.to_vec());
    let post = (door(), 0..12u8, prop::option::of(0..3u8), 1..400usize);
    let publish = (0..2u8, 0..2u8, prop::collection::vec(1..8u32, 0..4));
    let event = prop_oneof![
        2 => (door(), prop::collection::vec(0..3u8, 0..3))
            .prop_map(|(door, tokens)| Event::Open { door, tokens }),
        8 => post.prop_map(|(door, post_id, token, len)| Event::Post { door, post_id, token, len }),
        4 => (any::<[u8; 3]>(), 0..9usize)
            .prop_map(|(after, limit)| Event::Fetch { after: after.map(|at| u64::from(at % 8)), limit }),
        3 => (door(), 0..9u64).prop_map(|(door, up_to)| Event::Confirm { door, up_to }),
        1 => door().prop_map(|door| Event::Close { door }),
        2 => publish.prop_map(|(person, device, ids)| Event::Publish { person, device, ids }),
        3 => (0..2u8, any::<bool>())
            .prop_map(|(person, may_take)| Event::Bundle { person, may_take }),
        1 => (0..2u8, 0..2u8).prop_map(|(person, device)| Event::Stock { person, device }),
        2 => (1..1200u32).prop_map(|hours| Event::Wait { hours }),
        1 => Just(Event::Sweep),
    ];
    (event, prop::bool::weighted(0.1)).prop_map(|(event, undone)| match undone {
        true => Event::Undone(Box::new(event)),
        false => event,
    })
}

fn limits() -> Limits {
    Limits { queued_messages: 6, queued_bytes: 2500, one_time_prekeys: 5, ..Limits::default() }
}

/// What an event answers, as text: equal texts are equal answers.
fn play(rows: &mut dyn Engine, event: &Event, now: Timestamp) -> String {
    let limits = limits();
    match event {
        Event::Open { door, tokens } => {
            let tokens: Vec<TokenId> = tokens.iter().map(|it| token_id(&token(*it))).collect();
            text(mailbox::open(rows, &proven(*door), &tokens, now))
        }
        Event::Post { door, post_id, token: with, len } => {
            let envelope = if *len > 300 { keys::envelope(*post_id) } else { vec![*post_id; *len] };
            let post = keys::post(id(*door), *post_id, &envelope);
            let post = Post { token: with.map(token), ..post };
            text(mailbox::post(rows, &post, &keys::franking_keys(1, now), now, &limits))
        }
        Event::Fetch { after, limit } => {
            let cursor = |(door, position)| Cursor { mailbox: id(door), position };
            let cursors: Vec<_> = DOORS.into_iter().zip(*after).map(cursor).collect();
            text(mailbox::fetch(rows, &cursors, *limit))
        }
        Event::Confirm { door, up_to } => text(mailbox::confirm(rows, &id(*door), *up_to, now)),
        Event::Close { door } => text(mailbox::close(rows, &id(*door))),
        Event::Publish { person, device, ids } => {
            let publish =
                ProvenPublish::check(known(*person, *device).publish(&NONCE, ids.clone()), &NONCE);
            text(publish.map(|publish| text(directory::publish(rows, &publish, now, &limits))))
        }
        Event::Bundle { person, may_take } => {
            text(directory::bundle(rows, &known(*person, 0).account_id(), *may_take, now))
        }
        Event::Stock { person, device } => {
            let query = known(*person, *device).stock(&NONCE);
            text(directory::stock(rows, &ProvenDevice::by_stock(&query, &NONCE).unwrap()))
        }
        Event::Sweep => text(sweep::sweep(rows, now, &limits)),
        Event::Undone(event) => play(rows, event, now),
        Event::Wait { .. } => String::new(),
    }
}

fn text(answer: impl std::fmt::Debug) -> String {
    format!("{answer:?}")
}

fn id(door: u8) -> MailboxId {
    Owner::new(door).mailbox()
}

fn proven(door: u8) -> ProvenMailbox {
    ProvenMailbox::by_open(&Owner::new(door).open(&NONCE, &[]), &NONCE).unwrap()
}

fn known(person: u8, device: u8) -> Person {
    let first = Person::new(10 + person);
    if device == 0 { first } else { first.with_new_device(10 + person) }
}

/// Plays an event as the storage does: a piece of work within a batch, undone when it fails.
fn play_in_batch(rows: &mut dyn Engine, event: &Event, now: Timestamp) -> String {
    rows.mark().unwrap();
    let answer = play(rows, event, now);
    if answer.contains("Err") || matches!(event, Event::Undone(_)) {
        rows.undo().unwrap();
    } else {
        rows.keep().unwrap();
    }
    answer
}

/// Everything about the mailboxes that their rules can see.
fn state(rows: &mut dyn Engine) -> String {
    let mut state = String::new();
    for door in DOORS {
        let mailbox = rows.mailbox(&id(door)).unwrap().map(|mut mailbox| {
            mailbox.row = super::Row(0);
            mailbox
        });
        let cursor = Cursor { mailbox: id(door), position: 0 };
        state += &text((mailbox, mailbox::fetch(rows, &[cursor], 64).unwrap()));
    }
    state
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn sqlite_answers_as_memory_does(
        batches in prop::collection::vec(
            (prop::collection::vec(any_event(), 1..12), prop::bool::weighted(0.9)),
            1..12,
        ),
    ) {
        let mut sqlite = SqliteEngine::in_memory().unwrap();
        let mut memory = MemoryEngine::default();
        let mut now = Timestamp::from_millis(1_700_000_000_000);
        for (events, is_committed) in batches {
            sqlite.begin().unwrap();
            memory.begin().unwrap();
            for event in &events {
                if let Event::Wait { hours } = event {
                    now = now.saturating_add(Duration::from_secs(3600) * *hours);
                }
                let expected = play_in_batch(&mut memory, event, now);
                prop_assert_eq!(play_in_batch(&mut sqlite, event, now), expected, "{:?}", event);
            }
            if is_committed {
                sqlite.commit().unwrap();
                memory.commit().unwrap();
            } else {
                sqlite.abort();
                memory.abort();
            }
            prop_assert_eq!(state(&mut sqlite), state(&mut memory));
        }
    }
}

#[test]
fn a_committed_batch_is_there_after_opening_again_and_an_aborted_one_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let mut rows = SqliteEngine::open(dir.path(), u64::MAX).unwrap();
    let now = Timestamp::from_millis(1);
    for (door, is_committed) in [(1, true), (2, false)] {
        rows.begin().unwrap();
        mailbox::open(&mut rows, &proven(door), &[], now).unwrap();
        if is_committed { rows.commit().unwrap() } else { rows.abort() }
    }
    drop(rows);
    let mut rows = SqliteEngine::open(dir.path(), u64::MAX).unwrap();
    assert!(rows.mailbox(&id(1)).unwrap().is_some());
    assert!(rows.mailbox(&id(2)).unwrap().is_none());
}
