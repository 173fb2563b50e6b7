//! Mailboxes as their owners, senders and strangers find them.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use kuvert_wire::relay::{Fetch, Post, Refusal, RelayReply, RelayRequest};
use kuvert_wire::{DeliveryToken, PostId};
use support::keys::{Owner, post, token};
use support::{TestRelay, refusal};

#[tokio::test]
async fn what_is_posted_is_fetched_in_order_and_stays_until_it_is_confirmed() {
    let relay = TestRelay::start().await;
    let (mut bob, mut alice) = (relay.client().await, relay.client().await);
    let owner = Owner::new(1);
    assert_eq!(bob.open(&owner).await, RelayReply::Done);
    for number in 1..=3 {
        let reply = alice.post(post(owner.mailbox(), number, &[number; 100])).await;
        assert_eq!(reply, RelayReply::Done);
    }

    assert_eq!(bob.attach(&owner, 0).await, RelayReply::Done);
    let items = bob.fetch().await;
    assert_eq!(items.iter().map(|item| item.position).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(items[2].envelope.as_bytes(), [3; 100]);
    assert!(bob.fetch().await.is_empty(), "the cursor has moved");

    assert_eq!(bob.confirm(owner.mailbox(), 2).await, RelayReply::Done);
    let mut bob = relay.client().await;
    bob.attach(&owner, 0).await;
    assert_eq!(bob.fetch().await.iter().map(|item| item.position).collect::<Vec<_>>(), [3]);
}

#[tokio::test]
async fn reading_resumes_behind_the_position_that_the_client_names() {
    let relay = TestRelay::start().await;
    let owner = Owner::new(1);
    let mut client = relay.client().await;
    client.open(&owner).await;
    for number in 1..=5 {
        client.post(post(owner.mailbox(), number, &[number])).await;
    }
    let positions = |items: Vec<kuvert_wire::relay::Delivered>| {
        items.into_iter().map(|item| item.position).collect::<Vec<_>>()
    };
    client.attach(&owner, 3).await;
    assert_eq!(positions(client.fetch().await), [4, 5]);
    let mut again = relay.client().await;
    again.attach(&owner, 0).await;
    assert_eq!(positions(again.fetch().await), [1, 2, 3, 4, 5]);
    again.attach(&owner, 99).await;
    assert_eq!(positions(again.fetch().await), [1, 2, 3, 4, 5], "never reached: from the start");
}

#[tokio::test]
async fn a_reader_hears_of_what_arrives_once_until_it_fetches() {
    let relay = TestRelay::start().await;
    let (mut bob, mut alice) = (relay.client().await, relay.client().await);
    let owner = Owner::new(1);
    bob.open(&owner).await;
    bob.attach(&owner, 0).await;
    for number in 1..=3 {
        alice.post(post(owner.mailbox(), number, &[number])).await;
    }
    bob.arrived().await;
    assert_eq!(bob.fetch().await.len(), 3);
    assert!(!bob.was_rung(), "told once for all three");
    alice.post(post(owner.mailbox(), 4, &[4])).await;
    bob.arrived().await;
    assert_eq!(bob.fetch().await.len(), 1);
}

#[tokio::test]
async fn a_retried_post_neither_rings_nor_is_stored_again() {
    let relay = TestRelay::start().await;
    let (mut bob, mut alice) = (relay.client().await, relay.client().await);
    let owner = Owner::new(1);
    bob.open(&owner).await;
    bob.attach(&owner, 0).await;
    let message = post(owner.mailbox(), 1, b"sealed");
    assert_eq!(alice.post(message.clone()).await, RelayReply::Done);
    bob.arrived().await;
    assert_eq!(bob.fetch().await.len(), 1);
    for _ in 0..2 {
        assert_eq!(alice.post(message.clone()).await, RelayReply::Done);
    }
    bob.confirm(owner.mailbox(), 1).await;
    assert_eq!(alice.post(message).await, RelayReply::Done);
    assert!(bob.fetch().await.is_empty() && !bob.was_rung());
}

/// REL-6 REL-7
#[tokio::test]
async fn a_proof_from_another_connection_is_worth_nothing() {
    let relay = TestRelay::start().await;
    let (bob, mut mallory) = (relay.client().await, relay.client().await);
    let owner = Owner::new(1);
    let open = owner.open(&bob.nonce, &[]);
    let reply = mallory.request(RelayRequest::OpenMailbox(open)).await;
    assert_eq!(refusal(&reply), Some(Refusal::BadSignature));
    mallory.open(&owner).await;
    let reply = mallory.attach_all(vec![owner.attachment(&bob.nonce, 0)]).await;
    assert_eq!(refusal(&reply), Some(Refusal::BadSignature));
}

/// REL-15
#[tokio::test]
async fn only_who_has_attached_a_mailbox_confirms_closes_or_fetches() {
    let relay = TestRelay::start().await;
    let (mut bob, mut mallory) = (relay.client().await, relay.client().await);
    let (owner, other) = (Owner::new(1), Owner::new(2));
    bob.open(&owner).await;
    mallory.open(&other).await;
    mallory.attach(&other, 0).await;
    mallory.post(post(owner.mailbox(), 1, b"for bob")).await;

    assert!(mallory.fetch().await.is_empty());
    let confirmed = mallory.confirm(owner.mailbox(), 1).await;
    assert_eq!(refusal(&confirmed), Some(Refusal::NotOwner));
    let closed = mallory.request(RelayRequest::CloseMailbox(owner.mailbox())).await;
    assert_eq!(refusal(&closed), Some(Refusal::NotOwner));
    let absent = mallory.confirm(Owner::new(3).mailbox(), 1).await;
    assert_eq!(refusal(&absent), Some(Refusal::NotOwner), "whether it exists is not told");

    bob.attach(&owner, 0).await;
    assert_eq!(bob.fetch().await.len(), 1);
}

/// REL-14
#[tokio::test]
async fn nothing_is_erased_that_was_not_handed_out_first() {
    let relay = TestRelay::start().await;
    let owner = Owner::new(1);
    let mut client = relay.client().await;
    client.open(&owner).await;
    client.attach(&owner, 0).await;
    for number in 1..=3 {
        client.post(post(owner.mailbox(), number, &[number])).await;
    }
    assert_eq!(client.confirm(owner.mailbox(), 3).await, RelayReply::Done);
    assert_eq!(client.fetch().await.len(), 3);
}

/// REL-11
#[tokio::test]
async fn a_session_mailbox_takes_a_token() {
    let relay = TestRelay::start().await;
    let (mut bob, mut alice) = (relay.client().await, relay.client().await);
    let owner = Owner::new(1);
    let open = owner.open(&bob.nonce, &[token(7)]);
    assert_eq!(bob.request(RelayRequest::OpenMailbox(open)).await, RelayReply::Done);

    let with = |token: Option<DeliveryToken>| Post { token, ..post(owner.mailbox(), 1, b"sealed") };
    let without_token = alice.post(with(None)).await;
    let wrong_token = alice.post(with(Some(token(8)))).await;
    let no_mailbox = alice.post(post(Owner::new(2).mailbox(), 1, b"sealed")).await;
    assert_eq!(refusal(&without_token), Some(Refusal::NotFound));
    assert_eq!((&without_token, &wrong_token), (&no_mailbox, &no_mailbox), "all look the same");
    assert_eq!(alice.post(with(Some(token(7)))).await, RelayReply::Done);
}

/// REL-10 REL-32
#[tokio::test]
async fn attaching_is_all_or_nothing() {
    let relay = TestRelay::start().await;
    let mut client = relay.client().await;
    let (owner, unopened) = (Owner::new(1), Owner::new(2));
    client.open(&owner).await;
    let both = [&owner, &unopened].map(|owner| owner.attachment(&client.nonce, 0)).to_vec();
    assert_eq!(refusal(&client.attach_all(both).await), Some(Refusal::NotFound));
    let confirmed = client.confirm(owner.mailbox(), 0).await;
    assert_eq!(refusal(&confirmed), Some(Refusal::NotOwner));

    let twice = vec![owner.attachment(&client.nonce, 0), owner.attachment(&client.nonce, 1)];
    assert_eq!(refusal(&client.attach_all(twice).await), Some(Refusal::Malformed));
}

#[tokio::test]
async fn a_closed_mailbox_is_gone_with_all_in_it() {
    let relay = TestRelay::start().await;
    let owner = Owner::new(1);
    let mut client = relay.client().await;
    client.open(&owner).await;
    client.post(post(owner.mailbox(), 1, b"sealed")).await;
    client.attach(&owner, 0).await;
    let closed = client.request(RelayRequest::CloseMailbox(owner.mailbox())).await;
    assert_eq!(closed, RelayReply::Done);
    assert!(client.fetch().await.is_empty());
    let reply = client.post(post(owner.mailbox(), 2, b"sealed")).await;
    assert_eq!(refusal(&reply), Some(Refusal::NotFound));
}

#[tokio::test]
async fn requests_need_not_wait_for_replies_and_posts_keep_their_order() {
    let relay = TestRelay::start().await;
    let owner = Owner::new(1);
    let mut client = relay.client().await;
    client.open(&owner).await;
    let mut expected = Vec::new();
    for number in 0..500_u16 {
        let mut message = post(owner.mailbox(), 0, &number.to_be_bytes());
        let bytes: [u8; 16] = std::array::from_fn(|at| number.to_be_bytes()[at % 2]);
        message.post_id = PostId::from_bytes(bytes);
        client.send(RelayRequest::Post(message)).await;
        expected.push(number.to_be_bytes().to_vec());
    }
    let mut answered = std::collections::HashSet::new();
    for _ in 0..500 {
        let (id, reply) = client.reply().await;
        assert_eq!(reply, RelayReply::Done);
        assert!(answered.insert(id), "each request has one reply");
    }
    client.attach(&owner, 0).await;
    let items = client.fetch_all().await;
    let found: Vec<_> = items.into_iter().map(|item| item.envelope.into_bytes()).collect();
    assert_eq!(found, expected);
}

#[tokio::test]
async fn two_readers_of_one_mailbox_both_see_everything() {
    let relay = TestRelay::start().await;
    let (mut first, mut second) = (relay.client().await, relay.client().await);
    let owner = Owner::new(1);
    first.open(&owner).await;
    first.attach(&owner, 0).await;
    second.attach(&owner, 0).await;
    let mut alice = relay.client().await;
    alice.post(post(owner.mailbox(), 1, b"sealed")).await;
    for reader in [&mut first, &mut second] {
        reader.arrived().await;
        assert_eq!(reader.fetch().await.len(), 1);
    }
}

#[tokio::test]
async fn a_fetch_of_nothing_gives_nothing() {
    let relay = TestRelay::start().await;
    let owner = Owner::new(1);
    let mut client = relay.client().await;
    assert!(client.fetch().await.is_empty());
    client.open(&owner).await;
    client.post(post(owner.mailbox(), 1, b"sealed")).await;
    client.attach(&owner, 0).await;
    let none = client.request(RelayRequest::Fetch(Fetch { limit: 0 })).await;
    assert!(matches!(none, RelayReply::Messages(messages) if messages.items.is_empty()));
    assert_eq!(client.fetch().await.len(), 1);
}

/// REL-23
#[tokio::test]
async fn a_client_in_too_much_of_a_hurry_is_told_when_to_come_back() {
    let relay = TestRelay::with(|limits| {
        limits.posts = kuvert_relay::limits::Rate { burst: 3, per_second: 1 };
    })
    .await;
    let owner = Owner::new(1);
    let (mut hasty, mut other) = (relay.client().await, relay.client().await);
    hasty.open(&owner).await;
    for number in 1..=3 {
        assert_eq!(hasty.post(post(owner.mailbox(), number, b"x")).await, RelayReply::Done);
    }
    // A slow machine may have earned a fourth post by now, but not a hundred.
    let mut refused = None;
    for _ in 0..100 {
        if let RelayReply::Refused(found) = hasty.post(post(owner.mailbox(), 3, b"x")).await {
            refused = Some(found);
            break;
        }
    }
    let refused = refused.expect("a refusal");
    assert_eq!(refused.reason, Refusal::RateLimited);
    assert!((1..=1000).contains(&refused.retry_after_ms), "{}", refused.retry_after_ms);
    assert_eq!(other.post(post(owner.mailbox(), 4, b"x")).await, RelayReply::Done);
}

/// REL-24
#[tokio::test]
async fn one_connection_opens_and_attaches_only_so_many_mailboxes() {
    let relay = TestRelay::with(|limits| {
        limits.opened_mailboxes_per_hour = 3;
        limits.attached_mailboxes = 2;
    })
    .await;
    let mut client = relay.client().await;
    for number in 1..=3 {
        assert_eq!(client.open(&Owner::new(number)).await, RelayReply::Done);
    }
    assert_eq!(refusal(&client.open(&Owner::new(4)).await), Some(Refusal::TooMany));
    for number in 1..=2 {
        assert_eq!(client.attach(&Owner::new(number), 0).await, RelayReply::Done);
    }
    assert_eq!(refusal(&client.attach(&Owner::new(3), 0).await), Some(Refusal::TooMany));
    assert_eq!(client.attach(&Owner::new(2), 0).await, RelayReply::Done, "the same one again");
}
