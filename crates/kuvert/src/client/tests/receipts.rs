//! When receipts go, and to whom.

use core::time::Duration;

use super::support::{events, heard, hub, name, pair, pass, person};
use crate::event::{DeliveryState, Event};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test]
async fn one_receipt_answers_several_messages_after_a_while() {
    let hub = hub();
    let (mut alice, mut bob) = pair(&hub).await;
    let to_bob = bob.account();
    for text in ["one", "two", "three"] {
        alice.send(to_bob, text).await.expect("sent");
    }
    assert_eq!(heard(&mut bob).await, ["one", "two", "three"]);

    pass(4 * SECOND);
    bob.flush().await.expect("flushed");
    assert!(events(&mut alice).await.is_empty(), "at least five seconds pass");

    pass(12 * SECOND);
    assert!(bob.has_work().expect("read"));
    bob.flush().await.expect("flushed");
    assert!(!bob.has_work().expect("read"));
    let told = events(&mut alice).await;
    let [Event::Delivered(delivery)] = told.as_slice() else { panic!("one receipt: {told:?}") };
    assert_eq!(delivery.message_ids().len(), 3);
    let states: Vec<_> =
        alice.history(to_bob).expect("read").iter().map(|entry| entry.state).collect();
    assert_eq!(states, [DeliveryState::Delivered; 3]);
}

#[tokio::test]
async fn a_stranger_gets_none_until_accepted() {
    let hub = hub();
    let (mut alice, mut bob) = (person(&hub, "alice").await, person(&hub, "bob").await);
    let to_bob = alice.start_session(&bob.address()).await.expect("begun");
    alice.send(to_bob, "do you know me?").await.expect("sent");
    assert_eq!(heard(&mut bob).await, ["do you know me?"]);
    pass(60 * SECOND);
    assert!(!bob.has_work().expect("read"));
    bob.flush().await.expect("flushed");
    assert!(events(&mut alice).await.is_empty());

    bob.add_contact(&name("alice"), &alice.address()).expect("added");
    alice.send(to_bob, "and now?").await.expect("sent");
    assert_eq!(heard(&mut bob).await, ["and now?"]);
    pass(60 * SECOND);
    bob.flush().await.expect("flushed");
    let told = events(&mut alice).await;
    let [Event::Delivered(delivery)] = told.as_slice() else { panic!("one receipt: {told:?}") };
    assert_eq!(delivery.message_ids().len(), 1, "for what came after");
}

#[tokio::test]
async fn receipts_are_not_answered() {
    let hub = hub();
    let (mut alice, mut bob) = pair(&hub).await;
    alice.send(bob.account(), "one").await.expect("sent");
    heard(&mut bob).await;
    for _ in 0..3 {
        pass(60 * SECOND);
        bob.flush().await.expect("flushed");
        events(&mut alice).await;
        alice.flush().await.expect("flushed");
        events(&mut bob).await;
    }
    assert!(!alice.has_work().expect("read") && !bob.has_work().expect("read"));
}
