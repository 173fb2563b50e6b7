//! What all connections of one relay share.

use std::sync::{Arc, Mutex, PoisonError};

use kuvert_wire::{AccountId, Timestamp};

use super::client::ClientAddress;
use super::hub::Hub;
use crate::franking::FrankingDesk;
use crate::limits::{HandOuts, Limits};
use crate::storage::{Clock, Storage};

pub(crate) struct Shared {
    pub(crate) limits: Arc<Limits>,
    pub(crate) storage: Storage,
    pub(crate) hub: Arc<Hub>,
    pub(crate) franking: FrankingDesk,
    clock: Clock,
    hand_outs: Mutex<HandOuts<ClientAddress, AccountId>>,
}

impl Shared {
    pub(crate) fn new(
        limits: Limits,
        storage: Storage,
        franking: FrankingDesk,
        clock: Clock,
    ) -> Self {
        let hand_outs = Mutex::new(HandOuts::new(&limits));
        Self { limits: Arc::new(limits), storage, hub: Arc::default(), franking, clock, hand_outs }
    }

    pub(crate) fn now(&self) -> Timestamp {
        (self.clock)()
    }

    /// Whether this client may be given a one-time prekey of this account now; if so, it is counted.
    pub(crate) fn admit_hand_out(&self, client: ClientAddress, account: AccountId) -> bool {
        let mut hand_outs = self.hand_outs.lock().unwrap_or_else(PoisonError::into_inner);
        hand_outs.admit(client, account, self.now())
    }

    /// None was handed out after all.
    pub(crate) fn refund_hand_out(&self, client: &ClientAddress, account: &AccountId) {
        let mut hand_outs = self.hand_outs.lock().unwrap_or_else(PoisonError::into_inner);
        hand_outs.refund(client, account);
    }
}
