//! Strangers, wrong identities, safety numbers.

use core::time::Duration;

use super::support::{events, heard, hub, name, offline, pair, person};
use crate::Error;
use crate::event::Event;

#[tokio::test]
async fn a_request_says_where_it_comes_from() {
    let hub = hub();
    let (mut alice, mut bob) = (person(&hub, "alice").await, person(&hub, "bob").await);
    let to_bob = alice.start_session(&bob.address()).await.expect("begun");
    alice.send(to_bob, "hello").await.expect("sent");
    let told = events(&mut bob).await;
    let [Event::Message(message)] = told.as_slice() else { panic!("one message: {told:?}") };
    assert_eq!(message.sender().address, Some(alice.address()));
    assert!(!message.sender().accepted);
    assert_eq!(message.sender().to_string(), alice.address().to_string());

    // Answering accepts.
    bob.send(message.sender().account, "hello yourself").await.expect("sent");
    assert_eq!(heard(&mut alice).await, ["hello yourself"]);
    alice.send(to_bob, "fine").await.expect("sent");
    let told = events(&mut bob).await;
    let [Event::Message(message)] = told.as_slice() else { panic!("one message: {told:?}") };
    assert!(message.sender().accepted);
}

#[tokio::test]
async fn who_is_not_known_cannot_be_written_to() {
    let hub = hub();
    let (mut alice, bob) = (person(&hub, "alice").await, person(&hub, "bob").await);
    assert!(matches!(alice.send(bob.account(), "hi").await, Err(Error::UnknownPeer)));
    let own = alice.address();
    assert!(matches!(alice.start_session(&own).await, Err(Error::OwnAddress)));
    assert!(matches!(alice.add_contact(&name("me"), &own), Err(Error::OwnAddress)));
}

#[tokio::test]
async fn both_may_begin_at_once() {
    let hub = hub();
    let (mut alice, mut bob) = pair(&hub).await;
    alice.send(bob.account(), "from alice").await.expect("sent");
    bob.send(alice.account(), "from bob").await.expect("sent");
    assert_eq!(heard(&mut alice).await, ["from bob"]);
    assert_eq!(heard(&mut bob).await, ["from alice"]);
    for n in 0..4 {
        alice.send(bob.account(), &format!("a{n}")).await.expect("sent");
        bob.send(alice.account(), &format!("b{n}")).await.expect("sent");
        assert_eq!(heard(&mut alice).await, [format!("b{n}")]);
        assert_eq!(heard(&mut bob).await, [format!("a{n}")]);
    }
}

/// MSG-15
#[tokio::test]
async fn a_message_that_is_sent_again_is_shown_once() {
    let hub = hub();
    let (mut alice, mut bob) = pair(&hub).await;
    let sent = alice.send(bob.account(), "tea").await.expect("sent");
    assert_eq!(heard(&mut bob).await, ["tea"]);
    let again = kuvert_core::Content::text("tea").named(sent.id);
    alice.seal(&bob.account(), &again, Vec::new()).expect("sealed");
    alice.send(bob.account(), "and cake").await.expect("sent");
    assert_eq!(heard(&mut bob).await, ["and cake"]);
    assert_eq!(bob.history(alice.account()).expect("read").len(), 2);
}

#[tokio::test]
async fn safety_numbers_need_keys_and_a_match_of_these_two() {
    let hub = hub();
    let (mut alice, mut bob) = pair(&hub).await;
    let mut carol = person(&hub, "carol").await;
    carol.add_contact(&name("bob"), &bob.address()).expect("added");
    let to_bob = bob.account();
    assert!(matches!(alice.safety_number(to_bob), Err(Error::NoKeysYet)));
    alice.learn_keys(to_bob).await.expect("learnt");
    carol.learn_keys(to_bob).await.expect("learnt");
    bob.learn_keys(alice.account()).await.expect("learnt");

    let read_aloud = bob.safety_number(alice.account()).expect("known").to_string();
    let number = alice.safety_number(to_bob).expect("known");
    assert!(number.compare("12345").is_none());
    let others = carol.safety_number(to_bob).expect("known");
    let of_others = others.compare(&others.to_string()).expect("the same");
    let refused = alice.mark_verified(to_bob, of_others);
    assert!(matches!(refused, Err(Error::OtherSafetyNumber)), "{refused:?}");
    let matched = number.compare(&read_aloud).expect("the same");
    alice.mark_verified(to_bob, matched).expect("stored");
    assert!(alice.contact("bob").expect("known").is_verified());

    alice.remove_contact("bob").expect("removed");
    alice.add_contact(&name("bob"), &bob.address()).expect("added");
    assert!(!alice.contact("bob").expect("known").is_verified(), "a new name is compared anew");
}

#[tokio::test]
async fn without_a_connection_reading_says_so() {
    let hub = hub();
    let (mut alice, _bob) = pair(&hub).await;
    offline(&alice, true);
    let result = alice.poll_event(Duration::ZERO, None).await;
    assert!(result.is_err_and(|error| error.is_temporary()));
}

#[tokio::test]
async fn a_removed_contact_is_a_request_again() {
    let hub = hub();
    let (mut alice, mut bob) = pair(&hub).await;
    alice.send(bob.account(), "one").await.expect("sent");
    heard(&mut bob).await;
    bob.send(alice.account(), "two").await.expect("sent");
    heard(&mut alice).await;
    bob.remove_contact("alice").expect("removed");
    let mut bob = super::support::reopened(&hub, &bob);
    alice.send(bob.account(), "three").await.expect("sent");
    let told = events(&mut bob).await;
    let [Event::Message(message)] = told.as_slice() else { panic!("one message: {told:?}") };
    assert!(!message.sender().accepted);
    assert_eq!(message.sender().to_string(), alice.address().to_string());
}

#[tokio::test]
async fn any_name_names_a_contact() {
    let hub = hub();
    let (mut alice, bob) = (person(&hub, "alice").await, person(&hub, "bob").await);
    for text in ["é".repeat(64), "👩".repeat(64), "שרה".into(), "Bob's, \"own\"".into()] {
        assert!(matches!(alice.contact(&text), Err(Error::UnknownPeer)));
        let added = alice.add_contact(&name(&text), &bob.address()).expect("added");
        assert_eq!(alice.contact(&text).expect("found"), added);
        assert_eq!(alice.contacts().expect("read"), [added]);
        alice.remove_contact(&text).expect("removed");
        assert!(matches!(alice.contact(&text), Err(Error::UnknownPeer)));
    }
}
