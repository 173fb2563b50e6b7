//! Where to write to a peer, and where it may write to us.
//!
//! A first message goes to the peer's front door. Then each side names a mailbox of its own for the
//! session, by control 5, and writes to the one that the other named: the relay cannot link the two.

use std::sync::Arc;

use kuvert_core::{Mailbox, Outgoing};
use kuvert_store::Store;
use kuvert_transport::{MailboxCursor, MailboxOwner, Route};
use kuvert_wire::{AccountId, MailboxKey, RelayUrl, Signature};

use super::{Client, lock};
use crate::record::{self, OpenedRecord};
use crate::{Carrier, Error};

/// Mailboxes attached in one request.
const MAX_ATTACH: usize = 64;

impl<S: Store, T: Carrier> Client<S, T> {
    /// The way that an envelope was sealed for, the front door if that is not acceptable; `None` if
    /// neither is known.
    pub(super) fn route_of(
        &self,
        peer: &AccountId,
        outgoing: &Outgoing,
    ) -> Result<Option<Route>, Error> {
        let way = &outgoing.route;
        let relay = match way.relay.as_str() {
            "" => self.relay_known_of(peer)?,
            named => named.parse().ok().filter(|relay| self.may_talk_to(relay)),
        };
        match relay {
            Some(relay) => Ok(Some(Route { relay, mailbox: way.mailbox, token: way.token })),
            None => self.front_door_of(peer, outgoing),
        }
    }

    /// The mailbox of the peer's device that is open to all.
    pub(super) fn front_door_of(
        &self,
        peer: &AccountId,
        outgoing: &Outgoing,
    ) -> Result<Option<Route>, Error> {
        let mailbox = lock(&self.device).peer(&outgoing.peer).map(|view| view.front_door());
        let ends = self.relay_known_of(peer)?.zip(mailbox);
        Ok(ends.map(|(relay, mailbox)| Route { relay, mailbox, token: None }))
    }

    /// The relay at which a peer keeps its front door, if it is known.
    fn relay_known_of(&self, peer: &AccountId) -> Result<Option<RelayUrl>, Error> {
        let relay = self.contact_record(peer)?.value.relay;
        Ok(relay.and_then(|text| text.parse().ok()))
    }

    /// A peer must not make us talk to services of this machine.
    pub(super) fn may_talk_to(&self, relay: &RelayUrl) -> bool {
        !relay.is_loopback() || self.relay.is_loopback()
    }

    /// Owner of this device's front door.
    pub(super) fn front_door(&self) -> MailboxOwner {
        let key = lock(&self.device).front_door_key();
        self.owner_of(key)
    }

    fn owner_of(&self, key: MailboxKey) -> MailboxOwner {
        let device = Arc::clone(&self.device);
        MailboxOwner::new(key, move |message| {
            // A mailbox that has gone in between is no longer ours to sign for; the relay refuses.
            let signed = lock(&device).sign_for_relay(&key, message);
            signed.unwrap_or(Signature::from_bytes([0; Signature::LEN]))
        })
    }

    /// Opens at the home relay the mailboxes of accepted peers that it does not have yet.
    pub(super) async fn open_mailboxes(&mut self) -> Result<(), Error> {
        for mailbox in self.wanted_mailboxes()? {
            let opened = record::opened_key(&mailbox.key);
            if let Some(token) = mailbox.token
                && self.store.get(&opened)?.is_none()
            {
                self.carrier.open(&self.owner_of(mailbox.key), &[token]).await?;
                self.note_opened(&mailbox.key)?;
            }
        }
        Ok(())
    }

    /// Reads own mailboxes from now on.
    pub(super) async fn attach_mailboxes(&mut self) -> Result<(), Error> {
        let mut mailboxes = self.wanted_mailboxes()?;
        mailboxes.retain(|mailbox| !self.online.attached.contains(&mailbox.key));
        for some in mailboxes.chunks(MAX_ATTACH) {
            match self.attach(some).await {
                Err(error) if error.is_not_found() => self.attach_anew(some).await?,
                result => result?,
            }
            self.online.attached.extend(some.iter().map(|mailbox| mailbox.key));
        }
        Ok(())
    }

    async fn attach(&self, mailboxes: &[Mailbox]) -> Result<(), Error> {
        let cursor =
            |mailbox: &Mailbox| MailboxCursor { owner: self.owner_of(mailbox.key), after: 0 };
        let cursors: Vec<_> = mailboxes.iter().map(cursor).collect();
        Ok(self.carrier.attach(&cursors).await?)
    }

    /// The relay has lost a mailbox that it had: it was not visited for too long, or its data is gone.
    async fn attach_anew(&self, mailboxes: &[Mailbox]) -> Result<(), Error> {
        for mailbox in mailboxes {
            self.carrier.open(&self.owner_of(mailbox.key), mailbox.token.as_slice()).await?;
        }
        self.attach(mailboxes).await
    }

    fn note_opened(&mut self, key: &MailboxKey) -> Result<(), Error> {
        let opened = record::insert(record::opened_key(key), &OpenedRecord)?;
        match self.apply_relaxed([opened]) {
            Err(error) if error.is_conflict() => Ok(()), // another process has opened it too
            result => result,
        }
    }

    /// Own mailboxes that are to be read: the front door, those of accepted peers, and those that were
    /// promised to peers when they were.
    fn wanted_mailboxes(&self) -> Result<Vec<Mailbox>, Error> {
        let device = lock(&self.device);
        let mut wanted = Vec::new();
        for mailbox in device.mailboxes() {
            let is_wanted = match mailbox.peer.and_then(|peer| device.peer(&peer)) {
                Some(peer) => {
                    self.contact_record(&peer.account_id())?.value.accepted
                        || self.store.get(&record::opened_key(&mailbox.key))?.is_some()
                }
                None => true,
            };
            if is_wanted {
                wanted.push(mailbox);
            }
        }
        Ok(wanted)
    }
}
