//! Events, one after the other.

use core::time::Duration;

use kuvert_core::ProtocolError;
use kuvert_store::Store;
use kuvert_transport::TransportError;
use kuvert_wire::{AccountId, DeviceId, MessageId, Timestamp};
use tokio::time::Instant;

use super::Client;
use super::rollback::NOBODY;
use super::transcripts::news_of;
use crate::event::{Delivery, Event, IdentityChange, NotOpened, Notice, Sender, StateRollback};
use crate::record::{self, LogRecord, Unshown, UnshownRecord, Versioned};
use crate::{Carrier, Error};

/// How long one wait at the relay lasts at most: then what is due here is looked at again.
const PATIENCE: Duration = Duration::from_secs(2);
/// A wait that is as good as for ever, and that every clock can add to the time.
const LONGEST_WAIT: Duration = Duration::from_secs(10 * 365 * 24 * 3600);
/// Pause between two attempts to find the relay.
const PAUSE: Duration = Duration::from_millis(500);
/// The relay is told of so many envelopes at a time that they are safe here.
const CONFIRM_AFTER: usize = 32;

impl<S: Store, T: Carrier> Client<S, T> {
    /// The next event. Waits for it, also through times without a connection.
    ///
    /// Asking for the next event acknowledges the one before; a process that ends before is given it
    /// again. `None` means that the carrier was closed.
    ///
    /// # Errors
    ///
    /// [`Error::Transport`] if what answers is no relay, or will not serve; [`Error::Store`].
    pub async fn next_event(&mut self) -> Result<Option<Event>, Error> {
        loop {
            match self.poll_event(Duration::from_secs(60), None).await {
                Ok(None) => {}
                Err(Error::Transport(TransportError::Closed)) => return Ok(None),
                Err(error) if error.is_temporary() => tokio::time::sleep(PATIENCE).await,
                result => return result,
            }
        }
    }

    /// The next event, from `only` if given, waiting for at most `wait`; `None` if there is none.
    /// What comes from others is kept for later.
    ///
    /// Acknowledges the event before, if that was not done.
    ///
    /// # Errors
    ///
    /// [`Error::Transport`]: nothing is stored here that was not given yet, and the relay could not
    /// be asked. [`Error::Store`].
    pub async fn poll_event(
        &mut self,
        wait: Duration,
        only: Option<AccountId>,
    ) -> Result<Option<Event>, Error> {
        self.acknowledge()?;
        self.file_inbox()?;
        let deadline = Instant::now() + wait.min(LONGEST_WAIT);
        let mut has_asked = false;
        loop {
            self.refresh()?;
            if let Some(event) = self.stored_event(only)? {
                return Ok(Some(event));
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if has_asked && left.is_zero() {
                return Ok(None);
            }
            has_asked = self.ask(left).await? || has_asked;
        }
    }

    /// Looks for one envelope, and does what is due when there is none; says whether the relay has
    /// nothing more.
    async fn ask(&mut self, left: Duration) -> Result<bool, Error> {
        match self.look(left).await {
            Err(error) if error.is_temporary() && !left.is_zero() => {
                tokio::time::sleep(left.min(PAUSE)).await;
                Ok(false)
            }
            Err(error) if error.is_not_found() && self.online.cared.is_some() => {
                self.online = Default::default(); // the relay has forgotten us: begin again
                Ok(false)
            }
            result => result,
        }
    }

    async fn look(&mut self, left: Duration) -> Result<bool, Error> {
        self.go_online().await?;
        self.attach_mailboxes().await?;
        if self.unconfirmed_count >= CONFIRM_AFTER {
            self.confirm_all().await?;
        }
        if self.take_next(Duration::ZERO).await? {
            return Ok(false);
        }
        self.confirm_all().await?;
        self.deliver().await.or_else(|error| error.network().map(drop))?;
        if left.is_zero() {
            return Ok(true);
        }
        let patience = self.patience(left)?;
        Ok(!self.take_next(patience).await?)
    }

    async fn take_next(&mut self, wait: Duration) -> Result<bool, Error> {
        if self.untaken.is_none() {
            self.untaken = self.carrier.next(wait).await?;
        }
        let Some(delivered) = self.untaken.take() else { return Ok(false) };
        let taken = self.take_in(&delivered);
        if taken.is_err() {
            self.untaken = Some(delivered);
        }
        taken.map(|()| true)
    }

    /// How long to wait at the relay: not past what is due next.
    fn patience(&self, left: Duration) -> Result<Duration, Error> {
        let due = self.next_receipt()?.map_or(PATIENCE, |due| due.since(self.now()));
        Ok(left.min(PATIENCE).min(due))
    }

    /// The oldest event that was not acknowledged.
    fn stored_event(&mut self, only: Option<AccountId>) -> Result<Option<Event>, Error> {
        // What is about no peer is told to whoever asks.
        let wanted =
            |account: &AccountId| only.is_none_or(|only| only == *account || *account == NOBODY);
        if let Some(at) = self.alarms.iter().position(&wanted)
            && let Some(peer) = self.alarms.remove(at)
        {
            let peer = self.sender(&peer)?;
            return Ok(Some(Event::IdentityChanged(IdentityChange { peer, device: None })));
        }
        let account =
            |unshown: &Versioned<UnshownRecord>| AccountId::from_bytes(unshown.value.account);
        while let Some(at) = self.unshown.iter().position(|event| wanted(&account(event))) {
            let Some(unshown) = self.unshown.remove(at) else { break };
            if self.store.get(&unshown.key)?.is_some() {
                let event = self.event_of(&account(&unshown), &unshown.value.what)?;
                self.current = Some(unshown);
                return Ok(Some(event));
            }
        }
        Ok(None)
    }

    pub(super) fn event_of(&self, peer: &AccountId, what: &Unshown) -> Result<Event, Error> {
        let sender = self.sender(peer)?;
        let notice = |at: &u64| Notice { peer: sender.clone(), at: Timestamp::from_millis(*at) };
        Ok(match what {
            Unshown::Message(seq) => return self.message_event(peer, *seq, sender),
            Unshown::Receipt { ids, at } => Event::Delivered(delivery(sender, ids, *at)),
            Unshown::Undelivered { ids, at } => Event::Undelivered(delivery(sender, ids, *at)),
            Unshown::HealingStarted { at, .. } => Event::HealingStarted(notice(at)),
            Unshown::Healed { at } => Event::Healed(notice(at)),
            Unshown::IdentityChanged { device } => {
                let device = Some(DeviceId::from_bytes(*device));
                Event::IdentityChanged(IdentityChange { peer: sender, device })
            }
            Unshown::CloneSuspected { at } => Event::CloneSuspected(notice(at)),
            Unshown::StateRollback { at, found, expected } => {
                let at = Timestamp::from_millis(*at);
                Event::StateRollback(StateRollback { at, found: *found, expected: *expected })
            }
            Unshown::Transcript { .. }
            | Unshown::Redacted { .. }
            | Unshown::ErasureAnswered { .. }
            | Unshown::Consent { .. } => Event::Transcript(news_of(sender, what)?),
            Unshown::NotOpened { cause, count, at } => Event::NotOpened(NotOpened {
                peer: sender,
                cause: cause_named(cause),
                count: *count,
                at: Timestamp::from_millis(*at),
            }),
        })
    }

    fn message_event(&self, peer: &AccountId, seq: u64, sender: Sender) -> Result<Event, Error> {
        let key = record::log_key(peer, seq);
        let log = record::read::<LogRecord, _>(&self.store, &key)?;
        let log = log.ok_or_else(|| record::damaged(&key))?;
        self.message_of(peer, &log, sender).map(Event::Message)
    }

    /// The number of the event given last, unique in this store; `None` for events that are not
    /// stored. An app that notes elsewhere what it has shown tells events apart by it.
    #[must_use]
    pub fn event_number(&self) -> Option<u64> {
        record::seq_of(&self.current.as_ref()?.key)
    }

    /// Whether the event given last still waits to be acknowledged: another process on the same store
    /// may have shown it in between. `true` for events that are not stored.
    ///
    /// # Errors
    ///
    /// [`Error::Store`].
    pub fn is_unshown(&self) -> Result<bool, Error> {
        match &self.current {
            Some(current) => Ok(self.store.get(&current.key)?.is_some()),
            None => Ok(true),
        }
    }

    /// Says that the event given last has been shown: it is not given again.
    ///
    /// Survives the end of the process from the moment this returns.
    ///
    /// # Errors
    ///
    /// [`Error::Store`].
    pub fn acknowledge(&mut self) -> Result<(), Error> {
        let Some(current) = self.current.take() else { return Ok(()) };
        match self.apply_relaxed([current.delete()]) {
            Err(error) if error.is_conflict() => Ok(()), // another process has shown it
            result => result,
        }
    }
}

fn delivery(peer: Sender, ids: &[[u8; 16]], at: u64) -> Delivery {
    let message_ids = ids.iter().copied().map(MessageId::from_bytes).collect();
    Delivery { peer, message_ids, received: Timestamp::from_millis(at) }
}

fn cause_named(name: &str) -> ProtocolError {
    let named = ProtocolError::ALL.into_iter().find(|cause| cause.name() == name);
    named.unwrap_or(ProtocolError::Undecryptable)
}
