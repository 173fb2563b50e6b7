//! The outbox: sealed envelopes, posted in the order in which they were sealed.
//!
//! An entry is written in the batch that advances the ratchet and deleted when the peer's relay has
//! the envelope. In between it may be posted any number of times, always under one post id, which
//! the relay stores once. An entry waits for those before it to the same peer; so the order holds,
//! whichever process posts.

use std::collections::BTreeSet;

use kuvert_core::{Change, Outgoing, Record};
use kuvert_store::Store;
use kuvert_transport::{Advice as TransportAdvice, Route, TransportError};
use kuvert_wire::{AccountId, Decode, MessageId, PostId, RelayUrl};

use super::Client;
use super::seal::OutboxContext;
use crate::event::DeliveryState;
use crate::record::{self, MessageRecord};
use crate::{Carrier, Error};

/// An envelope that waits for the relay.
pub(super) struct Parcel {
    record: Record,
    peer: AccountId,
    post: PostId,
    outgoing: Outgoing,
}

/// What is not worth trying again in this round.
#[derive(Default)]
struct Blocked {
    peers: BTreeSet<AccountId>,
    relays: BTreeSet<RelayUrl>,
    error: Option<TransportError>,
}

impl<S: Store, T: Carrier> Client<S, T> {
    /// Posts all that is in the outbox, as far as the relays take it.
    pub(super) async fn post_all(&mut self) -> Result<(), Error> {
        let mut blocked = Blocked::default();
        for record in self.store.scan(record::OUTBOX)? {
            let parcel = Parcel::open(record)?;
            let is_held_back = self.is_asked_about(&parcel.peer);
            if !is_held_back && !blocked.peers.contains(&parcel.peer) {
                self.post_one(parcel, &mut blocked).await?;
            }
        }
        blocked.error.map_or(Ok(()), |error| Err(error.into()))
    }

    async fn post_one(&mut self, parcel: Parcel, blocked: &mut Blocked) -> Result<(), Error> {
        let Some(route) = self.route_of(&parcel.peer, &parcel.outgoing)? else {
            blocked.peers.insert(parcel.peer);
            return Ok(());
        };
        match self.try_route(&route, &parcel, blocked).await {
            Ok(()) => self.note_posted(&parcel),
            Err(error) if error.advice() == TransportAdvice::FindNewRoute => {
                self.post_to_front_door(parcel, blocked, error).await
            }
            Err(error) => {
                blocked.note(parcel.peer, &route, error);
                Ok(())
            }
        }
    }

    /// The session mailbox is gone or renamed: the front door is always there.
    async fn post_to_front_door(
        &mut self,
        parcel: Parcel,
        blocked: &mut Blocked,
        first_error: TransportError,
    ) -> Result<(), Error> {
        let Some(route) = self.front_door_of(&parcel.peer, &parcel.outgoing)? else {
            blocked.peers.insert(parcel.peer);
            blocked.error = Some(first_error);
            return Ok(());
        };
        match self.try_route(&route, &parcel, blocked).await {
            Ok(()) => self.note_posted(&parcel),
            Err(error) => {
                blocked.note(parcel.peer, &route, error);
                Ok(())
            }
        }
    }

    async fn try_route(
        &self,
        route: &Route,
        parcel: &Parcel,
        blocked: &Blocked,
    ) -> Result<(), TransportError> {
        match &blocked.error {
            Some(error) if blocked.relays.contains(&route.relay) => Err(error.clone()),
            _ => self.carrier.post(route, parcel.post, &parcel.outgoing.envelope).await,
        }
    }

    fn note_posted(&mut self, parcel: &Parcel) -> Result<(), Error> {
        self.contend(|client| client.posted(parcel))?;
        self.trim_sent(&parcel.peer)
    }

    /// The relay has it: the entry goes, and the message counts as sent, until it is acknowledged.
    fn posted(&mut self, parcel: &Parcel) -> Result<(), Error> {
        if self.store.get(&parcel.record.key)?.is_none() {
            return Ok(()); // another process has posted it as well
        }
        let mut changes = vec![parcel.delete()];
        let key = record::message_key(&parcel.peer, &parcel.outgoing.message_id);
        if let Some(mut message) = record::read::<MessageRecord, _>(&self.store, &key)? {
            if let Some(unacked) = self.unacked(&parcel.peer, message.value.seq)? {
                let mut sent = self.sent_record(&parcel.peer)?;
                changes.push(self.hold(unacked, &mut sent.value)?);
                changes.push(sent.put()?);
            }
            if message.value.state == DeliveryState::Queued {
                message.value.state = DeliveryState::Sent;
                changes.push(message.put()?);
            }
        }
        self.apply_relaxed(changes)
    }

    /// How many messages wait for a connection.
    ///
    /// # Errors
    ///
    /// [`Error::Store`], [`Error::Record`].
    pub fn queued(&self) -> Result<usize, Error> {
        let pending = self.store.scan(record::PENDING)?.len();
        let mut sealed = 0;
        for record in self.store.scan(record::OUTBOX)? {
            let parcel = Parcel::open(record)?;
            let key = record::message_key(&parcel.peer, &parcel.outgoing.message_id);
            sealed += usize::from(self.store.get(&key)?.is_some());
        }
        Ok(pending + sealed)
    }
}

impl Parcel {
    pub(super) fn open(record: Record) -> Result<Self, Error> {
        let (context, kept) = record::unpack_kept::<OutboxContext>(&record)?;
        let outgoing = Outgoing::decode(kept).map_err(|_| record::damaged(&record.key))?;
        Ok(Self {
            peer: AccountId::from_bytes(context.account),
            post: PostId::from_bytes(context.post),
            outgoing,
            record,
        })
    }
}

impl Parcel {
    pub(super) fn is_for(&self, peer: &AccountId) -> bool {
        self.peer == *peer
    }

    /// The message inside.
    pub(super) const fn message_id(&self) -> &MessageId {
        &self.outgoing.message_id
    }

    /// The change that ends its place in the outbox.
    pub(super) fn delete(&self) -> Change {
        Change::Delete { key: self.record.key.clone(), expected: self.record.version }
    }
}

impl Blocked {
    fn note(&mut self, peer: AccountId, route: &Route, error: TransportError) {
        self.peers.insert(peer);
        if matches!(error, TransportError::Unreachable { .. } | TransportError::Garbage { .. }) {
            self.relays.insert(route.relay.clone());
        }
        self.error = Some(error);
    }
}
