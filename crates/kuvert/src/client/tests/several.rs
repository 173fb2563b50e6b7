//! Several processes on one store.

use super::support::{heard, hub, pair, reopened};
use crate::Error;

#[tokio::test]
async fn two_senders_take_turns_without_knowing_of_each_other() {
    let hub = hub();
    let (mut alice, mut bob) = pair(&hub).await;
    let to_bob = bob.account();
    let mut also_alice = reopened(&hub, &alice);
    for n in 0..5 {
        alice.send(to_bob, &format!("first {n}")).await.expect("sent");
        also_alice.send(to_bob, &format!("second {n}")).await.expect("sent");
    }
    let expected: Vec<_> =
        (0..5).flat_map(|n| [format!("first {n}"), format!("second {n}")]).collect();
    assert_eq!(heard(&mut bob).await, expected);
}

#[tokio::test]
async fn two_receivers_show_each_message_once() {
    let hub = hub();
    let (mut alice, mut bob) = pair(&hub).await;
    let mut also_bob = reopened(&hub, &bob);
    for text in ["one", "two", "three"] {
        alice.send(bob.account(), text).await.expect("sent");
    }
    assert_eq!(heard(&mut bob).await, ["one", "two", "three"]);
    assert!(heard(&mut also_bob).await.is_empty());
    alice.send(bob.account(), "four").await.expect("sent");
    assert_eq!(heard(&mut also_bob).await, ["four"]);
    assert!(heard(&mut bob).await.is_empty());
}

#[tokio::test]
async fn a_store_that_never_stands_still_is_given_up() {
    let hub = hub();
    let (mut alice, _bob) = pair(&hub).await;
    let result: Result<(), _> = alice.contend(|client| {
        let key = crate::record::counter_key();
        let stale = crate::record::insert(key, &0_u64)?;
        let fresh = client.reserve(1)?.1;
        client.apply([fresh])?;
        client.apply([stale])
    });
    assert!(matches!(result, Err(Error::Contended)), "{result:?}");
}

#[tokio::test]
async fn names_are_unique_over_processes() {
    let hub = hub();
    let (mut alice, bob) = pair(&hub).await;
    let mut also_alice = reopened(&hub, &alice);
    let carol = super::support::person(&hub, "carol").await;
    let name = super::support::name("friend");
    alice.remove_contact("bob").expect("removed");
    alice.add_contact(&name, &bob.address()).expect("added");
    let refused = also_alice.add_contact(&name, &carol.address());
    assert!(matches!(refused, Err(Error::NameTaken)), "{refused:?}");
}

#[tokio::test]
async fn a_process_that_missed_the_beginning_drops_nothing() {
    let hub = hub();
    let (mut alice, mut bob) = pair(&hub).await;
    let mut early_alice = reopened(&hub, &alice);
    assert!(heard(&mut early_alice).await.is_empty());
    // A session that the early process knows nothing of, begun by another one.
    alice.send(bob.account(), "one").await.expect("sent");
    assert_eq!(heard(&mut bob).await, ["one"]);
    bob.send(alice.account(), "two").await.expect("sent");
    assert_eq!(heard(&mut early_alice).await, ["two"]);
    assert!(early_alice.status().await.expect("asked").causes.values().all(|n| *n == 0));
}

#[tokio::test]
async fn what_another_process_left_unshown_is_shown() {
    let hub = hub();
    let (mut alice, mut bob) = pair(&hub).await;
    let mut patient_bob = reopened(&hub, &bob);
    assert!(heard(&mut patient_bob).await.is_empty());
    alice.send(bob.account(), "one").await.expect("sent");
    let first = bob.poll_event(core::time::Duration::ZERO, None).await.expect("polled");
    assert!(first.is_some());
    drop(bob); // before it was acknowledged
    assert_eq!(heard(&mut patient_bob).await, ["one"]);
}
