use std::sync::mpsc as std_mpsc;

use kuvert_wire::MailboxId;

use super::*;
use crate::engine::SqliteEngine;
use crate::franking::FrankingKeys;
use crate::keys::{self, Owner};
use crate::limits::Limits;
use crate::mailbox::{self, Cursor};
use crate::proof::ProvenMailbox;

const NONCE: kuvert_wire::relay::Nonce = kuvert_wire::relay::Nonce::from_bytes([1; 32]);

fn start(engine: SqliteEngine) -> (Storage, StorageThread) {
    Storage::start(engine, Arc::new(|| Timestamp::from_millis(5))).unwrap()
}

fn open_door(rows: &mut dyn Engine, number: u8, now: Timestamp) -> Result<(), Failure> {
    let open = Owner::new(number).open(&NONCE, &[]);
    mailbox::open(rows, &ProvenMailbox::by_open(&open, &NONCE).unwrap(), &[], now)
}

fn put(
    rows: &mut dyn Engine,
    post: &kuvert_wire::relay::Post,
    now: Timestamp,
) -> Result<mailbox::Posted, Failure> {
    mailbox::post(rows, post, &FrankingKeys::default(), now, &Limits::default())
}

fn door(number: u8) -> MailboxId {
    Owner::new(number).mailbox()
}

/// Occupies the thread until the sender is dropped, so that what is submitted meanwhile makes one batch.
async fn hold(storage: &Storage) -> std_mpsc::Sender<()> {
    let (release, held) = std_mpsc::channel::<()>();
    let (begun, has_begun) = oneshot::channel();
    let work = move |_: &mut dyn Engine, _| {
        assert_eq!(begun.send(()), Ok(()));
        assert!(held.recv().is_err(), "only dropping the sender releases the thread");
        Ok(())
    };
    drop(storage.submit(work, |()| ()).await);
    has_begun.await.unwrap();
    release
}

#[tokio::test]
async fn a_refused_piece_of_work_changes_nothing_and_disturbs_no_other() {
    let (storage, thread) = start(SqliteEngine::in_memory().unwrap());
    let release = hold(&storage).await;
    let first = storage.submit(|rows, now| open_door(rows, 1, now), |()| ()).await;
    let refused = storage
        .submit(
            |rows, now| {
                open_door(rows, 2, now)?;
                Err::<(), _>(Refusal::TooMany.into())
            },
            |()| unreachable!("nothing was committed"),
        )
        .await;
    let third = storage.submit(|rows, now| open_door(rows, 3, now), |()| ()).await;
    drop(release);

    assert_eq!(receive(first).await, Ok(()));
    let reason = receive(refused).await.unwrap_err().reason;
    assert_eq!((reason, receive(third).await), (Refusal::TooMany, Ok(())));
    for (number, exists) in [(1, true), (2, false), (3, true)] {
        let found = storage.run(move |rows, _| Ok(rows.mailbox(&door(number))?.is_some())).await;
        assert_eq!(found, Ok(exists), "{number}");
    }
    drop(storage);
    thread.join();
}

#[tokio::test]
async fn what_was_committed_is_announced_even_if_nobody_waits() {
    let (storage, thread) = start(SqliteEngine::in_memory().unwrap());
    let (announced, announcement) = oneshot::channel();
    let work = |rows: &mut dyn Engine, now| open_door(rows, 1, now);
    drop(storage.submit(work, move |()| assert_eq!(announced.send(()), Ok(()))).await);
    assert_eq!(announcement.await, Ok(()));
    drop(storage);
    thread.join();
}

#[tokio::test]
async fn many_pieces_of_work_share_one_commit_and_keep_their_order() {
    let (storage, thread) = start(SqliteEngine::in_memory().unwrap());
    storage.run(|rows, now| open_door(rows, 1, now)).await.unwrap();
    let release = hold(&storage).await;
    let mut answers = Vec::new();
    for number in 0..200 {
        let post = keys::post(door(1), number, &[number]);
        let work = move |rows: &mut dyn Engine, now| put(rows, &post, now);
        answers.push(storage.submit(work, |_| ()).await);
    }
    drop(release);
    for answer in answers {
        assert_eq!(receive(answer).await, Ok(mailbox::Posted::New));
    }
    let cursor = Cursor { mailbox: door(1), position: 0 };
    let fetched = storage.run(move |rows, _| mailbox::fetch(rows, &[cursor], 64)).await.unwrap();
    let first_bytes = fetched.items.iter().map(|item| item.envelope.as_bytes()[0]);
    assert!(first_bytes.eq(0..64));
    drop(storage);
    thread.join();
}

/// A full disk, as far as SQLite can tell: the database may not grow.
#[tokio::test]
async fn a_full_disk_refuses_posts_and_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (storage, thread) = start(SqliteEngine::open(dir.path(), 1024 * 1024).unwrap());
    storage.run(|rows, now| open_door(rows, 1, now)).await.unwrap();
    let mut stored = 0;
    let refused = loop {
        let post = keys::post(door(1), stored, &[stored; 50_000]);
        let work = move |rows: &mut dyn Engine, now| put(rows, &post, now);
        match storage.run(work).await {
            Ok(_) => stored += 1,
            Err(refused) => break refused,
        }
    };
    assert!(refused.reason == Refusal::Unavailable && refused.retry_after_ms > 0);
    assert!(stored > 5, "{stored}");
    let cursor = Cursor { mailbox: door(1), position: 0 };
    let fetch = move |rows: &mut dyn Engine, _: Timestamp| mailbox::fetch(rows, &[cursor], 1);
    assert_eq!(storage.run(fetch).await.unwrap().items.len(), 1);

    let all = u64::from(stored);
    storage.run(move |rows, now| mailbox::confirm(rows, &door(1), all, now)).await.unwrap();
    let post = keys::post(door(1), 200, &[1; 50_000]);
    let work = move |rows: &mut dyn Engine, now| put(rows, &post, now);
    assert!(storage.run(work).await.is_ok(), "room was made");
    drop(storage);
    thread.join();
}

#[tokio::test]
async fn without_its_thread_the_storage_is_unavailable() {
    let (jobs, queue) = mpsc::channel(1);
    drop(queue);
    let storage = Storage { jobs };
    let refused = storage.run(|_, _| Ok(())).await.unwrap_err();
    assert_eq!(refused.reason, Refusal::Unavailable);
}
