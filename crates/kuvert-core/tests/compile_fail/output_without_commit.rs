//! The output of a step is not to be had before its changes are durable.
use kuvert_core::{Outgoing, Step};

fn leak(step: Step<'_, Outgoing>) -> Vec<u8> {
    step.pending.output.envelope
}

fn main() {}
