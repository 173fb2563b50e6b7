//! A pending output needs the receipt of its changes.
use kuvert_core::{Outgoing, Pending};

fn leak(pending: Pending<'_, Outgoing>) -> Outgoing {
    pending.release().unwrap()
}

fn main() {}
