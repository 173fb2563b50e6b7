//! Being online: what is done with each new look at the home relay.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use kuvert_core::PrekeyUpload;
use kuvert_store::Store;
use kuvert_transport::{MailboxOwner, Publication, Refusal, TransportError};
use kuvert_wire::{AccountId, MailboxKey, Timestamp};

use super::{Client, lock};
use crate::{Carrier, Error};

/// A client that lives for long looks after its prekeys this often.
pub(super) const CARE_EVERY: Duration = Duration::from_secs(3600);

/// What has been done at the home relay since this client was opened.
#[derive(Debug, Default)]
pub(super) struct Online {
    /// When prekeys were looked after, and what is too old was ended.
    pub(super) cared: Option<Timestamp>,
    /// Mailboxes that are read.
    pub(super) attached: BTreeSet<MailboxKey>,
    /// When a peer has had its time to say what it holds, in Unix milliseconds; `None` if that is not
    /// known.
    pub(super) forgetful: Option<u64>,
    /// When silent peers were looked for.
    pub(super) listened: Option<Timestamp>,
    /// When a peer's prekeys were last fetched for a new session that is due.
    pub(super) heal_tried: BTreeMap<AccountId, Timestamp>,
    /// Whether an envelope named a prekey that is not held here: the home relay may hand out some that
    /// were lost when the store was put back.
    pub(super) doubts_shelf: bool,
    /// When prekeys were last published for such a doubt. Strangers can raise it.
    republished: Option<Timestamp>,
}

impl<S: Store, T: Carrier> Client<S, T> {
    /// Makes sure that the home relay has a current medium-term prekey and enough one-time prekeys.
    /// Every client does so by itself when it first comes online.
    ///
    /// # Errors
    ///
    /// [`Error::Transport`], [`Error::Store`].
    pub async fn publish_prekeys(&mut self) -> Result<(), Error> {
        let front_door = self.front_door();
        let stock = match self.carrier.stock(&front_door).await {
            Ok(stock) => Some(stock),
            Err(TransportError::Refused { reason: Refusal::NotFound, .. }) => None,
            Err(error) => return Err(error.into()),
        };
        let stock = stock.map_or(0, usize::from);
        let Some(upload) = self.contend(|client| client.prekeys_due(stock))? else { return Ok(()) };
        self.publish(&front_door, upload).await
    }

    async fn publish(&mut self, at: &MailboxOwner, upload: PrekeyUpload) -> Result<(), Error> {
        let PrekeyUpload { cert, medium, one_time } = upload;
        let id = medium.id;
        self.carrier.publish(at, &Publication { cert, medium, one_time }).await?;
        self.contend(|client| {
            let mut device = lock(&client.device);
            Ok(device.published(id).commit(|changes| client.store.apply(changes))?)
        })
    }

    /// Publishes the medium-term prekey again if the relay may have another one, once an hour.
    async fn clear_doubts(&mut self) -> Result<(), Error> {
        let now = self.now();
        let is_allowed = |at: Timestamp| now.since(at) > CARE_EVERY || now < at;
        if !self.online.doubts_shelf || !self.online.republished.is_none_or(is_allowed) {
            return Ok(());
        }
        let upload = self.contend(|client| client.prekeys_for(usize::MAX))?;
        self.publish(&self.front_door(), upload).await?;
        (self.online.doubts_shelf, self.online.republished) = (false, Some(now));
        Ok(())
    }

    fn prekeys_due(&mut self, stock: usize) -> Result<Option<PrekeyUpload>, Error> {
        let is_due = lock(&self.device).is_publishing_due(stock, self.now());
        is_due.then(|| self.prekeys_for(stock)).transpose()
    }

    fn prekeys_for(&mut self, stock: usize) -> Result<PrekeyUpload, Error> {
        let (now, (_, counter)) = (self.now(), self.reserve(0)?);
        let mut device = lock(&self.device);
        let step = device.prekeys(stock, now, &mut self.around.random).also(counter);
        let upload = step.commit(|changes| self.store.apply(changes))?;
        drop(device);
        self.reserved();
        Ok(upload)
    }

    /// Ends what has lasted for too long: sessions without an answer, keys past their time.
    fn tidy(&mut self) -> Result<(), Error> {
        self.contend(|client| {
            let (now, mut device) = (client.now(), lock(&client.device));
            Ok(device.tidy(now).commit(|changes| client.store.apply(changes))?)
        })
    }

    /// Goes online, if possible: `false` says that there is no connection, or not now.
    pub(super) async fn reach_home(&mut self) -> Result<bool, Error> {
        match self.go_online().await {
            Ok(()) => Ok(true),
            Err(error) if error.is_temporary() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Looks after the prekeys, now and then, and opens what peers were promised.
    pub(super) async fn go_online(&mut self) -> Result<(), Error> {
        let now = self.now();
        if self.online.cared.is_none_or(|cared| now.since(cared) > CARE_EVERY || now < cared) {
            self.publish_prekeys().await?;
            self.tidy()?;
            self.sync_all_acceptance()?;
            self.retry_waiting()?;
            self.trim_all_sent()?;
            self.online.cared = Some(now);
        }
        self.clear_doubts().await?;
        self.open_mailboxes().await
    }

    /// Sends what waits: frames that had no session, receipts that are due, and the outbox.
    pub(super) async fn deliver(&mut self) -> Result<(), Error> {
        let healed = self.heal_all().await;
        self.repeat_overdue()?;
        self.reconcile_all()?;
        let sealed = self.seal_pending().await;
        self.tend_transcripts()?;
        self.announce_all()?;
        self.open_mailboxes().await?;
        let doubts = self.clear_doubts().await;
        let receipts = self.seal_receipts();
        let posted = self.post_all().await;
        receipts.and(posted).and(sealed).and(healed).and(doubts)
    }

    /// Whether a connection would be of use now: something waits to be sent.
    ///
    /// # Errors
    ///
    /// [`Error::Store`], [`Error::Record`].
    pub fn has_work(&self) -> Result<bool, Error> {
        Ok(self.store.has_any(crate::record::PENDING)?
            || self.store.has_any(crate::record::OUTBOX)?
            || !self.peers_to_tell()?.is_empty()
            || self.is_healing_due()?
            || self.is_receipt_due()?)
    }

    /// Tells the relay what is safe here and may be deleted there.
    pub(super) async fn confirm_all(&mut self) -> Result<(), Error> {
        while let Some((&mailbox, &position)) = self.unconfirmed.first_key_value() {
            self.carrier.confirm(&mailbox, position).await?;
            self.unconfirmed.remove(&mailbox);
        }
        self.unconfirmed_count = 0;
        Ok(())
    }

    /// Ends this client in good order: confirms what was received. Nothing is lost without it; the
    /// relay would hand out again what is here already.
    pub async fn close(mut self) {
        // Whoever cannot be told now finds out by the next client.
        let _ = self.confirm_all().await;
    }
}
