//! One batch that files what came of something, with the events that tell of it.

use kuvert_core::Change;
use kuvert_store::Store;
use kuvert_wire::AccountId;

use super::{Client, question};
use crate::record::{self, Unshown, UnshownRecord, Versioned};
use crate::{Carrier, Error};

/// Numbers taken at once: more than one envelope has outcomes.
const NUMBERS: u64 = 24;

/// A batch in the making.
#[derive(Debug, Default)]
pub(super) struct Filing {
    pub(super) changes: Vec<Change>,
    pub(super) events: Vec<Versioned<UnshownRecord>>,
    /// An event that says more than before.
    replaced: Option<Versioned<UnshownRecord>>,
    /// A question has been asked.
    pub(super) asks: bool,
    /// The next number, and the one behind the last that is reserved.
    numbers: Option<(u64, u64)>,
}

impl<S: Store, T: Carrier> Client<S, T> {
    /// A sequence number for a record of this batch.
    pub(super) fn number(&self, filing: &mut Filing) -> Result<u64, Error> {
        let (next, end) = match filing.numbers {
            Some(numbers) => numbers,
            None => {
                let (first, counter) = self.reserve(NUMBERS)?;
                filing.changes.push(counter);
                (first, first + NUMBERS)
            }
        };
        assert!(next < end, "an envelope has at most a dozen outcomes");
        filing.numbers = Some((next + 1, end));
        Ok(next)
    }

    /// Adds an event about `peer`.
    pub(super) fn file_event(
        &self,
        peer: &AccountId,
        what: Unshown,
        filing: &mut Filing,
    ) -> Result<(), Error> {
        let seq = self.number(filing)?;
        let value = UnshownRecord { account: *peer.as_bytes(), what };
        if value.what.is_lasting() {
            filing.changes.push(record::insert(record::notice_key(peer, seq), &value)?);
        }
        let mut event = Versioned::new(record::unshown_key(seq), value);
        filing.changes.push(event.put()?);
        event.version = event.version.next();
        filing.events.push(event);
        Ok(())
    }

    /// Says more in an event that nobody has seen yet.
    pub(super) fn replace_event(
        &self,
        mut event: Versioned<UnshownRecord>,
        what: Unshown,
        filing: &mut Filing,
    ) -> Result<(), Error> {
        self.number(filing)?; // so that other processes take note
        event.value.what = what;
        filing.changes.push(event.put()?);
        event.version = event.version.next();
        filing.replaced = Some(event);
        Ok(())
    }

    /// Applies the batch, after which its events can be given.
    pub(super) fn file_away(&mut self, filing: Filing) -> Result<(), Error> {
        if !filing.changes.is_empty() {
            self.apply_relaxed(filing.changes)?;
        }
        if filing.numbers.is_some() {
            self.reserved();
        }
        if filing.asks {
            self.questions = question::all(&self.store)?;
        }
        if let Some(newer) = filing.replaced
            && let Some(event) = self.unshown.iter_mut().find(|event| event.key == newer.key)
        {
            *event = newer;
        }
        self.unshown.extend(filing.events);
        Ok(())
    }
}
