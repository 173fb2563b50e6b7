//! Sessions that do not work are replaced, and nothing is lost or shown twice.

use core::sync::atomic::Ordering;
use core::time::Duration;

use kuvert_store::Store;

use super::support::{
    Fate, Person, events, fate, heard, hub, offline, pair, pass, reopened, say, settle, texts,
    turn_back,
};
use crate::event::{DeliveryState, Event};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

/// Alice and Bob in the middle of a conversation.
async fn talking(hub: &kuvert_transport::LoopbackHub) -> (Person, Person) {
    let (mut alice, mut bob) = pair(hub).await;
    alice.send(bob.account(), "hello").await.expect("sent");
    assert_eq!(heard(&mut bob).await, ["hello"]);
    bob.send(alice.account(), "hello yourself").await.expect("sent");
    assert_eq!(heard(&mut alice).await, ["hello yourself"]);
    pass(20 * SECOND);
    settle(&mut alice, &mut bob).await;
    (alice, bob)
}

fn count(events: &[Event], is_meant: impl Fn(&Event) -> bool) -> usize {
    events.iter().filter(|event| is_meant(event)).count()
}

fn is_started(event: &Event) -> bool {
    matches!(event, Event::HealingStarted(_))
}

fn is_healed(event: &Event) -> bool {
    matches!(event, Event::Healed(_))
}

#[tokio::test]
async fn what_could_not_be_opened_comes_again_in_a_new_session() {
    let hub = hub();
    let (mut alice, mut bob) = talking(&hub).await;
    say(&mut alice, bob.account(), "damaged", Fate::IsDamaged).await;
    let told = events(&mut bob).await;
    assert_eq!(count(&told, is_started), 1, "{told:?}");
    assert_eq!(bob.status().await.expect("asked").waiting, 1);
    assert!(texts(&settle(&mut alice, &mut bob).await.1).is_empty(), "not within 5 seconds");

    pass(61 * SECOND);
    let (to_alice, to_bob) = settle(&mut alice, &mut bob).await;
    assert_eq!(texts(&to_bob), ["damaged"]);
    assert_eq!(count(&to_bob, is_healed), 1, "{to_bob:?}");
    assert!(texts(&to_alice).is_empty());
    assert!(bob.status().await.expect("asked").healing.is_empty());
    pass(20 * SECOND);
    settle(&mut alice, &mut bob).await;
    let history = alice.history(bob.account()).expect("read");
    assert!(history.iter().all(|entry| entry.state != DeliveryState::Sent), "{history:?}");
    alice.send(bob.account(), "and on").await.expect("sent");
    bob.send(alice.account(), "indeed").await.expect("sent");
    let (to_alice, to_bob) = settle(&mut alice, &mut bob).await;
    assert_eq!((texts(&to_alice), texts(&to_bob)), (vec!["indeed"], vec!["and on"]));
}

#[tokio::test]
async fn both_directions_heal_at_once() {
    let hub = hub();
    let (mut alice, mut bob) = talking(&hub).await;
    say(&mut alice, bob.account(), "to bob", Fate::IsDamaged).await;
    say(&mut bob, alice.account(), "to alice", Fate::IsDamaged).await;
    let (mut heard_alice, mut heard_bob) = (Vec::new(), Vec::new());
    for _ in 0..4 {
        let (to_alice, to_bob) = settle(&mut alice, &mut bob).await;
        heard_alice.extend(texts(&to_alice).into_iter().map(str::to_owned));
        heard_bob.extend(texts(&to_bob).into_iter().map(str::to_owned));
        pass(61 * SECOND);
    }
    assert_eq!(heard_alice, ["to alice"]);
    assert_eq!(heard_bob, ["to bob"]);
    for person in [&mut alice, &mut bob] {
        assert!(person.status().await.expect("asked").healing.is_empty());
    }
}

/// Only what the other side does not have comes again, and in order.
#[tokio::test]
async fn the_missing_ones_come_again_in_their_order() {
    let hub = hub();
    let (mut alice, mut bob) = talking(&hub).await;
    let to_bob = bob.account();
    say(&mut alice, to_bob, "one", Fate::IsDamaged).await;
    say(&mut alice, to_bob, "two", Fate::Arrives).await;
    say(&mut alice, to_bob, "three", Fate::IsDamaged).await;
    assert_eq!(heard(&mut bob).await, ["two"]);
    pass(61 * SECOND);
    assert!(heard(&mut bob).await.is_empty(), "the reset leaves");
    let told = events(&mut alice).await;
    let delivered = told.iter().find_map(|event| match event {
        Event::Delivered(delivery) => Some(delivery.message_ids().len()),
        _ => None,
    });
    assert_eq!(delivered, Some(1), "`resend` says that two is there: {told:?}");
    let (_, to_bob) = settle(&mut alice, &mut bob).await;
    assert_eq!(texts(&to_bob), ["one", "three"]);
}

/// MSG-18
#[tokio::test]
async fn nothing_is_done_for_a_peer_that_is_not_accepted() {
    let hub = hub();
    let (mut alice, mut bob) = talking(&hub).await;
    bob.remove_contact("alice").expect("removed");
    let before = bob.carrier.fetched.load(Ordering::Relaxed);
    say(&mut alice, bob.account(), "damaged", Fate::IsDamaged).await;
    for _ in 0..5 {
        let (to_alice, to_bob) = settle(&mut alice, &mut bob).await;
        assert_eq!(count(&to_bob, is_started) + count(&to_alice, is_healed), 0);
        assert!(!bob.has_work().expect("read"));
        pass(MINUTE);
    }
    assert_eq!(bob.carrier.fetched.load(Ordering::Relaxed), before);
}

/// MSG-17
#[tokio::test]
async fn four_resets_a_day_whatever_comes_and_whoever_starts_anew() {
    let hub = hub();
    let (mut alice, mut bob) = talking(&hub).await;
    let (mut resets, mut arrived) = (Vec::new(), 0);
    for round in 0..60 {
        say(&mut alice, bob.account(), &format!("damaged {round}"), Fate::IsDamaged).await;
        events(&mut bob).await;
        pass(15 * MINUTE);
        let before = sessions_begun(&bob, &alice);
        arrived += texts(&settle(&mut alice, &mut bob).await.1).len();
        resets.extend((sessions_begun(&bob, &alice) != before).then_some(round));
        bob = reopened(&hub, &bob);
    }
    assert_eq!(resets.len(), 4, "in 15 hours: {resets:?}");
    pass(10 * HOUR);
    arrived += texts(&settle(&mut alice, &mut bob).await.1).len();
    assert_eq!(arrived, 60, "each of them once, the last ones the next day");
}

/// When the newest session of `person`'s with `peer` was begun.
fn sessions_begun(person: &Person, peer: &Person) -> Option<kuvert_wire::Timestamp> {
    let device = crate::client::lock(&person.device);
    let view = device.peer_of_account(&peer.account()).expect("known");
    view.active().map(|active| active.created)
}

/// MSG-17
#[tokio::test]
async fn two_processes_make_one_reset_of_it() {
    let hub = hub();
    let (mut alice, mut bob) = talking(&hub).await;
    let to_alice = alice.account();
    say(&mut alice, bob.account(), "damaged", Fate::IsDamaged).await;
    events(&mut bob).await;
    let mut also_bob = reopened(&hub, &bob);
    pass(61 * SECOND);
    let why = bob.why_heal(&to_alice).expect("read");
    assert_eq!((why.is_some(), why), (true, also_bob.why_heal(&to_alice).expect("read")));
    let bundle = bob.fetch_bundle(&to_alice).await.expect("fetched");
    let other_bundle = also_bob.fetch_bundle(&to_alice).await.expect("fetched");
    bob.heal_with(&to_alice, &bundle, why.expect("due")).expect("reset");
    let begun = bob.store.scan("session/").expect("read").len();
    also_bob.heal_with(&to_alice, &other_bundle, why.expect("due")).expect("not needed any more");
    assert_eq!(also_bob.store.scan("session/").expect("read").len(), begun);
    assert_eq!(texts(&settle(&mut alice, &mut bob).await.1), ["damaged"]);
}

/// The new session itself gets lost, and neither side has anything else to say.
#[tokio::test]
async fn a_reset_that_is_lost_is_made_again() {
    let hub = hub();
    let (mut alice, mut bob) = talking(&hub).await;
    say(&mut alice, bob.account(), "damaged", Fate::IsDamaged).await;
    events(&mut bob).await;
    pass(61 * SECOND);
    fate(&bob, Fate::IsLost);
    settle(&mut alice, &mut bob).await;
    fate(&bob, Fate::Arrives);
    pass(59 * MINUTE);
    assert!(texts(&settle(&mut alice, &mut bob).await.1).is_empty());
    pass(2 * MINUTE);
    assert_eq!(texts(&settle(&mut alice, &mut bob).await.1), ["damaged"]);
}

/// The peer may have forgotten the session, and read its mailbox no more.
#[tokio::test]
async fn a_peer_that_falls_silent_is_begun_with_anew() {
    let hub = hub();
    let (mut alice, mut bob) = talking(&hub).await;
    say(&mut alice, bob.account(), "into the dark", Fate::IsLost).await;
    let before = sessions_begun(&alice, &bob);
    pass(23 * HOUR);
    settle(&mut alice, &mut bob).await;
    assert_eq!(sessions_begun(&alice, &bob), before);
    pass(2 * HOUR);
    assert_eq!(texts(&settle(&mut alice, &mut bob).await.1), ["into the dark"]);
    assert!(sessions_begun(&alice, &bob) > before);
}

#[tokio::test]
async fn a_peer_that_is_away_is_not_begun_with_again_and_again() {
    let hub = hub();
    let (mut alice, bob) = talking(&hub).await;
    say(&mut alice, bob.account(), "into the dark", Fate::IsLost).await;
    let mut begun = std::collections::BTreeSet::new();
    for _ in 0..40 {
        alice.flush().await.expect("flushed");
        begun.insert(sessions_begun(&alice, &bob));
        pass(12 * HOUR);
    }
    assert_eq!(begun.len(), 4, "the first one, and after one, three and nine days");
}

/// After 30 days nothing is sent on it any more: what is written waits for a new one.
#[tokio::test]
async fn what_is_written_into_a_session_that_is_over_waits_for_another() {
    let hub = hub();
    let (mut alice, mut bob) = pair(&hub).await;
    say(&mut alice, bob.account(), "lost with its session", Fate::IsLost).await;
    offline(&alice, true);
    pass(31 * 24 * HOUR);
    let sent = alice.send(bob.account(), "still there?").await.expect("queued");
    assert_eq!(sent.state, DeliveryState::Queued);
    offline(&alice, false);
    bob.flush().await.expect("prekeys that are not out of date");
    alice.flush().await.expect("sent");
    assert!(heard(&mut bob).await.contains(&"still there?".to_owned()));
}

#[tokio::test]
async fn a_session_that_nobody_answers_is_begun_anew() {
    let hub = hub();
    let (mut alice, mut bob) = pair(&hub).await;
    say(&mut alice, bob.account(), "lost with its session", Fate::IsLost).await;
    let begun = |person: &Person| person.carrier.fetched.load(Ordering::Relaxed);
    let before = begun(&alice);
    pass(23 * HOUR);
    alice.flush().await.expect("flushed");
    assert_eq!(begun(&alice), before);
    pass(2 * HOUR);
    alice.flush().await.expect("flushed");
    assert_eq!(heard(&mut bob).await, ["lost with its session"]);
    assert_eq!(begun(&alice), before + 1);
}

/// All that is known of it was noted by a clock that was ahead by months.
#[tokio::test]
async fn silence_is_noticed_when_a_clock_has_been_put_right() {
    const SEASON: Duration = Duration::from_secs(60 * 24 * 3600);
    let hub = hub();
    let (mut alice, mut bob) = talking(&hub).await;
    pass(SEASON);
    bob.publish_prekeys().await.expect("published");
    fate(&alice, Fate::IsLost);
    alice.reset_session(bob.account()).await.expect("begun anew");
    alice.send(bob.account(), "into the dark").await.expect("sent");
    fate(&alice, Fate::Arrives);
    turn_back(SEASON);
    bob.publish_prekeys().await.expect("published");
    assert_eq!(texts(&settle(&mut alice, &mut bob).await.1), ["into the dark"]);
}

/// What is heard on the session before is no answer, and nothing else is left to be said.
#[tokio::test]
async fn a_session_that_nobody_answers_is_begun_anew_though_all_was_acknowledged() {
    let hub = hub();
    let (mut alice, mut bob) = talking(&hub).await;
    alice.send(bob.account(), "one").await.expect("sent");
    assert_eq!(heard(&mut bob).await, ["one"]);
    fate(&alice, Fate::IsLost);
    alice.reset_session(bob.account()).await.expect("begun anew");
    alice.flush().await.expect("flushed");
    fate(&alice, Fate::Arrives);
    pass(20 * SECOND);
    settle(&mut alice, &mut bob).await;
    let history = alice.history(bob.account()).expect("read");
    assert!(history.iter().all(|entry| entry.state != DeliveryState::Sent), "{history:?}");
    assert_ne!(active(&alice, &bob), active(&bob, &alice));

    pass(23 * HOUR);
    settle(&mut alice, &mut bob).await;
    assert_ne!(active(&alice, &bob), active(&bob, &alice));
    pass(HOUR);
    settle(&mut alice, &mut bob).await;
    settle(&mut alice, &mut bob).await;
    assert_eq!(active(&alice, &bob), active(&bob, &alice));
}

/// The session that `person` sends on to `peer`.
fn active(person: &Person, peer: &Person) -> Option<kuvert_wire::SessionId> {
    let device = crate::client::lock(&person.device);
    let view = device.peer_of_account(&peer.account()).expect("known");
    view.active().map(|active| active.session)
}
