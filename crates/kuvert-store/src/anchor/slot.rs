//! What is in the file: two slots, each with a generation and a tag.
//!
//! ```text
//! slot (45) = "KVAN" | format u8=1 | generation u64 | tag 32
//! tag       = HM(XL(anchor key, "store-name-key", "", 32), "store-name", u8 0 || the 13 bytes before it)
//! ```

use kuvert_core::secret::Secret;
use kuvert_wire::{DecodeError, Reader};

use super::key::{AnchorKey, TAG_LEN};

/// What a slot begins with: what it is, and its format.
const FRONT: [u8; 5] = *b"KVAN\x01";
const SAID_LEN: usize = FRONT.len() + 8;
/// Length of a slot in bytes.
pub(crate) const SLOT_LEN: usize = SAID_LEN + TAG_LEN;

/// The slot that says `generation`.
pub(crate) fn encode(generation: u64, key: &AnchorKey) -> [u8; SLOT_LEN] {
    let mut slot = [0; SLOT_LEN];
    let (said, tag) = slot.split_at_mut(SAID_LEN);
    said[..FRONT.len()].copy_from_slice(&FRONT);
    said[FRONT.len()..].copy_from_slice(&generation.to_be_bytes());
    tag.copy_from_slice(&key.tag(said));
    slot
}

/// The generation that a slot says; `None` if it is not whole or not this store's.
pub(super) fn decode(slot: &[u8], key: &AnchorKey) -> Option<u64> {
    let (front, generation, tag) = parts(slot).ok()?;
    let right = Secret::<TAG_LEN>::copied_from(&key.tag(&slot[..SAID_LEN]));
    // In constant time, as all tags are.
    let fits = front == FRONT && Secret::copied_from(&tag) == right;
    fits.then_some(generation) // STO-15
}

type Parts = ([u8; FRONT.len()], u64, [u8; TAG_LEN]);

fn parts(slot: &[u8]) -> Result<Parts, DecodeError> {
    let mut reader = Reader::new(slot);
    let parts = (reader.array()?, reader.u64()?, reader.array()?);
    reader.finish()?;
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> AnchorKey {
        AnchorKey::new(&Secret::copied_from(&[byte; 32]))
    }

    /// STO-15
    #[test]
    fn every_bit_of_a_slot_counts_and_so_does_the_key() {
        let good = encode(1_000_000, &key(1));
        assert_eq!(decode(&good, &key(1)), Some(1_000_000));
        assert_eq!(decode(&good, &key(2)), None);
        for at in 0..good.len() {
            for bit in 0..8 {
                let mut bad = good;
                bad[at] ^= 1 << bit;
                assert_eq!(decode(&bad, &key(1)), None, "byte {at}, bit {bit}");
            }
            assert_eq!(decode(&good[..at], &key(1)), None, "{at} bytes");
        }
        assert_eq!(decode(&[0; SLOT_LEN], &key(1)), None);
        let mut of_another_format = good;
        of_another_format[4] = 2;
        let tag = key(1).tag(&of_another_format[..SAID_LEN]);
        of_another_format[SAID_LEN..].copy_from_slice(&tag);
        assert_eq!(decode(&of_another_format, &key(1)), None);
        assert_eq!(decode(&[&good[..], &[0]].concat(), &key(1)), None);
    }
}
