//! Being online: what is done with each new look at the home relay.

use std::collections::BTreeSet;

use kuvert_core::PrekeyUpload;
use kuvert_store::Store;
use kuvert_transport::{MailboxCursor, Publication, Refusal, TransportError};
use kuvert_wire::MailboxId;

use super::Client;
use crate::{Carrier, Error};

/// What has been done at the home relay since this client was opened.
#[derive(Debug, Default)]
pub(super) struct Online {
    /// The front door is read, and prekeys were looked after.
    pub(super) ready: bool,
    /// Session mailboxes that are read.
    pub(super) attached: BTreeSet<MailboxId>,
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
        let upload = self.contend(|client| client.prekeys_due(stock))?;
        let Some(upload) = upload else { return Ok(()) };
        let PrekeyUpload { cert, medium, one_time, .. } = upload;
        self.carrier.publish(&front_door, &Publication { cert, medium, one_time }).await?;
        Ok(())
    }

    fn prekeys_due(&mut self, stock: Option<u16>) -> Result<Option<PrekeyUpload>, Error> {
        let now = self.now();
        let step = self.device.prekeys(stock.unwrap_or(0), now, &mut self.random)?;
        let upload = step.commit(|changes| self.store.apply(changes))?;
        Ok(Some(upload))
    }

    /// Goes online, if possible: `false` says that there is no connection, or not now.
    pub(super) async fn reach_home(&mut self) -> Result<bool, Error> {
        match self.go_online().await {
            Ok(()) => Ok(true),
            Err(error) if error.is_temporary() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Reads the front door and looks after the prekeys; once for each client.
    pub(super) async fn go_online(&mut self) -> Result<(), Error> {
        if !self.online.ready {
            self.publish_prekeys().await?;
            let cursor = MailboxCursor { owner: self.front_door(), after: 0 };
            self.carrier.attach(&[cursor]).await?;
            self.online.ready = true;
        }
        self.open_mailboxes().await
    }

    /// Sends what waits: frames that had no session, receipts that are due, and the outbox.
    pub(super) async fn deliver(&mut self) -> Result<(), Error> {
        let sealed = self.seal_pending().await;
        self.announce_all()?;
        self.open_mailboxes().await?;
        self.seal_receipts()?;
        self.post_all().await.and(sealed)
    }

    /// Whether a connection would be of use now: something waits to be sent.
    ///
    /// # Errors
    ///
    /// [`Error::Store`], [`Error::Record`].
    pub fn has_work(&self) -> Result<bool, Error> {
        let waits = |prefix| Ok::<_, Error>(!self.store.scan(prefix)?.is_empty());
        Ok(waits(crate::record::PENDING)?
            || waits(crate::record::OUTBOX)?
            || !self.peers_to_tell()?.is_empty()
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
