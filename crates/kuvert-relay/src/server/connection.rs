//! One WebSocket, from the greeting to the close.
//!
//! One task reads requests, sends replies as they become durable, and rings when something arrives. A client that does
//! not read its replies stops being read from; one that is silent, slow or speaks nonsense is closed. Nothing here waits
//! for another connection.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, WebSocket, close_code};
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, SinkExt, StreamExt};
use kuvert_wire::relay::{
    ClientMessage, Hello, Nonce, RelayEvent, RelayReply, RequestId, ServerMessage,
};
use kuvert_wire::{Decode, Encode};
use tokio::time::{Interval, MissedTickBehavior, interval, timeout};
use tracing::debug;

use super::client::ClientAddress;
use super::hub::Inbox;
use super::phase::Life;
use super::session::{Pending, Session};
use super::shared::Shared;

/// Requests of one client that may wait for the storage at a time. Enough that a batch fills from one busy client.
const MAX_IN_FLIGHT: usize = 64;
/// Pings without a sound from the client before it is closed.
const MAX_UNANSWERED: u32 = 3;
/// How long a client may take to receive what it has asked for.
const SEND_TIMEOUT: Duration = Duration::from_secs(30);

/// Why a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// The client left, or its network did.
    Gone,
    /// What came is not of this protocol.
    Garbage,
    /// A text message: this protocol has none.
    Text,
    /// A message longer than any request, broken framing, or a connection that broke.
    Unreadable,
    /// Nothing was heard for too long.
    Idle,
    /// Replies could not be sent for too long.
    Slow,
    /// The relay is stopping.
    Stopping,
}

impl End {
    const fn close_code(self) -> Option<u16> {
        match self {
            Self::Gone | Self::Slow => None,
            Self::Garbage => Some(close_code::PROTOCOL),
            Self::Text => Some(close_code::UNSUPPORTED),
            Self::Unreadable => Some(close_code::SIZE),
            Self::Idle | Self::Stopping => Some(close_code::AWAY),
        }
    }
}

/// Serves one client until it leaves or must be closed.
pub(super) async fn serve(
    mut socket: WebSocket,
    shared: Arc<Shared>,
    client: ClientAddress,
    life: Life,
) {
    let mut nonce = [0; Nonce::LEN];
    if getrandom::fill(&mut nonce).is_err() {
        return; // Without a nonce nobody can prove anything.
    }
    let nonce = Nonce::from_bytes(nonce);
    let hello = RelayEvent::Hello(Hello { nonce, time: shared.now() });
    let session = Session::new(Arc::clone(&shared), client, nonce);
    let greeting = encode(&ServerMessage::Event(hello));
    let end = match send(&mut socket, greeting).await {
        Ok(()) => Connection::new(&mut socket, session, shared.limits.idle).run(life).await,
        Err(end) => end,
    };
    close(socket, end).await;
}

async fn close(mut socket: WebSocket, end: End) {
    debug!(reason = ?end, "a connection has ended");
    if let Some(code) = end.close_code() {
        let frame = CloseFrame { code, reason: "".into() };
        if send(&mut socket, Message::Close(Some(frame))).await.is_err() {
            debug!("the client left without a goodbye");
        }
    }
}

struct Connection<'a> {
    socket: &'a mut WebSocket,
    session: Session,
    inbox: Arc<Inbox>,
    in_flight: FuturesUnordered<BoxFuture<'static, (RequestId, RelayReply)>>,
    pings: Interval,
    unanswered: u32,
}

impl<'a> Connection<'a> {
    fn new(socket: &'a mut WebSocket, session: Session, idle: Duration) -> Self {
        let mut pings = interval((idle / MAX_UNANSWERED).max(Duration::from_millis(1)));
        pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (inbox, in_flight) = (session.inbox(), FuturesUnordered::new());
        Self { socket, session, inbox, in_flight, pings, unanswered: 0 }
    }

    async fn run(mut self, mut life: Life) -> End {
        loop {
            let turn = tokio::select! {
                message = self.socket.recv(), if self.in_flight.len() < MAX_IN_FLIGHT => {
                    self.hear(message).await
                }
                Some((id, reply)) = self.in_flight.next() => self.answer(id, reply).await,
                () = self.inbox.rung() => {
                    send(self.socket, encode(&ServerMessage::Event(RelayEvent::Arrived))).await
                }
                _ = self.pings.tick() => self.check_idle().await,
                () = life.draining() => Err(End::Stopping),
            };
            match turn {
                Ok(()) => {}
                Err(End::Stopping) => return self.finish().await,
                Err(end) => return end,
            }
        }
    }

    async fn hear(&mut self, message: Option<Result<Message, axum::Error>>) -> Result<(), End> {
        self.unanswered = 0;
        match message {
            Some(Ok(Message::Binary(bytes))) => self.begin(&bytes).await,
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => Ok(()),
            Some(Ok(Message::Text(_))) => Err(End::Text), // REL-26
            Some(Err(_)) => Err(End::Unreadable),         // REL-27
            Some(Ok(Message::Close(_))) | None => Err(End::Gone),
        }
    }

    async fn begin(&mut self, bytes: &[u8]) -> Result<(), End> {
        let ClientMessage { id, request } =
            ClientMessage::decode(bytes).map_err(|_| End::Garbage)?; // REL-26
        let reply: Pending = self.session.begin(request).await;
        self.in_flight.push(reply.map(move |reply| (id, reply)).boxed());
        Ok(())
    }

    /// Sends a reply, and with it all others that are ready: one write for a whole batch.
    async fn answer(&mut self, id: RequestId, reply: RelayReply) -> Result<(), End> {
        let mut next = Some((id, reply));
        while let Some((id, reply)) = next {
            log_refusal(&reply);
            let message = encode(&ServerMessage::Reply { id, reply });
            in_time(self.socket.feed(message)).await?;
            next = self.in_flight.next().now_or_never().flatten();
        }
        in_time(self.socket.flush()).await
    }

    /// Pings, or gives up. Pings are counted instead of time, so that a relay that was held up itself is patient.
    async fn check_idle(&mut self) -> Result<(), End> {
        if self.unanswered >= MAX_UNANSWERED {
            return Err(End::Idle); // REL-28
        }
        self.unanswered += 1;
        send(self.socket, Message::Ping(Vec::new().into())).await
    }

    /// Sends the replies to what has been begun: it may be durable already.
    async fn finish(mut self) -> End {
        while let Some((id, reply)) = self.in_flight.next().await {
            if let Err(end) = self.answer(id, reply).await {
                return end;
            }
        }
        End::Stopping
    }
}

fn encode(message: &ServerMessage) -> Message {
    Message::Binary(message.encode().into())
}

fn log_refusal(reply: &RelayReply) {
    if let RelayReply::Refused(refused) = reply {
        debug!(reason = %refused.reason, "a request was refused");
    }
}

async fn send(socket: &mut WebSocket, message: Message) -> Result<(), End> {
    in_time(socket.send(message)).await
}

async fn in_time(sending: impl Future<Output = Result<(), axum::Error>>) -> Result<(), End> {
    match timeout(SEND_TIMEOUT, sending).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) => Err(End::Gone),
        Err(_) => Err(End::Slow),
    }
}
