//! Rules about the directory of prekeys.

use std::collections::BTreeSet;

use kuvert_wire::{MailboxKey, OneTimePrekey, PrekeyBundle};

use super::person::{impostor_of, post_id, route, some_mailbox};
use super::{Harness, Person, expect_refused};
use crate::{Directory, MailboxOwner, Publication, Refusal, Transport};

async fn fetch<H: Harness>(harness: &H, person: &Person) -> PrekeyBundle {
    let alice = harness.endpoint().await;
    alice.fetch_bundle(&harness.relay(), &person.account()).await.expect("a bundle")
}

/// A bundle is exactly what was published last.
///
/// # Panics
///
/// When the transport breaks the rule.
pub async fn what_is_published_can_be_fetched<H: Harness>(harness: &H) {
    let (bob, person) = (harness.endpoint().await, Person::new());
    for _ in 0..2 {
        let Publication { cert, medium, one_time } = person.publication(0);
        let publication = Publication { cert: cert.clone(), medium: medium.clone(), one_time };
        bob.publish(&person.device(), &publication).await.expect("published");
        let expected = PrekeyBundle { cert, medium, one_time: None };
        assert_eq!(fetch(harness, &person).await, expected);
    }
}

/// First messages can be posted as soon as the prekeys for them are there.
///
/// # Panics
///
/// When the transport breaks the rule.
pub async fn publishing_opens_the_front_door<H: Harness>(harness: &H) {
    let (bob, person) = (harness.endpoint().await, Person::new());
    let cert = person.publication(0).cert;
    bob.publish(&person.device(), &person.publication(0)).await.expect("published");
    let key = MailboxKey::from_bytes(*cert.device_key.as_bytes());
    let door = MailboxOwner::new(key, |_| unreachable!("posting needs no signature"));
    bob.post(&route(harness.relay(), &door), post_id(), &[1]).await.expect("posted");
}

/// Each one-time prekey goes to one requester; then the medium prekey serves alone.
///
/// # Panics
///
/// When the transport breaks the rule.
pub async fn a_one_time_prekey_leaves_once<H: Harness>(harness: &H) {
    let (bob, person) = (harness.endpoint().await, Person::new());
    let publication = person.publication(3);
    assert_eq!(bob.stock(&person.device()).await, Ok(0));
    bob.publish(&person.device(), &publication).await.expect("published");
    let mut left = BTreeSet::new();
    for stock in (0..3).rev() {
        let one_time = fetch(harness, &person).await.one_time.expect("in stock");
        assert!(publication.one_time.contains(&one_time));
        assert!(left.insert(one_time.id), "handed out twice");
        assert_eq!(bob.stock(&person.device()).await, Ok(stock));
    }
    let last_resort = fetch(harness, &person).await;
    assert_eq!(last_resort.one_time, None);
    assert_eq!(last_resort.medium, publication.medium);
}

/// More prekeys than fit one request are published all the same.
///
/// # Panics
///
/// When the transport breaks the rule.
pub async fn a_large_stock_is_published_whole<H: Harness>(harness: &H) {
    let (bob, person) = (harness.endpoint().await, Person::new());
    bob.publish(&person.device(), &person.publication(150)).await.expect("published");
    assert_eq!(bob.stock(&person.device()).await, Ok(150));
}

/// A publication that is repeated adds what is new in it.
///
/// # Panics
///
/// When the transport breaks the rule.
pub async fn publishing_again_brings_nothing_back<H: Harness>(harness: &H) {
    let (bob, person) = (harness.endpoint().await, Person::new());
    let mut publication = person.publication(2);
    bob.publish(&person.device(), &publication).await.expect("published");
    let gone = fetch(harness, &person).await.one_time.expect("in stock");
    publication.one_time.extend(person.publication(1).one_time);
    bob.publish(&person.device(), &publication).await.expect("published again");
    assert_eq!(bob.stock(&person.device()).await, Ok(2));
    let ids = |prekeys: &[OneTimePrekey]| prekeys.iter().map(|p| p.id).collect::<BTreeSet<_>>();
    let mut expected = ids(&publication.one_time);
    expected.remove(&gone.id);
    let fetched = [fetch(harness, &person).await, fetch(harness, &person).await];
    let fetched = fetched.map(|bundle| bundle.one_time.expect("in stock"));
    assert_eq!(ids(&fetched), expected);
}

/// Publishing and asking for the stock need the device's key.
///
/// # Panics
///
/// When the transport breaks the rule.
pub async fn only_the_device_publishes_and_asks_for_its_stock<H: Harness>(harness: &H) {
    let (mallory, person) = (harness.endpoint().await, Person::new());
    let impostor = impostor_of(&person.device());
    let published = mallory.publish(&impostor, &person.publication(1)).await;
    expect_refused(published, Refusal::BadSignature);
    expect_refused(mallory.stock(&impostor).await, Refusal::BadSignature);
    let published = mallory.publish(&some_mailbox(), &person.publication(1)).await;
    expect_refused(published, Refusal::BadSignature);
    let fetched = mallory.fetch_bundle(&harness.relay(), &person.account()).await;
    expect_refused(fetched, Refusal::NotFound);
}

/// Who has not published is not found.
///
/// # Panics
///
/// When the transport breaks the rule.
pub async fn an_unknown_account_is_not_found<H: Harness>(harness: &H) {
    let alice = harness.endpoint().await;
    let fetched = alice.fetch_bundle(&harness.relay(), &Person::new().account()).await;
    expect_refused(fetched, Refusal::NotFound);
}
