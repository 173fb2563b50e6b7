//! How things stand.

use std::collections::BTreeMap;

use kuvert_core::{PeerView, ProtocolError};
use kuvert_store::Store;

use super::{Client, lock};
use crate::event::Sender;
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
    /// Envelopes that cannot be opened yet and wait for what opens them.
    pub waiting: usize,
    /// Peers whose session is being replaced, because it did not work.
    pub healing: Vec<Sender>,
    /// Peers for whom another device speaks, until a person has answered whether it may.
    pub questions: Vec<Sender>,
    /// How often each cause of the protocol's list occurred since the account was made; all of them
    /// are there.
    pub causes: BTreeMap<&'static str, u64>,
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
        let questions = self.questioned()?;
        for peer in &questions {
            warnings.push(format!("another device speaks for {peer}: nothing is sent to it"));
        }
        for peer in self.peers_where(|view| view.clone_suspected().is_some())? {
            warnings.push(format!("two copies of the state of {peer} are in use"));
        }
        let device = lock(&self.device);
        let sessions = device.peers().filter(|peer| peer.active().is_some()).count();
        let waiting = device.waiting_count();
        drop(device);
        Ok(Status {
            relay_reachable,
            queued: self.queued()?,
            prekeys_left,
            sessions,
            waiting,
            healing: self.peers_where(|view| view.is_healing())?,
            questions,
            causes: self.causes()?,
            warnings,
        })
    }

    /// How often each cause occurred.
    fn causes(&self) -> Result<BTreeMap<&'static str, u64>, Error> {
        let counted =
            record::read_or_new::<DroppedRecord, _>(&self.store, record::dropped_key())?.value.0;
        let count = |cause: &ProtocolError| counted.get(cause.name()).copied().unwrap_or_default();
        Ok(ProtocolError::ALL.iter().map(|cause| (cause.name(), count(cause))).collect())
    }

    fn questioned(&self) -> Result<Vec<Sender>, Error> {
        let asked = self.questions.keys().filter(|peer| self.identity_question(**peer).is_some());
        asked.map(|peer| self.sender(peer)).collect()
    }

    fn peers_where(&self, is_meant: impl Fn(&PeerView<'_>) -> bool) -> Result<Vec<Sender>, Error> {
        let device = lock(&self.device);
        let meant: Vec<_> = device.peers().filter(is_meant).map(|view| view.account_id()).collect();
        drop(device);
        meant.iter().map(|peer| self.sender(peer)).collect()
    }
}
