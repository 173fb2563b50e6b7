//! Is the store of an app, and its transport, good enough? The simulator says.
//!
//! ```console
//! $ cargo run --release -p kuvert-testkit --features sim --example simulate_your_adapter
//! ```
//!
//! An app brings two things: where records are kept, and what carries envelopes. Here they are a notebook
//! and a notice board, small enough to read. Two people then talk over them through loss, delay,
//! crashes and a hostile relay; every message must be shown once, or its loss be told.

use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use kuvert::{AccountId, Carrier, RelayUrl, Store, StoreError, Timestamp, TransportError};
use kuvert_core::identity::account_id;
use kuvert_core::{Change, Changes, Key, Record, Version};
use kuvert_testkit::Side;
use kuvert_testkit::sim::{Adapter, Mix, Simulation};
use kuvert_transport::{
    Delivered, Directory, MailboxCursor, MailboxOwner, Profile, Publication, Refusal, Route,
    SealedEnvelope, Transport,
};
use kuvert_wire::envelope::MAX_ENVELOPE;
use kuvert_wire::{DeliveryToken, MailboxId, PostId, PrekeyBundle};

/// A store: records in a map. A clone is what another process would open.
#[derive(Clone, Default)]
struct Notebook(Arc<Mutex<BTreeMap<Key, Record>>>);

impl Store for Notebook {
    fn get(&self, key: &Key) -> Result<Option<Record>, StoreError> {
        Ok(self.0.lock().expect("no panics").get(key).cloned())
    }

    fn snapshot(&self, prefixes: &[&str]) -> Result<Vec<Record>, StoreError> {
        let records = self.0.lock().expect("no panics");
        let is_wanted = |key: &Key| prefixes.iter().any(|prefix| key.as_str().starts_with(prefix));
        let wanted = records.values().filter(|record| is_wanted(&record.key));
        Ok(wanted.cloned().collect())
    }

    /// Whole or not at all, and only over the versions that the batch expects. Leave out the comparison
    /// and the simulator finds two processes that overwrite each other.
    fn apply(&mut self, changes: &Changes) -> Result<(), StoreError> {
        let mut records = self.0.lock().expect("no panics");
        for change in changes.iter() {
            let version = records.get(change.key()).map_or(Version::ABSENT, |r| r.version);
            if version != change.expected() {
                return Err(StoreError::Conflict { key: change.key().clone() });
            }
        }
        for change in changes.iter() {
            match change {
                Change::Put { key, expected, value } => {
                    let (key, version, value) = (key.clone(), expected.next(), value.clone());
                    records.insert(key.clone(), Record { key, version, value });
                }
                change => drop(records.remove(change.key())),
            }
        }
        Ok(())
    }
}

/// Everything that hangs on the board.
#[derive(Default)]
struct Notices {
    mailboxes: BTreeSet<MailboxId>,
    /// What was posted and not taken down, by its place in the order of arrival.
    posts: BTreeMap<u64, (MailboxId, Vec<u8>)>,
    posted: BTreeSet<PostId>,
    bundles: BTreeMap<AccountId, (PrekeyBundle, Publication)>,
}

/// A transport and directory: a board on which envelopes are pinned. Each is one person's view of it.
struct Board {
    home: RelayUrl,
    notices: Arc<Mutex<Notices>>,
    /// How far each mailbox has been read.
    read: Mutex<BTreeMap<MailboxId, u64>>,
}

impl Board {
    fn on<R>(&self, look: impl FnOnce(&mut Notices) -> R) -> R {
        look(&mut self.notices.lock().expect("no panics"))
    }
}

const NOT_FOUND: TransportError =
    TransportError::Refused { reason: Refusal::NotFound, retry_after: Duration::ZERO };

impl Carrier for Board {
    fn home(&self) -> &RelayUrl {
        &self.home
    }
}

impl Transport for Board {
    fn profile(&self) -> Profile {
        let max_len_bytes = MAX_ENVELOPE;
        Profile { max_len_bytes, ordered: true, duplicates: false, text_safe: false, lossy: false }
    }

    async fn open(&self, owner: &MailboxOwner, _: &[DeliveryToken]) -> Result<(), TransportError> {
        self.on(|notices| notices.mailboxes.insert(owner.mailbox()));
        Ok(())
    }

    async fn attach(&self, mailboxes: &[MailboxCursor]) -> Result<(), TransportError> {
        let is_there = |cursor: &MailboxCursor| {
            self.on(|notices| notices.mailboxes.contains(&cursor.owner.mailbox()))
        };
        if !mailboxes.iter().all(is_there) {
            return Err(NOT_FOUND);
        }
        let positions = mailboxes.iter().map(|cursor| (cursor.owner.mailbox(), cursor.after));
        self.read.lock().expect("no panics").extend(positions);
        Ok(())
    }

    /// The same post again is the same notice.
    async fn post(&self, route: &Route, id: PostId, envelope: &[u8]) -> Result<(), TransportError> {
        self.on(|notices| {
            if !notices.mailboxes.contains(&route.mailbox) {
                return Err(NOT_FOUND);
            }
            if notices.posted.insert(id) {
                let position = u64::try_from(notices.posted.len()).expect("few notices");
                notices.posts.insert(position, (route.mailbox, envelope.to_vec()));
            }
            Ok(())
        })
    }

    /// The order of arrival holds over all mailboxes: what is first at the front door goes on elsewhere.
    async fn next(&self, _: Duration) -> Result<Option<Delivered>, TransportError> {
        let mut read = self.read.lock().expect("no panics");
        self.on(|notices| {
            for (&position, (mailbox, envelope)) in &notices.posts {
                if let Some(after) = read.get_mut(mailbox).filter(|after| **after < position) {
                    *after = position;
                    let envelope = SealedEnvelope::new(envelope.clone()).expect("it was one");
                    let (mailbox, received, franked) = (*mailbox, Timestamp::default(), None);
                    return Ok(Some(Delivered { mailbox, position, received, franked, envelope }));
                }
            }
            Ok(None)
        })
    }

    /// What is safe elsewhere is taken down.
    async fn confirm(&self, mailbox: &MailboxId, position: u64) -> Result<(), TransportError> {
        self.on(|notices| notices.posts.retain(|at, (of, _)| of != mailbox || *at > position));
        Ok(())
    }

    async fn close(&self, mailbox: &MailboxId) -> Result<(), TransportError> {
        self.on(|notices| notices.mailboxes.remove(mailbox));
        Ok(())
    }
}

impl Directory for Board {
    async fn publish(&self, owner: &MailboxOwner, new: &Publication) -> Result<(), TransportError> {
        let (cert, medium) = (new.cert.clone(), new.medium.clone());
        let account = account_id(&cert.account_key);
        let bundle = PrekeyBundle { cert, medium, one_time: None };
        self.on(|notices| {
            notices.mailboxes.insert(owner.mailbox());
            notices.bundles.insert(account, (bundle, new.clone()));
        });
        Ok(())
    }

    async fn stock(&self, owner: &MailboxOwner) -> Result<u16, TransportError> {
        let key = owner.key().as_bytes();
        let stock = self.on(|notices| {
            let mut all = notices.bundles.values();
            let own = all.find(|(bundle, _)| bundle.cert.device_key.as_bytes() == key);
            own.map_or(0, |(_, publication)| publication.one_time.len())
        });
        Ok(u16::try_from(stock).unwrap_or(u16::MAX))
    }

    async fn fetch_bundle(
        &self,
        _: &RelayUrl,
        account: &AccountId,
    ) -> Result<PrekeyBundle, TransportError> {
        self.on(|notices| {
            let (bundle, stock) = notices.bundles.get_mut(account).ok_or(NOT_FOUND)?;
            Ok(PrekeyBundle { one_time: stock.one_time.pop(), ..bundle.clone() })
        })
    }
}

/// What the simulator asks for: a store and a carrier whenever a process begins.
#[derive(Default)]
struct Mine {
    notebooks: [Notebook; 2],
    notices: Arc<Mutex<Notices>>,
}

impl Adapter for Mine {
    type Store = Notebook;
    type Carrier = Board;

    fn store(&mut self, side: Side) -> Notebook {
        self.notebooks[side as usize].clone()
    }

    fn carrier(&mut self, _: Side) -> Board {
        let home = "ws://127.0.0.1:7770".parse().expect("a relay's URL");
        Board { home, notices: Arc::clone(&self.notices), read: Mutex::default() }
    }
}

fn main() -> ExitCode {
    let mut is_good = true;
    for (mix, seed) in Mix::ALL.iter().zip(0..) {
        let report = Simulation::new(seed).steps(500).run(mix, Mine::default());
        println!("{}: {}\n{report}\n", mix.name, mix.about);
        is_good &= report.is_good();
    }
    // A seed that fails fails again: `Simulation::new(seed).traced()` tells what happened.
    if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
