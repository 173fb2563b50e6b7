//! What came of an envelope is filed: messages into the log, and for each outcome that a person
//! should know of an event.

use kuvert_core::identity::account_id;
use kuvert_core::{Outcome, ProtocolError, SessionEnd};
use kuvert_store::Store;
use kuvert_wire::{AccountId, DeviceId, Timestamp};

use super::filing::Filing;
use super::intake::{Taken, dropped_for};
use super::{Client, lock};
use crate::record::{self, Unshown, UnshownRecord, Versioned};
use crate::{Carrier, Error};

impl<S: Store, T: Carrier> Client<S, T> {
    /// Files everything that was taken in, oldest first.
    pub(super) fn file_inbox(&mut self) -> Result<(), Error> {
        for record in self.store.scan(record::INBOX)? {
            let key = record.key.clone();
            let taken = Taken::read(record)?;
            self.contend(|client| match client.store.get(&key)? {
                Some(_) => client.file(&taken),
                None => Ok(()), // another process has filed it
            })?;
        }
        Ok(())
    }

    fn file(&mut self, taken: &Taken) -> Result<(), Error> {
        let mut filing = Filing::default();
        for outcome in &taken.outcomes {
            self.file_outcome(outcome, taken, &mut filing)?;
        }
        let dropped = taken.outcomes.iter().filter_map(dropped_for);
        let failed = taken.outcomes.iter().filter_map(failed_for);
        let counted = self.counted(dropped.chain(failed))?;
        filing.changes.extend(counted);
        filing.changes.push(taken.delete());
        self.file_away(filing)?;
        match taken.outcomes.message() {
            Some(message) if message.begins_session => {
                self.sync_acceptance(&account_id(&message.account))
            }
            _ => Ok(()),
        }
    }

    fn file_outcome(
        &mut self,
        outcome: &Outcome,
        taken: &Taken,
        filing: &mut Filing,
    ) -> Result<(), Error> {
        let at = taken.at.as_millis();
        match outcome {
            Outcome::Message(received) => self.file_received(received, taken, filing),
            Outcome::HealingStarted { peer, not_before } => {
                let not_before = not_before.as_millis();
                self.tell(peer, Unshown::HealingStarted { at, not_before }, filing)
            }
            Outcome::Healed { peer } => self.tell(peer, Unshown::Healed { at }, filing),
            Outcome::CloneSuspected { peer } => {
                self.tell(peer, Unshown::CloneSuspected { at }, filing)
            }
            Outcome::IdentityChanged { peer, account } => {
                self.file_question(&account_id(account), peer, filing)
            }
            Outcome::Rejected { cause, peer } => {
                self.tell_not_opened(*cause, peer.as_ref(), taken.at, filing)
            }
            Outcome::Transcript { peer, event } => {
                self.file_transcript_event(peer, event, taken.at, filing)
            }
            _ => Ok(()), // what waits is told when it is over
        }
    }

    /// Adds an event about the owner of a device.
    pub(super) fn tell(
        &self,
        device: &DeviceId,
        what: Unshown,
        filing: &mut Filing,
    ) -> Result<(), Error> {
        match self.account_of(device) {
            Some(account) => self.file_event(&account, what, filing),
            None => Ok(()), // its last session ended since
        }
    }

    fn account_of(&self, device: &DeviceId) -> Option<AccountId> {
        lock(&self.device).peer(device).map(|view| view.account_id())
    }

    /// Tells that an envelope of a known peer's was given up. What strangers send that cannot be
    /// opened is merely counted.
    fn tell_not_opened(
        &self,
        cause: ProtocolError,
        device: Option<&DeviceId>,
        at: Timestamp,
        filing: &mut Filing,
    ) -> Result<(), Error> {
        let Some(device) = device else { return Ok(()) };
        let Some(account) = self.account_of(device) else { return Ok(()) };
        let (cause, at) = (cause.name().to_owned(), at.as_millis());
        match self.unshown_not_opened(&account, &cause) {
            Some((event, before)) if self.store.get(&event.key)?.is_some() => {
                let what = Unshown::NotOpened { cause, count: before + 1, at };
                self.replace_event(event, what, filing)
            }
            _ => self.file_event(&account, Unshown::NotOpened { cause, count: 1, at }, filing),
        }
    }

    /// The event that tells of such envelopes, if nobody has seen it yet, and how many it tells of.
    fn unshown_not_opened(
        &self,
        account: &AccountId,
        named: &str,
    ) -> Option<(Versioned<UnshownRecord>, u64)> {
        let mut theirs =
            self.unshown.iter().filter(|event| event.value.account == *account.as_bytes());
        theirs.find_map(|event| match &event.value.what {
            Unshown::NotOpened { cause, count, .. } if cause == named => {
                Some((event.clone(), *count))
            }
            _ => None,
        })
    }
}

/// What went wrong although something was opened.
const fn failed_for(outcome: &Outcome) -> Option<ProtocolError> {
    match outcome {
        Outcome::Message(received) => match received.ended {
            Some(SessionEnd::PqFailed) => Some(ProtocolError::PqFailed),
            _ => None,
        },
        Outcome::IdentityChanged { .. } => Some(ProtocolError::IdentityChanged),
        _ => None,
    }
}
