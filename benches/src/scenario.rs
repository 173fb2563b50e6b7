//! What is measured, and who talks.

use crate::floor::Floor;

/// A short text, a longer one, and the longest that fits a frame (65,535 bytes less 34).
pub const BODY_LENS: [usize; 3] = [64, 1024, 65_501];

/// One side of a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Who began.
    Alice,
    /// Who answered.
    Bob,
}

/// Two people with a session that both have used.
pub trait Pair {
    /// Makes the envelope of a text.
    fn seal(&mut self, from: Side, text: &str) -> Vec<u8>;
    /// Opens an envelope; the length of its text.
    fn open(&mut self, at: Side, envelope: &[u8]) -> usize;

    /// A message from one to the other.
    fn pass(&mut self, from: Side, text: &str) {
        let envelope = self.seal(from, text);
        let to = if from == Side::Alice { Side::Bob } else { Side::Alice };
        assert_eq!(self.open(to, &envelope), text.len());
    }

    /// A message back and one forth: the ratchet has turned, and Alice's chain is new.
    fn turn(&mut self) {
        self.pass(Side::Bob, "x");
        self.pass(Side::Alice, "x");
    }
}

/// A row of the table: names of benchmarks, and the floor that they have.
#[derive(Clone, Debug)]
pub struct Row {
    /// The group of its benchmarks.
    pub group: String,
    /// Its name in the table.
    pub title: String,
    /// What cannot be avoided.
    pub floor: Floor,
}

/// All rows, in the order of the table.
#[must_use]
pub fn rows() -> Vec<Row> {
    let row = |group: String, title: String, floor: Floor| Row { group, title, floor };
    let first = BODY_LENS[0];
    let mut rows = vec![
        row("initiator".into(), "handshake, initiator".into(), Floor::initiator(first)),
        row("responder".into(), "handshake, responder".into(), Floor::responder(first)),
    ];
    for len in BODY_LENS {
        rows.push(row(format!("encrypt-{len}"), format!("encrypt {len} B"), Floor::seal(len)));
        rows.push(row(format!("decrypt-{len}"), format!("decrypt {len} B"), Floor::open(len)));
    }
    rows.push(row("ping-pong".into(), format!("ping-pong {first} B"), Floor::turn(first)));
    rows
}

/// Padmé with a floor of 256 bytes, as in the specification of messages.
#[must_use]
pub fn padded_len(frame_len: usize) -> usize {
    let len = frame_len + 1;
    let exponent = len.ilog2();
    let mask = (1 << (exponent - (exponent.ilog2() + 1))) - 1;
    ((len + mask) & !mask).max(256)
}
