//! The one canonical form of exported files: fixed fields in a fixed order, no space that is not
//! asked for, one entry a line. So it is read by comparing, not by parsing.
//!
//! ```text
//! bytes    base64url (RFC 4648 §5) without padding, unused bits zero
//! numbers  decimal, no leading zero
//! ```
//!
//! # Spec
//!
//! `spec/06-transcript.md`, "Export"; check TRA-30.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write;

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
/// No digit.
const NONE: u8 = 0xff;
const VALUES: [u8; 256] = values();

const fn values() -> [u8; 256] {
    let mut values = [NONE; 256];
    let mut value = 0;
    while value < 64_u8 {
        values[DIGITS[value as usize] as usize] = value;
        value += 1;
    }
    values
}

/// A line is not of the canonical form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NotCanonical;

/// Appends bytes as base64url.
pub(crate) fn put_bytes(bytes: &[u8], out: &mut String) {
    out.reserve(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let [a, b, c] = core::array::from_fn(|i| u32::from(chunk.get(i).copied().unwrap_or(0)));
        let bits = a << 16 | b << 8 | c;
        for i in 0..=chunk.len() {
            out.push(DIGITS[(bits >> (18 - 6 * i) & 63) as usize].into());
        }
    }
}

/// Appends bytes as a string.
pub(crate) fn put_string(bytes: &[u8], out: &mut String) {
    out.push('"');
    put_bytes(bytes, out);
    out.push('"');
}

/// Appends a list of strings.
pub(crate) fn put_list<'a>(items: impl Iterator<Item = &'a [u8]>, out: &mut String) {
    out.push('[');
    for (i, item) in items.enumerate() {
        if i > 0 {
            out.push(',');
        }
        put_string(item, out);
    }
    out.push(']');
}

/// Appends a number.
pub(crate) fn put_number(number: u64, out: &mut String) {
    // Writing to a string does not fail.
    let _ = write!(out, "{number}");
}

/// Reads a line from its start.
#[derive(Clone, Copy)]
pub(crate) struct Scan<'a> {
    rest: &'a [u8],
}

impl<'a> Scan<'a> {
    pub(crate) const fn new(line: &'a [u8]) -> Self {
        Self { rest: line }
    }

    /// Takes exactly `text`.
    pub(crate) fn expect(&mut self, text: &str) -> Result<(), NotCanonical> {
        if self.skip(text) { Ok(()) } else { Err(NotCanonical) } // TRA-30
    }

    /// Takes `text` if it comes next.
    pub(crate) fn skip(&mut self, text: &str) -> bool {
        let rest = self.rest.strip_prefix(text.as_bytes());
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    /// Takes a number.
    pub(crate) fn number(&mut self) -> Result<u64, NotCanonical> {
        let len = self.rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (digits, rest) = self.rest.split_at(len);
        if len == 0 || (len > 1 && digits[0] == b'0') {
            return Err(NotCanonical); // TRA-30
        }
        let add =
            |number: u64, digit: &u8| number.checked_mul(10)?.checked_add(u64::from(digit - b'0'));
        self.rest = rest;
        digits.iter().try_fold(0, add).ok_or(NotCanonical)
    }

    /// Takes a string of base64url.
    pub(crate) fn bytes(&mut self) -> Result<Vec<u8>, NotCanonical> {
        self.expect("\"")?;
        let len = self.rest.iter().position(|byte| *byte == b'"').ok_or(NotCanonical)?;
        let (digits, rest) = self.rest.split_at(len);
        self.rest = &rest[1..];
        decode(digits)
    }

    /// Takes a string of `N` bytes.
    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], NotCanonical> {
        self.bytes()?.try_into().map_err(|_| NotCanonical) // TRA-30
    }

    /// Takes a list of strings of `N` bytes, `limit` of them at most.
    pub(crate) fn list<const N: usize>(
        &mut self,
        limit: usize,
    ) -> Result<Vec<[u8; N]>, NotCanonical> {
        self.expect("[")?;
        let mut items = Vec::new();
        while !self.skip("]") {
            if !items.is_empty() {
                self.expect(",")?;
            }
            items.push(self.array()?);
            if items.len() > limit {
                return Err(NotCanonical); // TRA-30
            }
        }
        Ok(items)
    }

    /// Nothing is left.
    pub(crate) fn finish(self) -> Result<(), NotCanonical> {
        if self.rest.is_empty() { Ok(()) } else { Err(NotCanonical) } // TRA-30
    }
}

/// Base64url without padding; unused bits must be zero, so that no two texts are the same bytes.
fn decode(digits: &[u8]) -> Result<Vec<u8>, NotCanonical> {
    let mut out = Vec::with_capacity(digits.len() * 3 / 4);
    for chunk in digits.chunks(4) {
        let mut bits = 0;
        for digit in chunk {
            let value = VALUES[usize::from(*digit)];
            if value == NONE {
                return Err(NotCanonical); // TRA-30
            }
            bits = bits << 6 | u32::from(value);
        }
        let bytes = (bits << (6 * (4 - chunk.len()))).to_be_bytes();
        let len = chunk.len() - 1;
        if len == 0 || bytes[1 + len..].iter().any(|byte| *byte != 0) {
            return Err(NotCanonical); // TRA-30
        }
        out.extend_from_slice(&bytes[1..=len]);
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(bytes: &[u8]) -> String {
        let mut out = String::new();
        put_string(bytes, &mut out);
        out
    }

    #[test]
    fn the_vectors_of_the_rfc() {
        for (bytes, text) in [
            ("", "\"\""),
            ("f", "\"Zg\""),
            ("fo", "\"Zm8\""),
            ("foo", "\"Zm9v\""),
            ("foob", "\"Zm9vYg\""),
            ("fooba", "\"Zm9vYmE\""),
            ("foobar", "\"Zm9vYmFy\""),
        ] {
            assert_eq!(encoded(bytes.as_bytes()), text);
            let mut scan = Scan::new(text.as_bytes());
            assert_eq!(scan.bytes(), Ok(bytes.into()));
            assert_eq!(scan.finish(), Ok(()));
        }
        assert_eq!(encoded(&[0xfb, 0xff]), "\"-_8\"");
    }

    /// TRA-30
    #[test]
    fn bytes_have_one_text() {
        for text in ["\"Zh\"", "\"Zm9\"", "\"Z\"", "\"Zg==\"", "\"Z g\"", "\"+/8\"", "\"Zg", "Zg\""]
        {
            assert_eq!(Scan::new(text.as_bytes()).bytes(), Err(NotCanonical), "{text}");
        }
    }

    /// TRA-30
    #[test]
    fn numbers_have_one_text() {
        for (text, number) in [("0", 0), ("10", 10), ("18446744073709551615", u64::MAX)] {
            assert_eq!(Scan::new(text.as_bytes()).number(), Ok(number));
        }
        for text in ["", "00", "01", "-1", "18446744073709551616", "x"] {
            assert_eq!(Scan::new(text.as_bytes()).number(), Err(NotCanonical), "{text}");
        }
        let mut scan = Scan::new(b"1.0");
        assert_eq!((scan.number(), scan.finish()), (Ok(1), Err(NotCanonical)));
    }

    /// TRA-30
    #[test]
    fn lists_are_bounded() {
        let mut out = String::new();
        put_list([&b"a"[..], b"b"].into_iter(), &mut out);
        assert_eq!(out, "[\"YQ\",\"Yg\"]");
        assert_eq!(Scan::new(out.as_bytes()).list(2), Ok(alloc::vec![*b"a", *b"b"]));
        assert_eq!(Scan::new(out.as_bytes()).list::<1>(1), Err(NotCanonical));
        for text in ["[\"YQ\"\"Yg\"]", "[,\"YQ\"]", "[\"YQ\",]", "[\"YQ\""] {
            assert_eq!(Scan::new(text.as_bytes()).list::<1>(9), Err(NotCanonical), "{text}");
        }
    }
}
