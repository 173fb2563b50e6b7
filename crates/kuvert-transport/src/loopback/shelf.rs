//! The prekeys of one device, as a directory keeps them.

use std::collections::{BTreeMap, BTreeSet};

use kuvert_wire::relay::Refusal;
use kuvert_wire::{DeviceKey, OneTimePrekey, PrekeyBundle, PrekeyId};

use crate::Publication;

#[derive(Debug)]
pub(super) struct Shelf {
    bundle: PrekeyBundle,
    one_time: BTreeMap<PrekeyId, OneTimePrekey>,
    /// Ids that have been here, so that a repeated publication brings none back.
    seen: BTreeSet<PrekeyId>,
}

impl Shelf {
    pub(super) fn new(publication: &Publication) -> Self {
        let (cert, medium) = (publication.cert.clone(), publication.medium.clone());
        let bundle = PrekeyBundle { cert, medium, one_time: None };
        let mut shelf = Self { bundle, one_time: BTreeMap::new(), seen: BTreeSet::new() };
        shelf.add(publication);
        shelf
    }

    /// Takes in a later publication of the account, by the same device or one that was certified later.
    pub(super) fn restock(&mut self, publication: &Publication) -> Result<(), Refusal> {
        let (new, old) = (&publication.cert, &self.bundle.cert);
        match new.device_key == old.device_key {
            true => self.add(publication),
            false if new.issued > old.issued => *self = Self::new(publication),
            false => return Err(Refusal::NotOwner),
        }
        Ok(())
    }

    fn add(&mut self, publication: &Publication) {
        self.bundle.cert = publication.cert.clone();
        self.bundle.medium = publication.medium.clone();
        for prekey in &publication.one_time {
            if self.seen.insert(prekey.id) {
                self.one_time.insert(prekey.id, prekey.clone());
            }
        }
    }

    pub(super) const fn device(&self) -> &DeviceKey {
        &self.bundle.cert.device_key
    }

    pub(super) fn stock(&self) -> usize {
        self.one_time.len()
    }

    /// A bundle with a one-time prekey that leaves the shelf for good, or with the medium prekey alone.
    pub(super) fn hand_out(&mut self) -> PrekeyBundle {
        let one_time = self.one_time.pop_first().map(|(_, prekey)| prekey);
        PrekeyBundle { one_time, ..self.bundle.clone() }
    }
}
