//! The directory as owners and initiators find it.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::collections::HashSet;

use kuvert_wire::relay::{Refusal, RelayReply, RelayRequest};
use support::keys::{Person, post};
use support::{Client, TestRelay, refusal};

async fn publish(client: &mut Client, person: &Person, ids: std::ops::RangeInclusive<u32>) {
    let publish = person.publish(&client.nonce, ids);
    let reply = client.request(RelayRequest::Publish(Box::new(publish))).await;
    assert_eq!(reply, RelayReply::Done);
}

async fn stock(client: &mut Client, person: &Person) -> RelayReply {
    let query = person.stock(&client.nonce);
    client.request(RelayRequest::Stock(query)).await
}

fn unlimited(limits: &mut kuvert_relay::Limits) {
    limits.hand_outs_per_requester = 1000;
    limits.hand_outs_per_target = 1000;
}

/// REL-21
#[tokio::test]
async fn fifty_at_once_each_get_another_one_time_prekey() {
    let relay = TestRelay::with(unlimited).await;
    let alice = Person::new(1);
    let mut owner = relay.client().await;
    publish(&mut owner, &alice, 1..=50).await;
    assert_eq!(stock(&mut owner, &alice).await, RelayReply::Stock { one_time: 50 });

    let mut racers = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let (url, account) = (relay.relay.url(), alice.account_id());
        racers.spawn(async move { Client::connect(&url).await.bundle(account).await });
    }
    let bundles = racers.join_all().await;
    let handed_out = bundles.iter().filter_map(|bundle| bundle.one_time.as_ref());
    let ids: HashSet<u32> = handed_out.map(|prekey| prekey.id.number()).collect();
    assert_eq!(ids, (1..=50).collect());

    let last_resort = owner.bundle(alice.account_id()).await;
    assert_eq!((last_resort.one_time, last_resort.medium), (None, alice.medium(u32::MAX)));
    assert_eq!(stock(&mut owner, &alice).await, RelayReply::Stock { one_time: 0 });
}

/// REL-19
#[tokio::test]
async fn past_its_share_a_client_gets_bundles_without_one_time_prekeys() {
    let relay = TestRelay::start().await;
    let alice = Person::new(1);
    let mut client = relay.client().await;
    publish(&mut client, &alice, 1..=20).await;
    let mut handed_out = 0;
    for _ in 0..15 {
        let mut carol = relay.client().await;
        handed_out += usize::from(carol.bundle(alice.account_id()).await.one_time.is_some());
    }
    assert_eq!(handed_out, 10, "another connection is still the same client");
    assert_eq!(stock(&mut client, &alice).await, RelayReply::Stock { one_time: 10 });
}

#[tokio::test]
async fn asking_for_nobody_costs_no_share() {
    let relay = TestRelay::start().await;
    let (alice, nobody) = (Person::new(1), Person::new(2));
    let mut client = relay.client().await;
    for _ in 0..20 {
        let reply = client.request(RelayRequest::FetchBundle(nobody.account_id())).await;
        assert_eq!(refusal(&reply), Some(Refusal::NotFound));
    }
    publish(&mut client, &alice, 1..=1).await;
    assert!(client.bundle(alice.account_id()).await.one_time.is_some());
}

#[tokio::test]
async fn a_published_device_has_a_front_door_that_is_its_own() {
    let relay = TestRelay::start().await;
    let alice = Person::new(1);
    let (mut owner, mut bob) = (relay.client().await, relay.client().await);
    let door = alice.front_door();
    let early = bob.post(post(door.mailbox(), 1, b"hello")).await;
    assert_eq!(refusal(&early), Some(Refusal::NotFound));
    publish(&mut owner, &alice, 1..=1).await;
    assert_eq!(bob.post(post(door.mailbox(), 1, b"hello")).await, RelayReply::Done);
    assert_eq!(owner.attach(&door, 0).await, RelayReply::Done);
    assert_eq!(owner.fetch().await.len(), 1);
}

/// REL-9
#[tokio::test]
async fn a_publication_from_another_connection_is_worth_nothing() {
    let relay = TestRelay::start().await;
    let alice = Person::new(1);
    let (owner, mut mallory) = (relay.client().await, relay.client().await);
    let overheard = alice.publish(&owner.nonce, 1..=1);
    let reply = mallory.request(RelayRequest::Publish(Box::new(overheard))).await;
    assert_eq!(refusal(&reply), Some(Refusal::BadSignature));
    let bundle = mallory.request(RelayRequest::FetchBundle(alice.account_id())).await;
    assert_eq!(refusal(&bundle), Some(Refusal::NotFound), "nothing has changed");
}

#[tokio::test]
async fn a_whole_stock_fits_one_request() {
    let relay = TestRelay::start().await;
    let alice = Person::new(1);
    let mut client = relay.client().await;
    publish(&mut client, &alice, 1..=100).await;
    assert_eq!(stock(&mut client, &alice).await, RelayReply::Stock { one_time: 100 });
}
