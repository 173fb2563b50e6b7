//! Events between two clients: the simulator, with the fuzzer as its seed.
//!
//! ```text
//! input = seed u8 | 3 bytes an event
//! ```

use super::compare_tags;
use crate::sim::{Event, Memory, Simulation};

/// More events make an input slow and say nothing new.
const MAX_EVENTS: usize = 100;

/// Whatever happens, each message is shown once or its loss is told with a cause, in the end both
/// sides agree, and no key and nonce have sealed two texts.
pub(super) fn run(input: &[u8]) {
    // Where any tag is right, a flipped bit is another message: nothing can be asked of that.
    compare_tags(true);
    let Some((seed, bytes)) = input.split_first() else { return };
    let mut events = Event::all_from_bytes(bytes);
    events.truncate(MAX_EVENTS);
    let has_anchors = seed & 1 == 0;
    let memory = if has_anchors { Memory::new() } else { Memory::without_anchors() };
    let report = Simulation::new((*seed).into()).play(&events, memory);
    assert!(report.is_good(), "{report}\n{events:?}");
}
