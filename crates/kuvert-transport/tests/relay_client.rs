//! The relay client passes the suite against the real relay, and gets over what happens to relays and wires.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::time::Duration;

use kuvert_transport::suite::{Harness, Person};
use kuvert_transport::{
    Directory, MailboxCursor, MailboxOwner, Outage, Refusal, RelayClient, Route, Timing, Transport,
    TransportError,
};
use kuvert_wire::RelayUrl;
use support::wire::Wire;
use support::{BRISK, LONG, TestRelay, expect_next, front_door, post_id};

impl Harness for TestRelay {
    type Endpoint = RelayClient;

    fn relay(&self) -> RelayUrl {
        self.url()
    }

    async fn endpoint(&self) -> RelayClient {
        RelayClient::new(self.url())
    }
}

kuvert_transport::transport_suite!(relay_client, TestRelay::start());

fn is_unreachable<T: std::fmt::Debug>(result: &Result<T, TransportError>) -> bool {
    matches!(result, Err(TransportError::Unreachable { .. }))
}

#[tokio::test]
async fn what_a_report_needs_comes_with_the_envelope() {
    let relay = TestRelay::start().await;
    let (bob, person) = (RelayClient::new(relay.url()), Person::new());
    let route = front_door(&bob, &person, &relay.url()).await;
    let header = [&[2, 1][..], &[0; 12], &195_u16.to_be_bytes()].concat();
    let message = [&header[..], &[0; 195 + 80 + 272]].concat();
    for (number, envelope, is_tagged) in [(1, &message[..], true), (2, b"no envelope", false)] {
        bob.post(&route, post_id(number), envelope).await.unwrap();
        let delivered = expect_next(&bob).await;
        assert_eq!(delivered.franked.is_some(), is_tagged);
        let from = delivered.franked.map(|franked| franked.from);
        assert_eq!(from, is_tagged.then_some([0; 32]), "a front door asks for no token");
    }
}

#[tokio::test]
async fn a_relay_that_restarts_between_verbs_is_not_noticed() {
    let mut relay = TestRelay::start().await;
    let (alice, bob) = (RelayClient::new(relay.url()), RelayClient::new(relay.url()));
    let person = Person::new();
    let route = front_door(&bob, &person, &relay.url()).await;
    for number in 0..4 {
        alice.post(&route, post_id(number), &[number]).await.unwrap();
        relay.stop().await;
        relay.start_again().await;
        assert_eq!(expect_next(&bob).await.envelope.as_bytes(), [number]);
        relay.stop().await;
        relay.start_again().await;
        bob.confirm(&route.mailbox, u64::from(number) + 1).await.unwrap();
    }
    assert_eq!(bob.stock(&person.device()).await, Ok(1));
    assert_eq!(bob.next(Duration::ZERO).await, Ok(None));
}

#[tokio::test]
async fn without_a_relay_every_verb_fails_fast_and_works_when_it_is_back() {
    let mut relay = TestRelay::start().await;
    let (bob, person) = (RelayClient::new(relay.url()), Person::new());
    let route = front_door(&bob, &person, &relay.url()).await;
    relay.stop().await;
    let failures = async {
        assert!(is_unreachable(&bob.post(&route, post_id(1), &[1]).await));
        assert!(is_unreachable(&bob.next(Duration::ZERO).await));
        assert!(is_unreachable(&bob.confirm(&route.mailbox, 1).await));
        assert!(is_unreachable(&bob.stock(&person.device()).await));
        assert!(is_unreachable(&bob.fetch_bundle(&relay.url(), &person.account()).await));
        let cursor = MailboxCursor { owner: person.device(), after: 0 };
        assert!(is_unreachable(&bob.attach(&[cursor]).await));
        assert!(is_unreachable(&bob.ping().await));
    };
    let connect = Timing::default().connect;
    tokio::time::timeout(connect, failures).await.expect("a refused connection is known at once");
    relay.start_again().await;
    bob.post(&route, post_id(1), &[1]).await.unwrap();
    assert_eq!(expect_next(&bob).await.envelope.as_bytes(), [1]);
}

#[tokio::test]
async fn a_waiting_reader_gets_over_an_outage() {
    let relay = TestRelay::start().await;
    let wire = Wire::to(relay.address()).await;
    let (alice, bob) = (RelayClient::new(relay.url()), RelayClient::new(wire.url()));
    let route = front_door(&bob, &Person::new(), &relay.url()).await;
    let outage = async {
        wire.close(true);
        alice.post(&route, post_id(1), &[1]).await.unwrap();
        wire.wait_for(4).await; // one good connection, then three attempts
        wire.close(false);
    };
    let (delivered, ()) = tokio::join!(expect_next(&bob), outage);
    assert_eq!(delivered.envelope.as_bytes(), [1]);
}

#[tokio::test]
async fn a_reader_without_a_relay_tries_until_its_time_is_up_and_not_too_often() {
    let relay = TestRelay::start().await;
    let wire = Wire::to(relay.address()).await;
    wire.close(true);
    let bob = RelayClient::new(wire.url());
    let wait = Duration::from_millis(1500);
    let (began, result) = (std::time::Instant::now(), bob.next(wait).await);
    assert!(is_unreachable(&result), "{result:?}");
    assert!(began.elapsed() >= wait);
    assert!((2..10).contains(&wire.made()), "{} attempts", wire.made());
}

#[tokio::test]
async fn reading_and_posting_survive_a_wire_that_is_cut_again_and_again() {
    let relay = TestRelay::start().await;
    let wire = Wire::to(relay.address()).await;
    let (alice, bob) = (RelayClient::new(wire.url()), RelayClient::new(wire.url()));
    let route = front_door(&bob, &Person::new(), &wire.url()).await;
    let posting = async {
        for number in 0..100 {
            while is_unreachable(&alice.post(&route, post_id(number), &[number]).await) {}
            if number % 7 == 0 {
                wire.cut();
            }
        }
    };
    let reading = async {
        let mut read = Vec::new();
        while read.len() < 100 {
            let delivered = expect_next(&bob).await;
            read.push(delivered.envelope.as_bytes()[0]);
            if read.len() % 10 == 0 {
                wire.cut();
                while is_unreachable(&bob.confirm(&route.mailbox, delivered.position).await) {}
            }
        }
        read
    };
    let both = async { tokio::join!(posting, reading).1 };
    let read = tokio::time::timeout(3 * LONG, both).await.expect("in time");
    assert_eq!(read, (0..100).collect::<Vec<_>>(), "each once, in order");
    assert_eq!(bob.next(Duration::ZERO).await, Ok(None));
}

#[tokio::test]
async fn a_half_open_connection_ends_in_a_timeout_and_the_next_verb_makes_another() {
    let relay = TestRelay::start().await;
    let wire = Wire::to(relay.address()).await;
    let alice = RelayClient::with_timing(wire.url(), Timing { silence: LONG, ..BRISK });
    alice.ping().await.unwrap();
    wire.freeze();
    match alice.ping().await {
        Err(TransportError::Unreachable { outage, .. }) => {
            assert_eq!(outage, Outage::TimedOut(BRISK.request));
        }
        other => panic!("{other:?}"),
    }
    alice.ping().await.unwrap();
    assert_eq!(wire.made(), 2);
}

#[tokio::test]
async fn a_reader_finds_out_by_itself_that_its_connection_is_half_open() {
    let relay = TestRelay::start().await;
    let wire = Wire::to(relay.address()).await;
    let bob = RelayClient::with_timing(wire.url(), BRISK);
    let route = front_door(&bob, &Person::new(), &relay.url()).await;
    wire.freeze();
    RelayClient::new(relay.url()).post(&route, post_id(1), &[1]).await.unwrap();
    assert_eq!(expect_next(&bob).await.envelope.as_bytes(), [1]);
    assert_eq!(wire.made(), 2);
}

#[tokio::test]
async fn an_idle_connection_stays_while_it_reads_and_closes_when_it_does_not() {
    let relay = TestRelay::start().await;
    let (home, other) = (Wire::to(relay.address()).await, Wire::to(relay.address()).await);
    let bob = RelayClient::with_timing(home.url(), BRISK);
    let route = front_door(&bob, &Person::new(), &other.url()).await;
    bob.post(&route, post_id(1), &[1]).await.unwrap();
    expect_next(&bob).await;
    assert_eq!(bob.next(5 * BRISK.silence + BRISK.request).await, Ok(None));
    bob.post(&route, post_id(2), &[2]).await.unwrap();
    expect_next(&bob).await;
    assert_eq!((home.made(), other.made()), (1, 2));
}

#[tokio::test]
async fn a_mailbox_that_the_relay_has_forgotten_is_told_once_and_the_others_are_read_on() {
    let relay = TestRelay::start().await;
    let wire = Wire::to(relay.address()).await;
    let (bob, person, gone) = (RelayClient::new(wire.url()), Person::new(), Person::new());
    let route = front_door(&bob, &person, &relay.url()).await;
    front_door(&bob, &gone, &relay.url()).await;
    let elsewhere = RelayClient::new(relay.url());
    let owner = gone.device();
    elsewhere.attach(&[MailboxCursor { owner: owner.clone(), after: 0 }]).await.unwrap();
    elsewhere.close(&owner.mailbox()).await.unwrap();
    wire.cut();
    elsewhere.post(&route, post_id(1), &[1]).await.unwrap();
    let (mut told, mut read) = (0, Vec::new());
    for _ in 0..2 {
        match bob.next(LONG).await {
            Ok(delivered) => read.push(delivered.expect("an envelope comes").position),
            refused => {
                assert_eq!(refused, Err(refusal(Refusal::NotFound)));
                told += 1;
            }
        }
    }
    assert_eq!((told, read), (1, vec![1]));
    assert_eq!(bob.next(Duration::ZERO).await, Ok(None));
}

fn refusal(reason: Refusal) -> TransportError {
    TransportError::Refused { reason, retry_after: Duration::ZERO }
}

#[tokio::test]
async fn verbs_reach_relays_that_are_not_home() {
    let (home, other) = (TestRelay::start().await, TestRelay::start().await);
    let (alice, bob) = (RelayClient::new(home.url()), RelayClient::new(other.url()));
    let person = Person::new();
    let route = front_door(&bob, &person, &other.url()).await;
    assert!(alice.fetch_bundle(&other.url(), &person.account()).await.is_ok());
    let refused = alice.fetch_bundle(&home.url(), &person.account()).await;
    assert_eq!(refused, Err(refusal(Refusal::NotFound)));
    alice.post(&route, post_id(1), &[1]).await.unwrap();
    assert_eq!(expect_next(&bob).await.envelope.as_bytes(), [1]);
    let astray = Route { relay: home.url(), ..route };
    assert_eq!(alice.post(&astray, post_id(2), &[2]).await, Err(refusal(Refusal::NotFound)));
}

#[tokio::test]
async fn a_sender_that_is_too_fast_for_the_relay_is_slowed_down() {
    let relay = TestRelay::start().await;
    let alice = RelayClient::new(relay.url());
    for _ in 0..600 {
        alice.ping().await.unwrap(); // a burst of 500, then 50 a second
    }
}

/// More than fit one request, and more signatures than a relay checks at once.
#[tokio::test]
async fn many_mailboxes_are_attached_again_after_an_outage() {
    let relay = TestRelay::start().await;
    let wire = Wire::to(relay.address()).await;
    let owners: Vec<_> = (0..520).map(|_| Person::new().device()).collect();
    for half in owners.chunks(260) {
        let opener = RelayClient::new(relay.url());
        for owner in half {
            opener.open(owner, &[]).await.unwrap();
        }
    }
    let cursor = |owner: &MailboxOwner| MailboxCursor { owner: owner.clone(), after: 0 };
    let bob = RelayClient::new(wire.url());
    bob.attach(&owners.iter().map(cursor).collect::<Vec<_>>()).await.unwrap();
    wire.cut();
    let alice = RelayClient::new(relay.url());
    for owner in [&owners[0], &owners[519]] {
        let route = Route { relay: relay.url(), mailbox: owner.mailbox(), token: None };
        alice.post(&route, post_id(1), &[1]).await.unwrap();
        assert_eq!(expect_next(&bob).await.mailbox, owner.mailbox());
    }
}

#[tokio::test]
async fn a_client_that_was_shut_down_says_so_to_everyone() {
    let relay = TestRelay::start().await;
    let bob = RelayClient::new(relay.url());
    front_door(&bob, &Person::new(), &relay.url()).await;
    let (waiting, ()) = tokio::join!(bob.next(LONG), bob.shut_down());
    assert_eq!(waiting, Err(TransportError::Closed));
    assert_eq!(bob.ping().await, Err(TransportError::Closed));
}
