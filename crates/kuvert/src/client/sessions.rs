//! Beginning sessions, and what is said first in them.

use kuvert_core::limits::UNANSWERED_AGE;
use kuvert_core::prekey::{BundleError, VerifiedBundle};
use kuvert_core::{Advice, PeerView, ProtocolError, Reset, SessionFacts, Status};
use kuvert_store::Store;
use kuvert_transport::{Refusal, TransportError};
use kuvert_wire::{AccountId, Address, DeviceId, PrekeyBundle, Timestamp};

use super::filing::Filing;
use super::healing::is_awaited;
use super::{Client, lock};
use crate::{Carrier, Error};

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
        if self.sending_to(&peer).is_none() {
            let bundle = self.fetch_bundle_at(address).await?;
            self.know(address)?;
            self.begin(&peer, &bundle)?;
        }
        Ok(peer)
    }

    /// Notes an address to which something is about to be sent.
    fn know(&mut self, address: &Address) -> Result<(), Error> {
        self.contend(|client| {
            let mut contact = client.contact_record(&address.account)?;
            contact.value.relay = Some(address.relay.to_string());
            contact.value.accepted = true;
            client.online.forgetful = None; // it may be owed a word about what is held
            client.apply([contact.put()?])
        })
    }

    /// The device of `peer` with which there is a session to send on.
    pub(super) fn sending_to(&self, peer: &AccountId) -> Option<DeviceId> {
        if self.awaits_newcomer(peer) {
            return None;
        }
        let (now, device) = (self.now(), lock(&self.device));
        let view = device.peer_of_account(peer)?;
        view.active().filter(|active| !is_over(active, now)).map(|_| view.device_id())
    }

    /// Makes sure of a session before anything is written, so that a wrong identity or address is
    /// told and nothing has happened. Without a connection there is nothing to tell yet.
    pub(super) async fn prepare_session(&mut self, peer: &AccountId) -> Result<(), Error> {
        if self.sending_to(peer).is_some() {
            return Ok(());
        }
        match self.fetch_bundle(peer).await {
            Ok(bundle) => self.begin(peer, &bundle),
            Err(error) if error.is_temporary() => Ok(()),
            Err(error) => Err(error),
        }
    }

    pub(super) fn begin(&mut self, peer: &AccountId, bundle: &VerifiedBundle) -> Result<(), Error> {
        self.remember_key(peer, bundle)?;
        // Another process may be faster, or the peer.
        self.begin_anew(peer, bundle, Reset::ByHand, |client| client.sending_to(peer).is_none())
    }

    /// The same without a person who waits for it: within the budget, and not before the time that is
    /// set for a new session already.
    pub(super) async fn begin_by_itself(&mut self, peer: &AccountId) -> Result<(), Error> {
        let due = {
            let device = lock(&self.device);
            device.peer_of_account(peer).and_then(|view| view.heals_at())
        };
        if due.is_some() && !self.awaits_newcomer(peer) {
            return Ok(());
        }
        let bundle = self.fetch_bundle(peer).await?;
        self.remember_key(peer, &bundle)?;
        let is_wanted = |client: &Self| client.sending_to(peer).is_none();
        self.begin_anew(peer, &bundle, Reset::Automatic, is_wanted)
    }

    /// Begins a session if that `is_wanted`, or asks about the device of the bundle.
    pub(super) fn begin_anew(
        &mut self,
        peer: &AccountId,
        bundle: &VerifiedBundle,
        how: Reset,
        is_wanted: impl Fn(&Self) -> bool,
    ) -> Result<(), Error> {
        let begun = self.contend(|client| {
            if !is_wanted(client) {
                return Ok(());
            }
            let is_known = lock(&client.device).peer(bundle.cert().device_id()).is_some();
            if is_known {
                client.renew(peer, bundle, how, Filing::default())
            } else {
                client.initiate(bundle)
            }
        });
        match begun {
            Err(Error::Protocol(ProtocolError::IdentityChanged)) => self.ask_about(peer, bundle),
            result => result,
        }
    }

    fn initiate(&mut self, bundle: &VerifiedBundle) -> Result<(), Error> {
        let (now, (_, counter)) = (self.now(), self.reserve(0)?);
        let mut device = lock(&self.device);
        let step = device.initiate(bundle, now, &mut self.around.random)?.also(counter);
        step.commit(|changes| self.store.apply(changes))?;
        drop(device);
        self.reserved();
        Ok(())
    }

    /// The prekeys of a peer. After a session that was not answered, without a one-time prekey: those at
    /// the relay may be lost to the peer, if its store was put back to before they were made.
    pub(super) async fn fetch_bundle(&self, peer: &AccountId) -> Result<VerifiedBundle, Error> {
        let sent = self.sent_record(peer)?.value;
        let is_unanswered = sent.heard > 0 && self.awaits_answer(peer);
        let was_unanswered = sent.is_mending || sent.unanswered > 0 || is_unanswered;
        let address = Address { relay: self.relay_of(peer)?, account: *peer };
        let bundle = self.fetch_unverified(&address).await?;
        let one_time = bundle.one_time.filter(|_| !was_unanswered);
        self.verified(PrekeyBundle { one_time, ..bundle }, &address)
    }

    fn awaits_answer(&self, peer: &AccountId) -> bool {
        let device = lock(&self.device);
        let active = device.peer_of_account(peer).and_then(|view| view.active());
        active.as_ref().is_some_and(is_awaited)
    }

    async fn fetch_bundle_at(&self, address: &Address) -> Result<VerifiedBundle, Error> {
        let bundle = self.fetch_unverified(address).await?;
        self.verified(bundle, address)
    }

    async fn fetch_unverified(&self, address: &Address) -> Result<PrekeyBundle, Error> {
        let fetched = self.carrier.fetch_bundle(&address.relay, &address.account).await;
        fetched.map_err(|error| match error {
            TransportError::Refused { reason: Refusal::NotFound, .. } => Error::UnknownAddress,
            error => error.into(),
        })
    }

    fn verified(&self, bundle: PrekeyBundle, address: &Address) -> Result<VerifiedBundle, Error> {
        VerifiedBundle::verify(bundle, &address.account, self.now())
            .map_err(|cause| refused(address.account, cause))
    }

    /// Says to the peer where it may write, before anything else in a new session.
    pub(super) fn announce_if_due(&mut self, peer: &AccountId) -> Result<(), Error> {
        let (now, relay) = (self.now(), self.relay.to_string());
        let Some(their) = self.sending_to(peer) else { return Ok(()) };
        let (seq, counter) = self.reserve(1)?;
        let (key, context) = self.outbox_place(peer, seq)?;
        let mut device = lock(&self.device);
        if !device.is_announcement_due(&their, now) {
            return Ok(());
        }
        let step = device.announce_mailbox(&their, &relay, now, &mut self.around.random)?;
        step.keep(key, &context).also(counter).commit(|changes| self.store.apply(changes))?;
        drop(device);
        self.reserved();
        Ok(())
    }

    /// Says where they may write to all accepted peers that were not told in their session.
    pub(super) fn announce_all(&mut self) -> Result<(), Error> {
        let peers = self.peers_to_tell()?;
        self.for_each_peer(&peers, Self::announce_if_due)
    }

    pub(super) fn peers_to_tell(&self) -> Result<Vec<AccountId>, Error> {
        let (now, device) = (self.now(), lock(&self.device));
        let mut peers = Vec::new();
        let is_alive =
            |view: &PeerView<'_>| view.active().is_some_and(|active| !is_over(&active, now));
        for view in device.peers().filter(is_alive) {
            let peer = view.account_id();
            if device.is_announcement_due(&view.device_id(), now)
                && !self.is_asked_about(&peer)
                && self.contact_record(&peer)?.value.accepted
            {
                peers.push(peer);
            }
        }
        Ok(peers)
    }

    /// Tells the app once that another identity answers for `peer`.
    pub(super) fn alarm(&mut self, peer: AccountId) {
        if !self.alarmed.contains(&peer) {
            self.alarmed.push(peer);
            self.alarms.push_back(peer);
        }
    }
}

/// Whether a session has waited for its first answer for so long that nothing is sent on it any more.
fn is_over(session: &SessionFacts, now: Timestamp) -> bool {
    session.status == Status::AwaitingReply && now.since(session.created) > UNANSWERED_AGE
}

/// A bundle that is merely out of date is no sign of another identity.
fn refused(peer: AccountId, cause: BundleError) -> Error {
    match cause.advice() {
        Advice::RetryLater => Error::Bundle(cause),
        _ => Error::WrongIdentity { peer, cause },
    }
}
