//! What a device keeps for one session, at its beginning, later, and at its largest.

use crate::talk::{State, Talk};

/// Each state that is measured, with its name.
#[must_use]
pub fn measure() -> Vec<(&'static str, State)> {
    let mut fresh = Talk::begun();
    fresh.pass(0, "hello");
    vec![
        ("fresh, initiator", fresh.state(0)),
        ("fresh, responder", fresh.state(1)),
        ("both have heard each other", Talk::established().state(0)),
        ("at its largest in 2,000 messages, nothing lost", largest()),
        ("1,000 keys skipped at once", skipped(1, 1000, 1)),
        ("2,000 keys skipped at once each 1,000", skipped(2, 1000, 1)),
        ("2,000 keys, every other message lost", skipped(2000, 1, 1)),
        ("2,000 keys in six chains", skipped(6, 334, 2)),
    ]
}

fn largest() -> State {
    let mut talk = Talk::established();
    let mut largest = talk.state(0);
    let mut from = 0;
    for number in 0..2000 {
        talk.pass(from, "tea at four?");
        if number % 3 == 0 {
            from = 1 - from;
        }
        for state in [talk.state(0), talk.state(1)] {
            if state.session > largest.session {
                largest = state;
            }
        }
    }
    largest
}

/// Bob misses `lost` messages of Alice's, `times` times; with `turns` of 2, each in another chain.
fn skipped(times: usize, lost: usize, turns: usize) -> State {
    let mut talk = Talk::established();
    for _ in 0..times {
        for _ in 0..lost {
            talk.seal(0, "lost");
        }
        talk.pass(0, "arrives");
        if turns == 2 {
            talk.pass(1, "turn");
        }
    }
    talk.state(1)
}
