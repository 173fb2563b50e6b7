//! A second device of a known account: nothing is sent to it before a person has said that it may.

use core::time::Duration;

use ed25519_dalek::{Signer, SigningKey};
use kuvert_core::{Change, Changes, Key};
use kuvert_store::Store;
use kuvert_transport::LoopbackHub;
use kuvert_wire::label::label;
use kuvert_wire::{AccountKey, Decode, DeviceCert, Encode, Signature};

use super::support::{
    Disk, Person, events, hub, name, on_disk, pair, pass, reopened, settle, texts, unpublished,
};
use crate::Error;
use crate::event::{Event, IdentityChange};

const SECOND: Duration = Duration::from_secs(1);

fn identity_key() -> Key {
    Key::parse("device/identity").expect("a key")
}

/// The identity record: `format 1 | account seed 32 | device seed 32 | identity secret 32 | DeviceCert`.
fn identity(disk: &Disk) -> Vec<u8> {
    disk.get(&identity_key()).expect("read").expect("there").value.to_vec()
}

/// Someone who has `of`'s account key on a device of their own.
fn another_device(hub: &LoopbackHub, of: &Person) -> Person {
    let mut disk = unpublished(hub, "another").store.clone();
    let account: [u8; 32] = identity(&of.store)[1..33].try_into().expect("a seed");
    let account = SigningKey::from_bytes(&account);
    let mut identity = identity(&disk);
    identity[1..33].copy_from_slice(account.as_bytes());
    let mut cert = DeviceCert::decode(&identity[97..]).expect("a certificate");
    cert.account_key = AccountKey::from_bytes(account.verifying_key().to_bytes());
    let signed = [label("sig device").as_slice(), &cert.signed_bytes()].concat();
    cert.signature = Signature::from_bytes(account.sign(&signed).to_bytes());
    identity[97..].copy_from_slice(&cert.encode());
    let expected = disk.get(&identity_key()).expect("read").expect("there").version;
    let change = Change::Put { key: identity_key(), expected, value: identity.into() };
    disk.apply(&Changes::of([change])).expect("written");
    on_disk(hub, disk)
}

/// Alice and Bob have talked; then Alice appears with another device and writes from it.
async fn with_newcomer(hub: &LoopbackHub) -> (Person, Person, Person) {
    let (mut alice, mut bob) = pair(hub).await;
    alice.send(bob.account(), "hello").await.expect("sent");
    bob.send(alice.account(), "hello yourself").await.expect("sent");
    settle(&mut alice, &mut bob).await;
    pass(20 * SECOND);
    settle(&mut alice, &mut bob).await;
    pass(SECOND);
    let mut other = another_device(hub, &alice);
    assert_eq!((other.account(), other.device() == alice.device()), (alice.account(), false));
    other.add_contact(&name("bob"), &bob.address()).expect("added");
    other.send(bob.account(), "from my new phone").await.expect("sent");
    (alice, bob, other)
}

fn asked(events: &[Event]) -> Vec<&IdentityChange> {
    fn change(event: &Event) -> Option<&IdentityChange> {
        match event {
            Event::IdentityChanged(change) => Some(change),
            _ => None,
        }
    }
    events.iter().filter_map(change).collect()
}

/// IDN-7
#[tokio::test]
async fn it_is_asked_once_and_nothing_is_sent_before_the_answer() {
    let hub = hub();
    let (alice, mut bob, mut other) = with_newcomer(&hub).await;
    let told = events(&mut bob).await;
    let changes = asked(&told);
    assert_eq!(changes.len(), 1, "{told:?}");
    assert_eq!(changes[0].device, Some(other.device()));
    assert!(texts(&told).is_empty());
    for _ in 0..2 {
        assert_eq!(bob.identity_question(alice.account()), Some(other.device()));
        let refused = bob.send(alice.account(), "a secret").await;
        assert!(matches!(refused, Err(Error::IdentityQuestion { .. })), "{refused:?}");
        pass(20 * SECOND);
        let (to_other, to_bob) = settle(&mut other, &mut bob).await;
        assert!(to_other.is_empty() && asked(&to_bob).is_empty(), "{to_other:?} {to_bob:?}");
        assert!(
            bob.history(alice.account())
                .expect("read")
                .iter()
                .all(|e| e.state.to_string() != "queued")
        );
        bob = reopened(&hub, &bob);
    }
    let status = bob.status().await.expect("asked");
    assert_eq!(status.questions.len(), 1);
    assert_eq!(
        (status.causes["IdentityChanged"], status.waiting),
        (1, 2),
        "the message and its mailbox"
    );
}

#[tokio::test]
async fn yes_opens_what_waited_and_the_newcomer_takes_the_place() {
    let hub = hub();
    let (mut alice, mut bob, mut other) = with_newcomer(&hub).await;
    events(&mut bob).await;
    let number = bob.safety_number(alice.account()).expect("known");
    let matched = number.compare(&number.to_string()).expect("the same");
    bob.accept_identity(alice.account(), matched).expect("answered");
    assert_eq!(bob.identity_question(alice.account()), None);
    assert_eq!(texts(&events(&mut bob).await), ["from my new phone"]);
    bob.send(alice.account(), "welcome").await.expect("sent");
    assert_eq!(texts(&settle(&mut other, &mut bob).await.0), ["welcome"]);
    // The old device is out.
    assert!(texts(&events(&mut alice).await).is_empty());
    let again = number.compare(&number.to_string()).expect("the same");
    assert!(matches!(bob.accept_identity(alice.account(), again), Err(Error::NoQuestion)));
}

#[tokio::test]
async fn no_drops_what_waited_and_the_old_device_stays() {
    let hub = hub();
    let (mut alice, mut bob, mut other) = with_newcomer(&hub).await;
    events(&mut bob).await;
    bob.reject_identity(alice.account()).expect("answered");
    assert_eq!(bob.status().await.expect("asked").waiting, 0);
    bob.send(alice.account(), "still you").await.expect("sent");
    let _ = other.send(bob.account(), "and me?").await;
    let told = events(&mut bob).await;
    assert!(texts(&told).is_empty() && asked(&told).is_empty(), "{told:?}");
    assert!(texts(&settle(&mut other, &mut bob).await.0).is_empty());
    assert_eq!(texts(&alice_hears(&mut alice).await), ["still you"]);
}

/// Her old device can publish no prekeys any more, and still reads its mailboxes.
async fn alice_hears(alice: &mut Person) -> Vec<Event> {
    alice.online.cared = Some(super::support::now());
    events(alice).await
}

/// The relay knows the new device before anything of it has come.
#[tokio::test]
async fn a_bundle_of_another_device_asks_as_well() {
    let hub = hub();
    let (mut alice, mut bob) = pair(&hub).await;
    alice.send(bob.account(), "hello").await.expect("sent");
    bob.send(alice.account(), "hello yourself").await.expect("sent");
    settle(&mut alice, &mut bob).await;
    pass(SECOND);
    let mut other = another_device(&hub, &alice);
    other.publish_prekeys().await.expect("published");
    let refused = bob.reset_session(alice.account()).await;
    assert!(matches!(refused, Err(Error::IdentityQuestion { .. })), "{refused:?}");
    let told = events(&mut bob).await;
    assert_eq!(asked(&told).len(), 1, "{told:?}");

    let number = bob.safety_number(alice.account()).expect("known");
    let matched = number.compare(&number.to_string()).expect("the same");
    bob.accept_identity(alice.account(), matched).expect("answered");
    bob.send(alice.account(), "to the new one").await.expect("sent");
    other.add_contact(&name("bob"), &bob.address()).expect("added");
    assert_eq!(texts(&events(&mut other).await).last(), Some(&"to the new one"));
}

#[tokio::test]
async fn who_is_added_anew_is_asked_about_anew() {
    let hub = hub();
    let (mut alice, mut bob, mut other) = with_newcomer(&hub).await;
    events(&mut bob).await;
    bob.remove_contact("alice").expect("removed");
    assert_eq!(bob.identity_question(alice.account()), None);
    bob.add_contact(&name("alice"), &other.address()).expect("added");
    bob.send(alice.account(), "hello again").await.expect("sent");
    assert_eq!(texts(&alice_hears(&mut alice).await), ["hello again"]);
    other.send(bob.account(), "and me?").await.expect("sent");
    assert_eq!(asked(&events(&mut bob).await).len(), 1);
}
