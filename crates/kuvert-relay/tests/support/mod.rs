//! A relay, and clients that speak to it byte by byte.
#![allow(dead_code, reason = "each test program uses some of it")]

pub(crate) mod keys;
pub(crate) mod talk;

use std::collections::VecDeque;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use kuvert_relay::{Limits, Relay, RelayOptions, RunningRelay};
use kuvert_wire::relay::{
    Attachment, ClientMessage, Confirm, Delivered, Fetch, Hello, List, Messages, Nonce, Post,
    Refusal, RelayEvent, RelayReply, RelayRequest, RequestId, ServerMessage,
};
use kuvert_wire::{AccountId, Decode, Encode, MailboxId, PrekeyBundle};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use keys::Owner;

/// Longer than anything here takes, unless it never comes.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

/// A relay with a folder of its own.
pub(crate) struct TestRelay {
    pub(crate) relay: RunningRelay,
    pub(crate) dir: tempfile::TempDir,
}

impl TestRelay {
    pub(crate) async fn start() -> Self {
        Self::with(|_| ()).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut Limits)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut options = RelayOptions::new("127.0.0.1:0".parse().unwrap(), dir.path());
        change(&mut options.limits);
        Self { relay: Relay::start(options).await.unwrap(), dir }
    }

    pub(crate) async fn client(&self) -> Client {
        Client::connect(&self.relay.url()).await
    }
}

/// A client that trusts nobody to encode for it.
pub(crate) struct Client {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    pub(crate) nonce: Nonce,
    next_id: RequestId,
    events: VecDeque<RelayEvent>,
}

impl Client {
    pub(crate) async fn connect(url: &str) -> Self {
        Self::try_connect(url).await.expect("a greeting")
    }

    pub(crate) async fn try_connect(url: &str) -> Option<Self> {
        let (mut socket, _) = connect_async(format!("{url}/v1")).await.ok()?;
        let greeting = timeout(DEADLINE, socket.next()).await.expect("in time")?.ok()?;
        let Message::Binary(greeting) = greeting else { panic!("not binary: {greeting:?}") };
        let greeting = ServerMessage::decode(&greeting).unwrap();
        let ServerMessage::Event(RelayEvent::Hello(Hello { nonce, .. })) = greeting else {
            panic!("not a greeting: {greeting:?}")
        };
        Some(Self { socket, nonce, next_id: RequestId::FIRST, events: VecDeque::new() })
    }

    /// Sends a request and says which.
    pub(crate) async fn send(&mut self, request: RelayRequest) -> RequestId {
        let id = self.next_id;
        self.next_id = id.next();
        self.send_bytes(ClientMessage { id, request }.encode()).await;
        id
    }

    pub(crate) async fn send_bytes(&mut self, bytes: Vec<u8>) {
        self.send_raw(Message::Binary(bytes.into())).await;
    }

    pub(crate) async fn send_raw(&mut self, message: Message) {
        // The relay may have closed already; what follows is told by what is received.
        let _ = self.socket.send(message).await;
    }

    /// The next message that is not a ping, or how the connection ended.
    pub(crate) async fn receive(&mut self) -> Result<ServerMessage, Option<CloseCode>> {
        loop {
            match timeout(DEADLINE, self.socket.next()).await.expect("in time") {
                Some(Ok(Message::Binary(bytes))) => {
                    return Ok(ServerMessage::decode(&bytes).expect("well-formed"));
                }
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(Message::Close(frame))) => return Err(frame.map(|frame| frame.code)),
                Some(Ok(other)) => panic!("unexpected: {other:?}"),
                Some(Err(_)) | None => return Err(None),
            }
        }
    }

    /// The next reply; events on the way are kept.
    pub(crate) async fn reply(&mut self) -> (RequestId, RelayReply) {
        loop {
            match self.receive().await.expect("an open connection") {
                ServerMessage::Reply { id, reply } => return (id, reply),
                ServerMessage::Event(event) => self.events.push_back(event),
                other => panic!("unexpected: {other:?}"),
            }
        }
    }

    pub(crate) async fn request(&mut self, request: RelayRequest) -> RelayReply {
        let sent = self.send(request).await;
        let (id, reply) = self.reply().await;
        assert_eq!(id, sent);
        reply
    }

    pub(crate) async fn arrived(&mut self) {
        if self.events.pop_front().is_none() {
            let event = self.receive().await;
            assert_eq!(event, Ok(ServerMessage::Event(RelayEvent::Arrived)));
        }
    }

    /// Whether the relay has said that something arrived, as far as earlier replies tell.
    pub(crate) fn was_rung(&self) -> bool {
        !self.events.is_empty()
    }

    /// Waits for the relay to close the connection.
    pub(crate) async fn closed(&mut self) -> Option<CloseCode> {
        loop {
            if let Err(code) = self.receive().await {
                return code;
            }
        }
    }

    pub(crate) async fn open(&mut self, owner: &Owner) -> RelayReply {
        let open = owner.open(&self.nonce, &[]);
        self.request(RelayRequest::OpenMailbox(open)).await
    }

    pub(crate) async fn attach(&mut self, owner: &Owner, after: u64) -> RelayReply {
        let attachment = owner.attachment(&self.nonce, after);
        self.attach_all(vec![attachment]).await
    }

    pub(crate) async fn attach_all(&mut self, attachments: Vec<Attachment>) -> RelayReply {
        self.request(RelayRequest::Attach(List::new(attachments).unwrap())).await
    }

    pub(crate) async fn post(&mut self, post: Post) -> RelayReply {
        self.request(RelayRequest::Post(post)).await
    }

    pub(crate) async fn fetch(&mut self) -> Vec<Delivered> {
        let reply = self.request(RelayRequest::Fetch(Fetch { limit: 64 })).await;
        let RelayReply::Messages(Messages { items, .. }) = reply else { panic!("{reply:?}") };
        items.into_vec()
    }

    pub(crate) async fn fetch_all(&mut self) -> Vec<Delivered> {
        let mut all = Vec::new();
        loop {
            let reply = self.request(RelayRequest::Fetch(Fetch { limit: 64 })).await;
            let RelayReply::Messages(Messages { items, more }) = reply else { panic!("{reply:?}") };
            all.extend(items.into_vec());
            if !more {
                return all;
            }
        }
    }

    pub(crate) async fn confirm(&mut self, mailbox: MailboxId, position: u64) -> RelayReply {
        self.request(RelayRequest::Confirm(Confirm { mailbox, position })).await
    }

    pub(crate) async fn bundle(&mut self, account: AccountId) -> PrekeyBundle {
        let reply = self.request(RelayRequest::FetchBundle(account)).await;
        let RelayReply::Bundle(bundle) = reply else { panic!("{reply:?}") };
        *bundle
    }
}

/// The reason of a refusal.
pub(crate) fn refusal(reply: &RelayReply) -> Option<Refusal> {
    match reply {
        RelayReply::Refused(refused) => Some(refused.reason),
        _ => None,
    }
}
