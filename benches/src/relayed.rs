//! End to end: two clients and a relay on the loopback interface, all in this process, talking as apps do.

use std::time::{Duration, Instant};

use kuvert::{AccountId, Client, Event, Relay, RelayClient, SqliteStore};
use kuvert_relay::limits::Rate;
use kuvert_relay::{Relay as RelayServer, RelayOptions, RunningRelay};
use kuvert_store::{MemoryStore, Store};
use tempfile::TempDir;
use tokio::runtime::Runtime;

type Person = Client<Box<dyn Store + Send>, RelayClient>;

/// Messages that follow each other without waiting.
pub const STREAM: u32 = 200;
/// As good as no limit: what is measured is speed.
const UNLIMITED: Rate = Rate { burst: 1_000_000_000, per_second: 1_000_000_000 };

/// Where clients keep what they have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keeping {
    /// In memory: the protocol, the network and the relay's disk remain.
    Memory,
    /// In sealed SQLite files, durably.
    Sqlite,
}

/// Alice, Bob, and the relay between them.
pub struct Relayed {
    alice: Person,
    bob: Person,
    to_bob: AccountId,
    runtime: Runtime,
    _relay: RunningRelay,
    _folder: TempDir,
}

impl Relayed {
    /// A relay, and two clients that have talked through it.
    ///
    /// # Panics
    ///
    /// If that cannot be had on this machine.
    #[must_use]
    pub fn new(keeping: Keeping) -> Self {
        let runtime = Runtime::new().expect("threads");
        let folder = tempfile::tempdir().expect("a folder");
        let made = runtime.block_on(async {
            let listen = "127.0.0.1:0".parse().expect("an address");
            let mut options = RelayOptions::new(listen, folder.path().join("relay"));
            (options.limits.posts, options.limits.requests) = (UNLIMITED, UNLIMITED);
            let relay = RelayServer::start(options).await.expect("a relay");
            let mut alice = person("alice", keeping, &folder, &relay).await;
            let bob = person("bob", keeping, &folder, &relay).await;
            let to_bob = alice.start_session(&bob.address()).await.expect("a session");
            (relay, alice, bob, to_bob)
        });
        let (relay, alice, bob, to_bob) = made;
        let mut made = Self { alice, bob, to_bob, runtime, _relay: relay, _folder: folder };
        made.pass("x");
        made
    }

    /// From the call that sends a text to the event that has it.
    ///
    /// # Panics
    ///
    /// If it does not arrive.
    pub fn pass(&mut self, text: &str) -> Duration {
        let begun = Instant::now();
        self.runtime.block_on(async {
            self.alice.send(self.to_bob, text).await.expect("it is sent");
            arrive(&mut self.bob, 1).await;
        });
        begun.elapsed()
    }

    /// So many texts, one behind the other, while the other side receives them; until the last is there.
    ///
    /// # Panics
    ///
    /// If one does not arrive.
    pub fn stream(&mut self, text: &str, count: u32) -> Duration {
        let begun = Instant::now();
        let (alice, bob, to_bob) = (&mut self.alice, &mut self.bob, self.to_bob);
        self.runtime.block_on(async {
            let sending = async {
                for _ in 0..count {
                    alice.send(to_bob, text).await.expect("it is sent");
                }
            };
            tokio::join!(sending, arrive(bob, count));
        });
        begun.elapsed()
    }
}

async fn person(name: &str, keeping: Keeping, folder: &TempDir, relay: &RunningRelay) -> Person {
    let store: Box<dyn Store + Send> = match keeping {
        Keeping::Memory => Box::new(MemoryStore::new()),
        Keeping::Sqlite => Box::new(
            SqliteStore::create(folder.path().join(name), "correct horse").expect("a file"),
        ),
    };
    let relay = Relay::connect(&relay.url()).await.expect("the relay answers");
    let mut person = Client::create_account(store, relay, name).await.expect("an account");
    person.publish_prekeys().await.expect("the relay takes them");
    person
}

/// Takes events until so many are messages.
async fn arrive(bob: &mut Person, count: u32) {
    let mut arrived = 0;
    while arrived < count {
        match bob.next_event().await.expect("it arrives") {
            Some(Event::Message(_)) => arrived += 1,
            Some(_) => {}
            None => panic!("the connection is closed by its owner only"),
        }
    }
}
