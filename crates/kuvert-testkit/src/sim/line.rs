//! A connection through the weather: an app's transport, and what goes wrong around it.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kuvert::Carrier;
use kuvert_transport::{
    Delivered, Directory, MailboxCursor, MailboxOwner, Outage, Profile, Publication, Refusal,
    Route, Transport, TransportError,
};
use kuvert_wire::{AccountId, DeliveryToken, MailboxId, PostId, PrekeyBundle, RelayUrl};

use super::clock::Clock;
use super::lie::Lie;
use super::pool::Pool;
use super::process::Life;
use super::weather::{Fate, Sky};
use crate::Side;

/// One process's connection.
pub(super) struct Line<C> {
    inner: C,
    side: Side,
    sky: Sky,
    clock: Clock,
    life: Life,
    pool: Mutex<Pool>,
}

const NOT_FOUND: TransportError =
    TransportError::Refused { reason: Refusal::NotFound, retry_after: Duration::ZERO };

impl<C: Carrier> Line<C> {
    pub(super) fn new(inner: C, side: Side, sky: Sky, clock: Clock, life: Life) -> Self {
        Self { inner, side, sky, clock, life, pool: Mutex::default() }
    }

    /// A request leaves, if there is a network.
    fn depart(&self) -> Result<(), TransportError> {
        self.life.boundary();
        match self.sky.weather().is_cut(self.side) {
            true => Err(self.unreachable(Outage::Offline)),
            false => Ok(()),
        }
    }

    /// Its answer comes back, or does not.
    fn come_back<R>(&self, answer: Result<R, TransportError>) -> Result<R, TransportError> {
        self.life.boundary();
        match self.sky.weather().loses_answer(self.side) {
            true => Err(self.unreachable(Outage::Lost)),
            false => answer,
        }
    }

    fn unreachable(&self, outage: Outage) -> TransportError {
        TransportError::Unreachable { relay: self.inner.home().clone(), outage }
    }

    fn pool(&self) -> MutexGuard<'_, Pool> {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take_in(&self, delivered: Delivered) {
        let mut weather = self.sky.weather();
        let (late, copy) = (weather.lateness(self.side), weather.second_copy(self.side));
        self.pool().take_in(delivered, self.clock.now(), late, copy);
    }
}

impl<C: Carrier> Carrier for Line<C> {
    fn home(&self) -> &RelayUrl {
        self.inner.home()
    }
}

impl<C: Carrier> Transport for Line<C> {
    fn profile(&self) -> Profile {
        let profile = self.inner.profile();
        let lossy = profile.lossy || self.sky.weather().is_lossy;
        Profile { ordered: false, duplicates: true, lossy, ..profile }
    }

    async fn open(
        &self,
        owner: &MailboxOwner,
        tokens: &[DeliveryToken],
    ) -> Result<(), TransportError> {
        self.depart()?;
        let answer = self.inner.open(owner, tokens).await;
        self.come_back(answer)
    }

    async fn attach(&self, mailboxes: &[MailboxCursor]) -> Result<(), TransportError> {
        self.depart()?;
        for cursor in mailboxes {
            self.pool().forget(&cursor.owner.mailbox());
        }
        self.inner.attach(mailboxes).await
    }

    async fn post(&self, route: &Route, id: PostId, envelope: &[u8]) -> Result<(), TransportError> {
        self.depart()?;
        let fate = self.sky.weather().take_post(self.side, route, envelope);
        let answer = match fate {
            Fate::Vanishes => Ok(()),
            Fate::Denied => Err(NOT_FOUND),
            Fate::Arrives => self.inner.post(route, id, envelope).await,
            Fate::Changes(envelope) => self.inner.post(route, id, &envelope).await,
        };
        self.come_back(answer)
    }

    async fn next(&self, wait: Duration) -> Result<Option<Delivered>, TransportError> {
        self.depart()?;
        while let Some(delivered) = self.inner.next(Duration::ZERO).await? {
            self.take_in(delivered);
        }
        if wait.is_zero() || self.pool().is_due(self.clock.now()) {
            return Ok(self.pool().hand_out(self.clock.now()));
        }
        if let Some(delivered) = self.inner.next(wait).await? {
            self.take_in(delivered);
        }
        Ok(self.pool().hand_out(self.clock.now()))
    }

    async fn confirm(&self, mailbox: &MailboxId, position: u64) -> Result<(), TransportError> {
        self.depart()?;
        let safe = self.pool().confirm(*mailbox, position);
        let answer = match safe {
            Some(position) => self.inner.confirm(mailbox, position).await,
            None => Ok(()),
        };
        self.come_back(answer)
    }

    async fn close(&self, mailbox: &MailboxId) -> Result<(), TransportError> {
        self.depart()?;
        let answer = self.inner.close(mailbox).await;
        self.come_back(answer)
    }
}

impl<C: Carrier> Directory for Line<C> {
    async fn publish(
        &self,
        device: &MailboxOwner,
        publication: &Publication,
    ) -> Result<(), TransportError> {
        self.depart()?;
        let answer = self.inner.publish(device, publication).await;
        self.come_back(answer)
    }

    async fn stock(&self, device: &MailboxOwner) -> Result<u16, TransportError> {
        self.depart()?;
        self.inner.stock(device).await
    }

    async fn fetch_bundle(
        &self,
        relay: &RelayUrl,
        account: &AccountId,
    ) -> Result<PrekeyBundle, TransportError> {
        self.depart()?;
        let lie = self.sky.weather().next_lie(self.side);
        if lie == Some(Lie::Unknown) {
            return Err(NOT_FOUND);
        }
        let bundle = self.inner.fetch_bundle(relay, account).await?;
        let bundle = self.sky.weather().hand_out(self.side, lie, bundle);
        self.come_back(Ok(bundle))
    }
}
