//! Reading mailboxes over a link: attaching, fetching, and waiting for what comes.

use std::slice;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use kuvert_wire::relay::{
    Attachment, Fetch, List, MAX_ATTACH, MAX_FETCH, Messages, Nonce, RelayReply, RelayRequest,
    proof,
};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::connection::{Connection, Turn};
use super::done;
use super::inbox::{Generation, Inbox};
use super::link::{Link, may_repeat};
use crate::clock::after;
use crate::mutex::lock;
use crate::{Advice, Delivered, MailboxCursor, Refusal, TransportError};

/// A relay heard of within this time need not be asked whether it is still there.
const FRESH: Duration = Duration::from_secs(1);

impl Link {
    /// Attaches mailboxes, now and on every later connection.
    pub(super) async fn attach(&self, mailboxes: &[MailboxCursor]) -> Result<(), TransportError> {
        let mut rest = mailboxes;
        while !rest.is_empty() {
            let (group, later) = rest.split_at(rest.len().min(MAX_ATTACH));
            let request = |on: &Connection, turn| self.attach_request(on, turn, group);
            let attached = self.call_in_turn(|_| true, request).await;
            match attached {
                Ok(Some(Noted(true))) => rest = later,
                Err(error @ TransportError::Refused { .. }) => return Err(error),
                _ => {
                    self.attach_later(rest).await;
                    return attached.map(drop);
                }
            }
        }
        Ok(())
    }

    /// Notes mailboxes for the next connection, and sees that there is one.
    async fn attach_later(&self, mailboxes: &[MailboxCursor]) {
        lock(&self.inbox).attach(mailboxes);
        self.disconnect().await;
    }

    fn attach_request(
        &self,
        connection: &Connection,
        turn: Turn,
        group: &[MailboxCursor],
    ) -> (RelayRequest, impl FnOnce(RelayReply) -> Result<Noted, RelayReply> + use<>) {
        let (inbox, generation) = (self.inbox.clone(), connection.generation());
        let mailboxes = group.to_vec();
        connection.exchange().keep();
        let on_reply = move |reply| {
            done(reply)?;
            let mut inbox = lock(&inbox);
            let is_current = inbox.is_current(generation);
            if is_current {
                inbox.attach(&mailboxes);
            }
            drop(turn);
            Ok(Noted(is_current))
        };
        (attach(connection.nonce(), group), on_reply)
    }

    /// Attaches on a new connection what was attached on the last one.
    pub(super) async fn attach_again(
        &self,
        connection: &Connection,
        cursors: &[MailboxCursor],
    ) -> Result<(), TransportError> {
        for group in cursors.chunks(MAX_ATTACH) {
            connection.exchange().keep();
            match connection.call(|connection| (attach(connection.nonce(), group), done)).await {
                Err(error) if is_lasting(&error) => self.sift(connection, group).await?,
                result => result?,
            }
        }
        Ok(())
    }

    /// Attaches one by one where the relay refuses a group as a whole, and lets go of those that it refuses.
    async fn sift(
        &self,
        connection: &Connection,
        group: &[MailboxCursor],
    ) -> Result<(), TransportError> {
        for cursor in group {
            let alone = slice::from_ref(cursor);
            match connection.call(|connection| (attach(connection.nonce(), alone), done)).await {
                Err(error) if is_lasting(&error) => {
                    lock(&self.inbox).refuse(&cursor.owner.mailbox(), error);
                }
                result => result?,
            }
        }
        Ok(())
    }

    /// The next envelope; see [`Transport::next`](crate::Transport::next).
    pub(super) async fn next(&self, wait: Duration) -> Result<Option<Delivered>, TransportError> {
        let deadline = after(wait);
        let mut wake = self.wake.subscribe();
        let mut was_asked = false;
        loop {
            wake.mark_unchanged();
            if let Some(delivered) = lock(&self.inbox).take()? {
                return Ok(Some(delivered));
            }
            if was_asked && Instant::now() >= deadline {
                return Ok(None);
            }
            match self.fetch_if_due().await {
                Ok(has_fetched) => {
                    was_asked = true;
                    lock(&self.backoff).reset();
                    if !has_fetched {
                        self.rest(&mut wake, deadline).await?;
                    }
                }
                Err(error) => self.back_off(error, &mut wake, deadline).await?,
            }
        }
    }

    /// Waits for news. A connection that breaks meanwhile is not replaced at once: a relay that goes down loses all its
    /// clients in the same moment.
    async fn rest(
        &self,
        wake: &mut watch::Receiver<()>,
        deadline: Instant,
    ) -> Result<(), TransportError> {
        sleep_or_wake(wake, deadline).await;
        match self.failure().await {
            Some(error) => self.back_off(error, wake, deadline).await,
            None => Ok(()),
        }
    }

    /// Waits before the next attempt, unless there can be none or the time is up.
    async fn back_off(
        &self,
        error: TransportError,
        wake: &mut watch::Receiver<()>,
        deadline: Instant,
    ) -> Result<(), TransportError> {
        let Advice::RetryLater(at_least) = error.advice() else {
            return Err(error);
        };
        let pause = lock(&self.backoff).fail().max(at_least);
        wake.mark_unchanged();
        sleep_or_wake(wake, after(pause).min(deadline)).await;
        if Instant::now() < deadline { Ok(()) } else { Err(error) }
    }

    /// Fetches if there may be something, and says whether it has.
    async fn fetch_if_due(&self) -> Result<bool, TransportError> {
        let request = |on: &Connection, turn| self.fetch_request(on, turn);
        let fetched = self.call_in_turn(|on| self.is_fetch_due(on), request).await?;
        Ok(fetched.is_some())
    }

    /// Something has been announced, or the relay has been silent for so long that it might be gone.
    fn is_fetch_due(&self, connection: &Connection) -> bool {
        let exchange = connection.exchange();
        let (heard, arrivals) = (exchange.last_heard(), exchange.arrivals());
        let is_fresh = heard.is_some_and(|heard| heard.elapsed() < FRESH);
        !is_fresh || lock(&self.inbox).is_fetch_due(arrivals)
    }

    fn fetch_request(
        &self,
        connection: &Connection,
        turn: Turn,
    ) -> (RelayRequest, impl FnOnce(RelayReply) -> Result<(), RelayReply> + use<>) {
        let fetched = Fetched {
            inbox: self.inbox.clone(),
            generation: connection.generation(),
            arrivals: connection.exchange().arrivals(),
            wake: self.wake.clone(),
            _turn: turn,
        };
        let limit = u16::try_from(MAX_FETCH).unwrap_or(u16::MAX);
        (RelayRequest::Fetch(Fetch { limit }), move |reply| fetched.take_in(reply))
    }

    /// As [`Link::call`], while nothing else moves the cursors. `None` if by then it is not due any more.
    async fn call_in_turn<T, F>(
        &self,
        is_due: impl Fn(&Connection) -> bool + Send + Sync,
        request: impl Fn(&Connection, Turn) -> (RelayRequest, F) + Send + Sync,
    ) -> Result<Option<T>, TransportError>
    where
        T: Send + 'static,
        F: FnOnce(RelayReply) -> Result<T, RelayReply> + Send + 'static,
    {
        let came = Instant::now();
        loop {
            let connection = self.connection().await?;
            let turn = connection.turn_to_read().await;
            if !is_due(&connection) {
                return Ok(None);
            }
            match connection.call(|connection| request(connection, turn.clone())).await {
                Err(error) if may_repeat(&error, &connection, came) => {}
                done => return done.map(Some),
            }
        }
    }
}

/// Whether mailboxes are noted for the connection that is in use now.
struct Noted(bool);

/// What to do with envelopes when they come, whoever waits for them by then.
struct Fetched {
    inbox: Arc<Mutex<Inbox>>,
    generation: Generation,
    arrivals: u64,
    wake: watch::Sender<()>,
    _turn: Turn,
}

impl Fetched {
    fn take_in(self, reply: RelayReply) -> Result<(), RelayReply> {
        let Messages { more, items } = match reply {
            RelayReply::Messages(messages) if messages.more && messages.items.is_empty() => {
                return Err(RelayReply::Messages(messages)); // would make us ask for ever
            }
            RelayReply::Messages(messages) => messages,
            other => return Err(other),
        };
        let mut inbox = lock(&self.inbox);
        if inbox.is_current(self.generation) {
            inbox.accept(items.into_vec());
            if !more {
                inbox.cover(self.arrivals);
            }
        }
        drop(inbox);
        self.wake.send_replace(());
        Ok(())
    }
}

fn attach(nonce: &Nonce, group: &[MailboxCursor]) -> RelayRequest {
    let attachment = |cursor: &MailboxCursor| {
        let (key, after) = (*cursor.owner.key(), cursor.after);
        let signature = cursor.owner.sign(&proof::attach(nonce, &key));
        Attachment { key, signature, after }
    };
    let list = List::new(group.iter().map(attachment).collect());
    RelayRequest::Attach(list.expect("a group is at most MAX_ATTACH long"))
}

/// Whether a refusal to attach will be the same next time.
const fn is_lasting(error: &TransportError) -> bool {
    matches!(
        error,
        TransportError::Refused {
            reason: Refusal::NotFound | Refusal::NotOwner | Refusal::BadSignature,
            ..
        }
    )
}

async fn sleep_or_wake(wake: &mut watch::Receiver<()>, until: Instant) {
    tokio::select! {
        _ = wake.changed() => {}
        () = sleep_until(until) => {}
    }
}
