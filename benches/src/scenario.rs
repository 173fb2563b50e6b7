//! What is measured, and who talks.

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

/// Padmé with a floor of 256 bytes, as in the specification of messages.
#[must_use]
pub fn padded_len(frame_len: usize) -> usize {
    let len = frame_len + 1;
    let exponent = len.ilog2();
    let mask = (1 << (exponent - (exponent.ilog2() + 1))) - 1;
    ((len + mask) & !mask).max(256)
}
