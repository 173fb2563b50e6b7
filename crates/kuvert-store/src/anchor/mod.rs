//! The anchor: what remembers, outside of a store, how far the store has come.
//!
//! ```text
//! batch:  anchor.highest() ≤ the store's generation?  ─▶ committed, generation + 1 ─▶ anchor.raise(generation + 1)
//!                 no ─▶ Rollback: the store is an old copy of itself
//! ```
//! A copy of all of a store, put back later, is right in itself: only what is kept elsewhere tells
//! that it is old. As the anchor is raised after the commit, a process may die between the two, and
//! the anchor is then behind, which is no alarm; the next process raises it when it opens the store.
//! As it is raised before the batch's output is released, no state whose messages have left can come
//! back unnoticed.
//!
//! # Spec
//!
//! `spec/09-storage.md`, "The anchor".

mod at;
mod file;
mod key;
pub(crate) mod slot;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::StoreError;

pub use file::FileAnchor;
pub use key::AnchorKey;

/// Remembers the highest generation that a store has had.
///
/// [`FileAnchor`] is a file, which whoever puts back the store can put back as well. An anchor in a
/// platform's key store, a monotonic counter or on another machine withstands that: bring one by
/// these two functions, and put it before a store with [`Anchored`](crate::Anchored).
///
/// # Contract
///
/// - **Never lower.** What was raised to a generation never answers a lower one.
/// - **Of one store.** What was raised for another store is never answered.
/// - **Exact among processes.** Of two that raise it at once, the higher one counts.
/// - It need not be durable at once. What a loss of power takes from it weakens it until the next
///   batch, and makes no false alarm.
///
/// `anchor_suite!` (feature `suite`) tests a store with its anchor.
///
/// # Spec
///
/// `spec/09-storage.md`, "The anchor".
pub trait Anchor {
    /// The highest generation that it was ever raised to, 0 if it knows of none.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreadable`] of the anchor: something is there and it is not this store's; `Busy`,
    /// `Io`. Nothing is written to the store then.
    fn highest(&self) -> Result<u64, StoreError>;

    /// Notes that there has been a state of this generation. Does nothing if a higher one is known.
    ///
    /// # Errors
    ///
    /// As for [`Anchor::highest`]; `Full`, `NotWritable`. The batch stays, as it was committed before;
    /// the anchor is asked again before the next one.
    fn raise(&mut self, generation: u64) -> Result<(), StoreError>;
}

/// A store is older than it has been before: somebody has put back an old copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rollback {
    /// The generation that the store has: how many durable batches it has seen.
    pub found: u64,
    /// The one that it had before.
    pub expected: u64,
}

/// An anchor in memory. A clone is a second handle on the same one.
///
/// It lives as long as the process: for tests, and for simulators of rollback.
#[derive(Clone, Default)]
pub struct MemoryAnchor(Arc<AtomicU64>);

impl MemoryAnchor {
    /// An anchor that knows of nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

impl Anchor for MemoryAnchor {
    fn highest(&self) -> Result<u64, StoreError> {
        Ok(self.0.load(Ordering::Acquire))
    }

    fn raise(&mut self, generation: u64) -> Result<(), StoreError> {
        self.0.fetch_max(generation, Ordering::AcqRel);
        Ok(())
    }
}

impl<A: Anchor + ?Sized> Anchor for Box<A> {
    fn highest(&self) -> Result<u64, StoreError> {
        (**self).highest()
    }

    fn raise(&mut self, generation: u64) -> Result<(), StoreError> {
        (**self).raise(generation)
    }
}

impl fmt::Debug for MemoryAnchor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("MemoryAnchor").field(&self.0).finish()
    }
}

impl fmt::Display for Rollback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { found, expected } = self;
        write!(f, "the store has seen {found} batches, and had seen {expected} before")
    }
}
