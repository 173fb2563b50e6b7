//! Lost answers, full disks, ends at the wrong moment.

use core::time::Duration;

use kuvert_core::{Change, Changes, Key};
use kuvert_store::Store;
use kuvert_transport::{Delivered, Transport};
use kuvert_wire::relay::SealedEnvelope;
use kuvert_wire::{MailboxId, Timestamp};

use super::support::{Person, answers_lost, heard, hub, offline, pair, reopened};
use crate::event::{DeliveryState, Event};
use crate::{Error, record};

#[tokio::test]
async fn a_post_whose_answer_is_lost_arrives_once() {
    let hub = hub();
    let (mut alice, mut bob) = pair(&hub).await;
    let to_bob = bob.account();
    alice.send(to_bob, "one").await.expect("sent");
    answers_lost(&alice, true);
    let sent = alice.send(to_bob, "two").await.expect("queued");
    assert_eq!(sent.state, DeliveryState::Queued, "for all that is known");
    answers_lost(&alice, false);
    alice.send(to_bob, "three").await.expect("sent");
    assert_eq!(heard(&mut bob).await, ["one", "two", "three"]);
    assert_eq!(bob.status().await.expect("asked").causes.values().sum::<u64>(), 0);
}

#[tokio::test]
async fn what_is_queued_outlives_the_process() {
    let hub = hub();
    let (mut alice, mut bob) = pair(&hub).await;
    let to_bob = bob.account();
    offline(&alice, true);
    alice.send(to_bob, "before any session").await.expect("queued");
    let mut alice = reopened(&hub, &alice);
    assert_eq!(alice.queued().expect("read"), 1);
    alice.flush().await.expect("flushed");
    offline(&alice, true);
    alice.send(to_bob, "within it").await.expect("queued");
    let mut alice = reopened(&hub, &alice);
    alice.flush().await.expect("flushed");
    assert_eq!(alice.queued().expect("read"), 0);
    assert_eq!(heard(&mut bob).await, ["before any session", "within it"]);
}

#[tokio::test]
async fn a_frame_that_was_opened_and_not_filed_is_filed_by_the_next() {
    let hub = hub();
    let (mut alice, mut bob) = pair(&hub).await;
    alice.send(bob.account(), "one").await.expect("sent");
    bob.go_online().await.expect("online");
    bob.attach_mailboxes().await.expect("attached");
    while let Some(delivered) = bob.carrier.next(Duration::ZERO).await.expect("asked") {
        bob.open_envelope(&delivered).expect("opened");
    }
    // Bob's process ends here: neither filed nor confirmed.
    let mut bob = reopened(&hub, &bob);
    assert_eq!(heard(&mut bob).await, ["one"]);
    let dropped = bob.status().await.expect("asked").causes;
    let counted: Vec<_> =
        dropped.iter().filter(|(_, n)| **n > 0).map(|(cause, _)| *cause).collect();
    assert_eq!(counted, ["Duplicate"], "the relay gave them again");
}

#[tokio::test]
async fn an_event_is_given_again_until_acknowledged() {
    let hub = hub();
    let (mut alice, mut bob) = pair(&hub).await;
    alice.send(bob.account(), "one").await.expect("sent");
    let first = bob.poll_event(Duration::ZERO, None).await.expect("polled");
    assert!(matches!(first, Some(Event::Message(_))));
    let mut bob = reopened(&hub, &bob);
    assert_eq!(bob.poll_event(Duration::ZERO, None).await.expect("polled"), first);
    bob.acknowledge().expect("stored");
    let mut bob = reopened(&hub, &bob);
    assert_eq!(bob.poll_event(Duration::ZERO, None).await.expect("polled"), None);
}

#[tokio::test]
async fn a_full_disk_keeps_messages_at_the_relay() {
    let hub = hub();
    let (mut alice, mut bob) = pair(&hub).await;
    alice.send(bob.account(), "one").await.expect("sent");
    alice.send(bob.account(), "two").await.expect("sent");
    bob.go_online().await.expect("online");
    bob.attach_mailboxes().await.expect("attached");
    bob.store.is_full = true;
    let refused = bob.poll_event(Duration::ZERO, None).await;
    assert!(matches!(refused, Err(Error::Store(_))), "{refused:?}");
    let mut next_process = reopened(&hub, &bob);
    next_process.store.is_full = false;
    bob.store.is_full = false;
    assert_eq!(heard(&mut bob).await, ["one", "two"], "no later one has pushed it out");
    assert!(heard(&mut next_process).await.is_empty());
}

#[tokio::test]
async fn a_full_disk_sends_nothing() {
    let hub = hub();
    let (mut alice, mut bob) = pair(&hub).await;
    let to_bob = bob.account();
    alice.send(to_bob, "one").await.expect("sent");
    alice.store.is_full = true;
    assert!(matches!(alice.send(to_bob, "two").await, Err(Error::Store(_))));
    alice.store.is_full = false;
    alice.send(to_bob, "three").await.expect("sent");
    assert_eq!(heard(&mut bob).await, ["one", "three"]);
}

#[tokio::test]
async fn garbage_is_counted_and_dropped() {
    let hub = hub();
    let (mut alice, mut bob) = pair(&hub).await;
    alice.send(bob.account(), "one").await.expect("sent");
    for garbage in [b"not an envelope".to_vec(), vec![2; 600]] {
        let delivered = Delivered {
            mailbox: MailboxId::from_bytes([0; 32]),
            position: 1,
            received: Timestamp::from_millis(0),
            franked: None,
            envelope: SealedEnvelope::new(garbage).expect("short enough"),
        };
        bob.open_envelope(&delivered).expect("dropped");
    }
    assert_eq!(heard(&mut bob).await, ["one"]);
    let dropped = bob.status().await.expect("asked").causes;
    assert_eq!(dropped.values().sum::<u64>(), 2, "{dropped:?}");
}

/// Makes a record unreadable.
fn damage(person: &mut Person, key: Key) {
    let expected = person.store.get(&key).expect("read").expect("there").version;
    let change = Change::Put { key, expected, value: b"garbage".to_vec().into() };
    person.store.apply(&Changes::of([change])).expect("damaged");
}

#[tokio::test]
async fn a_damaged_record_of_something_else_fails_no_message() {
    let hub = hub();
    let (mut alice, mut bob) = pair(&hub).await;
    let (to_alice, to_bob) = (alice.account(), bob.account());
    alice.send(to_bob, "one").await.expect("sent");
    bob.send(to_alice, "two").await.expect("sent");
    assert_eq!(heard(&mut alice).await, ["two"]);
    damage(&mut alice, record::receipt_key(&to_bob));

    let sent = alice.send(to_bob, "three").await.expect("safe, whatever else is wrong");
    assert_eq!(sent.state, DeliveryState::Sent);
    assert!(sent.warning.expect("something is wrong").contains("receipt/"));
    assert_eq!(heard(&mut bob).await, ["one", "three"]);
}

#[tokio::test]
async fn what_fails_before_a_message_is_safe_leaves_nothing_of_it() {
    let hub = hub();
    let (mut alice, mut bob) = pair(&hub).await;
    let to_bob = bob.account();
    alice.send(to_bob, "one").await.expect("sent");
    offline(&alice, true);
    damage(&mut alice, record::contact_key(&to_bob));
    assert!(matches!(alice.send(to_bob, "two").await, Err(Error::Record { .. })));
    assert_eq!(alice.queued().expect("read"), 0);
    assert_eq!(heard(&mut bob).await, ["one"]);
}

#[tokio::test]
async fn a_wait_may_be_as_long_as_a_number_can_say() {
    let hub = hub();
    let (mut alice, mut bob) = pair(&hub).await;
    alice.send(bob.account(), "one").await.expect("sent");
    let event = bob.poll_event(Duration::MAX, None).await.expect("polled");
    assert!(matches!(event, Some(Event::Message(_))));
}

#[tokio::test]
async fn a_long_queue_is_read_once() {
    const MESSAGES: usize = 60;
    let hub = hub();
    let (mut alice, mut bob) = pair(&hub).await;
    let to_bob = bob.account();
    offline(&alice, true);
    let before = alice.store.listed.get();
    for n in 0..MESSAGES {
        alice.send(to_bob, &n.to_string()).await.expect("queued");
    }
    assert_eq!(alice.store.listed.get(), before, "queueing does not look at the queue");
    offline(&alice, false);
    alice.flush().await.expect("sent");
    let listed = alice.store.listed.get() - before;
    assert!(listed < 4 * MESSAGES, "{listed} records read to send {MESSAGES}");
    assert_eq!(heard(&mut bob).await.len(), MESSAGES);
}
