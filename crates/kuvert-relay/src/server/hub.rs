//! Who waits for which mailbox.
//!
//! A post rings for every connection that has its mailbox attached. A ring is only a hint: what has arrived is read from
//! the rows. So nothing is queued here, and a connection that is slow is told once, not a thousand times.

use std::collections::{HashMap, HashSet};
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kuvert_wire::MailboxId;
use tokio::sync::Notify;

/// All mailboxes that someone reads.
#[derive(Default)]
pub(crate) struct Hub {
    readers: Mutex<HashMap<MailboxId, Vec<Arc<Inbox>>>>,
}

impl Hub {
    /// Rings for `inbox` when something arrives in `mailbox`.
    pub(crate) fn watch(&self, mailbox: MailboxId, inbox: &Arc<Inbox>) {
        let mut readers = lock(&self.readers);
        let readers = readers.entry(mailbox).or_default();
        if !readers.iter().any(|reader| Arc::ptr_eq(reader, inbox)) {
            readers.push(Arc::clone(inbox));
        }
    }

    /// Rings for `inbox` no more.
    pub(crate) fn unwatch(&self, mailbox: &MailboxId, inbox: &Arc<Inbox>) {
        let mut all = lock(&self.readers);
        if let Some(readers) = all.get_mut(mailbox) {
            readers.retain(|reader| !Arc::ptr_eq(reader, inbox));
            if readers.is_empty() {
                all.remove(mailbox);
            }
        }
    }

    /// Something has arrived in `mailbox`, and is durable.
    pub(crate) fn ring(&self, mailbox: &MailboxId) {
        for reader in lock(&self.readers).get(mailbox).into_iter().flatten() {
            reader.ring(*mailbox);
        }
    }
}

/// One connection's waiting news.
#[derive(Default)]
pub(crate) struct Inbox {
    news: Mutex<News>,
    bell: Notify,
}

#[derive(Default)]
struct News {
    /// Mailboxes that may hold something that the connection has not read.
    fresh: HashSet<MailboxId>,
    /// The client knows, and has not fetched since.
    is_told: bool,
}

impl Inbox {
    fn ring(&self, mailbox: MailboxId) {
        let mut news = lock(&self.news);
        news.fresh.insert(mailbox);
        if !mem::replace(&mut news.is_told, true) {
            self.bell.notify_one();
        }
    }

    /// Waits until there is something to tell the client.
    pub(crate) async fn rung(&self) {
        self.bell.notified().await;
    }

    /// Adds mailboxes that must be looked at, without ringing: the client is about to fetch.
    pub(crate) fn add(&self, mailboxes: impl IntoIterator<Item = MailboxId>) {
        lock(&self.news).fresh.extend(mailboxes);
    }

    /// Takes the mailboxes to look at. What arrives from now on rings again.
    pub(crate) fn take(&self) -> HashSet<MailboxId> {
        let mut news = lock(&self.news);
        news.is_told = false;
        mem::take(&mut news.fresh)
    }
}

/// What these locks guard is whole after each statement, so a panic elsewhere does not spoil it.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Waker};

    use super::*;

    const DOOR: MailboxId = MailboxId::from_bytes([1; 32]);

    fn has_rung(inbox: &Inbox) -> bool {
        let mut context = Context::from_waker(Waker::noop());
        pin!(inbox.rung()).poll(&mut context).is_ready()
    }

    #[test]
    fn a_reader_is_told_once_until_it_fetches() {
        let (hub, inbox) = (Hub::default(), Arc::new(Inbox::default()));
        hub.watch(DOOR, &inbox);
        hub.ring(&DOOR);
        hub.ring(&DOOR);
        assert!(has_rung(&inbox) && !has_rung(&inbox));
        assert_eq!(inbox.take(), HashSet::from([DOOR]));
        hub.ring(&DOOR);
        assert!(has_rung(&inbox));
    }

    #[test]
    fn only_those_who_read_the_mailbox_are_told() {
        let (hub, inbox) = (Hub::default(), Arc::new(Inbox::default()));
        hub.watch(DOOR, &inbox);
        hub.watch(DOOR, &inbox);
        hub.ring(&MailboxId::from_bytes([2; 32]));
        assert!(!has_rung(&inbox));
        hub.unwatch(&DOOR, &inbox);
        hub.ring(&DOOR);
        assert!(!has_rung(&inbox) && lock(&hub.readers).is_empty());
    }
}
