//! Stores that were set back.

use core::time::Duration;

use kuvert_transport::Directory;

use super::support::{
    Person, events, heard, hub, name, on_disk, pair, pass, person, reopened, settle, texts,
};
use crate::event::{DeliveryState, Event, HistoryEntry};

const SECOND: Duration = Duration::from_secs(1);

fn rollbacks(events: &[Event]) -> usize {
    events.iter().filter(|event| matches!(event, Event::StateRollback(_))).count()
}

/// Bob's store is set back while he is away.
async fn set_back(hub: &kuvert_transport::LoopbackHub) -> (Person, Person) {
    let (mut alice, mut bob) = pair(hub).await;
    alice.send(bob.account(), "before").await.expect("sent");
    assert_eq!(heard(&mut bob).await, ["before"]);
    bob.send(alice.account(), "answer").await.expect("sent");
    assert_eq!(heard(&mut alice).await, ["answer"]);
    pass(20 * SECOND);
    settle(&mut alice, &mut bob).await;
    let copy = bob.store.memory.copy();
    bob.send(alice.account(), "sent since the copy").await.expect("sent");
    alice.send(bob.account(), "not seen before the copy").await.expect("sent");
    assert_eq!(heard(&mut alice).await, ["sent since the copy"]);
    assert_eq!(heard(&mut bob).await, ["not seen before the copy"]);
    bob.store.memory.put_back(&copy);
    (alice, bob)
}

#[tokio::test]
async fn it_is_told_once_and_everything_goes_on() {
    let hub = hub();
    let (mut alice, bob) = set_back(&hub).await;
    let mut bob = reopened(&hub, &bob);
    let told = events(&mut bob).await;
    assert_eq!(rollbacks(&told), 1, "{told:?}");
    assert_eq!(bob.status().await.expect("asked").causes["StateRollback"], 1);
    let mut bob = reopened(&hub, &bob);
    assert_eq!(rollbacks(&events(&mut bob).await), 0);

    alice.send(bob.account(), "while he is away").await.expect("sent");
    bob.send(alice.account(), "after").await.expect("sent");
    let mut to_alice = Vec::new();
    let mut to_bob = Vec::new();
    for _ in 0..4 {
        let (alices, bobs) = settle(&mut alice, &mut bob).await;
        to_alice.extend(alices);
        to_bob.extend(bobs);
        pass(61 * SECOND);
    }
    assert_eq!(texts(&to_alice), ["after"]);
    let mut heard = texts(&to_bob);
    heard.sort_unstable();
    assert_eq!(heard, ["not seen before the copy", "while he is away"]);
    assert_eq!(rollbacks(&to_bob), 0);
}

/// What the peer has receipts for, and is gone from here, comes again.
#[tokio::test]
async fn what_was_acknowledged_and_is_forgotten_comes_again() {
    let hub = hub();
    let (mut alice, mut bob) = pair(&hub).await;
    for text in ["one", "two"] {
        alice.send(bob.account(), text).await.expect("sent");
    }
    assert_eq!(heard(&mut bob).await, ["one", "two"]);
    pass(20 * SECOND);
    settle(&mut alice, &mut bob).await;
    let copy = bob.store.memory.copy();
    for text in ["three", "four"] {
        alice.send(bob.account(), text).await.expect("sent");
    }
    assert_eq!(heard(&mut bob).await, ["three", "four"]);
    pass(20 * SECOND);
    settle(&mut alice, &mut bob).await;
    let history = alice.history(bob.account()).expect("read");
    assert!(history.iter().all(|entry| entry.state == DeliveryState::Delivered), "{history:?}");

    bob.store.memory.put_back(&copy);
    let mut bob = reopened(&hub, &bob);
    let mut told = events(&mut bob).await;
    pass(61 * SECOND);
    told.extend(settle(&mut alice, &mut bob).await.1);
    assert_eq!(texts(&told), ["three", "four"]);
}

/// The copy is from before the conversation, and there is no anchor: nothing here can tell.
#[tokio::test]
async fn who_has_forgotten_everything_is_told_it_again() {
    let hub = hub();
    let (mut alice, mut bob) = pair(&hub).await;
    let copy = bob.store.memory.copy();
    alice.send(bob.account(), "one").await.expect("sent");
    assert_eq!(heard(&mut bob).await, ["one"]);
    bob.send(alice.account(), "two").await.expect("sent");
    assert_eq!(heard(&mut alice).await, ["two"]);
    pass(20 * SECOND);
    settle(&mut alice, &mut bob).await;

    bob.store.memory.put_back(&copy);
    let mut bob = on_disk(&hub, bob.store.without_anchor());
    bob.send(alice.account(), "hello").await.expect("sent");
    let (to_alice, to_bob) = settle(&mut alice, &mut bob).await;
    assert_eq!(texts(&to_alice), ["hello"]);
    assert!(texts(&to_bob).is_empty(), "it has a minute to say what it holds");
    pass(61 * SECOND);
    assert_eq!(texts(&settle(&mut alice, &mut bob).await.1), ["one"]);
    pass(61 * SECOND);
    assert!(texts(&settle(&mut alice, &mut bob).await.1).is_empty(), "once");
}

/// Bob goes on from an old copy and cannot tell. Alice sees that, and begins anew; both then say what
/// they hold.
#[tokio::test]
async fn who_is_reset_says_what_it_holds_as_well() {
    let hub = hub();
    let (mut alice, mut bob) = pair(&hub).await;
    alice.send(bob.account(), "one").await.expect("sent");
    assert_eq!(heard(&mut bob).await, ["one"]);
    bob.send(alice.account(), "two").await.expect("sent");
    assert_eq!(heard(&mut alice).await, ["two"]);
    pass(20 * SECOND);
    settle(&mut alice, &mut bob).await;
    let copy = bob.store.memory.copy();
    bob.send(alice.account(), "three").await.expect("sent");
    alice.send(bob.account(), "four").await.expect("sent");
    assert_eq!(heard(&mut bob).await, ["four"]);
    assert_eq!(heard(&mut alice).await, ["three"]);
    pass(20 * SECOND);
    settle(&mut alice, &mut bob).await;

    bob.store.memory.put_back(&copy);
    let mut bob = on_disk(&hub, bob.store.without_anchor());
    bob.send(alice.account(), "five").await.expect("sent");
    let (to_alice, _) = settle(&mut alice, &mut bob).await;
    let suspected = |event: &Event| matches!(event, Event::CloneSuspected(_));
    assert!(to_alice.iter().any(suspected), "{to_alice:?}");
    pass(61 * SECOND);
    let (to_alice, to_bob) = settle(&mut alice, &mut bob).await;
    assert_eq!((texts(&to_alice), texts(&to_bob)), (vec!["five"], vec!["four"]));
}

/// What is gone at the other side, and too old to be sent again, is told.
#[tokio::test]
async fn what_is_forgotten_and_too_old_is_told() {
    let hub = hub();
    let (mut alice, mut bob) = pair(&hub).await;
    alice.send(bob.account(), "one").await.expect("sent");
    assert_eq!(heard(&mut bob).await, ["one"]);
    bob.send(alice.account(), "two").await.expect("sent");
    assert_eq!(heard(&mut alice).await, ["two"]);
    pass(20 * SECOND);
    settle(&mut alice, &mut bob).await;
    let copy = bob.store.memory.copy();
    alice.send(bob.account(), "three").await.expect("sent");
    assert_eq!(heard(&mut bob).await, ["three"]);
    pass(20 * SECOND);
    settle(&mut alice, &mut bob).await;

    pass(Duration::from_secs(31 * 24 * 3600));
    bob.store.memory.put_back(&copy);
    let mut bob = on_disk(&hub, bob.store.without_anchor());
    alice.publish_prekeys().await.expect("published");
    bob.reset_session(alice.account()).await.expect("begun anew");
    let (to_alice, to_bob) = settle(&mut alice, &mut bob).await;
    let suspected = to_alice.iter().filter(|event| matches!(event, Event::CloneSuspected(_)));
    assert_eq!(suspected.count(), 1, "{to_alice:?}");
    assert_eq!(given_up(&to_alice), 1, "three, and not one");
    assert!(texts(&to_bob).is_empty());
}

/// How many messages are told to be given up.
fn given_up(events: &[Event]) -> usize {
    let count = |event: &Event| match event {
        Event::Undelivered(gone) => gone.message_ids.len(),
        _ => 0,
    };
    events.iter().map(count).sum()
}

/// Two messages of alice's have arrived and been acknowledged, more than a month ago; then bob is put
/// back to before that.
async fn long_forgotten(
    hub: &kuvert_transport::LoopbackHub,
    is_stranger: bool,
) -> (Person, Person) {
    let (mut alice, mut bob) = match is_stranger {
        false => pair(hub).await,
        true => (person(hub, "alice").await, person(hub, "bob").await),
    };
    if is_stranger {
        alice.add_contact(&name("bob"), &bob.address()).expect("added");
    }
    let copy = bob.store.memory.copy();
    for text in ["one", "two"] {
        alice.send(bob.account(), text).await.expect("sent");
    }
    assert_eq!(heard(&mut bob).await, ["one", "two"]);
    pass(61 * SECOND); // what came from a stranger has to come again to be acknowledged
    bob.send(alice.account(), "three").await.expect("sent");
    assert_eq!(heard(&mut alice).await, ["three"]);
    settle(&mut alice, &mut bob).await;
    pass(20 * SECOND);
    settle(&mut alice, &mut bob).await;
    let history = alice.history(bob.account()).expect("read");
    assert!(history.iter().all(|entry| entry.state != DeliveryState::Sent), "{history:?}");
    pass(Duration::from_secs(31 * 24 * 3600));
    bob.store.memory.put_back(&copy);
    (alice, on_disk(hub, bob.store.without_anchor()))
}

/// Nothing that is there tells what was there.
#[tokio::test]
async fn what_all_is_forgotten_and_too_old_is_told() {
    let hub = hub();
    let (mut alice, mut bob) = long_forgotten(&hub, false).await;
    alice.publish_prekeys().await.expect("published");
    bob.send(alice.account(), "hello").await.expect("sent");
    let (to_alice, _) = settle(&mut alice, &mut bob).await;
    assert_eq!((texts(&to_alice), given_up(&to_alice)), (vec!["hello"], 0), "it has a minute");
    pass(61 * SECOND);
    let (to_alice, _) = settle(&mut alice, &mut bob).await;
    assert_eq!(given_up(&to_alice), 2, "{to_alice:?}");
    let history = alice.history(bob.account()).expect("read");
    let is_given_up = |entry: &&HistoryEntry| entry.state == DeliveryState::Undelivered;
    assert_eq!(history.iter().filter(is_given_up).count(), 2);
}

/// It is a stranger for whom nothing is done, and says what it holds when that is over.
#[tokio::test]
async fn who_forgot_whom_it_knows_says_so_when_it_accepts_again() {
    let hub = hub();
    let (mut alice, mut bob) = long_forgotten(&hub, true).await;
    bob.publish_prekeys().await.expect("published");
    alice.reset_session(bob.account()).await.expect("begun anew");
    alice.send(bob.account(), "hello?").await.expect("sent");
    let (to_alice, to_bob) = settle(&mut alice, &mut bob).await;
    assert_eq!((given_up(&to_alice), texts(&to_bob)), (0, vec!["hello?"]), "{to_alice:?}");
    pass(61 * SECOND);
    assert_eq!(given_up(&settle(&mut alice, &mut bob).await.0), 0);
    bob.send(alice.account(), "who are you?").await.expect("sent");
    let (to_alice, _) = settle(&mut alice, &mut bob).await;
    assert_eq!((given_up(&to_alice), texts(&to_alice)), (2, vec!["who are you?"]), "{to_alice:?}");
}

/// The relay hands out prekeys that were made after the copy, and no anchor says so.
#[tokio::test]
async fn who_lost_its_prekeys_can_be_reached_again() {
    let hub = hub();
    let (mut alice, mut bob) = pair(&hub).await;
    let copy = bob.store.memory.copy();
    while bob.carrier.stock(&bob.front_door()).await.expect("counted") > 0 {
        alice.fetch_bundle(&bob.account()).await.expect("fetched");
    }
    bob.publish_prekeys().await.expect("published");
    bob.store.memory.put_back(&copy);
    let mut bob = on_disk(&hub, bob.store.without_anchor());
    alice.send(bob.account(), "are you there?").await.expect("sent");
    let mut shown = Vec::new();
    for _ in 0..4 {
        let (_, to_bob) = settle(&mut alice, &mut bob).await;
        shown.extend(texts(&to_bob).into_iter().map(str::to_owned));
        pass(Duration::from_secs(24 * 3600));
    }
    assert_eq!(shown, ["are you there?"]);
}

/// The copy is put back under a process that is running.
#[tokio::test]
async fn a_running_process_notices_before_it_seals_anything() {
    let hub = hub();
    let (mut alice, mut bob) = set_back(&hub).await;
    let sent = bob.send(alice.account(), "after").await.expect("queued");
    assert_eq!(sent.state, DeliveryState::Queued, "new keys are due within a minute");
    assert_eq!(rollbacks(&settle(&mut alice, &mut bob).await.1), 1);
    pass(61 * SECOND);
    assert_eq!(texts(&settle(&mut alice, &mut bob).await.0), ["after"]);
}
