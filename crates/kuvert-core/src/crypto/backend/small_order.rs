//! The eight points of edwards25519 that make a signature say nothing about who made it.

/// Whether these are the bytes of one of them.
pub(super) fn has(point: &[u8]) -> bool {
    ALL.iter().any(|small| small == point)
}

/// The points of order 1, 2, 4 and 8 of edwards25519 in their one canonical spelling.
pub(super) const ALL: [[u8; 32]; 8] = [
    coordinate(0x01, 0x00, 0x00),
    coordinate(0xec, 0xff, 0x7f),
    coordinate(0x00, 0x00, 0x00),
    coordinate(0x00, 0x00, 0x80),
    ORDER_8,
    with_sign(ORDER_8),
    ORDER_8_NEGATED,
    with_sign(ORDER_8_NEGATED),
];

const ORDER_8: [u8; 32] = [
    0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0,
    0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
];
const ORDER_8_NEGATED: [u8; 32] = [
    0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f,
    0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
];

const fn coordinate(low: u8, middle: u8, high: u8) -> [u8; 32] {
    let mut out = [middle; 32];
    (out[0], out[31]) = (low, high);
    out
}

const fn with_sign(mut point: [u8; 32]) -> [u8; 32] {
    point[31] |= 0x80;
    point
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_small_orders_is_whole() {
        for point in ALL {
            let key = ed25519_dalek::VerifyingKey::from_bytes(&point).expect("on the curve");
            assert!(key.is_weak(), "{point:x?}");
        }
        let distinct: alloc::collections::BTreeSet<_> = ALL.into_iter().collect();
        assert_eq!(distinct.len(), 8, "as many as the cofactor");
    }
}
