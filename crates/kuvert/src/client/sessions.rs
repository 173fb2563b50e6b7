//! Beginning sessions, and what can be said of them.

use kuvert_core::Advice;
use kuvert_core::prekey::{BundleError, VerifiedBundle};
use kuvert_store::Store;
use kuvert_transport::{Refusal, TransportError};
use kuvert_wire::{AccountId, Address, Decode, DeviceId, Frame, SessionId};

use super::Client;
use crate::record::{self, PendingRecord};
use crate::{Carrier, Error};

/// A session on which can be sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct LiveSession {
    pub(super) device: DeviceId,
    pub(super) id: SessionId,
}

impl<S: Store, T: Carrier> Client<S, T> {
    /// Begins a session with who must answer at `address`: fetches the prekeys, checks that they
    /// belong to it, and agrees on keys. If there is a session already, it stays.
    ///
    /// # Errors
    ///
    /// - [`Error::OwnAddress`].
    /// - [`Error::WrongIdentity`]: the relay hands out another identity; nothing has changed.
    /// - [`Error::UnknownAddress`]: the relay does not know this account.
    /// - [`Error::Transport`], [`Error::Store`].
    pub async fn start_session(&mut self, address: &Address) -> Result<AccountId, Error> {
        self.refuse_own(address)?;
        let peer = address.account;
        self.reach_home().await?;
        if self.sending_session(&peer).is_none() {
            let bundle = self.fetch_bundle_at(address).await?;
            self.know(address)?;
            self.begin(&peer, bundle)?;
        }
        Ok(peer)
    }

    /// Notes an address to which something is about to be sent.
    fn know(&mut self, address: &Address) -> Result<(), Error> {
        self.contend(|client| {
            let mut contact = client.contact_record(&address.account)?;
            contact.value.relay = Some(address.relay.to_string());
            contact.value.accepted = true;
            client.apply([contact.put()?])
        })
    }

    /// The session with `peer`, if there is one on which can be sent.
    pub(super) fn sending_session(&self, peer: &AccountId) -> Option<LiveSession> {
        let view = self.device.peers().find(|view| view.account_id() == *peer)?;
        view.can_send().then(|| LiveSession { device: view.device_id(), id: view.session_id() })
    }

    /// Makes sure of a session before anything is written, so that a wrong identity or address is
    /// told and nothing has happened. Without a connection there is nothing to tell yet.
    pub(super) async fn prepare_session(&mut self, peer: &AccountId) -> Result<(), Error> {
        if self.sending_session(peer).is_some() {
            return Ok(());
        }
        match self.fetch_bundle(peer).await {
            Ok(bundle) => self.begin(peer, bundle),
            Err(error) if error.is_temporary() => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn begin(&mut self, peer: &AccountId, bundle: VerifiedBundle) -> Result<(), Error> {
        self.remember_keys(peer, &bundle)?;
        self.contend(|client| {
            if client.sending_session(peer).is_some() {
                return Ok(()); // another process was faster, or the peer was
            }
            let now = client.now();
            let step = client.device.initiate(&bundle, now, &mut client.random)?;
            step.commit(|changes| client.store.apply(changes))?;
            Ok(())
        })
    }

    pub(super) async fn fetch_bundle(&self, peer: &AccountId) -> Result<VerifiedBundle, Error> {
        let address = Address { relay: self.relay_of(peer)?, account: *peer };
        self.fetch_bundle_at(&address).await
    }

    async fn fetch_bundle_at(&self, address: &Address) -> Result<VerifiedBundle, Error> {
        let fetched = self.carrier.fetch_bundle(&address.relay, &address.account).await;
        let bundle = fetched.map_err(|error| match error {
            TransportError::Refused { reason: Refusal::NotFound, .. } => Error::UnknownAddress,
            error => error.into(),
        })?;
        VerifiedBundle::verify(bundle, &address.account, self.now())
            .map_err(|cause| refused(address.account, cause))
    }

    /// Begins the sessions that frames wait for, and seals those frames in their order.
    pub(super) async fn seal_pending(&mut self) -> Result<(), Error> {
        let mut problem = None;
        for peer in self.peers_with_pending()? {
            match self.prepare_pending(&peer).await {
                Ok(()) => {}
                Err(Error::WrongIdentity { .. }) => self.alarm(peer),
                Err(error) => problem = Some(error.network()?),
            }
        }
        problem.map_or(Ok(()), Err)
    }

    async fn prepare_pending(&mut self, peer: &AccountId) -> Result<(), Error> {
        if self.sending_session(peer).is_none() {
            let bundle = self.fetch_bundle(peer).await?;
            self.begin(peer, bundle)?;
        }
        while self.contend(|client| client.seal_first_pending(peer))? {}
        Ok(())
    }

    /// Seals the oldest waiting frame; says whether there was one.
    fn seal_first_pending(&mut self, peer: &AccountId) -> Result<bool, Error> {
        let waiting = record::read_all::<PendingRecord, _>(
            &self.store,
            &record::pending_prefix(peer),
        )?;
        let Some((first, session)) = waiting.first().zip(self.sending_session(peer)) else {
            return Ok(false);
        };
        self.announce_if_due(peer, &session)?;
        let frame = Frame::decode(&first.value.frame)
            .map_err(|_| record::damaged(&first.key))?;
        let (seq, counter) = self.reserve(1)?;
        self.seal(peer, &frame, seq, vec![first.delete(), counter])?;
        Ok(true)
    }

    /// Says where they may write to all accepted peers that were not told in their session.
    pub(super) fn announce_all(&mut self) -> Result<(), Error> {
        for peer in self.peers_to_tell()? {
            self.contend(|client| match client.sending_session(&peer) {
                Some(session) => client.announce_if_due(&peer, &session),
                None => Ok(()),
            })?;
        }
        Ok(())
    }

    pub(super) fn peers_to_tell(&self) -> Result<Vec<AccountId>, Error> {
        let mut peers = Vec::new();
        for peer in self.device.peers().map(|view| view.account_id()) {
            if let Some(session) = self.sending_session(&peer)
                && self.contact_record(&peer)?.value.accepted
                && !self.link(&peer)?.value.is_announced_in(&session.id)
            {
                peers.push(peer);
            }
        }
        Ok(peers)
    }

    fn peers_with_pending(&self) -> Result<Vec<AccountId>, Error> {
        let records = self.store.scan(record::PENDING)?;
        let mut peers: Vec<_> =
            records.iter().filter_map(|record| record::account_of(&record.key)).collect();
        peers.dedup();
        Ok(peers)
    }

    /// Tells the app once that another identity answers for `peer`.
    fn alarm(&mut self, peer: AccountId) {
        if !self.alarmed.contains(&peer) {
            self.alarmed.push(peer);
            self.alarms.push_back(peer);
        }
    }
}

/// A bundle that is merely out of date is no sign of another identity.
fn refused(peer: AccountId, cause: BundleError) -> Error {
    match cause.advice() {
        Advice::RetryLater => Error::Bundle(cause),
        _ => Error::WrongIdentity { peer, cause },
    }
}
