//! The canonical codec: fixed layouts in, fixed layouts out.
//!
//! A [`Reader`] borrows its input and never reads past it; [`Decode::decode`] also refuses what is left over. Encoding
//! cannot fail: types are built so that each value has exactly one encoding.

use alloc::vec::Vec;

/// Why bytes are not a valid encoding. It names the field or limit, never the content.
///
/// # Spec
///
/// `spec/00-conventions.md`, checks COD-1 to COD-6; `Malformed` and `UnsupportedVersion` of the error list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The input ends before the value does.
    #[error("input ends early: {needed} more bytes needed")]
    Truncated {
        /// Bytes that are missing at the place where reading stopped.
        needed: usize,
    },
    /// The value is complete and bytes follow it.
    #[error("{extra} bytes follow the value")]
    TrailingBytes {
        /// Number of bytes left over.
        extra: usize,
    },
    /// A version this implementation does not speak.
    #[error("unsupported version {found}")]
    UnsupportedVersion {
        /// The version or suite number found.
        found: u16,
    },
    /// A kind, type, flag or other closed choice with an unknown value.
    #[error("unknown {what}")]
    Unknown {
        /// The field's name in the spec.
        what: &'static str,
    },
    /// A field whose value the spec forbids.
    #[error("invalid {what}")]
    Invalid {
        /// The field's name in the spec.
        what: &'static str,
    },
    /// A length or count over its limit.
    #[error("{what} is over its limit of {limit}")]
    TooLong {
        /// The field's name in the spec.
        what: &'static str,
        /// The largest value allowed.
        limit: usize,
    },
}

/// Reads fixed layouts from borrowed bytes, front to back.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Starts reading at the first byte of `input`.
    #[must_use]
    pub const fn new(input: &'a [u8]) -> Self {
        Self { rest: input }
    }

    /// The next `len` bytes.
    ///
    /// # Errors
    ///
    /// [`DecodeError::Truncated`] when fewer are left; nothing is consumed then.
    pub fn take(&mut self, len: usize) -> Result<&'a [u8], DecodeError> {
        let Some((taken, rest)) = self.rest.split_at_checked(len) else {
            return Err(DecodeError::Truncated { needed: len - self.rest.len() }); // COD-1
        };
        self.rest = rest;
        Ok(taken)
    }

    /// The next `N` bytes as an array.
    ///
    /// # Errors
    ///
    /// [`DecodeError::Truncated`] when fewer are left.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let mut out = [0; N];
        out.copy_from_slice(self.take(N)?);
        Ok(out)
    }

    /// The next `N` bytes, borrowed.
    ///
    /// # Errors
    ///
    /// [`DecodeError::Truncated`] when fewer are left.
    pub fn array_ref<const N: usize>(&mut self) -> Result<&'a [u8; N], DecodeError> {
        let Some((taken, rest)) = self.rest.split_first_chunk() else {
            return Err(DecodeError::Truncated { needed: N - self.rest.len() }); // COD-1
        };
        self.rest = rest;
        Ok(taken)
    }

    /// One byte.
    ///
    /// # Errors
    ///
    /// [`DecodeError::Truncated`] at the end of the input.
    pub fn u8(&mut self) -> Result<u8, DecodeError> {
        self.array::<1>().map(|[byte]| byte)
    }

    /// A 16-bit number, big-endian.
    ///
    /// # Errors
    ///
    /// [`DecodeError::Truncated`] when fewer than 2 bytes are left.
    pub fn u16(&mut self) -> Result<u16, DecodeError> {
        self.array().map(u16::from_be_bytes)
    }

    /// A 32-bit number, big-endian.
    ///
    /// # Errors
    ///
    /// [`DecodeError::Truncated`] when fewer than 4 bytes are left.
    pub fn u32(&mut self) -> Result<u32, DecodeError> {
        self.array().map(u32::from_be_bytes)
    }

    /// A 64-bit number, big-endian.
    ///
    /// # Errors
    ///
    /// [`DecodeError::Truncated`] when fewer than 8 bytes are left.
    pub fn u64(&mut self) -> Result<u64, DecodeError> {
        self.array().map(u64::from_be_bytes)
    }

    /// A flag byte: 0 or 1.
    ///
    /// # Errors
    ///
    /// [`DecodeError::Unknown`] with `what` for any other value.
    pub fn flag(&mut self, what: &'static str) -> Result<bool, DecodeError> {
        match self.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(DecodeError::Unknown { what }),
        }
    }

    /// A length or count in 32 bits, checked against `limit` before anything of that size is read.
    ///
    /// # Errors
    ///
    /// [`DecodeError::TooLong`] over the limit.
    pub fn len32(&mut self, what: &'static str, limit: usize) -> Result<usize, DecodeError> {
        bounded(self.u32()?, what, limit)
    }

    /// A length or count in 16 bits, checked against `limit`.
    ///
    /// # Errors
    ///
    /// [`DecodeError::TooLong`] over the limit.
    pub fn len16(&mut self, what: &'static str, limit: usize) -> Result<usize, DecodeError> {
        bounded(u32::from(self.u16()?), what, limit)
    }

    /// Everything not read yet.
    #[must_use]
    pub const fn rest(self) -> &'a [u8] {
        self.rest
    }

    /// How many bytes are left.
    #[must_use]
    pub const fn remaining(&self) -> usize {
        self.rest.len()
    }

    /// Ends reading.
    ///
    /// # Errors
    ///
    /// [`DecodeError::TrailingBytes`] when something is left.
    pub const fn finish(self) -> Result<(), DecodeError> {
        match self.rest.len() {
            0 => Ok(()),
            extra => Err(DecodeError::TrailingBytes { extra }), // COD-2
        }
    }
}

fn bounded(found: u32, what: &'static str, limit: usize) -> Result<usize, DecodeError> {
    match usize::try_from(found) {
        Ok(len) if len <= limit => Ok(len),
        _ => Err(DecodeError::TooLong { what, limit }), // COD-5
    }
}

/// A value with exactly one encoding.
pub trait Encode {
    /// Appends the encoding to `out`.
    fn encode_into(&self, out: &mut Vec<u8>);

    /// Length of the encoding in bytes.
    fn encoded_len(&self) -> usize;

    /// The encoding as bytes of its own, allocated once.
    fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.encoded_len());
        self.encode_into(&mut out);
        debug_assert_eq!(out.len(), self.encoded_len(), "a length is what the encoding has");
        out
    }
}

/// A value that can be read back from its one encoding.
pub trait Decode: Sized {
    /// Reads one value and leaves what follows it.
    ///
    /// # Errors
    ///
    /// A [`DecodeError`] that names what is wrong.
    fn decode_from(reader: &mut Reader<'_>) -> Result<Self, DecodeError>;

    /// Reads one value that must fill `input` exactly.
    ///
    /// # Errors
    ///
    /// A [`DecodeError`]; [`DecodeError::TrailingBytes`] when something follows.
    fn decode(input: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(input);
        let value = Self::decode_from(&mut reader)?;
        reader.finish()?;
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// COD-1
    #[test]
    fn a_short_input_is_truncated_and_says_by_how_much() {
        let mut reader = Reader::new(&[1, 2, 3]);
        assert_eq!(reader.u32(), Err(DecodeError::Truncated { needed: 1 }));
        assert_eq!(reader.u16(), Ok(0x0102), "a failed read consumes nothing");
        assert_eq!(reader.array_ref::<4>(), Err(DecodeError::Truncated { needed: 3 }));
        assert_eq!(reader.take(4), Err(DecodeError::Truncated { needed: 3 }));
    }

    /// COD-2
    #[test]
    fn what_is_left_over_is_refused() {
        let reader = Reader::new(&[0; 3]);
        assert_eq!(reader.finish(), Err(DecodeError::TrailingBytes { extra: 3 }));
    }

    #[test]
    fn a_flag_is_zero_or_one() {
        assert_eq!(Reader::new(&[1]).flag("has_ot"), Ok(true));
        let refused = Err(DecodeError::Unknown { what: "has_ot" });
        assert_eq!(Reader::new(&[2]).flag("has_ot"), refused);
    }

    /// COD-5
    #[test]
    fn a_length_is_bounded_before_it_is_used() {
        let mut reader = Reader::new(&[0xff; 4]);
        let refused = Err(DecodeError::TooLong { what: "body", limit: 10 });
        assert_eq!(reader.len32("body", 10), refused);
    }
}
