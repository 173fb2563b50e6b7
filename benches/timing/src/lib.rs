//! What both measurements look at: a device with sessions, and envelopes that it refuses.

pub mod draws;
pub mod scene;

/// A copy with one bit of one byte changed.
#[must_use]
pub fn flipped(bytes: &[u8], place: usize) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[place] ^= 1;
    bytes
}
