//! An object on its way out, fragment by fragment, for as long as its state lasts.

use alloc::sync::Arc;

use kuvert_wire::DecodeError;
use kuvert_wire::header::{Fragment, MAX_FRAGMENT_INDEX};

use crate::ratchet::erasure;

/// A public object and the index of its next fragment: 0, 1, … 254, 0, …
pub(crate) struct Outgoing {
    object: Arc<[u8]>,
    next: u8,
}

impl Outgoing {
    /// Starts with fragment 0.
    pub(crate) fn new(object: impl Into<Arc<[u8]>>) -> Self {
        Self { object: object.into(), next: 0 }
    }

    /// Goes on with fragment `next`, as it was stored.
    pub(crate) fn resume(self, next: u8) -> Result<Self, DecodeError> {
        match next {
            0..=MAX_FRAGMENT_INDEX => Ok(Self { next, ..self }),
            _ => Err(DecodeError::Invalid { what: "fragment index" }),
        }
    }

    /// The next fragment. All 255 are different, so none is sent twice before the peer has had the
    /// chance to see any `k` of them.
    pub(crate) fn next_fragment(&mut self) -> Fragment {
        let index = self.next;
        self.next = if index == MAX_FRAGMENT_INDEX { 0 } else { index + 1 };
        erasure::fragment(&self.object, index)
    }

    /// The whole object.
    pub(crate) fn object(&self) -> &[u8] {
        &self.object
    }

    /// Index of the next fragment.
    pub(crate) const fn next_index(&self) -> u8 {
        self.next
    }

    /// Another cursor at the same place over the same object.
    pub(crate) fn share(&self) -> Self {
        Self { object: Arc::clone(&self.object), next: self.next }
    }
}
