//! Servers that are no relays, or bad ones: each ends in a clear error, soon, and in no panic.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use kuvert_transport::suite::Person;
use kuvert_transport::{
    Directory, MailboxCursor, Outage, RelayClient, Timing, Transport, TransportError,
};
use kuvert_wire::relay::{
    ClientMessage, Hello, List, MAX_SERVER_MESSAGE, Messages, Nonce, RelayEvent, RelayReply,
    RelayRequest, RequestId, ServerMessage,
};
use kuvert_wire::{Decode, Encode, RelayUrl, Timestamp};
use support::{BRISK, LONG, url};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{WebSocketStream, accept_async};

type Socket = WebSocketStream<TcpStream>;

/// Serves each connection with `script`, and counts them.
async fn serve<F>(script: impl Fn(TcpStream) -> F + Send + 'static) -> (RelayUrl, Arc<AtomicUsize>)
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = url(listener.local_addr().unwrap());
    let count = Arc::new(AtomicUsize::new(0));
    let made = count.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            made.fetch_add(1, Ordering::Relaxed);
            tokio::spawn(script(stream));
        }
    });
    (url, count)
}

/// What a ping to such a server ends in. It must end soon.
async fn ping(relay: RelayUrl) -> TransportError {
    let client = RelayClient::with_timing(relay, BRISK);
    let limit = 2 * (BRISK.connect + BRISK.request);
    let pinged = tokio::time::timeout(limit, client.ping()).await.expect("comes back in time");
    pinged.expect_err("no relay is there")
}

fn is_garbage(error: &TransportError) -> bool {
    matches!(error, TransportError::Garbage { .. })
}

fn outage(error: TransportError) -> Outage {
    match error {
        TransportError::Unreachable { outage, .. } => outage,
        other => panic!("{other:?}"),
    }
}

async fn hold(stream: impl Sized) {
    std::future::pending::<()>().await;
    drop(stream);
}

/// A server that reads what is sent and answers `answer`, whatever it was.
async fn serve_bytes(answer: &'static [u8]) -> RelayUrl {
    let script = move |mut stream: TcpStream| async move {
        let mut request = [0; 1024];
        let _ = stream.read(&mut request).await;
        let _ = stream.write_all(answer).await;
        hold(stream).await;
    };
    serve(script).await.0
}

#[tokio::test]
async fn what_does_not_speak_websocket_is_garbage() {
    let answers: [&[u8]; 6] = [
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 something in TLS \r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 301 Moved\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
          Sec-WebSocket-Accept: bm90IHRoZSByaWdodCBrZXk=\r\n\r\n",
    ];
    for answer in answers {
        let error = ping(serve_bytes(answer).await).await;
        assert!(is_garbage(&error), "{}: {error:?}", String::from_utf8_lossy(answer));
    }
}

#[tokio::test]
async fn a_stream_of_noise_without_end_is_garbage_or_times_out() {
    let script = |mut stream: TcpStream| async move {
        while stream.write_all(&[b'x'; 4096]).await.is_ok() {}
    };
    let error = ping(serve(script).await.0).await;
    assert!(is_garbage(&error) || matches!(outage(error), Outage::TimedOut(_)));
}

#[tokio::test]
async fn a_proxy_whose_relay_is_away_is_an_outage() {
    for status in ["502 Bad Gateway", "503 Service Unavailable", "429 Too Many Requests"] {
        let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n").leak();
        let error = ping(serve_bytes(answer.as_bytes()).await).await;
        assert!(matches!(outage(error), Outage::Connect(_)));
    }
}

#[tokio::test]
async fn a_server_that_hangs_up_is_an_outage() {
    let (relay, _) = serve(|stream| async move { drop(stream) }).await;
    assert!(matches!(outage(ping(relay).await), Outage::Lost | Outage::Connect(_)));
}

#[tokio::test]
async fn a_server_that_never_answers_times_out_once_for_all_that_wait() {
    let (relay, count) = serve(hold).await;
    let client = RelayClient::with_timing(relay, BRISK);
    let pings = (0..20).map(|_| client.ping());
    let all = futures_util::future::join_all(pings);
    let answers = tokio::time::timeout(2 * BRISK.connect, all).await.expect("in time");
    for answer in answers {
        assert_eq!(outage(answer.unwrap_err()), Outage::TimedOut(BRISK.connect));
    }
    assert_eq!(count.load(Ordering::Relaxed), 1);
}

fn hello() -> Message {
    let nonce = Nonce::from_bytes([7; 32]);
    let hello = Hello { nonce, time: Timestamp::from_millis(1) };
    Message::binary(ServerMessage::Event(RelayEvent::Hello(hello)).encode())
}

/// A server that speaks WebSocket, greets with `greeting`, and hands over.
async fn serve_after<F>(
    greeting: Message,
    script: impl Fn(Socket) -> F + Clone + Send + Sync + 'static,
) -> RelayUrl
where
    F: Future<Output = ()> + Send + 'static,
{
    let script = move |stream| {
        let (greeting, script) = (greeting.clone(), script.clone());
        async move {
            let mut socket = accept_async(stream).await.unwrap();
            let _ = socket.send(greeting).await;
            script(socket).await;
        }
    };
    serve(script).await.0
}

#[tokio::test]
async fn a_greeting_that_is_not_one_is_garbage() {
    let arrived = ServerMessage::Event(RelayEvent::Arrived).encode();
    let mut newer = hello().into_data().to_vec();
    newer[5] = 2; // the version
    let mut longer = hello().into_data().to_vec();
    longer.push(0);
    let greetings = [
        Message::text("hello"),
        Message::binary(Vec::new()),
        Message::binary(vec![0; 7]),
        Message::binary(arrived),
        Message::binary(newer),
        Message::binary(longer),
        Message::binary(vec![0; MAX_SERVER_MESSAGE + 1]),
    ];
    for greeting in greetings {
        let what = format!("{:?}", greeting.clone().into_data().get(..8));
        let error = ping(serve_after(greeting, hold).await).await;
        assert!(is_garbage(&error), "{what}: {error:?}");
    }
}

#[tokio::test]
async fn a_relay_that_greets_and_never_answers_times_out() {
    let relay = serve_after(hello(), hold).await;
    assert_eq!(outage(ping(relay).await), Outage::TimedOut(BRISK.request));
}

/// A server that greets, and answers each request by `answer`.
async fn serve_replies(answer: fn(RequestId, RelayRequest) -> Option<Message>) -> RelayUrl {
    serve_after(hello(), move |mut socket: Socket| async move {
        while let Some(Ok(message)) = socket.next().await {
            let Ok(ClientMessage { id, request }) = ClientMessage::decode(&message.into_data())
            else {
                continue; // a WebSocket ping
            };
            if let Some(answer) = answer(id, request) {
                let _ = socket.send(answer).await;
            }
        }
    })
    .await
}

fn reply(id: RequestId, reply: RelayReply) -> Message {
    Message::binary(ServerMessage::Reply { id, reply }.encode())
}

#[tokio::test]
async fn replies_that_make_no_sense_are_garbage() {
    let answers: [fn(RequestId, RelayRequest) -> Option<Message>; 7] = [
        |_, _| Some(Message::text("done")),
        |_, _| Some(Message::binary(vec![0xff; 40])),
        |id, _| Some(reply(id.next(), RelayReply::Done)),
        |id, _| Some(reply(id, RelayReply::Stock { one_time: 1 })),
        |_, _| Some(hello()),
        |id, _| {
            let mut trailing = reply(id, RelayReply::Done).into_data().to_vec();
            trailing.push(0);
            Some(Message::binary(trailing))
        },
        |_, _| Some(Message::binary(vec![0; MAX_SERVER_MESSAGE + 1])),
    ];
    for (index, answer) in answers.into_iter().enumerate() {
        let error = ping(serve_replies(answer).await).await;
        assert!(is_garbage(&error), "answer {index}: {error:?}");
    }
}

#[tokio::test]
async fn garbage_ends_a_wait_at_once() {
    let relay = serve_replies(|id, request| match request {
        RelayRequest::Attach(_) => Some(reply(id, RelayReply::Done)),
        _ => Some(reply(id, RelayReply::Messages(Messages { more: true, items: List::default() }))),
    });
    let client = RelayClient::with_timing(relay.await, BRISK);
    let cursor = MailboxCursor { owner: Person::new().device(), after: 0 };
    client.attach(&[cursor]).await.unwrap();
    let next = client.next(Duration::from_secs(3600));
    let error = tokio::time::timeout(LONG, next).await.expect("at once").unwrap_err();
    assert!(is_garbage(&error), "more, and nothing, for ever: {error:?}");
}

#[tokio::test]
async fn a_relay_that_breaks_off_after_each_request_is_asked_no_more_than_twice() {
    let count = Arc::new(AtomicUsize::new(0));
    let asked = count.clone();
    let relay = serve_after(hello(), move |mut socket: Socket| {
        let asked = asked.clone();
        async move {
            let _ = socket.next().await;
            asked.fetch_add(1, Ordering::Relaxed);
        }
    });
    let client = RelayClient::with_timing(relay.await, BRISK);
    let person = Person::new();
    let error = client.stock(&person.device()).await.unwrap_err();
    assert_eq!(outage(error), Outage::Lost);
    assert!(count.load(Ordering::Relaxed) <= 2);
}

#[tokio::test]
async fn a_request_on_a_connection_that_breaks_is_repeated_on_another() {
    let relay = serve_after(hello(), move |mut socket: Socket| async move {
        // Answers the first request, and leaves at the second.
        let Some(Ok(message)) = socket.next().await else { return };
        let message = ClientMessage::decode(&message.into_data()).unwrap();
        let _ = socket.send(reply(message.id, RelayReply::Done)).await;
        let _ = socket.next().await;
    });
    let client = RelayClient::with_timing(relay.await, BRISK);
    for _ in 0..3 {
        client.ping().await.unwrap();
    }
}

/// Replies may overtake each other, and two of them would bring envelopes out of order.
#[tokio::test]
async fn there_is_one_fetch_at_a_time_however_many_readers_give_up() {
    let fetches = Arc::new(AtomicUsize::new(0));
    let seen = fetches.clone();
    let relay = serve_after(hello(), move |mut socket: Socket| {
        let seen = seen.clone();
        async move {
            while let Some(Ok(message)) = socket.next().await {
                let message = ClientMessage::decode(&message.into_data()).unwrap();
                match message.request {
                    RelayRequest::Fetch(_) => drop(seen.fetch_add(1, Ordering::Relaxed)),
                    _ => socket.send(reply(message.id, RelayReply::Done)).await.unwrap(),
                }
            }
        }
    });
    let patient = Timing { connect: LONG, request: LONG, silence: LONG };
    let client = RelayClient::with_timing(relay.await, patient);
    let cursor = MailboxCursor { owner: Person::new().device(), after: 0 };
    client.attach(&[cursor]).await.unwrap();
    for _ in 0..5 {
        let read = client.next(LONG);
        assert!(tokio::time::timeout(Duration::from_millis(20), read).await.is_err());
    }
    client.ping().await.unwrap(); // the relay has seen all that was sent before
    assert_eq!(fetches.load(Ordering::Relaxed), 1);
}
