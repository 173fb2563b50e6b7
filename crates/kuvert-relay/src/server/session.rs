//! One client's conversation: from a request to its reply.
//!
//! A session holds what has been proven on its connection. Requests that read or move a cursor are done one after the
//! other; all others are handed to the storage at once, and their replies come when they are durable.

use std::collections::HashMap;
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, ready};
use kuvert_wire::relay::{
    Attach, Confirm, Delivered, Fetch, List, Messages, Nonce, OpenMailbox, Post, Publish, Refusal,
    Refused, RelayReply, RelayRequest, StockQuery,
};
use kuvert_wire::{AccountId, MailboxId, PrekeyBundle};

use super::client::ClientAddress;
use super::hub::Inbox;
use super::shared::Shared;
use crate::directory;
use crate::engine::Engine;
use crate::limits::{Meter, PerHour};
use crate::mailbox::{self, Cursor, Fetched, Posted};
use crate::outcome::{refused, refused_for};
use crate::proof::{ProvenDevice, ProvenMailbox, ProvenPublish};
use crate::storage::{Answer, receive};

/// A reply that may still be on its way to becoming durable.
pub(crate) type Pending = BoxFuture<'static, RelayReply>;

type Outcome<T> = Result<T, Refused>;

pub(crate) struct Session {
    shared: Arc<Shared>,
    client: ClientAddress,
    nonce: Nonce,
    inbox: Arc<Inbox>,
    /// Attached mailboxes, and the last position handed out of each.
    cursors: HashMap<MailboxId, u64>,
    posts: Meter,
    requests: Meter,
    opened: PerHour<()>,
}

impl Session {
    pub(crate) fn new(shared: Arc<Shared>, client: ClientAddress, nonce: Nonce) -> Self {
        let now = shared.now();
        Self {
            posts: Meter::new(shared.limits.posts, now),
            requests: Meter::new(shared.limits.requests, now),
            opened: PerHour::new(shared.limits.opened_mailboxes_per_hour),
            inbox: Arc::default(),
            cursors: HashMap::new(),
            shared,
            client,
            nonce,
        }
    }

    /// Where news for this client ring.
    pub(crate) fn inbox(&self) -> Arc<Inbox> {
        Arc::clone(&self.inbox)
    }

    /// Begins a request. What it changes on this connection has changed when this returns.
    pub(crate) async fn begin(&mut self, request: RelayRequest) -> Pending {
        self.try_begin(request)
            .await
            .unwrap_or_else(|refused| at_once(RelayReply::Refused(refused)))
    }

    async fn try_begin(&mut self, request: RelayRequest) -> Outcome<Pending> {
        self.pay(&request)?;
        match request {
            RelayRequest::Post(post) => Ok(self.post(post).await),
            RelayRequest::OpenMailbox(open) => self.open(open).await,
            RelayRequest::Attach(attach) => self.attach(attach).await,
            RelayRequest::Fetch(fetch) => self.fetch(fetch).await,
            RelayRequest::Confirm(confirm) => self.confirm(confirm).await,
            RelayRequest::CloseMailbox(mailbox) => self.close(mailbox).await,
            RelayRequest::Publish(publish) => self.publish(*publish).await,
            RelayRequest::Stock(query) => self.stock(query).await,
            RelayRequest::FetchBundle(account) => Ok(self.bundle(account).await),
            RelayRequest::Ping => Ok(at_once(RelayReply::Done)),
            _ => Err(refused(Refusal::Malformed)),
        }
    }

    /// Counts a request against the client's rate. Each signature to check counts as one request.
    fn pay(&mut self, request: &RelayRequest) -> Outcome<()> {
        let now = self.shared.now();
        let paid = match request {
            RelayRequest::Post(_) => self.posts.take(1, now),
            RelayRequest::Attach(attach) => self.requests.take(count(attach.len()).max(1), now),
            RelayRequest::Publish(publish) => {
                self.requests.take(3 + count(publish.one_time.len()), now)
            }
            _ => self.requests.take(1, now),
        };
        paid.map_err(|wait| refused_for(Refusal::RateLimited, wait)) // REL-23
    }

    async fn post(&self, post: Post) -> Pending {
        let (limits, hub) = (Arc::clone(&self.shared.limits), Arc::clone(&self.shared.hub));
        let (keys, mailbox) = (self.shared.franking.keys(), post.mailbox);
        let answer = self.shared.storage.submit(
            move |rows, now| mailbox::post(rows, &post, &keys, now, &limits),
            // On the storage's thread: the sender may be gone by now, the owner must hear of it all the same.
            move |posted| {
                if *posted == Posted::New {
                    hub.ring(&mailbox);
                }
            },
        );
        later(answer.await, |_| RelayReply::Done)
    }

    async fn open(&mut self, open: OpenMailbox) -> Outcome<Pending> {
        let now = self.shared.now();
        if !self.opened.allows(&(), now) {
            return Err(refused(Refusal::TooMany)); // REL-24
        }
        let owned = ProvenMailbox::by_open(&open, &self.nonce).map_err(refused)?;
        self.opened.count((), now);
        let work = move |rows: &mut dyn Engine, now| mailbox::open(rows, &owned, &open.tokens, now);
        Ok(later(self.shared.storage.submit(work, |()| ()).await, |()| RelayReply::Done))
    }

    async fn attach(&mut self, attach: Attach) -> Outcome<Pending> {
        let nonce = self.nonce;
        let proven = blocking(move || prove_all(&attach, &nonce)).await?;
        let is_new = |owned: &ProvenMailbox| !self.cursors.contains_key(owned.id());
        let new = proven.iter().filter(|(owned, _)| is_new(owned)).count();
        if self.cursors.len() + new > self.shared.limits.attached_mailboxes {
            return Err(refused(Refusal::TooMany)); // REL-24
        }
        let work = move |rows: &mut dyn Engine, now| mailbox::attach(rows, &proven, now);
        let cursors = self.shared.storage.run(work).await?;
        for Cursor { mailbox, position } in &cursors {
            self.cursors.insert(*mailbox, *position);
            self.shared.hub.watch(*mailbox, &self.inbox);
        }
        // Only now, after watching: what arrived before is found by the next fetch, what arrives later rings.
        self.inbox.add(cursors.iter().map(|cursor| cursor.mailbox));
        Ok(at_once(RelayReply::Done))
    }

    async fn fetch(&mut self, Fetch { limit }: Fetch) -> Outcome<Pending> {
        let fresh = self.inbox.take();
        let cursor = |mailbox: &MailboxId| {
            let position = *self.cursors.get(mailbox)?;
            Some(Cursor { mailbox: *mailbox, position })
        };
        let cursors: Vec<Cursor> = fresh.iter().filter_map(cursor).collect();
        let limit = usize::from(limit);
        let work = move |rows: &mut dyn Engine, _| mailbox::fetch(rows, &cursors, limit);
        let fetched = self.shared.storage.run(work).await;
        let Fetched { items, more } = fetched.inspect_err(|_| self.inbox.add(fresh))?;
        for Delivered { mailbox, position, .. } in &items {
            self.cursors.insert(*mailbox, *position);
        }
        let has_more = !more.is_empty();
        self.inbox.add(more);
        let items = List::new(items).map_err(|_| refused(Refusal::Unavailable))?;
        Ok(at_once(RelayReply::Messages(Messages { more: has_more, items })))
    }

    async fn confirm(&self, Confirm { mailbox, position }: Confirm) -> Outcome<Pending> {
        let handed_out = self.cursors.get(&mailbox).ok_or(refused(Refusal::NotOwner))?; // REL-15
        let up_to = position.min(*handed_out); // REL-14
        let work = move |rows: &mut dyn Engine, now| mailbox::confirm(rows, &mailbox, up_to, now);
        Ok(later(self.shared.storage.submit(work, |()| ()).await, |()| RelayReply::Done))
    }

    async fn close(&mut self, mailbox: MailboxId) -> Outcome<Pending> {
        self.cursors.remove(&mailbox).ok_or(refused(Refusal::NotOwner))?; // REL-15
        self.shared.hub.unwatch(&mailbox, &self.inbox);
        let work = move |rows: &mut dyn Engine, _| mailbox::close(rows, &mailbox);
        Ok(later(self.shared.storage.submit(work, |()| ()).await, |()| RelayReply::Done))
    }

    async fn publish(&self, publish: Publish) -> Outcome<Pending> {
        let (nonce, limits) = (self.nonce, Arc::clone(&self.shared.limits));
        let proven = blocking(move || ProvenPublish::check(publish, &nonce)).await?;
        let work =
            move |rows: &mut dyn Engine, now| directory::publish(rows, &proven, now, &limits);
        Ok(later(self.shared.storage.submit(work, |()| ()).await, |()| RelayReply::Done))
    }

    async fn stock(&self, query: StockQuery) -> Outcome<Pending> {
        let device = ProvenDevice::by_stock(&query, &self.nonce).map_err(refused)?;
        let work = move |rows: &mut dyn Engine, _| directory::stock(rows, &device);
        let answer = self.shared.storage.submit(work, |_| ()).await;
        Ok(later(answer, |one_time| RelayReply::Stock { one_time }))
    }

    async fn bundle(&self, account: AccountId) -> Pending {
        let may_take = self.shared.admit_hand_out(self.client, account);
        let work =
            move |rows: &mut dyn Engine, now| directory::bundle(rows, &account, may_take, now);
        let answer = self.shared.storage.submit(work, |_| ()).await;
        let (shared, client) = (Arc::clone(&self.shared), self.client);
        async move {
            let bundle: Outcome<PrekeyBundle> = receive(answer).await;
            let was_taken = bundle.as_ref().is_ok_and(|bundle| bundle.one_time.is_some());
            if may_take && !was_taken {
                shared.refund_hand_out(&client, &account);
            }
            bundle.map_or_else(RelayReply::Refused, |bundle| RelayReply::Bundle(Box::new(bundle)))
        }
        .boxed()
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.cursors.keys().for_each(|mailbox| self.shared.hub.unwatch(mailbox, &self.inbox));
    }
}

/// Checks every proof of an `Attach`; the same mailbox twice would have two cursors.
fn prove_all(attach: &Attach, nonce: &Nonce) -> Result<Vec<(ProvenMailbox, u64)>, Refusal> {
    let mut proven = HashMap::with_capacity(attach.len());
    for attachment in attach.iter() {
        let owned = ProvenMailbox::by_attach(attachment, nonce)?;
        let known = proven.insert(*owned.id(), (owned, attachment.after));
        if known.is_some() {
            return Err(Refusal::Malformed); // REL-32
        }
    }
    Ok(proven.into_values().collect())
}

/// Checks signatures aside, so that hundreds of them hold up no other connection.
async fn blocking<T: Send + 'static>(
    check: impl FnOnce() -> Result<T, Refusal> + Send + 'static,
) -> Outcome<T> {
    let checked = tokio::task::spawn_blocking(check).await;
    checked.unwrap_or(Err(Refusal::Unavailable)).map_err(refused)
}

fn at_once(reply: RelayReply) -> Pending {
    ready(reply).boxed()
}

fn later<T: Send + 'static>(
    answer: Answer<T>,
    reply: impl FnOnce(T) -> RelayReply + Send + 'static,
) -> Pending {
    receive(answer).map(|outcome| outcome.map_or_else(RelayReply::Refused, reply)).boxed()
}

fn count(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}
