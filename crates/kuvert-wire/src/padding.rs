//! Padding classes: Padmé with a floor of 256 bytes.
//!
//! A frame is followed by `0x80` and zeros up to its class, so that a size tells O(log log n) bits of the length at an
//! overhead of at most 12 %.
//!
//! # Spec
//!
//! `spec/05-messages.md`, "Padding"; checks MSG-3 and MSG-4 stand in the core, where a frame is unpadded.

/// The smallest padded length in bytes: all short messages look alike.
pub const FLOOR: usize = 256;

/// The largest padded length in bytes.
pub const MAX_PADDED: usize = 65_536;

/// The length in bytes to which a frame of `frame_len` bytes is padded: `max(256, padme(frame_len + 1))`.
#[must_use]
pub const fn padded_len(frame_len: usize) -> usize {
    class(frame_len + 1)
}

/// `max(256, padme(len))`: the padding class of `len` bytes.
#[must_use]
pub const fn class(len: usize) -> usize {
    if len <= FLOOR {
        return FLOOR;
    }
    let exponent = len.ilog2();
    let significant = exponent.ilog2() + 1;
    let mask = (1 << (exponent - significant)) - 1;
    (len + mask) & !mask
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_match_known_values() {
        assert_eq!(class(1), 256);
        assert_eq!(class(255), 256);
        assert_eq!(class(257), 272);
        assert_eq!(class(617_733), 622_592);
    }

    #[test]
    fn padding_never_shrinks_and_costs_at_most_twelve_percent() {
        for len in FLOOR..MAX_PADDED {
            let class = class(len);
            assert!(class >= len);
            assert!((class - len) * 100 <= len * 12, "{len} became {class}");
        }
    }

    #[test]
    fn the_largest_frame_fills_the_largest_class() {
        assert_eq!(padded_len(65_535), MAX_PADDED);
    }

    #[test]
    fn a_frame_has_room_for_the_byte_behind_it() {
        assert_eq!([255, 256].map(padded_len), [256, 272]);
    }
}
