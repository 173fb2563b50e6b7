//! Clever code against slow code that says the same.

use std::sync::LazyLock;

use arbitrary::{Result, Unstructured};
use kuvert_core::hazmat;
use sha2::{Digest, Sha256};

type Hash = [u8; 32];
type Piece = (u8, [u8; PIECE_LEN]);

const PIECE_LEN: usize = 128;
/// So many pieces an object of the post-quantum ratchet has at most.
const MAX_PIECES: usize = 10;
const MAX_LEAVES: usize = 70;

pub(super) fn run(input: &[u8]) {
    // What the input is too short for is not looked at.
    let _ = look(&mut Unstructured::new(input));
}

fn look(input: &mut Unstructured<'_>) -> Result<()> {
    match input.int_in_range(0..=2)? {
        0 => trees(input),
        1 => pieces(input),
        _ => padding(input),
    }
}

fn trees(input: &mut Unstructured<'_>) -> Result<()> {
    let count = input.int_in_range(1..=MAX_LEAVES)?;
    let leaves: Vec<Vec<u8>> = (0..count)
        .map(|_| {
            let len = input.int_in_range(0..=3)?;
            Ok(input.bytes(len)?.to_vec())
        })
        .collect::<Result<_>>()?;
    let (index, old) = (input.choose_index(count)?, input.int_in_range(1..=count)?);
    assert_eq!(hazmat::merkle_root(&leaves), root(&leaves));
    assert_eq!(hazmat::merkle_inclusion(&leaves, index), Ok(path(index, &leaves)));
    assert_eq!(hazmat::merkle_consistency(&leaves, old), Ok(consistency(old, &leaves, true)));
    Ok(())
}

fn sha256(parts: &[&[u8]]) -> Hash {
    let mut hash = Sha256::new();
    parts.iter().for_each(|part| hash.update(part));
    hash.finalize().into()
}

/// The largest power of two below `len`.
fn half(len: usize) -> usize {
    let mut half = 1;
    while half * 2 < len {
        half *= 2;
    }
    half
}

/// MTH of RFC 9162, section 2.1.1.
fn root(leaves: &[Vec<u8>]) -> Hash {
    match leaves {
        [] => sha256(&[]),
        [leaf] => sha256(&[&[0], leaf]),
        _ => {
            let (left, right) = leaves.split_at(half(leaves.len()));
            sha256(&[&[1], &root(left), &root(right)])
        }
    }
}

/// PATH of RFC 9162, section 2.1.3.1.
fn path(index: usize, leaves: &[Vec<u8>]) -> Vec<Hash> {
    if leaves.len() < 2 {
        return Vec::new();
    }
    let (left, right) = leaves.split_at(half(leaves.len()));
    let (mut path, beside) = match index < left.len() {
        true => (path(index, left), root(right)),
        false => (path(index - left.len(), right), root(left)),
    };
    path.push(beside);
    path
}

/// SUBPROOF of RFC 9162, section 2.1.4.1.
fn consistency(old: usize, leaves: &[Vec<u8>], is_whole: bool) -> Vec<Hash> {
    if old == leaves.len() {
        return if is_whole { Vec::new() } else { vec![root(leaves)] };
    }
    let (left, right) = leaves.split_at(half(leaves.len()));
    let (mut proof, beside) = match old <= left.len() {
        true => (consistency(old, left, is_whole), root(right)),
        false => (consistency(old - left.len(), right, false), root(left)),
    };
    proof.push(beside);
    proof
}

/// Any pieces that are enough give the object back, and each piece is the polynomials' value.
fn pieces(input: &mut Unstructured<'_>) -> Result<()> {
    let len = input.int_in_range(1..=MAX_PIECES * PIECE_LEN)?;
    let mut object = vec![0; len];
    input.fill_buffer(&mut object)?;
    let needed = len.div_ceil(PIECE_LEN);
    let mut found: Vec<Piece> = Vec::new();
    for _ in 0..needed + input.int_in_range(0..=3)? {
        let x = input.int_in_range(0..=254)?;
        let data = hazmat::rs_fragment(&object, x).expect("a point below 255");
        assert_eq!(data, value_at(&object, x), "piece {x} of {len} bytes");
        if !found.iter().any(|(known, _)| *known == x) {
            found.push((x, data));
        }
    }
    match hazmat::rs_decode(len, &found) {
        Ok(back) => assert_eq!(back, object),
        Err(_) => assert!(found.len() < needed),
    }
    Ok(())
}

/// The polynomial through the object's own pieces, at `x`: Lagrange, as on paper.
fn value_at(object: &[u8], x: u8) -> [u8; PIECE_LEN] {
    let mut padded = object.to_vec();
    padded.resize(object.len().next_multiple_of(PIECE_LEN), 0);
    let points: Vec<(u8, &[u8])> = (0..).zip(padded.chunks(PIECE_LEN)).collect();
    let mut value = [0; PIECE_LEN];
    for (point, data) in &points {
        let mut weight = 1;
        for (other, _) in points.iter().filter(|(other, _)| other != point) {
            weight = times(weight, times(x ^ other, inverse(point ^ other)));
        }
        value.iter_mut().zip(*data).for_each(|(sum, byte)| *sum ^= times(*byte, weight));
    }
    value
}

/// The product in GF(2^8) with x^8 + x^4 + x^3 + x^2 + 1: polynomials multiplied, then reduced.
fn times(a: u8, b: u8) -> u8 {
    let mut product =
        (0..8).filter(|bit| b >> bit & 1 == 1).fold(0, |sum, bit| sum ^ u16::from(a) << bit);
    for bit in (8..15).rev() {
        if product >> bit & 1 == 1 {
            product ^= 0x11d << (bit - 8);
        }
    }
    u8::try_from(product).expect("it is reduced")
}

/// Found by trying, once.
fn inverse(a: u8) -> u8 {
    static INVERSES: LazyLock<[u8; 256]> = LazyLock::new(|| {
        let found = |a| (1..=u8::MAX).find(|b| times(a, *b) == 1);
        core::array::from_fn(|a| u8::try_from(a).ok().and_then(found).unwrap_or_default())
    });
    INVERSES[usize::from(a)]
}

/// Padmé as its paper has it: with E = ⌊log2 L⌋ and S = ⌊log2 E⌋ + 1, the last E − S bits are zero.
fn padding(input: &mut Unstructured<'_>) -> Result<()> {
    let len: usize = input.arbitrary::<u32>()? as usize;
    let ours = hazmat::padme(len).expect("far from the largest number");
    let mut slow = len.max(256);
    if slow > 256 {
        let log = |number: usize| (0..64).rev().find(|bit| number >> bit & 1 == 1).unwrap_or(0);
        let (e, s) = (log(slow), log(log(slow)) + 1);
        let class = 1 << (e - s);
        slow += (class - slow % class) % class;
    }
    assert_eq!(ours, slow, "{len}");
    Ok(())
}
