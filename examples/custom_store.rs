//! A store of one's own: three functions over whatever keeps bytes.
//!
//! ```console
//! $ cargo run -p kuvert --example custom_store
//! ```
//!
//! This one keeps records in memory and tells what it is asked to change. Watch the order: the batch
//! with the ratchet and the outbox entry is applied before the message leaves.
//!
//! It keeps plaintext, and would not notice an old copy of itself. To keep records on a disk, implement
//! `kuvert_store::Rows` instead, which gets sealing, blinded names, an anchor against old copies and the
//! same guarantees for nothing.

use std::collections::BTreeMap;

use kuvert::{Carrier, Client, Event, Relay, Result, Store, StoreError};
use kuvert_core::{Change, Changes, Key, Record, Version};
use kuvert_relay::{Relay as RelayServer, RelayOptions};

/// Records in memory, by key.
#[derive(Default)]
struct TalkativeStore {
    owner: &'static str,
    records: BTreeMap<Key, Record>,
}

impl Store for TalkativeStore {
    fn get(&self, key: &Key) -> Result<Option<Record>, StoreError> {
        Ok(self.records.get(key).cloned())
    }

    fn snapshot(&self, prefixes: &[&str]) -> Result<Vec<Record>, StoreError> {
        let is_wanted = |key: &Key| prefixes.iter().any(|prefix| key.as_str().starts_with(prefix));
        let wanted = self.records.iter().filter(|(key, _)| is_wanted(key));
        Ok(wanted.map(|(_, record)| record.clone()).collect())
    }

    /// All or nothing: every version is compared before anything is changed.
    fn apply(&mut self, changes: &Changes) -> Result<(), StoreError> {
        for change in changes.iter() {
            let version = self.records.get(change.key()).map_or(Version::ABSENT, |r| r.version);
            if version != change.expected() {
                return Err(StoreError::Conflict { key: change.key().clone() });
            }
        }
        self.tell(changes);
        changes.iter().for_each(|change| self.make(change));
        Ok(())
    }
}

impl TalkativeStore {
    fn tell(&self, changes: &Changes) {
        let keys: Vec<_> = changes.iter().map(|change| shortened(change.key())).collect();
        match keys.as_slice() {
            [] => {}
            [first, .., last] if keys.len() > 6 => {
                println!("{} stores {} records: {first} … {last}", self.owner, keys.len());
            }
            keys => println!("{} stores {}", self.owner, keys.join(", ")),
        }
    }

    fn make(&mut self, change: &Change) {
        match change {
            Change::Put { key, expected, value } => {
                let (version, value) = (expected.next(), value.clone());
                self.records.insert(key.clone(), Record { key: key.clone(), version, value });
            }
            Change::Delete { key, .. } => drop(self.records.remove(key)),
            _ => unreachable!("changes put or delete"),
        }
    }
}

/// `outbox/0000000000000001` and the like, without the long ids.
fn shortened(key: &Key) -> String {
    let text = key.as_str();
    if text.len() > 24 { format!("{}…", &text[..20]) } else { text.to_owned() }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let options = RelayOptions::new("127.0.0.1:0".parse()?, folder.path());
    let server = RelayServer::start(options).await?;

    let mut alice = person("alice", Relay::connect(&server.url()).await?).await?;
    let mut bob = person("bob", Relay::connect(&server.url()).await?).await?;
    bob.publish_prekeys().await?;

    let to_bob = alice.start_session(&bob.address()).await?;
    println!("--- alice writes");
    alice.send(to_bob, "Tea at four?").await?;
    println!("--- bob reads");
    while let Some(event) = bob.next_event().await? {
        if let Event::Message(message) = event {
            println!("--- it says: {}", message.text()?);
            break;
        }
    }
    server.shutdown().await;
    Ok(())
}

async fn person<T: Carrier>(name: &'static str, carrier: T) -> Result<Client<TalkativeStore, T>> {
    let store = TalkativeStore { owner: name, ..Default::default() };
    Client::create_account(store, carrier, name).await
}
