//! How things stand.

use std::collections::BTreeMap;

use kuvert_store::Store;

use super::{Client, lock};
use crate::record::{self, DroppedRecord};
use crate::{Carrier, Error};

/// How things stand with an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// Whether the home relay answers.
    pub relay_reachable: bool,
    /// Messages that wait for a connection.
    pub queued: usize,
    /// One-time prekeys at the home relay; `None` if it cannot be asked.
    pub prekeys_left: Option<u16>,
    /// Peers with a session on which can be sent.
    pub sessions: usize,
    /// Envelopes that were dropped, by cause.
    pub dropped: BTreeMap<String, u64>,
    /// What a person should know, in words.
    pub warnings: Vec<String>,
}

impl<S: Store, T: Carrier> Client<S, T> {
    /// Asks the relay and the store how things stand, and sends what waits.
    ///
    /// # Errors
    ///
    /// [`Error::Store`], [`Error::Record`].
    pub async fn status(&mut self) -> Result<Status, Error> {
        let mut warnings = Vec::new();
        let relay_reachable = match self.go_online().await {
            Ok(()) => true,
            Err(error) => {
                warnings.push(error.network()?.to_string());
                false
            }
        };
        let mut prekeys_left = None;
        if relay_reachable {
            if let Err(error) = self.deliver().await {
                warnings.push(error.network()?.to_string());
            }
            prekeys_left = self.carrier.stock(&self.front_door()).await.ok();
        }
        for peer in &self.alarmed {
            warnings.push(format!("another identity answers for {}", self.sender(peer)?));
        }
        let dropped =
            record::read_or_new::<DroppedRecord, _>(&self.store, record::dropped_key())?.value.0;
        Ok(Status {
            relay_reachable,
            queued: self.queued()?,
            prekeys_left,
            sessions: lock(&self.device).peers().filter(|peer| peer.active().is_some()).count(),
            dropped,
            warnings,
        })
    }
}
