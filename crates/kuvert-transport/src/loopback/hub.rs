//! The relay of a loopback: mailboxes and prekeys in memory, shared by all its endpoints.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use kuvert_wire::label::label;
use kuvert_wire::relay::{Refusal, SealedEnvelope, TokenId};
use kuvert_wire::{
    AccountId, AccountKey, DeliveryToken, DeviceKey, MailboxId, MailboxKey, PostId, PrekeyBundle,
    RelayUrl, Timestamp,
};
use tokio::sync::watch;

use super::Loopback;
use super::mailbox::{Mailbox, Stored};
use super::shelf::Shelf;
use crate::Publication;
use crate::mutex::lock;
use crate::owner::{mailbox_id, sha256};

/// A relay inside this process. It behaves as a real one towards its [`Loopback`] endpoints and forgets all with the
/// last of them. Cheap to clone; clones are the same hub.
#[derive(Clone, Debug)]
pub struct LoopbackHub {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    url: RelayUrl,
    state: Mutex<State>,
    /// Counts whatever may give some endpoint news, so that a waiting one looks again.
    news: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct State {
    arrivals: u64,
    mailboxes: BTreeMap<MailboxId, Mailbox>,
    shelves: BTreeMap<AccountId, Shelf>,
}

impl LoopbackHub {
    /// A hub with nothing in it, which answers for `url` and for any other relay that a route may name.
    #[must_use]
    pub fn new(url: RelayUrl) -> Self {
        let shared = Shared { url, state: Mutex::default(), news: watch::Sender::new(0) };
        Self { shared: Arc::new(shared) }
    }

    /// A new endpoint, online and attached to nothing: one device's view of this hub.
    #[must_use]
    pub fn endpoint(&self) -> Loopback {
        Loopback::new(self.clone())
    }

    /// The address for which this hub stands.
    #[must_use]
    pub fn url(&self) -> &RelayUrl {
        &self.shared.url
    }

    pub(super) fn news(&self) -> watch::Receiver<u64> {
        self.shared.news.subscribe()
    }

    pub(super) fn announce(&self) {
        self.shared.news.send_modify(|count| *count += 1);
    }

    pub(super) fn open(&self, mailbox: MailboxId, tokens: Vec<TokenId>) {
        lock(&self.shared.state).mailboxes.entry(mailbox).or_default().admit(tokens);
    }

    pub(super) fn last_position(&self, mailbox: &MailboxId) -> Option<u64> {
        lock(&self.shared.state).mailboxes.get(mailbox).map(Mailbox::last_position)
    }

    pub(super) fn post(
        &self,
        mailbox: &MailboxId,
        id: PostId,
        token: Option<&DeliveryToken>,
        envelope: SealedEnvelope,
    ) -> Result<(), Refusal> {
        let mut state = lock(&self.shared.state);
        state.arrivals += 1;
        let arrival = state.arrivals;
        let mailbox = state.mailboxes.get_mut(mailbox).ok_or(Refusal::NotFound)?;
        mailbox.post(id, token, envelope, arrival, now())?;
        drop(state);
        self.announce();
        Ok(())
    }

    /// Of the mailboxes, each read up to a position, the envelope that arrived first.
    pub(super) fn earliest<'a>(
        &self,
        cursors: impl Iterator<Item = (&'a MailboxId, &'a u64)>,
    ) -> Option<(MailboxId, Stored)> {
        let state = lock(&self.shared.state);
        let firsts = cursors.filter_map(|(id, after)| {
            let stored = state.mailboxes.get(id)?.first_after(*after)?;
            Some((*id, stored.clone()))
        });
        firsts.min_by_key(|(_, stored)| stored.arrival)
    }

    pub(super) fn confirm(&self, mailbox: &MailboxId, position: u64) {
        if let Some(mailbox) = lock(&self.shared.state).mailboxes.get_mut(mailbox) {
            mailbox.confirm(position);
        }
    }

    pub(super) fn close(&self, mailbox: &MailboxId) {
        lock(&self.shared.state).mailboxes.remove(mailbox);
    }

    pub(super) fn publish(&self, publication: &Publication) -> Result<(), Refusal> {
        let cert = &publication.cert;
        let mut state = lock(&self.shared.state);
        match state.shelves.entry(account_id(&cert.account_key)) {
            Entry::Occupied(shelf) => shelf.into_mut().restock(publication)?,
            Entry::Vacant(place) => drop(place.insert(Shelf::new(publication))),
        }
        state.mailboxes.entry(front_door(&cert.device_key)).or_default();
        Ok(())
    }

    pub(super) fn stock(&self, device: &DeviceKey) -> usize {
        let state = lock(&self.shared.state);
        let mut shelves = state.shelves.values();
        shelves.find(|shelf| shelf.device() == device).map_or(0, Shelf::stock)
    }

    pub(super) fn hand_out(&self, account: &AccountId) -> Option<PrekeyBundle> {
        lock(&self.shared.state).shelves.get_mut(account).map(Shelf::hand_out)
    }
}

fn front_door(device: &DeviceKey) -> MailboxId {
    mailbox_id(&MailboxKey::from_bytes(*device.as_bytes()))
}

fn account_id(key: &AccountKey) -> AccountId {
    AccountId::from_bytes(sha256(&[&label("account-id"), key.as_bytes().as_slice()].concat()))
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
