//! Clients that speak nonsense, too much, too little or not at all: the relay ends them and serves everyone else.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::time::Duration;

use kuvert_wire::Encode;
use kuvert_wire::relay::{MAX_CLIENT_MESSAGE, RelayReply, RelayRequest};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use support::keys::{Owner, post};
use support::{Client, DEADLINE, TestRelay};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

async fn assert_alive(client: &mut Client) {
    assert_eq!(client.request(RelayRequest::Ping).await, RelayReply::Done);
}

/// REL-26
#[tokio::test]
async fn bytes_that_are_no_request_end_their_connection_and_no_other() {
    let relay = TestRelay::start().await;
    let mut bystander = relay.client().await;
    let mut runner = TestRunner::deterministic();
    let garbage = prop::collection::vec(any::<u8>(), 0..2000);
    for _ in 0..100 {
        let bytes = garbage.new_tree(&mut runner).unwrap().current();
        let mut stranger = relay.client().await;
        stranger.send_bytes(bytes).await;
        assert_eq!(stranger.closed().await, Some(CloseCode::Protocol));
    }
    assert_alive(&mut bystander).await;
}

/// REL-26
#[tokio::test]
async fn a_request_with_one_byte_too_many_or_too_few_is_no_request() {
    let relay = TestRelay::start().await;
    let ping = [0, 0, 0, 1, 10];
    for bytes in [&[&ping[..], &[0]].concat()[..], &ping[..4], &[0, 0, 0, 0, 10]] {
        let mut stranger = relay.client().await;
        stranger.send_bytes(bytes.to_vec()).await;
        assert_eq!(stranger.closed().await, Some(CloseCode::Protocol));
    }
}

/// REL-26
#[tokio::test]
async fn a_text_message_ends_the_connection() {
    let relay = TestRelay::start().await;
    let mut stranger = relay.client().await;
    stranger.send_raw(Message::text("hello")).await;
    assert_eq!(stranger.closed().await, Some(CloseCode::Unsupported));
}

/// REL-27
#[tokio::test]
async fn a_message_longer_than_any_request_ends_the_connection() {
    let relay = TestRelay::start().await;
    let mut bystander = relay.client().await;
    let mut stranger = relay.client().await;
    stranger.send_bytes(vec![1; MAX_CLIENT_MESSAGE + 1]).await;
    // The relay stops reading at the length, so the goodbye may be lost with the rest.
    assert!(matches!(stranger.closed().await, Some(CloseCode::Size) | None));
    assert_alive(&mut bystander).await;
}

#[tokio::test]
async fn an_oversize_envelope_is_no_request() {
    let relay = TestRelay::start().await;
    let owner = Owner::new(1);
    let mut client = relay.client().await;
    client.open(&owner).await;
    let largest = vec![7; kuvert_wire::envelope::MAX_ENVELOPE];
    let largest = post(owner.mailbox(), 1, &largest);
    assert_eq!(client.post(largest.clone()).await, RelayReply::Done);
    let mut oversize = [&[0, 0, 0, 99][..], &RelayRequest::Post(largest).encode()].concat();
    oversize.push(7);
    client.send_bytes(oversize).await;
    assert_eq!(client.closed().await, Some(CloseCode::Protocol));
    let mut client = relay.client().await;
    client.attach(&owner, 0).await;
    assert_eq!(client.fetch().await.len(), 1);
}

#[tokio::test]
async fn broken_framing_and_other_protocols_harm_nobody() {
    let relay = TestRelay::start().await;
    let mut bystander = relay.client().await;
    let mut runner = TestRunner::deterministic();
    let garbage = prop::collection::vec(any::<u8>(), 1..5000);
    for _ in 0..30 {
        let mut stream = TcpStream::connect(relay.relay.local_addr()).await.unwrap();
        let bytes = garbage.new_tree(&mut runner).unwrap().current();
        // The relay may hang up in the middle of it.
        let _ = stream.write_all(&bytes).await;
        let _ = stream.shutdown().await;
        let _ = timeout(DEADLINE, stream.read_to_end(&mut Vec::new())).await.expect("an end");
    }
    assert_alive(&mut bystander).await;
}

/// REL-28
#[tokio::test]
async fn a_client_that_answers_no_ping_is_closed() {
    let relay = TestRelay::with(|limits| limits.idle = Duration::from_millis(300)).await;
    let mut silent = TcpStream::connect(relay.relay.local_addr()).await.unwrap();
    let upgrade = "GET /v1 HTTP/1.1\r\nHost: relay\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                   Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n";
    silent.write_all(upgrade.as_bytes()).await.unwrap();
    let mut heard = Vec::new();
    timeout(DEADLINE, silent.read_to_end(&mut heard)).await.expect("an end").unwrap();
    assert!(heard.starts_with(b"HTTP/1.1 101"));

    let mut attentive = relay.client().await;
    let patience = tokio::time::Instant::now() + Duration::from_millis(900);
    // Receiving answers pings; nothing else is said.
    while tokio::time::timeout_at(patience, attentive.receive()).await.is_ok() {}
    assert_alive(&mut attentive).await;
}

/// REL-25
#[tokio::test]
async fn connections_over_the_limit_are_not_served_until_one_leaves() {
    let relay = TestRelay::with(|limits| limits.connections = 2).await;
    let url = relay.relay.url();
    let (mut first, second) = (relay.client().await, relay.client().await);
    assert!(Client::try_connect(&url).await.is_none());
    drop(second);
    let deadline = tokio::time::Instant::now() + DEADLINE;
    while Client::try_connect(&url).await.is_none() {
        assert!(tokio::time::Instant::now() < deadline, "the place never became free");
    }
    assert_alive(&mut first).await;
}

#[tokio::test]
async fn a_client_that_reads_nothing_holds_up_nobody() {
    let relay = TestRelay::start().await;
    let owner = Owner::new(1);
    let mut sender = relay.client().await;
    sender.open(&owner).await;
    let large = vec![7; 70_000];
    for number in 1..=30 {
        sender.post(post(owner.mailbox(), number, &large)).await;
    }
    let mut glutton = relay.client().await;
    for _ in 0..40 {
        let attach = vec![owner.attachment(&glutton.nonce, 0)];
        let attach = RelayRequest::Attach(kuvert_wire::relay::List::new(attach).unwrap());
        glutton.send(attach).await;
        glutton.send(RelayRequest::Fetch(kuvert_wire::relay::Fetch { limit: 64 })).await;
    }
    for number in 31..=60 {
        let posted = timeout(DEADLINE, sender.post(post(owner.mailbox(), number, b"x"))).await;
        assert_eq!(posted.expect("in time"), RelayReply::Done);
    }
}
