//! A device as its records, all encoded anew: so that tests can hold memory against the store.

use alloc::vec;
use alloc::vec::Vec;

use kuvert_wire::Encode;
use zeroize::Zeroizing;

use super::Device;
use super::effect::{
    identity_key, medium_key, medium_value, one_time_key, one_time_value, page_key, peer_key,
    published_key, published_value, replay_key, replay_value, session_key, session_value,
    waiting_value,
};
use super::waiting::waiting_key;
use crate::record::{Key, Record, Version};
use crate::transcript::{Switch, Transcript};

impl Device {
    /// All records of the device as they would be written now, each with its version, sorted by key.
    /// After every committed step they are what the store has under [`Device::COLLECTIONS`].
    #[must_use]
    pub fn records(&self) -> Vec<Record> {
        let mut records = self.changing_records();
        records.push(record(identity_key(), FIRST, self.identity_value()));
        records.extend(self.one_times.iter().map(|(id, stored)| {
            record(one_time_key(*id), stored.version, one_time_value(&stored.value))
        }));
        sorted(records)
    }

    /// All but the identity and the one-time prekeys.
    pub(super) fn changing_records(&self) -> Vec<Record> {
        let published = published_value(self.published.value);
        let mut records = vec![record(published_key(), self.published.version, published)];
        records.extend(self.peers.iter().map(|(id, stored)| {
            record(peer_key(id), stored.version, Zeroizing::new(stored.value.encode()))
        }));
        records.extend(self.medium_records());
        records.extend(self.transcripts.switches.values().filter_map(Switch::record));
        records.extend(self.transcripts.logs.values().flat_map(Transcript::records));
        records.extend(self.session_records());
        records.extend(self.waiting.iter().map(|(name, stored)| {
            record(waiting_key(name), stored.version, waiting_value(&stored.value))
        }));
        sorted(records)
    }

    fn medium_records(&self) -> impl Iterator<Item = Record> {
        let mediums = self.mediums.iter().map(|(id, stored)| {
            record(medium_key(*id), stored.version, medium_value(&stored.value))
        });
        let replays = self
            .replays
            .iter()
            .map(|(medium, init)| record(replay_key(*medium, init), FIRST, replay_value()));
        mediums.chain(replays)
    }

    fn session_records(&self) -> Vec<Record> {
        let mut records = Vec::new();
        for (id, stored) in &self.sessions {
            let ratchet = &stored.value.ratchet;
            let value = session_value(&stored.value.head, &ratchet.state);
            records.push(record(session_key(id), stored.version, value));
            records.extend(ratchet.skipped.pages().map(|page| {
                let version = self.pages.get(&(*id, page.id())).copied().unwrap_or_default();
                record(page_key(id, page.id()), version, Zeroizing::new(page.encode()))
            }));
        }
        records
    }
}

fn sorted(mut records: Vec<Record>) -> Vec<Record> {
    records.sort_by(|a, b| a.key.cmp(&b.key));
    records
}

const FIRST: Version = Version::from_number(1);

const fn record(key: Key, version: Version, value: Zeroizing<Vec<u8>>) -> Record {
    Record { key, version, value }
}
