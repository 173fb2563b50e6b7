//! What an app brings to be simulated: its store and its transport.

use kuvert::Carrier;
use kuvert_store::Store;

use crate::Side;

/// An app's own store and transport, for two people.
///
/// The simulator opens several handles on each person's store, one after the other and two at once, and drops
/// them in the middle of their work, as the end of a process does. What it puts between the client and
/// these two are the faults.
///
/// All must be repeatable for runs to be: no clocks, no chance, no threads that decide anything. The verbs of
/// the carrier are asked to wait for no time at all, and must then come back at once; a carrier that needs a
/// runtime is entered by the caller.
pub trait Adapter: 'static {
    /// The store.
    type Store: Store + Send + 'static;
    /// The transport and directory.
    type Carrier: Carrier + 'static;

    /// A new handle on what is durable of `side`, empty at first.
    fn store(&mut self, side: Side) -> Self::Store;

    /// A new connection of `side`, attached to nothing.
    fn carrier(&mut self, side: Side) -> Self::Carrier;

    /// Keeps a copy of all that is durable of `side`, in place of the one before; says whether it could. An
    /// anchor against rollback is not part of it: it stands elsewhere.
    ///
    /// Without it there are no rollbacks in the simulation.
    fn snapshot(&mut self, side: Side) -> bool {
        let _ = side;
        false
    }

    /// Puts back the copy that [`Adapter::snapshot`] has kept. No handle on the store is open then.
    fn restore(&mut self, side: Side) {
        let _ = side;
    }
}
