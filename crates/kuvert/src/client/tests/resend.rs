//! What got lost without a trace comes again, once.

use core::time::Duration;

use super::support::{
    Fate, events, fate, heard, hub, name, pair, pass, person, say, settle, texts,
};
use crate::client::sent::{MAX_HELD, MAX_HELD_AGE};
use crate::event::{DeliveryState, Event};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

fn states(person: &super::support::Person, peer: kuvert_wire::AccountId) -> Vec<DeliveryState> {
    person.history(peer).expect("read").iter().map(|entry| entry.state).collect()
}

#[tokio::test]
async fn a_later_receipt_tells_of_an_earlier_loss() {
    let hub = hub();
    let (mut alice, mut bob) = pair(&hub).await;
    let to_bob = bob.account();
    say(&mut alice, to_bob, "one", Fate::Arrives).await;
    say(&mut alice, to_bob, "two", Fate::IsLost).await;
    say(&mut alice, to_bob, "three", Fate::Arrives).await;
    assert_eq!(heard(&mut bob).await, ["one", "three"]);
    pass(20 * SECOND);
    let (_, to_bob_now) = settle(&mut alice, &mut bob).await;
    assert_eq!(texts(&to_bob_now), ["two"]);
    pass(20 * SECOND);
    settle(&mut alice, &mut bob).await;
    assert_eq!(states(&alice, to_bob), [DeliveryState::Delivered; 3]);
}

#[tokio::test]
async fn what_the_peer_says_later_tells_of_a_loss() {
    let hub = hub();
    let (mut alice, mut bob) = pair(&hub).await;
    let to_bob = bob.account();
    say(&mut alice, to_bob, "one", Fate::Arrives).await;
    assert_eq!(heard(&mut bob).await, ["one"]);
    pass(20 * SECOND);
    settle(&mut alice, &mut bob).await;
    say(&mut alice, to_bob, "two", Fate::IsLost).await;
    pass(30 * SECOND);
    bob.send(alice.account(), "are you there?").await.expect("sent");
    let (_, to_bob_now) = settle(&mut alice, &mut bob).await;
    assert!(texts(&to_bob_now).is_empty(), "it may be on its way");
    pass(31 * SECOND);
    bob.send(alice.account(), "hello?").await.expect("sent");
    let (to_alice, to_bob_now) = settle(&mut alice, &mut bob).await;
    assert_eq!((texts(&to_alice), texts(&to_bob_now)), (vec!["hello?"], vec!["two"]));
}

#[tokio::test]
async fn a_lost_receipt_is_made_up_for() {
    let hub = hub();
    let (mut alice, mut bob) = pair(&hub).await;
    let to_bob = bob.account();
    say(&mut alice, to_bob, "one", Fate::Arrives).await;
    assert_eq!(heard(&mut bob).await, ["one"]);
    pass(20 * SECOND);
    fate(&bob, Fate::IsLost);
    bob.flush().await.expect("the receipt leaves and is lost");
    fate(&bob, Fate::Arrives);
    assert!(events(&mut alice).await.is_empty());
    pass(2 * MINUTE);
    bob.send(alice.account(), "well?").await.expect("sent");
    let (to_alice, to_bob_now) = settle(&mut alice, &mut bob).await;
    assert_eq!(texts(&to_alice), ["well?"]);
    assert!(texts(&to_bob_now).is_empty(), "it is shown once");
    pass(20 * SECOND);
    settle(&mut alice, &mut bob).await;
    assert_eq!(states(&alice, to_bob)[0], DeliveryState::Delivered);
}

#[tokio::test]
async fn silence_is_a_sign_where_envelopes_get_lost() {
    let hub = hub();
    let (mut alice, mut bob) = pair(&hub).await;
    let to_bob = bob.account();
    say(&mut alice, to_bob, "one", Fate::Arrives).await;
    assert_eq!(heard(&mut bob).await, ["one"]);
    pass(20 * SECOND);
    settle(&mut alice, &mut bob).await;
    alice.carrier.is_lossy = true;
    say(&mut alice, to_bob, "two", Fate::IsLost).await;
    pass(59 * SECOND);
    assert!(texts(&settle(&mut alice, &mut bob).await.1).is_empty());
    fate(&alice, Fate::IsLost);
    pass(2 * SECOND);
    settle(&mut alice, &mut bob).await;
    fate(&alice, Fate::Arrives);
    pass(9 * MINUTE);
    assert!(texts(&settle(&mut alice, &mut bob).await.1).is_empty(), "ten minutes the second time");
    pass(2 * MINUTE);
    assert_eq!(texts(&settle(&mut alice, &mut bob).await.1), ["two"]);
}

#[tokio::test]
async fn nothing_comes_again_to_who_is_no_contact_any_more() {
    let hub = hub();
    let (mut alice, mut bob) = pair(&hub).await;
    let to_bob = bob.account();
    say(&mut alice, to_bob, "one", Fate::Arrives).await;
    assert_eq!(heard(&mut bob).await, ["one"]);
    say(&mut alice, to_bob, "two", Fate::IsLost).await;
    alice.remove_contact("bob").expect("removed");
    pass(10 * MINUTE);
    bob.send(alice.account(), "hello?").await.expect("sent");
    let (_, to_bob_now) = settle(&mut alice, &mut bob).await;
    assert!(texts(&to_bob_now).is_empty());
    assert_eq!(alice.queued().expect("read"), 0);
}

#[tokio::test]
async fn what_nobody_acknowledges_for_a_month_is_told() {
    let hub = hub();
    let (mut alice, bob) = pair(&hub).await;
    let to_bob = bob.account();
    say(&mut alice, to_bob, "one", Fate::IsLost).await;
    fate(&alice, Fate::IsLost);
    pass(MAX_HELD_AGE - MINUTE);
    assert!(events(&mut alice).await.is_empty());
    pass(2 * MINUTE + super::super::online::CARE_EVERY);
    let told = events(&mut alice).await;
    let [Event::Undelivered(given_up)] = told.as_slice() else { panic!("one: {told:?}") };
    assert_eq!(given_up.message_ids().len(), 1);
    assert_eq!(states(&alice, to_bob), [DeliveryState::Undelivered]);
    assert!(events(&mut alice).await.is_empty(), "once");
}

#[tokio::test]
async fn the_buffer_has_an_end_and_says_so() {
    let hub = hub();
    let (mut alice, bob) = pair(&hub).await;
    let to_bob = bob.account();
    fate(&alice, Fate::IsLost);
    let listed = alice.store.listed.get();
    for n in 0..MAX_HELD {
        alice.send(to_bob, &n.to_string()).await.expect("sent");
    }
    let listed = alice.store.listed.get() - listed;
    assert!(listed < 8 * MAX_HELD as usize, "{listed} records read to send {MAX_HELD}");
    assert!(events(&mut alice).await.is_empty());
    alice.send(to_bob, "one too many").await.expect("sent");
    let told = events(&mut alice).await;
    let [Event::Undelivered(given_up)] = told.as_slice() else { panic!("one: {told:?}") };
    assert!(!given_up.message_ids().is_empty());
    let held = alice.sent_record(&to_bob).expect("read").value;
    let all = alice.all_unacked(&to_bob).expect("read").len();
    assert_eq!(held.count as usize, all);
    assert!(held.count <= MAX_HELD && all + given_up.message_ids().len() == 1001);
}

#[tokio::test]
async fn long_messages_fill_the_buffer_sooner() {
    let hub = hub();
    let (mut alice, bob) = pair(&hub).await;
    let to_bob = bob.account();
    fate(&alice, Fate::IsLost);
    let long = "x".repeat(60_000);
    for _ in 0..20 {
        alice.send(to_bob, &long).await.expect("sent");
        let held = alice.sent_record(&to_bob).expect("read").value;
        assert!(held.bytes <= crate::client::sent::MAX_HELD_BYTES, "{held:?}");
    }
    assert_eq!(events(&mut alice).await.len(), 2);
}

#[tokio::test]
async fn a_message_from_before_acceptance_is_acknowledged_after_it() {
    let hub = hub();
    let (mut alice, mut bob) = (person(&hub, "alice").await, person(&hub, "bob").await);
    let to_bob = alice.start_session(&bob.address()).await.expect("begun");
    alice.send(to_bob, "do you know me?").await.expect("sent");
    assert_eq!(heard(&mut bob).await, ["do you know me?"]);
    pass(10 * MINUTE);
    settle(&mut alice, &mut bob).await;
    assert_eq!(states(&alice, to_bob), [DeliveryState::Sent]);
    bob.add_contact(&name("alice"), &alice.address()).expect("added");
    alice.send(to_bob, "and now?").await.expect("sent");
    for _ in 0..4 {
        settle(&mut alice, &mut bob).await;
        pass(20 * SECOND);
    }
    assert_eq!(states(&alice, to_bob), [DeliveryState::Delivered; 2]);
    assert_eq!(bob.history(alice.account()).expect("read").len(), 2);
}
