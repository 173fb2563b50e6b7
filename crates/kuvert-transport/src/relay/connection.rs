//! One connection: requests go out with an id, replies find the request they answer.
//!
//! ```text
//!     call ──▶ queue ──▶ ┌────────┐
//!      ▲                 │ driver │ ◀──▶ WebSocket
//!      └── pending[id] ◀─└────────┘
//! ```
//!
//! What a reply means is done as it arrives, whether or not its caller still waits: a caller may go away at any time and
//! nothing is lost. A connection that has ended never does anything again, and every call
//! on it fails with the reason.

use std::sync::Arc;
use std::time::Duration;

use kuvert_wire::Encode;
use kuvert_wire::relay::{ClientMessage, Nonce, Refused, RelayReply, RelayRequest};
use tokio::sync::{Mutex, OwnedMutexGuard, Semaphore, mpsc, oneshot};
use tokio::time::{Instant, sleep, timeout};

use super::dial::{Failure, Socket};
use super::driver::drive;
use super::exchange::Exchange;
use super::inbox::Generation;
use super::settings::Timing;
use crate::{Outage, Refusal, TransportError};

/// Requests without a reply at one time; more wait their turn. With the longest of them, 64 posts, 5 MB are on the way.
const MAX_PENDING: usize = 64;

/// The right to move a connection's cursors. Who has it keeps a clone with the request on its way.
pub(super) type Turn = Arc<OwnedMutexGuard<()>>;

/// The callers' end of a connection. The connection closes when this is dropped.
#[derive(Debug)]
pub(super) struct Connection {
    nonce: Nonce,
    began: Instant,
    generation: Generation,
    timing: Timing,
    turns: Arc<Semaphore>,
    reading: Arc<Mutex<()>>,
    queue: mpsc::Sender<Vec<u8>>,
    exchange: Arc<Exchange>,
}

impl Connection {
    /// Takes over a socket on which the relay has said hello.
    pub(super) fn start(
        socket: Socket,
        nonce: Nonce,
        generation: Generation,
        timing: Timing,
        exchange: Exchange,
    ) -> Self {
        let exchange = Arc::new(exchange);
        let (queue, requests) = mpsc::channel(MAX_PENDING);
        tokio::spawn(drive(socket, requests, exchange.clone(), timing));
        Self {
            nonce,
            began: Instant::now(),
            generation,
            timing,
            turns: Arc::new(Semaphore::new(MAX_PENDING)),
            reading: Arc::default(),
            queue,
            exchange,
        }
    }

    /// What proofs of ownership on this connection cover.
    pub(super) const fn nonce(&self) -> &Nonce {
        &self.nonce
    }

    pub(super) const fn began(&self) -> Instant {
        self.began
    }

    pub(super) const fn generation(&self) -> Generation {
        self.generation
    }

    pub(super) fn exchange(&self) -> &Exchange {
        &self.exchange
    }

    /// Waits until no fetch and no attaching is on its way, be its caller there or gone. Replies may overtake each other,
    /// and then envelopes would come out of order.
    pub(super) async fn turn_to_read(&self) -> Turn {
        Arc::new(self.reading.clone().lock_owned().await)
    }

    /// Ends the connection from this side.
    pub(super) fn end(&self) {
        self.exchange.end(Failure::Outage(Outage::Lost));
    }

    /// Sends a request and waits for its reply, both as `request` says: what to send, and what to make of the reply.
    /// The latter runs when the reply arrives, also if this future is gone by then, and gives back a reply of another
    /// kind. A relay that asks for a little patience gets it.
    pub(super) async fn call<T, F>(
        &self,
        request: impl Fn(&Self) -> (RelayRequest, F) + Send + Sync,
    ) -> Result<T, TransportError>
    where
        T: Send + 'static,
        F: FnOnce(RelayReply) -> Result<T, RelayReply> + Send + 'static,
    {
        let began = Instant::now();
        loop {
            let (request, on_reply) = request(self);
            match self.call_once(request, on_reply).await {
                Err(error) => match self.patience(&error, began.elapsed()) {
                    Some(pause) => sleep(pause).await,
                    None => return Err(error),
                },
                done => return done,
            }
        }
    }

    async fn call_once<T: Send + 'static>(
        &self,
        request: RelayRequest,
        on_reply: impl FnOnce(RelayReply) -> Result<T, RelayReply> + Send + 'static,
    ) -> Result<T, TransportError> {
        let limit = self.timing.request;
        let failure = match timeout(limit, self.ask(request, on_reply)).await {
            Ok(Some(Ok(value))) => return Ok(value),
            Ok(Some(Err(RelayReply::Refused(refused)))) => return Err(refusal(refused)),
            Ok(Some(Err(_))) => Failure::Garbage("a reply of another kind"),
            Ok(None) => Failure::Outage(Outage::Lost),
            Err(_) => Failure::Outage(Outage::TimedOut(limit)),
        };
        Err(self.exchange.end(failure))
    }

    /// How long to wait before asking again, if that fits into the time for one request.
    fn patience(&self, error: &TransportError, elapsed: Duration) -> Option<Duration> {
        match *error {
            TransportError::Refused { reason: Refusal::RateLimited, retry_after }
                if !retry_after.is_zero() && elapsed + retry_after < self.timing.request =>
            {
                Some(retry_after)
            }
            _ => None,
        }
    }

    /// `None` if the connection ends before the reply comes.
    async fn ask<T: Send + 'static>(
        &self,
        request: RelayRequest,
        on_reply: impl FnOnce(RelayReply) -> Result<T, RelayReply> + Send + 'static,
    ) -> Option<Result<T, RelayReply>> {
        let turn = self.turns.clone().acquire_owned().await.ok()?;
        let (sender, answer) = oneshot::channel();
        let on_reply = move |reply| drop(sender.send(on_reply(reply)));
        // From here to `try_send` nothing waits: a request is noted and queued, or neither.
        let id = self.exchange.note(Box::new(on_reply), turn)?;
        self.queue.try_send(ClientMessage { id, request }.encode()).ok()?;
        answer.await.ok()
    }
}

fn refusal(refused: Refused) -> TransportError {
    let retry_after = Duration::from_millis(refused.retry_after_ms.into());
    TransportError::Refused { reason: refused.reason, retry_after }
}
