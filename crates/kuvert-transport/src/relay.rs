//! Relays over WebSocket: one home relay, and any other that a route or an address names.
//!
//! ```text
//! RelayClient ─┬─ Link (home)  ── Connection ── driver task ── WebSocket      reads mailboxes, publishes, posts
//!              └─ Link (other) ── Connection ── …                             posts, fetches bundles
//! ```
//!
//! Connections are made by the verb that needs one and shared by all. A link that has lost its connection makes another
//! and attaches its mailboxes where reading had stopped. TLS is used everywhere but on this machine itself.

mod connection;
mod dial;
mod driver;
mod exchange;
mod inbox;
mod link;
mod reading;
mod settings;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use kuvert_wire::envelope::MAX_ENVELOPE;
use kuvert_wire::relay::{
    Confirm, Delivered, List, MAX_PUBLISH, Nonce, OpenMailbox, Post, Publish, RelayReply,
    RelayRequest, StockQuery, proof,
};
use kuvert_wire::{
    AccountId, DeliveryToken, DeviceKey, MailboxId, OneTimePrekey, PostId, PrekeyBundle, RelayUrl,
};

pub use settings::Timing;

use self::link::Link;
use self::settings::Settings;
use crate::mutex::lock;
use crate::owner::token_id;
use crate::{
    Directory, MailboxCursor, MailboxOwner, Profile, Publication, Refusal, Route, Transport,
    TransportError,
};

/// Links to relays other than home at one time. The least recently used goes first; it is made again when needed.
const MAX_OTHERS: usize = 16;

/// A device's connections to relays. Cheap to clone; clones share all.
///
/// Needs a tokio runtime with I/O and time. Dropping the last clone closes the connections.
#[derive(Clone, Debug)]
pub struct RelayClient {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    settings: Arc<Settings>,
    home: Link,
    /// Most recently used last.
    others: Mutex<Vec<Arc<Link>>>,
}

impl RelayClient {
    /// A client at home on this relay. Connects when first used.
    #[must_use]
    pub fn new(home: RelayUrl) -> Self {
        Self::with_timing(home, Timing::default())
    }

    /// A client that waits as long as `timing` says.
    #[must_use]
    pub fn with_timing(home: RelayUrl, timing: Timing) -> Self {
        let settings = Arc::new(Settings::new(timing));
        let home = Link::new(home, settings.clone());
        Self { shared: Arc::new(Shared { settings, home, others: Mutex::default() }) }
    }

    /// The home relay.
    #[must_use]
    pub fn home(&self) -> &RelayUrl {
        self.shared.home.relay()
    }

    /// Makes sure of a connection to the home relay and that it answers.
    ///
    /// # Errors
    ///
    /// [`TransportError::Unreachable`], [`TransportError::Garbage`].
    pub async fn ping(&self) -> Result<(), TransportError> {
        self.shared.home.call(|_| (RelayRequest::Ping, done)).await
    }

    /// Closes all connections for good: waiting verbs and later ones fail with [`TransportError::Closed`].
    pub async fn shut_down(&self) {
        self.shared.settings.close();
        self.shared.home.disconnect().await;
        let others = std::mem::take(&mut *lock(&self.shared.others));
        for link in others {
            link.disconnect().await;
        }
    }

    async fn call<T, F>(
        &self,
        relay: &RelayUrl,
        request: impl Fn() -> (RelayRequest, F) + Send + Sync,
    ) -> Result<T, TransportError>
    where
        T: Send + 'static,
        F: FnOnce(RelayReply) -> Result<T, RelayReply> + Send + 'static,
    {
        if relay == self.home() {
            self.shared.home.call(|_| request()).await
        } else {
            self.shared.other(relay).call(|_| request()).await
        }
    }
}

impl Shared {
    /// The link to a relay that is not home.
    fn other(&self, relay: &RelayUrl) -> Arc<Link> {
        let mut others = lock(&self.others);
        let known = others.iter().position(|link| link.relay() == relay);
        let link = match known {
            Some(index) => others.remove(index),
            None => Arc::new(Link::new(relay.clone(), self.settings.clone())),
        };
        others.push(link.clone());
        if others.len() > MAX_OTHERS {
            others.remove(0);
        }
        link
    }
}

impl Transport for RelayClient {
    fn profile(&self) -> Profile {
        Profile {
            max_len_bytes: MAX_ENVELOPE,
            ordered: true,
            duplicates: false,
            text_safe: false,
            lossy: false,
        }
    }

    async fn open(
        &self,
        owner: &MailboxOwner,
        tokens: &[DeliveryToken],
    ) -> Result<(), TransportError> {
        let tokens = List::new(tokens.iter().map(token_id).collect())
            .map_err(|_| TransportError::refused(Refusal::TooMany))?;
        let request = |nonce: &Nonce| {
            let key = *owner.key();
            let signature = owner.sign(&proof::open_mailbox(nonce, &key, &tokens));
            RelayRequest::OpenMailbox(OpenMailbox { key, signature, tokens: tokens.clone() })
        };
        self.shared.home.call(|connection| (request(connection.nonce()), done)).await
    }

    async fn attach(&self, mailboxes: &[MailboxCursor]) -> Result<(), TransportError> {
        self.shared.home.attach(mailboxes).await
    }

    async fn post(&self, route: &Route, id: PostId, envelope: &[u8]) -> Result<(), TransportError> {
        let envelope = self.profile().admit(envelope)?;
        let Route { mailbox, token, .. } = *route;
        let post = || Post { mailbox, post_id: id, token, envelope: envelope.clone() };
        self.call(&route.relay, || (RelayRequest::Post(post()), done)).await
    }

    async fn next(&self, wait: Duration) -> Result<Option<Delivered>, TransportError> {
        self.shared.home.next(wait).await
    }

    async fn confirm(&self, mailbox: &MailboxId, position: u64) -> Result<(), TransportError> {
        let confirm = Confirm { mailbox: *mailbox, position };
        self.shared.home.call(|_| (RelayRequest::Confirm(confirm), done)).await
    }

    async fn close(&self, mailbox: &MailboxId) -> Result<(), TransportError> {
        self.shared.home.call(|_| (RelayRequest::CloseMailbox(*mailbox), done)).await?;
        lock(&self.shared.home.inbox).detach(mailbox);
        Ok(())
    }
}

impl Directory for RelayClient {
    async fn publish(
        &self,
        device: &MailboxOwner,
        publication: &Publication,
    ) -> Result<(), TransportError> {
        let mut rest = publication.one_time.as_slice();
        loop {
            let (group, later) = rest.split_at(rest.len().min(MAX_PUBLISH));
            let home = &self.shared.home;
            let request = |nonce: &Nonce| publish(nonce, device, publication, group);
            home.call(|connection| (request(connection.nonce()), done)).await?;
            rest = later;
            if rest.is_empty() {
                return Ok(());
            }
        }
    }

    async fn stock(&self, device: &MailboxOwner) -> Result<u16, TransportError> {
        let device_key = DeviceKey::from_bytes(*device.key().as_bytes());
        let request = |nonce: &Nonce| {
            let signature = device.sign(&proof::stock(nonce, &device_key));
            RelayRequest::Stock(StockQuery { device_key, signature })
        };
        self.shared.home.call(|connection| (request(connection.nonce()), stock)).await
    }

    async fn fetch_bundle(
        &self,
        relay: &RelayUrl,
        account: &AccountId,
    ) -> Result<PrekeyBundle, TransportError> {
        self.call(relay, || (RelayRequest::FetchBundle(*account), bundle)).await
    }
}

fn publish(
    nonce: &Nonce,
    device: &MailboxOwner,
    publication: &Publication,
    one_time: &[OneTimePrekey],
) -> RelayRequest {
    let Publication { cert, medium, .. } = publication;
    let signature = device.sign(&proof::publish(nonce, cert, medium, one_time));
    let one_time = List::new(one_time.to_vec()).expect("a group is at most MAX_PUBLISH long");
    let (cert, medium) = (cert.clone(), medium.clone());
    RelayRequest::Publish(Box::new(Publish { cert, medium, one_time, signature }))
}

fn done(reply: RelayReply) -> Result<(), RelayReply> {
    match reply {
        RelayReply::Done => Ok(()),
        other => Err(other),
    }
}

fn stock(reply: RelayReply) -> Result<u16, RelayReply> {
    match reply {
        RelayReply::Stock { one_time } => Ok(one_time),
        other => Err(other),
    }
}

fn bundle(reply: RelayReply) -> Result<PrekeyBundle, RelayReply> {
    match reply {
        RelayReply::Bundle(bundle) => Ok(*bundle),
        other => Err(other),
    }
}
