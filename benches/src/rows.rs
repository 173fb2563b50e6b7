//! The rows of the table of times: what is measured, and what cannot be avoided in it.

use crate::cases::{FRESH_HEADER_KEYS, HEADER_KEYS};
use crate::floor::Floor;
use crate::scenario::BODY_LENS;

/// Sessions of a device that gets garbage in its front door.
pub const SESSIONS: [u32; 3] = [1, 100, 4096];

/// A row of the table: names of benchmarks, and the floor that they have.
#[derive(Clone, Debug)]
pub struct Row {
    /// The group of its benchmarks.
    pub group: String,
    /// Its name in the table.
    pub title: String,
    /// How often it is done in one iteration of the benchmark.
    pub times: u32,
    /// What cannot be avoided.
    pub floor: Floor,
}

fn row(group: impl Into<String>, title: impl Into<String>, floor: Floor) -> Row {
    Row { group: group.into(), title: title.into(), times: 1, floor }
}

/// All rows, in the order of the table.
#[must_use]
pub fn rows() -> Vec<Row> {
    let first = BODY_LENS[0];
    let mut rows = vec![
        row("initiator", "handshake, initiator", Floor::initiator(first)),
        row("responder", "handshake, responder", Floor::responder(first)),
    ];
    for len in BODY_LENS {
        rows.push(row(format!("encrypt-{len}"), format!("encrypt {len} B"), Floor::seal(len)));
        rows.push(row(format!("decrypt-{len}"), format!("decrypt {len} B"), Floor::open(len)));
    }
    let ping_pong = row("ping-pong", format!("ping-pong {first} B"), Floor::turn(first));
    // One iteration is a message each way.
    rows.push(Row { times: 2, ..ping_pong });
    rows.push(row("ahead", "decrypt 1,000 ahead", Floor::ahead(first)));
    rows.push(row("skipped", "decrypt one skipped", Floor::skipped(first)));
    rows.push(row("hostile", "hostile header", Floor::refuse(HEADER_KEYS)));
    for count in SESSIONS {
        let sessions = if count == 1 { "session" } else { "sessions" };
        let title = format!("front door, {count} {sessions}");
        let floor = Floor::refuse(FRESH_HEADER_KEYS * count);
        rows.push(row(front_door(count), title, floor));
    }
    rows
}

/// The group of garbage for so many sessions.
#[must_use]
pub fn front_door(sessions: u32) -> String {
    format!("front-door-{sessions}")
}
