//! The state of one connection: which requests wait for a reply, what has been heard, and how it ended. No I/O.

use std::collections::HashMap;
use std::fmt;
use std::sync::Mutex;

use kuvert_wire::relay::{RelayEvent, RelayReply, RequestId, ServerMessage};
use kuvert_wire::{Decode, RelayUrl};
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::Instant;

use super::dial::Failure;
use super::settings::Timing;
use crate::mutex::lock;
use crate::{Outage, TransportError};

/// What to do with the reply to a request.
pub(super) type OnReply = Box<dyn FnOnce(RelayReply) + Send>;

#[derive(Debug)]
pub(super) struct Exchange {
    relay: RelayUrl,
    state: Mutex<State>,
    /// Changes with whatever someone may be waiting for: an arrival, or the end.
    wake: watch::Sender<()>,
    /// Tells the driver to stop.
    ended: watch::Sender<bool>,
}

#[derive(Debug)]
enum State {
    Open(Open),
    Ended(Failure),
}

#[derive(Debug)]
struct Open {
    next_id: RequestId,
    pending: HashMap<RequestId, Pending>,
    last_heard: Instant,
    probed: Option<Instant>,
    arrivals: u64,
    is_kept: bool,
}

struct Pending {
    since: Instant,
    on_reply: OnReply,
    _turn: OwnedSemaphorePermit,
}

impl fmt::Debug for Pending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pending").field("since", &self.since).finish_non_exhaustive()
    }
}

/// What the passing of time calls for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Due {
    Nothing,
    Probe,
    End(Failure),
}

impl Exchange {
    pub(super) fn new(relay: RelayUrl, wake: watch::Sender<()>) -> Self {
        let open = Open {
            next_id: RequestId::FIRST,
            pending: HashMap::new(),
            last_heard: Instant::now(),
            probed: None,
            arrivals: 1, // what came before this connection
            is_kept: false,
        };
        Self { relay, state: Mutex::new(State::Open(open)), wake, ended: watch::Sender::new(false) }
    }

    /// Notes a request and gives it an id; `None` once the connection has ended.
    pub(super) fn note(&self, on_reply: OnReply, turn: OwnedSemaphorePermit) -> Option<RequestId> {
        self.open(|open| {
            let id = open.next_id;
            open.next_id = id.next();
            let since = Instant::now();
            open.pending.insert(id, Pending { since, on_reply, _turn: turn });
            id
        })
    }

    /// Takes in one message of the relay.
    pub(super) fn handle_message(&self, bytes: &[u8]) -> Result<(), Failure> {
        self.heard();
        match ServerMessage::decode(bytes) {
            Ok(ServerMessage::Event(RelayEvent::Arrived)) => {
                self.open(|open| open.arrivals += 1);
                self.wake.send_replace(());
                Ok(())
            }
            Ok(ServerMessage::Reply { id, reply }) => self.handle_reply(id, reply),
            Ok(_) => Err(Failure::Garbage("an event out of place")),
            Err(_) => Err(Failure::Garbage("a message that cannot be decoded")),
        }
    }

    fn handle_reply(&self, id: RequestId, reply: RelayReply) -> Result<(), Failure> {
        let pending = self.open(|open| open.pending.remove(&id)).flatten();
        let Pending { on_reply, .. } = pending.ok_or(Failure::Garbage("a reply to no request"))?;
        on_reply(reply);
        Ok(())
    }

    /// Notes a sign of life.
    pub(super) fn heard(&self) {
        self.open(|open| {
            open.last_heard = Instant::now();
            open.probed = None;
        });
    }

    /// Says what has to be done by now.
    pub(super) fn poll_due(&self, timing: &Timing) -> Due {
        self.open(|open| open.poll_due(timing)).unwrap_or(Due::Nothing)
    }

    /// Keeps the connection over times of silence from now on.
    pub(super) fn keep(&self) {
        self.open(|open| open.is_kept = true);
    }

    /// Occasions to fetch so far: the connection itself, and every arrival.
    pub(super) fn arrivals(&self) -> u64 {
        self.open(|open| open.arrivals).unwrap_or_default()
    }

    pub(super) fn last_heard(&self) -> Option<Instant> {
        self.open(|open| open.last_heard)
    }

    /// Ends the connection and all calls on it. The first reason counts, and is given back.
    pub(super) fn end(&self, failure: Failure) -> TransportError {
        let mut state = lock(&self.state);
        let first = match &*state {
            State::Open(_) => failure,
            State::Ended(first) => first.clone(),
        };
        let before = std::mem::replace(&mut *state, State::Ended(first.clone()));
        drop(state);
        drop(before); // wakes the callers, who look at the state
        self.ended.send_replace(true);
        self.wake.send_replace(());
        first.at(&self.relay)
    }

    /// Why it ended, if it has.
    pub(super) fn failure(&self) -> Option<TransportError> {
        match &*lock(&self.state) {
            State::Open(_) => None,
            State::Ended(failure) => Some(failure.clone().at(&self.relay)),
        }
    }

    /// Waits for the end.
    pub(super) async fn ended(&self) {
        // An error would mean that the sender is gone, and it is a field of `self`.
        let _ = self.ended.subscribe().wait_for(|ended| *ended).await;
    }

    fn open<T>(&self, change: impl FnOnce(&mut Open) -> T) -> Option<T> {
        match &mut *lock(&self.state) {
            State::Open(open) => Some(change(open)),
            State::Ended(_) => None,
        }
    }
}

impl Open {
    fn poll_due(&mut self, timing: &Timing) -> Due {
        let lost = |limit| Due::End(Failure::Outage(Outage::TimedOut(limit)));
        let is_overdue = |since: &Instant| since.elapsed() >= timing.request;
        if self.pending.values().any(|pending| is_overdue(&pending.since)) {
            return lost(timing.request);
        }
        match self.probed {
            Some(probed) if is_overdue(&probed) => lost(timing.request),
            None if self.is_idle(timing) => self.probe(),
            _ => Due::Nothing,
        }
    }

    /// Nothing has been heard for a while, and nothing that is due.
    fn is_idle(&self, timing: &Timing) -> bool {
        self.pending.is_empty() && self.last_heard.elapsed() >= timing.silence
    }

    fn probe(&mut self) -> Due {
        if !self.is_kept {
            return Due::End(Failure::Outage(Outage::Lost));
        }
        self.probed = Some(Instant::now());
        Due::Probe
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use kuvert_wire::Encode;
    use tokio::sync::Semaphore;
    use tokio::time::advance;

    use super::*;

    fn exchange() -> Exchange {
        Exchange::new("ws://localhost:4000".parse().unwrap(), watch::Sender::new(()))
    }

    fn note(exchange: &Exchange, on_reply: OnReply) -> RequestId {
        let turn = Arc::new(Semaphore::new(1)).try_acquire_owned().unwrap();
        exchange.note(on_reply, turn).expect("open")
    }

    fn done(id: RequestId) -> Vec<u8> {
        ServerMessage::Reply { id, reply: RelayReply::Done }.encode()
    }

    fn timed_out() -> Due {
        Due::End(Failure::Outage(Outage::TimedOut(Timing::default().request)))
    }

    #[tokio::test(start_paused = true)]
    async fn a_kept_connection_is_probed_once_and_then_given_up() {
        let (exchange, timing) = (exchange(), Timing::default());
        exchange.keep();
        advance(timing.silence - Duration::from_millis(1)).await;
        assert_eq!(exchange.poll_due(&timing), Due::Nothing);
        advance(Duration::from_millis(1)).await;
        assert_eq!(exchange.poll_due(&timing), Due::Probe);
        assert_eq!(exchange.poll_due(&timing), Due::Nothing);
        advance(timing.request).await;
        assert_eq!(exchange.poll_due(&timing), timed_out());
    }

    #[tokio::test(start_paused = true)]
    async fn a_sign_of_life_answers_a_probe() {
        let (exchange, timing) = (exchange(), Timing::default());
        exchange.keep();
        advance(timing.silence).await;
        assert_eq!(exchange.poll_due(&timing), Due::Probe);
        exchange.heard();
        advance(timing.request).await;
        assert_eq!(exchange.poll_due(&timing), Due::Nothing);
        advance(timing.silence).await;
        assert_eq!(exchange.poll_due(&timing), Due::Probe);
    }

    #[tokio::test(start_paused = true)]
    async fn an_idle_connection_that_reads_nothing_is_closed() {
        let (exchange, timing) = (exchange(), Timing::default());
        advance(timing.silence).await;
        assert_eq!(exchange.poll_due(&timing), Due::End(Failure::Outage(Outage::Lost)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_without_reply_ends_the_connection_though_nobody_waits_for_it() {
        let (exchange, timing) = (exchange(), Timing::default());
        advance(timing.silence - timing.request).await;
        note(&exchange, Box::new(drop));
        advance(timing.request - Duration::from_millis(1)).await;
        exchange.heard();
        assert_eq!(exchange.poll_due(&timing), Due::Nothing, "a pending request is no idleness");
        advance(Duration::from_millis(1)).await;
        assert_eq!(exchange.poll_due(&timing), timed_out());
    }

    #[tokio::test]
    async fn a_reply_finds_its_request_once() {
        let exchange = exchange();
        let (first, second) = (note(&exchange, Box::new(drop)), note(&exchange, Box::new(drop)));
        assert_eq!(exchange.handle_message(&done(second)), Ok(()));
        assert_eq!(exchange.handle_message(&done(first)), Ok(()));
        let again = exchange.handle_message(&done(first));
        assert_eq!(again, Err(Failure::Garbage("a reply to no request")));
    }

    #[tokio::test]
    async fn the_first_reason_to_end_counts() {
        let exchange = exchange();
        let error = exchange.end(Failure::Garbage("a test"));
        assert_eq!(exchange.end(Failure::Outage(Outage::Lost)), error);
        assert_eq!(exchange.failure(), Some(error));
        let turn = Arc::new(Semaphore::new(1)).try_acquire_owned().unwrap();
        assert_eq!(exchange.note(Box::new(drop), turn), None);
    }
}
