//! The adapter that is built in: everything in memory.

use kuvert_store::{Anchored, MemoryAnchor, MemoryStore};

use super::Adapter;
use super::hub::{Endpoint, Hub};
use crate::Side;

/// Stores and a relay in memory.
#[derive(Debug)]
pub struct Memory {
    hub: Hub,
    homes: [Home; 2],
    has_anchors: bool,
}

#[derive(Debug, Default)]
struct Home {
    store: MemoryStore,
    anchor: MemoryAnchor,
    copy: Option<MemoryStore>,
}

impl Memory {
    /// Empty stores with an anchor beside each, and a relay that nobody uses.
    #[must_use]
    pub fn new() -> Self {
        Self { hub: Hub::new(), homes: Default::default(), has_anchors: true }
    }

    /// The same with anchors that are put back together with their stores, and so notice nothing.
    #[must_use]
    pub fn without_anchors() -> Self {
        Self { has_anchors: false, ..Self::new() }
    }
}

impl Default for Memory {
    fn default() -> Self {
        Self::new()
    }
}

impl Adapter for Memory {
    type Store = Anchored<MemoryStore, MemoryAnchor>;
    type Carrier = Endpoint;

    fn store(&mut self, side: Side) -> Self::Store {
        let home = &self.homes[side as usize];
        Anchored::new(home.store.clone(), home.anchor.clone())
    }

    fn carrier(&mut self, _: Side) -> Endpoint {
        self.hub.endpoint()
    }

    fn snapshot(&mut self, side: Side) -> bool {
        let home = &mut self.homes[side as usize];
        home.copy = Some(home.store.copy());
        true
    }

    fn restore(&mut self, side: Side) {
        let home = &mut self.homes[side as usize];
        if let Some(copy) = &home.copy {
            home.store.put_back(copy);
        }
        if !self.has_anchors {
            home.anchor = MemoryAnchor::default();
        }
    }
}
