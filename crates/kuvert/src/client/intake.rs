//! From an envelope to what came of it, safe on disk.
//!
//! The outcomes are stored in one batch with the ratchet, under `inbox/`; only then is the relay told.
//! What they say is filed in a second batch, which also ends their place in the inbox. A process that
//! dies in between has lost nothing: the next one files them.

use kuvert_core::{Change, Key, Outcome, Outcomes, ProtocolError, Record, Step};
use kuvert_store::Store;
use kuvert_transport::Delivered;
use kuvert_wire::{Decode, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Client, lock};
use crate::record::{self, DroppedRecord};
use crate::{Carrier, Error};

/// The context of [`kuvert_core::Step::keep`] for what came of an envelope.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct InboxContext {
    /// When it was opened, in Unix milliseconds.
    at: u64,
    /// What its relay says to have carried; unknown of what has waited.
    carried: Option<Carried>,
}

/// What a relay says of an envelope, so that it knows it again in a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Carried {
    pub(crate) mailbox: [u8; 32],
    /// When the relay received it, in Unix milliseconds.
    pub(crate) received: u64,
    pub(crate) from: [u8; 32],
    pub(crate) key_id: u8,
    pub(crate) mac: [u8; 32],
}

impl Carried {
    fn of(delivered: &Delivered) -> Option<Self> {
        let franked = delivered.franked?;
        Some(Self {
            mailbox: *delivered.mailbox.as_bytes(),
            received: delivered.received.as_millis(),
            from: franked.from,
            key_id: franked.tag.key_id,
            mac: franked.tag.mac,
        })
    }
}

/// Where outcomes are stored until they are filed.
struct Place {
    key: Key,
    context: Vec<u8>,
    counter: Change,
}

/// Outcomes that have not been filed.
pub(super) struct Taken {
    pub(super) record: Record,
    pub(super) at: Timestamp,
    pub(super) carried: Option<Carried>,
    pub(super) outcomes: Outcomes,
}

impl<S: Store, T: Carrier> Client<S, T> {
    /// Takes in an envelope. Only a store that fails is an error: the envelope then stays at the relay.
    pub(super) fn take_in(&mut self, delivered: &Delivered) -> Result<(), Error> {
        self.contend(|client| client.open_envelope(delivered))?;
        self.unconfirmed.insert(delivered.mailbox, delivered.position);
        self.unconfirmed_count += 1;
        self.file_inbox()?;
        self.retry_waiting()
    }

    pub(super) fn open_envelope(&mut self, delivered: &Delivered) -> Result<(), Error> {
        let (now, place) = (self.now(), self.inbox_place(Carried::of(delivered))?);
        let (envelope, via) = (delivered.envelope.as_bytes(), &delivered.mailbox);
        let mut device = lock(&self.device);
        let step = device.receive(envelope, Some(via), now, &mut self.around.random);
        let unchanged = place.keep(step, &mut self.store)?;
        drop(device);
        self.taken(unchanged)
    }

    /// Opens what could not be opened before and can be now, and gives up what has waited for too long.
    pub(super) fn retry_waiting(&mut self) -> Result<(), Error> {
        if lock(&self.device).waiting_count() == 0 {
            return Ok(());
        }
        while self.contend(Self::retry_one)? {
            self.file_inbox()?;
        }
        Ok(())
    }

    fn retry_one(&mut self) -> Result<bool, Error> {
        let (now, place) = (self.now(), self.inbox_place(None)?);
        let mut device = lock(&self.device);
        let Some(step) = device.retry(now, &mut self.around.random) else { return Ok(false) };
        let unchanged = place.keep(step, &mut self.store)?;
        drop(device);
        self.taken(unchanged)?;
        Ok(true)
    }

    fn inbox_place(&self, carried: Option<Carried>) -> Result<Place, Error> {
        let (seq, counter) = self.reserve(1)?;
        let key = record::inbox_key(seq);
        let at = self.now().as_millis();
        let context = record::pack_context(&key, &InboxContext { at, carried })?;
        Ok(Place { key, context, counter })
    }

    /// Nothing is said to anyone about an envelope that changes nothing; it is counted.
    fn taken(&mut self, unchanged: Option<Outcomes>) -> Result<(), Error> {
        let Some(outcomes) = unchanged else {
            self.reserved();
            return Ok(());
        };
        let causes = || outcomes.iter().filter_map(dropped_for);
        self.online.doubts_shelf |= causes().any(|cause| cause == ProtocolError::UnknownPrekey);
        self.count(causes())
    }

    /// Counts causes for which something was dropped, or otherwise did not work.
    pub(super) fn count(
        &mut self,
        causes: impl IntoIterator<Item = ProtocolError>,
    ) -> Result<(), Error> {
        let counted = self.counted(causes)?;
        if let Some(counted) = counted { self.apply_relaxed([counted]) } else { Ok(()) }
    }

    /// The change that counts them, if there are any.
    pub(super) fn counted(
        &self,
        causes: impl IntoIterator<Item = ProtocolError>,
    ) -> Result<Option<Change>, Error> {
        let mut causes = causes.into_iter().peekable();
        if causes.peek().is_none() {
            return Ok(None);
        }
        let mut dropped =
            record::read_or_new::<DroppedRecord, _>(&self.store, record::dropped_key())?;
        for cause in causes {
            *dropped.value.0.entry(cause.name().to_owned()).or_default() += 1;
        }
        dropped.put().map(Some)
    }
}

/// Why an envelope was dropped, if it was.
pub(super) const fn dropped_for(outcome: &Outcome) -> Option<ProtocolError> {
    match outcome {
        Outcome::Rejected { cause, .. } => Some(*cause),
        Outcome::AlreadyReceived => Some(ProtocolError::Duplicate),
        _ => None,
    }
}

impl Place {
    /// Makes a step durable together with its outcomes; gives them at once if it changes nothing.
    fn keep<S: Store>(
        self,
        step: Step<'_, Outcomes>,
        store: &mut S,
    ) -> Result<Option<Outcomes>, Error> {
        if step.changes().is_empty() {
            return step.commit(|_| Ok(())).map(Some);
        }
        let step = step.keep(self.key, &self.context).also(self.counter);
        step.commit(|changes| store.apply(changes))?;
        Ok(None)
    }
}

impl Taken {
    pub(super) fn read(record: Record) -> Result<Self, Error> {
        let (context, kept) = record::unpack_kept::<InboxContext>(&record)?;
        let outcomes = Outcomes::decode(kept).map_err(|_| record::damaged(&record.key))?;
        let (at, carried) = (Timestamp::from_millis(context.at), context.carried);
        Ok(Self { at, carried, outcomes, record })
    }

    pub(super) fn delete(&self) -> Change {
        Change::Delete { key: self.record.key.clone(), expected: self.record.version }
    }
}
