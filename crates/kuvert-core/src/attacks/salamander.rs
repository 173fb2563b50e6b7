//! One ciphertext, two keys: ChaCha20-Poly1305 allows it, the message's commitment does not.
//!
//! Poly1305 is a polynomial in r. For two one-time keys (r, s), one free block x of the ciphertext
//! makes both tags equal: `A₁ + x·r₁^e + s₁ = A₂ + x·r₂^e + s₂` is linear in x.

use alloc::vec::Vec;

use kuvert_wire::envelope::Kind;

use crate::crypto::aead::{self, ZERO_NONCE};
use crate::crypto::commit::{CommitLabels, committed_key, committing_key};
use crate::crypto::kdf::{Expander, Label, hash};
use crate::ratchet::keys::MessageKey;
use crate::ratchet::sealing::{self, Bound, Received};
use crate::secret::Secret;

/// A number below p = 2^130 − 5, as its high and low part.
#[derive(Clone, Copy, PartialEq, PartialOrd, Debug)]
struct Field(u128, u128);

const P: Field = Field(3, u128::MAX - 4);
const ZERO: Field = Field(0, 0);

impl Field {
    fn plus(self, other: Self) -> Self {
        let (low, carry) = self.1.overflowing_add(other.1);
        let sum = Self(self.0 + other.0 + u128::from(carry), low);
        if sum >= P { sum.less(P) } else { sum }
    }

    fn less(self, other: Self) -> Self {
        let (low, borrow) = self.1.overflowing_sub(other.1);
        Self(self.0 - other.0 - u128::from(borrow), low)
    }

    fn minus(self, other: Self) -> Self {
        self.plus(P.less(other))
    }

    fn times(self, other: Self) -> Self {
        let bits = (0..130).rev().map(|bit| match bit {
            128.. => other.0 >> (bit - 128) & 1,
            _ => other.1 >> bit & 1,
        });
        bits.fold(ZERO, |product, bit| {
            let doubled = product.plus(product);
            if bit == 1 { doubled.plus(self) } else { doubled }
        })
    }

    /// By Fermat: `self` to the power of p − 2.
    fn inverse(self) -> Self {
        let exponent = P.less(Self(0, 2));
        let bits = (0..130).rev().map(|bit| match bit {
            128.. => exponent.0 >> (bit - 128) & 1,
            _ => exponent.1 >> bit & 1,
        });
        bits.fold(Self(0, 1), |power, bit| {
            let squared = power.times(power);
            if bit == 1 { squared.times(self) } else { squared }
        })
    }
}

/// The first block of ChaCha20's key stream, whose first half is Poly1305's key.
fn first_block(key: &[u8; 32]) -> [u8; 64] {
    let mut start = [0x6170_7865, 0x3320_646e, 0x7962_2d32, 0x6b20_6574_u32].to_vec();
    let words = key.chunks(4).map(|word| u32::from_le_bytes(word.try_into().expect("4")));
    start.extend(words.chain([0; 4]));
    let mut state = start.clone();
    let mut quarter = |a: usize, b: usize, c: usize, d: usize| {
        for (a, b, d, turn) in [(a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)] {
            state[a] = state[a].wrapping_add(state[b]);
            state[d] = (state[d] ^ state[a]).rotate_left(turn);
        }
    };
    for _ in 0..10 {
        (0..4).for_each(|at| quarter(at, at + 4, at + 8, at + 12));
        (0..4).for_each(|at| quarter(at, (at + 1) % 4 + 4, (at + 2) % 4 + 8, (at + 3) % 4 + 12));
    }
    let sums = state.iter().zip(&start).flat_map(|(a, b)| a.wrapping_add(*b).to_le_bytes());
    sums.collect::<Vec<_>>().try_into().expect("16 words")
}

/// Poly1305's one-time key.
struct OneTimeKey {
    r: Field,
    s: u128,
}

impl OneTimeKey {
    fn of(key: &Secret<32>) -> Self {
        let block = first_block(key.expose());
        let half = |at: usize| u128::from_le_bytes(block[at..at + 16].try_into().expect("16"));
        Self { r: Field(0, half(0) & 0x0fff_fffc_0fff_fffc_0fff_fffc_0fff_ffff), s: half(16) }
    }

    fn polynomial(&self, blocks: &[u128]) -> Field {
        blocks.iter().fold(ZERO, |sum, block| sum.plus(Field(1, *block)).times(self.r))
    }

    fn tag(&self, blocks: &[u128]) -> u128 {
        self.polynomial(blocks).1.wrapping_add(self.s)
    }

    fn power(&self, exponent: usize) -> Field {
        (0..exponent).fold(Field(0, 1), |power, _| power.times(self.r))
    }
}

/// The blocks that Poly1305 sees of a ciphertext without associated data.
fn blocks_of(ciphertext: &[u8]) -> Vec<u128> {
    let blocks = ciphertext.chunks(16);
    let lengths = u128::try_from(ciphertext.len()).expect("short") << 64;
    let mut blocks: Vec<_> =
        blocks.map(|block| u128::from_le_bytes(block.try_into().expect("whole blocks"))).collect();
    blocks.push(lengths);
    blocks
}

/// Gives up one block of `ciphertext` for a tag that is right under both keys, and appends it.
pub(super) fn right_under_both(ciphertext: &[u8], one: &Secret<32>, other: &Secret<32>) -> Vec<u8> {
    let (one, other) = (OneTimeKey::of(one), OneTimeKey::of(other));
    for free in 2..12 {
        let mut blocks = blocks_of(ciphertext);
        blocks[free] = 0;
        let exponent = blocks.len() - free;
        let slope = one.power(exponent).minus(other.power(exponent)).inverse();
        let start = other.polynomial(&blocks).minus(one.polynomial(&blocks));
        let offset = Field(0, other.s).minus(Field(0, one.s));
        for wraps in 0..4 {
            for offset in [offset.plus(Field(wraps, 0)), offset.minus(Field(wraps, 0))] {
                let Field(0, x) = start.plus(offset).times(slope) else { continue };
                blocks[free] = x;
                if one.tag(&blocks) == other.tag(&blocks) {
                    let text = blocks[..blocks.len() - 1].iter().flat_map(|b| b.to_le_bytes());
                    return text.chain(one.tag(&blocks).to_le_bytes()).collect();
                }
            }
        }
    }
    panic!("one of eighty tries fits");
}

/// Mallory builds a ciphertext that opens under the keys of two messages, to show one person one
/// text and another, or a moderator, another; the commitment in the message is to one key, and is
/// compared before anything is decrypted.
#[test]
fn two_key_ciphertext() {
    let (salt, franking) = ([1; 16], [2; 32]);
    let bound = Bound {
        kind: Kind::Session,
        header_nonce: &[3; 12],
        sealed_header: &[4; 195],
        salt: &salt,
    };
    let ad = hash(Label::MSG_AD, &[&[2, 1], bound.header_nonce, bound.sealed_header, &franking]);
    let context: &[&[u8]] = &[&salt, &ad];
    let message_keys =
        [MessageKey(Secret::copied_from(&[5; 32])), MessageKey(Secret::copied_from(&[6; 32]))];
    let parents = message_keys.each_ref().map(|key| Expander::new(&key.0));
    let keys = parents.each_ref().map(|p| committing_key(p, CommitLabels::MESSAGE, context));

    let mut padded = [b'x'; 256];
    padded[255] = 0x80;
    let ciphertext = aead::seal(&keys[0].0, &ZERO_NONCE, &[], &padded);
    let ciphertext = right_under_both(&ciphertext[..256], &keys[0].0, &keys[1].0);
    for (key, _) in &keys {
        assert!(aead::open(key, &ZERO_NONCE, &[], &ciphertext).is_ok(), "the cipher allows it");
    }
    for (at, parent) in parents.iter().enumerate() {
        for (other, (_, commitment)) in keys.iter().enumerate() {
            let key = committed_key(parent, CommitLabels::MESSAGE, context, commitment);
            assert_eq!(key.is_ok(), at == other, "one commitment, one key");
            let ciphertext = &ciphertext;
            let received = Received { franking: &franking, commitment, ciphertext };
            assert!(sealing::open(&message_keys[at], &bound, &received).is_err());
        }
    }
}
