//! The loopback passes the suite, and its faults do what they say.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::time::Duration;

use kuvert_transport::suite::{Harness, Person};
use kuvert_transport::{
    Directory, Faults, Loopback, LoopbackHub, MailboxCursor, Outage, Route, Transport,
    TransportError,
};
use kuvert_wire::{PostId, RelayUrl};

struct Hub(LoopbackHub);

impl Harness for Hub {
    type Endpoint = Loopback;

    fn relay(&self) -> RelayUrl {
        self.0.url().clone()
    }

    async fn endpoint(&self) -> Loopback {
        self.0.endpoint()
    }
}

fn hub() -> LoopbackHub {
    LoopbackHub::new("wss://relay.example".parse().unwrap())
}

async fn start() -> Hub {
    Hub(hub())
}

kuvert_transport::transport_suite!(loopback, start());

const ONLINE: Faults = Faults { offline: false, answers_lost: false };

fn outage<T>(result: Result<T, TransportError>) -> Option<Outage> {
    match result {
        Err(TransportError::Unreachable { outage, .. }) => Some(outage),
        _ => None,
    }
}

/// Bob with an open front door that he reads, and the way there.
async fn bob(hub: &LoopbackHub) -> (Loopback, Person, Route) {
    let (bob, person) = (hub.endpoint(), Person::new());
    bob.publish(&person.device(), &person.publication(1)).await.unwrap();
    let owner = person.device();
    let route = Route { relay: hub.url().clone(), mailbox: owner.mailbox(), token: None };
    bob.attach(&[MailboxCursor { owner, after: 0 }]).await.unwrap();
    (bob, person, route)
}

#[tokio::test]
async fn offline_every_verb_fails_at_once_and_nothing_happens() {
    let hub = hub();
    let (bob, person, route) = bob(&hub).await;
    let offline = Faults { offline: true, ..ONLINE };
    bob.set_faults(offline);
    let id = PostId::from_bytes([1; 16]);
    assert_eq!(outage(bob.post(&route, id, &[1]).await), Some(Outage::Offline));
    assert_eq!(outage(bob.next(Duration::ZERO).await), Some(Outage::Offline));
    assert_eq!(outage(bob.stock(&person.device()).await), Some(Outage::Offline));
    bob.set_faults(ONLINE);
    assert_eq!(bob.next(Duration::ZERO).await, Ok(None));
    assert_eq!(bob.stock(&person.device()).await, Ok(1));
}

#[tokio::test]
async fn a_reader_that_waits_offline_reads_on_when_it_is_online_again() {
    let hub = hub();
    let (bob, _, route) = bob(&hub).await;
    bob.set_faults(Faults { offline: true, ..ONLINE });
    hub.endpoint().post(&route, PostId::from_bytes([1; 16]), &[1]).await.unwrap();
    let read = bob.next(Duration::from_secs(20));
    let (read, ()) = tokio::join!(read, async { bob.set_faults(ONLINE) });
    let delivered = read.unwrap().unwrap();
    assert_eq!((delivered.envelope.as_bytes(), delivered.franked), (&[1][..], None));
}

#[tokio::test]
async fn a_post_whose_answer_is_lost_is_repeated_without_harm() {
    let hub = hub();
    let (bob, _, route) = bob(&hub).await;
    let (alice, id) = (hub.endpoint(), PostId::from_bytes([1; 16]));
    alice.set_faults(Faults { answers_lost: true, ..ONLINE });
    assert_eq!(outage(alice.post(&route, id, &[1]).await), Some(Outage::Lost));
    alice.set_faults(ONLINE);
    alice.post(&route, id, &[1]).await.unwrap();
    assert!(bob.next(Duration::ZERO).await.unwrap().is_some());
    assert_eq!(bob.next(Duration::ZERO).await, Ok(None));
}

#[tokio::test]
async fn mailboxes_attached_offline_are_read_later() {
    let hub = hub();
    let (_, person, route) = bob(&hub).await;
    let again = hub.endpoint();
    again.set_faults(Faults { offline: true, ..ONLINE });
    let cursor = MailboxCursor { owner: person.device(), after: 0 };
    assert_eq!(outage(again.attach(&[cursor]).await), Some(Outage::Offline));
    again.set_faults(ONLINE);
    hub.endpoint().post(&route, PostId::from_bytes([1; 16]), &[1]).await.unwrap();
    assert!(again.next(Duration::ZERO).await.unwrap().is_some());
}
