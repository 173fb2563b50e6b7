//! A list that cannot be longer than its encoding allows.

use alloc::vec::Vec;
use core::fmt;
use core::ops::Deref;

use crate::codec::{Decode, DecodeError, Encode, Reader};

/// At most `MAX` values. Encoded as `count u16 | values`.
#[derive(Clone, PartialEq, Eq)]
pub struct List<T, const MAX: usize>(Vec<T>);

/// More values than a list holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{count} values in a list of at most {limit}")]
pub struct TooMany {
    /// How many there were.
    pub count: usize,
    /// How many there may be.
    pub limit: usize,
}

impl<T, const MAX: usize> List<T, MAX> {
    /// Keeps `values` in their order.
    ///
    /// # Errors
    ///
    /// [`TooMany`] above `MAX`.
    pub fn new(values: Vec<T>) -> Result<Self, TooMany> {
        const { assert!(MAX <= u16::MAX as usize, "a count has 16 bits") };
        match values.len() {
            count if count > MAX => Err(TooMany { count, limit: MAX }),
            _ => Ok(Self(values)),
        }
    }

    /// The values.
    #[must_use]
    pub fn into_vec(self) -> Vec<T> {
        self.0
    }
}

impl<T, const MAX: usize> Default for List<T, MAX> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T, const MAX: usize> Deref for List<T, MAX> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<T: fmt::Debug, const MAX: usize> fmt::Debug for List<T, MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<T: Encode, const MAX: usize> Encode for List<T, MAX> {
    fn encode_into(&self, out: &mut Vec<u8>) {
        let count = u16::try_from(self.0.len()).expect("a list holds at most MAX values");
        out.extend_from_slice(&count.to_be_bytes());
        self.0.iter().for_each(|value| value.encode_into(out));
    }

    fn encoded_len(&self) -> usize {
        2 + self.0.iter().map(Encode::encoded_len).sum::<usize>()
    }
}

impl<T: Decode, const MAX: usize> Decode for List<T, MAX> {
    fn decode_from(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let count = reader.len16("count", MAX)?; // REL-3
        // Not allocated ahead: a count is a claim until its values have been read.
        (0..count).map(|_| T::decode_from(reader)).collect::<Result<_, _>>().map(Self)
    }
}
