//! Erasure code for the keys of the post-quantum ratchet: any `k` fragments of 128 bytes give the
//! object back.
//!
//! ```text
//! object, zero-padded to k · 128      fragment i < k  = its bytes i·128 .. (i+1)·128
//! p_b(i) = byte b of fragment i       fragment x      = p_0(x) … p_127(x),  deg p_b < k,  x ≤ 254
//! ```
//!
//! A systematic Reed-Solomon code over GF(2^8) with the polynomial x^8 + x^4 + x^3 + x^2 + 1 (0x11D).
//! Both directions are Lagrange interpolation. The weights depend on the fragments' indices alone;
//! the bytes are only doubled and added, without branches or table look-ups on them. It corrects no
//! errors: what is in a fragment was authenticated before it came here.
//!
//! # Spec
//!
//! `spec/04-ratchet.md`, "Fragments".

use alloc::vec::Vec;

use kuvert_wire::header::{FRAGMENT_LEN, Fragment, MAX_FRAGMENT_INDEX};

/// How many different fragments an object can be turned into.
pub(crate) const INDEX_COUNT: u8 = MAX_FRAGMENT_INDEX + 1;

type Data = [u8; FRAGMENT_LEN];

/// How many fragments an object of `object_len` bytes needs.
pub(crate) const fn needed(object_len: usize) -> usize {
    object_len.div_ceil(FRAGMENT_LEN)
}

/// The fragment of `object` with this index, at most [`MAX_FRAGMENT_INDEX`].
///
/// `object` needs at most [`INDEX_COUNT`] of them.
pub(crate) fn fragment(object: &[u8], index: u8) -> Fragment {
    let mut chunks = object.chunks(FRAGMENT_LEN);
    let data = match chunks.nth(usize::from(index)) {
        Some(chunk) => padded(chunk),
        None => beyond(object, index),
    };
    Fragment { index, data }
}

/// The polynomials' values at `index`, where they are not the object itself.
fn beyond(object: &[u8], index: u8) -> Data {
    let points = (0..).take(needed(object.len()));
    let weights = Weights::at(index, points.clone());
    let mut sum = WeightedSum::default();
    for (point, chunk) in points.zip(object.chunks(FRAGMENT_LEN)) {
        sum.add(chunk, weights.of(point));
    }
    sum.finish()
}

/// Different fragments of one object, collected until they are enough.
///
/// Copied with each received message while an epoch is on its way: at most ten fragments.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Fragments(Vec<Fragment>);

impl Fragments {
    /// Takes one more fragment; the same one again changes nothing.
    ///
    /// # Errors
    ///
    /// [`Conflict`] when the index does not exist or came before with other bytes; nothing has changed.
    pub(crate) fn add(&mut self, fragment: &Fragment) -> Result<(), Conflict> {
        if fragment.index > MAX_FRAGMENT_INDEX {
            return Err(Conflict); // RAT-4
        }
        match self.0.iter().find(|known| known.index == fragment.index) {
            Some(known) if known == fragment => Ok(()),
            Some(_) => Err(Conflict), // RAT-20
            None => {
                self.0.push(fragment.clone());
                Ok(())
            }
        }
    }

    /// In the order of their arrival, each index once.
    pub(crate) fn as_slice(&self) -> &[Fragment] {
        &self.0
    }

    /// The object of `object_len` bytes; `None` while fragments are missing.
    ///
    /// # Errors
    ///
    /// [`Conflict`] when the padding after the object is not zero.
    pub(crate) fn decode(&self, object_len: usize) -> Result<Option<Vec<u8>>, Conflict> {
        let Some(known) = self.0.get(..needed(object_len)) else {
            return Ok(None);
        };
        let mut object = Vec::with_capacity(known.len() * FRAGMENT_LEN);
        for index in (0..INDEX_COUNT).take(known.len()) {
            object.extend_from_slice(&interpolated(known, index));
        }
        let padding = object.split_off(object_len);
        match padding.iter().all(|&byte| byte == 0) {
            true => Ok(Some(object)),
            false => Err(Conflict), // RAT-23
        }
    }
}

/// Fragments that cannot all be of one object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Conflict;

/// The data at `index` of the only polynomials of degree < `known.len()` through all of `known`.
fn interpolated(known: &[Fragment], index: u8) -> Data {
    if let Some(fragment) = known.iter().find(|fragment| fragment.index == index) {
        return fragment.data;
    }
    let weights = Weights::at(index, known.iter().map(|fragment| fragment.index));
    let mut sum = WeightedSum::default();
    for fragment in known {
        sum.add(&fragment.data, weights.of(fragment.index));
    }
    sum.finish()
}

/// Lagrange's weights at one place: for each point `p` the product of `(at − o) / (p − o)` over all
/// other points `o`.
///
/// The place is none of the points, and they are different: no factor is zero.
struct Weights<P> {
    at: u8,
    points: P,
    /// Logarithm of the product of all `at − o`.
    numerator: u32,
}

impl<P: Iterator<Item = u8> + Clone> Weights<P> {
    fn at(at: u8, points: P) -> Self {
        let numerator = points.clone().map(|other| log_of(at ^ other)).sum();
        Self { at, points, numerator }
    }

    fn of(&self, point: u8) -> u8 {
        // The numerator has one factor too many: the point's own.
        let divisors = self.points.clone().filter(|other| *other != point);
        let divisor: u32 = divisors.map(|other| log_of(point ^ other)).sum();
        let log =
            self.numerator + ORDER * u32::from(INDEX_COUNT) - divisor - log_of(self.at ^ point);
        EXP[(log % ORDER) as usize]
    }
}

/// A sum of data, each scaled by a weight, with addition and multiplication of the field.
///
/// Data is added up by the bits of its weights, and the eight sums are put together in the end: seven
/// doublings for all of them, where scaling one after the other takes seven for each.
struct WeightedSum([Data; 8]);

impl Default for WeightedSum {
    fn default() -> Self {
        Self([[0; FRAGMENT_LEN]; 8])
    }
}

impl WeightedSum {
    /// Adds `weight · data`. What is missing to a whole fragment counts as zeros.
    fn add(&mut self, data: &[u8], weight: u8) {
        for (bit, sum) in self.0.iter_mut().enumerate() {
            let mask = (weight >> bit & 1).wrapping_neg();
            sum.iter_mut().zip(data).for_each(|(sum, byte)| *sum ^= byte & mask);
        }
    }

    /// Horner's rule, from the highest bit down.
    fn finish(self) -> Data {
        let [low @ .., mut sum] = self.0;
        for part in low.iter().rev() {
            sum.iter_mut().zip(part).for_each(|(sum, part)| *sum = doubled(*sum) ^ part);
        }
        sum
    }
}

/// Twice `value` in the field: shifted, and reduced by 0x11D when a bit falls out.
const fn doubled(value: u8) -> u8 {
    (value << 1) ^ (0x1D & (value >> 7).wrapping_neg())
}

fn padded(chunk: &[u8]) -> Data {
    let mut data = [0; FRAGMENT_LEN];
    data[..chunk.len()].copy_from_slice(chunk);
    data
}

/// Order of the multiplicative group: 2 generates all 255 elements but zero.
const ORDER: u32 = 255;

/// Powers of 2.
const EXP: [u8; ORDER as usize] = {
    let mut table = [1; ORDER as usize];
    let mut power = 1;
    while power < table.len() {
        table[power] = doubled(table[power - 1]);
        power += 1;
    }
    table
};

/// Discrete logarithms to the base 2; the entry of 0 is never used.
const LOG: [u8; 256] = {
    let mut table = [0; 256];
    let mut power = 0;
    while power < u8::MAX {
        table[EXP[power as usize] as usize] = power;
        power += 1;
    }
    table
};

fn log_of(element: u8) -> u32 {
    LOG[usize::from(element)].into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    /// Multiplication as in a text book, to check the tables by other means.
    fn product(a: u8, b: u8) -> u8 {
        let mut wide = 0u16;
        for bit in 0..8 {
            if b >> bit & 1 == 1 {
                wide ^= u16::from(a) << bit;
            }
        }
        for bit in (8..16).rev() {
            if wide >> bit & 1 == 1 {
                wide ^= 0x11D << (bit - 8);
            }
        }
        u8::try_from(wide).unwrap()
    }

    /// Value at `x` of the polynomial with these coefficients, the highest first.
    fn value(coefficients: &[Data], x: u8) -> Data {
        let mut sum = [0; FRAGMENT_LEN];
        for coefficient in coefficients {
            sum = core::array::from_fn(|i| product(sum[i], x) ^ coefficient[i]);
        }
        sum
    }

    fn noise(len: usize) -> Vec<u8> {
        let mut state = 0x2545_F491_4F6C_DD1D_u64;
        let next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()[3]
        };
        core::iter::repeat_with(next).take(len).collect()
    }

    fn collected(object: &[u8], indices: impl IntoIterator<Item = u8>) -> Fragments {
        let mut fragments = Fragments::default();
        for index in indices {
            fragments.add(&fragment(object, index)).unwrap();
        }
        fragments
    }

    #[test]
    fn fragments_are_the_values_of_a_polynomial() {
        let coefficients: Vec<Data> = noise(10 * FRAGMENT_LEN).chunks(128).map(padded).collect();
        let object: Vec<u8> = (0..10).flat_map(|x| value(&coefficients, x)).collect();
        for x in 0..INDEX_COUNT {
            assert_eq!(fragment(&object, x).data, value(&coefficients, x), "at {x}");
        }
    }

    #[test]
    fn the_first_fragments_are_the_object_itself() {
        let object = noise(1216);
        let joined: Vec<u8> = (0..10).flat_map(|index| fragment(&object, index).data).collect();
        assert_eq!(joined[..1216], object);
        assert_eq!(joined[1216..], [0; 64]);
    }

    #[test]
    fn any_ten_fragments_give_the_object_back() {
        let object = noise(1216);
        for start in 0..INDEX_COUNT {
            for stride in [1, 7, 52] {
                let indices = (0..10u16).map(|i| (u16::from(start) + i * stride) % 255);
                let fragments = collected(&object, indices.map(|i| u8::try_from(i).unwrap()));
                assert_eq!(fragments.decode(1216).unwrap().as_ref(), Some(&object), "{start}");
            }
        }
    }

    #[test]
    fn nine_are_not_enough_and_more_do_no_harm() {
        let object = noise(1216);
        let mut fragments = collected(&object, (100..109).chain(100..109));
        assert_eq!(fragments.as_slice().len(), 9, "a repeated fragment counts once");
        assert_eq!(fragments.decode(1216), Ok(None));
        for index in [254, 3] {
            fragments.add(&fragment(&object, index)).unwrap();
        }
        assert_eq!(fragments.decode(1216), Ok(Some(object)));
    }

    #[test]
    fn an_object_of_one_fragment_is_a_constant() {
        let object = noise(100);
        assert_eq!(fragment(&object, 200).data, fragment(&object, 0).data);
        assert_eq!(collected(&object, [200]).decode(100), Ok(Some(object)));
    }

    /// RAT-20
    #[test]
    fn other_bytes_under_a_known_index_conflict() {
        let mut fragments = collected(&noise(1216), 0..3);
        assert_eq!(fragments.add(&Fragment { index: 2, ..Fragment::ZERO }), Err(Conflict));
        assert_eq!(fragments.as_slice().len(), 3);
        assert_eq!(fragments.add(&Fragment { index: 255, ..Fragment::ZERO }), Err(Conflict));
    }

    /// RAT-23
    #[test]
    fn padding_that_is_not_zero_conflicts() {
        let mut object = noise(1216);
        object.extend_from_slice(&[0; 63]);
        object.push(1);
        assert_eq!(collected(&object, 0..10).decode(1216), Err(Conflict));
        assert_eq!(collected(&object, 20..30).decode(1216), Err(Conflict));
        assert_eq!(collected(&object, 20..30).decode(1280), Ok(Some(object)));
    }

    #[test]
    fn nothing_is_made_of_nothing() {
        assert_eq!(Fragments::default().decode(1), Ok(None));
        assert_eq!(Fragments::default().decode(0), Ok(Some(vec![])));
    }
}
