//! A relay in memory that has no clock and no chance of its own.
//!
//! It does what a relay does for those who keep to the rules; it proves nobody's possession, as nobody in
//! a simulation signs what is another's.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kuvert::Carrier;
use kuvert_core::identity::account_id;
use kuvert_transport::{
    Delivered, Directory, MailboxCursor, MailboxOwner, Profile, Publication, Refusal, Route,
    SealedEnvelope, Transport, TransportError,
};
use kuvert_wire::envelope::MAX_ENVELOPE;
use kuvert_wire::{
    AccountId, DeliveryToken, MailboxId, OneTimePrekey, PostId, PrekeyBundle, PrekeyId, RelayUrl,
    Timestamp,
};

/// The relay. Clones are the same one.
#[derive(Clone, Debug)]
pub(super) struct Hub {
    url: RelayUrl,
    state: Arc<Mutex<State>>,
}

/// One connection to it.
#[derive(Debug)]
pub struct Endpoint {
    hub: Hub,
    /// For each attached mailbox the position of the last envelope handed out.
    attached: Mutex<BTreeMap<MailboxId, u64>>,
}

#[derive(Debug, Default)]
struct State {
    arrivals: u64,
    mailboxes: BTreeMap<MailboxId, Mailbox>,
    shelves: BTreeMap<AccountId, Shelf>,
}

#[derive(Debug, Default)]
struct Mailbox {
    tokens: Vec<DeliveryToken>,
    last_position: u64,
    waiting: VecDeque<(u64, u64, SealedEnvelope)>,
    posted: BTreeSet<PostId>,
}

#[derive(Debug)]
struct Shelf {
    bundle: PrekeyBundle,
    door: MailboxId,
    one_time: BTreeMap<PrekeyId, OneTimePrekey>,
    seen: BTreeSet<PrekeyId>,
}

impl Hub {
    pub(super) fn new() -> Self {
        let url = "ws://127.0.0.1:7770".parse().expect("it is a relay's URL");
        Self { url, state: Arc::default() }
    }

    pub(super) fn endpoint(&self) -> Endpoint {
        Endpoint { hub: self.clone(), attached: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Endpoint {
    fn attached(&self) -> MutexGuard<'_, BTreeMap<MailboxId, u64>> {
        self.attached.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const fn refused(reason: Refusal) -> TransportError {
    TransportError::Refused { reason, retry_after: Duration::ZERO }
}

impl Carrier for Endpoint {
    fn home(&self) -> &RelayUrl {
        &self.hub.url
    }
}

impl Transport for Endpoint {
    fn profile(&self) -> Profile {
        Profile {
            max_len_bytes: MAX_ENVELOPE,
            ordered: true,
            duplicates: false,
            lossy: false,
            text_safe: false,
        }
    }

    async fn open(
        &self,
        owner: &MailboxOwner,
        tokens: &[DeliveryToken],
    ) -> Result<(), TransportError> {
        let mut state = self.hub.state();
        state.mailboxes.entry(owner.mailbox()).or_default().tokens = tokens.to_vec();
        Ok(())
    }

    async fn attach(&self, mailboxes: &[MailboxCursor]) -> Result<(), TransportError> {
        let state = self.hub.state();
        let positions = mailboxes.iter().map(|MailboxCursor { owner, after }| {
            let mailbox = state.mailboxes.get(&owner.mailbox())?;
            let after = if *after <= mailbox.last_position { *after } else { 0 };
            Some((owner.mailbox(), after))
        });
        let positions: Option<Vec<_>> = positions.collect();
        self.attached().extend(positions.ok_or(refused(Refusal::NotFound))?);
        Ok(())
    }

    async fn post(&self, route: &Route, id: PostId, envelope: &[u8]) -> Result<(), TransportError> {
        let envelope = SealedEnvelope::new(envelope.to_vec());
        let envelope = envelope.map_err(|_| refused(Refusal::Malformed))?;
        let mut state = self.hub.state();
        let arrival = state.arrivals;
        state.arrivals += 1;
        let mailbox = state.mailboxes.get_mut(&route.mailbox);
        let mailbox = mailbox.filter(|mailbox| mailbox.admits(route.token.as_ref()));
        mailbox.ok_or(refused(Refusal::NotFound))?.put(id, arrival, envelope);
        Ok(())
    }

    async fn next(&self, _: Duration) -> Result<Option<Delivered>, TransportError> {
        let (state, mut attached) = (self.hub.state(), self.attached());
        let first = attached.iter_mut().filter_map(|(id, after)| {
            let waiting = &state.mailboxes.get(id)?.waiting;
            let first = waiting.iter().find(|(_, position, _)| *position > *after)?;
            Some((first, *id, after))
        });
        let Some((first, mailbox, after)) = first.min_by_key(|((arrival, ..), ..)| *arrival) else {
            return Ok(None);
        };
        let (_, position, envelope) = first.clone();
        *after = position;
        let received = Timestamp::default();
        Ok(Some(Delivered { mailbox, position, received, franked: None, envelope }))
    }

    async fn confirm(&self, mailbox: &MailboxId, position: u64) -> Result<(), TransportError> {
        if let Some(mailbox) = self.hub.state().mailboxes.get_mut(mailbox) {
            mailbox.waiting.retain(|(_, at, _)| *at > position);
        }
        Ok(())
    }

    async fn close(&self, mailbox: &MailboxId) -> Result<(), TransportError> {
        self.hub.state().mailboxes.remove(mailbox);
        self.attached().remove(mailbox);
        Ok(())
    }
}

impl Mailbox {
    fn admits(&self, token: Option<&DeliveryToken>) -> bool {
        self.tokens.is_empty() || token.is_some_and(|token| self.tokens.contains(token))
    }

    fn put(&mut self, id: PostId, arrival: u64, envelope: SealedEnvelope) {
        if self.posted.insert(id) {
            self.last_position += 1;
            self.waiting.push_back((arrival, self.last_position, envelope));
        }
    }
}

impl Directory for Endpoint {
    async fn publish(
        &self,
        device: &MailboxOwner,
        publication: &Publication,
    ) -> Result<(), TransportError> {
        let mut state = self.hub.state();
        state.mailboxes.entry(device.mailbox()).or_default();
        let account = account_id(&publication.cert.account_key);
        let shelf = state.shelves.entry(account);
        shelf.or_insert_with(|| Shelf::new(publication, device.mailbox())).add(publication);
        Ok(())
    }

    async fn stock(&self, device: &MailboxOwner) -> Result<u16, TransportError> {
        let state = self.hub.state();
        let shelf = state.shelves.values().find(|shelf| shelf.door == device.mailbox());
        let stock = shelf.map_or(0, |shelf| shelf.one_time.len());
        Ok(u16::try_from(stock).unwrap_or(u16::MAX))
    }

    async fn fetch_bundle(
        &self,
        _: &RelayUrl,
        account: &AccountId,
    ) -> Result<PrekeyBundle, TransportError> {
        let mut state = self.hub.state();
        let shelf = state.shelves.get_mut(account).ok_or(refused(Refusal::NotFound))?;
        let one_time = shelf.one_time.pop_first().map(|(_, prekey)| prekey);
        Ok(PrekeyBundle { one_time, ..shelf.bundle.clone() })
    }
}

impl Shelf {
    fn new(publication: &Publication, door: MailboxId) -> Self {
        let (cert, medium) = (publication.cert.clone(), publication.medium.clone());
        let bundle = PrekeyBundle { cert, medium, one_time: None };
        Self { bundle, door, one_time: BTreeMap::new(), seen: BTreeSet::new() }
    }

    fn add(&mut self, publication: &Publication) {
        self.bundle.medium = publication.medium.clone();
        for prekey in &publication.one_time {
            if self.seen.insert(prekey.id) {
                self.one_time.insert(prekey.id, prekey.clone());
            }
        }
    }
}
