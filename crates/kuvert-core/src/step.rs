//! Saved before released: a step holds its changes and its output, and gives the output only for
//! the changes.
//!
//! ```text
//! device.encrypt(…) ─▶ Step ── commit(|changes| store.apply(changes)) ─▶ envelope
//!                        │
//!                        └─ split ─▶ Changes ── made durable ─▶ Committed
//!                                  ▶ Pending ── release(Committed) ───────▶ envelope
//! ```
//!
//! A step that is dropped has changed nothing, neither in the store nor in memory. There is no other
//! way to the output: the fields are private and no method shows them.
//!
//! ```compile_fail
//! # fn take<T>(step: kuvert_core::Step<'_, T>) {
//! let envelope = step.output; // private
//! # }
//! ```
//!
//! # Spec
//!
//! `spec/09-storage.md`, "Saved before released".

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;
use core::sync::atomic::{AtomicU64, Ordering};

use kuvert_wire::Encode;
use zeroize::Zeroizing;

use crate::record::{Change, Key, Version};

/// The records a step changes: all of them or none, in one atomic batch.
#[must_use = "the step's output is released only for changes that have been made durable"]
#[derive(Debug)]
pub struct Changes {
    list: Vec<Change>,
    /// Which step they belong to; 0 for an application's own batch.
    step: u64,
}

impl Drop for Changes {
    fn drop(&mut self) {
        for change in &mut self.list {
            if let Change::Put { value, .. } = change {
                // Emptied, it is wiped in one go; else byte by byte.
                value.clear();
            }
        }
    }
}

impl Changes {
    /// An application's own batch.
    pub fn of(changes: impl IntoIterator<Item = Change>) -> Self {
        Self { list: changes.into_iter().collect(), step: 0 }
    }

    /// The changes, in the order in which they were made; each key occurs once.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Change> {
        self.list.iter()
    }

    /// Whether there is nothing to change.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// States that the changes are durable. To be called by what has just stored them, and by
    /// nothing else: this is the one promise that the types cannot check.
    pub fn committed(self) -> Committed {
        Committed { step: self.step }
    }
}

/// The receipt for changes that are durable.
#[must_use = "it releases the output of its step"]
#[derive(Debug)]
pub struct Committed {
    step: u64,
}

/// A receipt was shown to a step that it does not belong to. Nothing was released.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the receipt belongs to another step")]
pub struct WrongReceipt;

/// The result of an operation, locked until its changes are durable.
///
/// `T` is what the operation makes: an envelope, an opened message, prekeys to publish.
#[must_use = "nothing has happened until the step is committed"]
pub struct Step<'d, T> {
    changes: Changes,
    pending: Pending<'d, T>,
}

/// A step's output while its changes are being stored.
#[must_use = "the output comes out by `release`"]
pub struct Pending<'d, T> {
    output: T,
    adopt: Box<dyn FnOnce() + Send + 'd>,
    step: u64,
}

impl<'d, T> Step<'d, T> {
    /// A step that changes `changes`, then `adopt`s the new state in memory and gives `output`.
    pub(crate) fn new(changes: Vec<Change>, output: T, adopt: impl FnOnce() + Send + 'd) -> Self {
        let step = next_step();
        let changes = Changes { list: changes, step };
        Self { changes, pending: Pending { output, adopt: Box::new(adopt), step } }
    }

    /// The records that will change.
    pub const fn changes(&self) -> &Changes {
        &self.changes
    }

    /// A look at the output, for parts of it that are no secret to the application.
    pub(crate) const fn output(&self) -> &T {
        &self.pending.output
    }

    /// Adds a record of the application's own to the same atomic batch.
    pub fn also(mut self, change: Change) -> Self {
        self.changes.list.push(change);
        self
    }

    /// Stores the output itself, as a new record in the same atomic batch, so that it survives a
    /// crash right after the commit: `u32 length of context || context || encoded output`.
    ///
    /// `context` says what the application will need to go on with it, such as where to post it.
    pub fn keep(self, key: Key, context: &[u8]) -> Self
    where
        T: Encode,
    {
        let output = &self.pending.output;
        let mut value =
            Zeroizing::new(Vec::with_capacity(4 + context.len() + output.encoded_len()));
        let context_len = u32::try_from(context.len()).unwrap_or(u32::MAX);
        value.extend_from_slice(&context_len.to_be_bytes());
        value.extend_from_slice(context);
        output.encode_into(&mut value);
        self.also(Change::Put { key, expected: Version::ABSENT, value })
    }

    /// Makes the changes durable with `apply`, then gives the output.
    ///
    /// # Errors
    ///
    /// What `apply` says; the state in memory is then as it was and the output is gone.
    pub fn commit<E>(self, apply: impl FnOnce(&Changes) -> Result<(), E>) -> Result<T, E> {
        apply(&self.changes)?;
        Ok(self.pending.finish())
    }

    /// Parts changes and output, for stores that answer later.
    pub fn split(self) -> (Changes, Pending<'d, T>) {
        (self.changes, self.pending)
    }
}

impl<T> Pending<'_, T> {
    /// Gives the output for the receipt of its changes.
    ///
    /// # Errors
    ///
    /// [`WrongReceipt`] when the receipt is for something else; nothing is released.
    pub fn release(self, receipt: Committed) -> Result<T, WrongReceipt> {
        if receipt.step != self.step {
            return Err(WrongReceipt);
        }
        Ok(self.finish())
    }

    fn finish(self) -> T {
        (self.adopt)();
        self.output
    }
}

impl<T> fmt::Debug for Step<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Step({} changes)", self.changes.list.len())
    }
}

impl<T> fmt::Debug for Pending<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pending")
    }
}

/// Tells receipts of different steps apart within a process. It names no protocol value.
fn next_step() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

#[cfg(test)]
mod tests {
    use core::cell::Cell;

    use super::*;

    fn step(adopted: &AtomicU64) -> Step<'_, &'static str> {
        Step::new(Vec::new(), "envelope", || {
            adopted.fetch_add(1, Ordering::Relaxed);
        })
    }

    #[test]
    fn a_commit_that_fails_changes_nothing() {
        let adopted = AtomicU64::new(0);
        assert_eq!(step(&adopted).commit(|_| Err("disk full")), Err("disk full"));
        drop(step(&adopted));
        assert_eq!(adopted.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn a_commit_comes_before_the_output() {
        let (adopted, applied) = (AtomicU64::new(0), Cell::new(false));
        let output = step(&adopted).commit(|_| {
            assert_eq!(adopted.load(Ordering::Relaxed), 0);
            applied.set(true);
            Ok::<_, ()>(())
        });
        assert_eq!((output, applied.get()), (Ok("envelope"), true));
        assert_eq!(adopted.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn a_receipt_opens_its_own_step_only() {
        let adopted = AtomicU64::new(0);
        let (first, pending) = step(&adopted).split();
        let (second, _) = step(&adopted).split();
        assert_eq!(pending.release(second.committed()), Err(WrongReceipt));
        drop(first);
        let (third, pending) = step(&adopted).split();
        assert_eq!(pending.release(third.committed()), Ok("envelope"));
        assert_eq!(adopted.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn debug_shows_no_output() {
        let adopted = AtomicU64::new(0);
        assert_eq!(alloc::format!("{:?}", step(&adopted)), "Step(0 changes)");
        let (changes, pending) = step(&adopted).split();
        assert!(changes.is_empty());
        assert_eq!(alloc::format!("{pending:?}"), "Pending");
    }
}
