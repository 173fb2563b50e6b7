//! The file that somebody sends who reports a message.
//!
//! ```text
//! the report's own bytes · or their base64url · or
//! {"v":1,"report":B64,"context":[B64,…],"answers":[B64,…]}      context and answers may be absent
//! ```
//! B64 is base64url (RFC 4648 §5) without padding. `context` holds reports of other messages of the same sender, `answers`
//! what the one who reports wrote between them ([`Answer`]).

use kuvert_wire::relay::Answer;
use kuvert_wire::transcript::FrankingReport;
use kuvert_wire::{Decode, DecodeError};
use serde_json::{Map, Value};

/// The largest file that is read, in bytes.
pub const MAX_FILE: usize = 16 * 1024 * 1024;

/// What a file holds; nothing of it is checked yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bundle {
    /// The message that is reported.
    pub report: FrankingReport,
    /// Other messages of the same sender.
    pub context: Vec<FrankingReport>,
    /// Messages of the one who reports.
    pub answers: Vec<Answer>,
}

/// Why a file is no report.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BundleError {
    /// It begins as JSON, and is none.
    #[error("the file is damaged: {0}")]
    Json(#[from] serde_json::Error),
    /// It has another version, or fields that this version does not know, or lacks some.
    #[error("the file is not a report of version 1")]
    Form,
    /// A part is not in base64url, or not what it should be.
    #[error("the file is damaged: {part} is not well-formed")]
    Part {
        /// Which.
        part: String,
    },
}

impl Bundle {
    /// Reads a file of any of the three forms.
    ///
    /// # Errors
    ///
    /// [`BundleError`].
    pub fn read(file: &[u8]) -> Result<Self, BundleError> {
        let trimmed = file.trim_ascii();
        // A report begins with the type of its frame, which is no printable character.
        match trimmed.first() {
            Some(b'{') => Self::read_json(serde_json::from_slice(trimmed)?),
            Some(b' '..=b'~') => Ok(Self::alone(decode("report", trimmed)?)),
            _ => {
                let report = FrankingReport::decode(file).map_err(|_| malformed("report"))?;
                Ok(Self::alone(report))
            }
        }
    }

    const fn alone(report: FrankingReport) -> Self {
        Self { report, context: Vec::new(), answers: Vec::new() }
    }

    fn read_json(mut fields: Map<String, Value>) -> Result<Self, BundleError> {
        let version = fields.remove("v");
        let Some(Value::String(report)) = fields.remove("report") else {
            return Err(BundleError::Form);
        };
        let bundle = Self {
            report: decode("report", report.as_bytes())?,
            context: list(&mut fields, "context")?,
            answers: list(&mut fields, "answers")?,
        };
        let is_known = version == Some(Value::from(1)) && fields.is_empty();
        is_known.then_some(bundle).ok_or(BundleError::Form)
    }
}

fn list<T: Decode>(fields: &mut Map<String, Value>, name: &str) -> Result<Vec<T>, BundleError> {
    let values = match fields.remove(name) {
        None => return Ok(Vec::new()),
        Some(Value::Array(values)) => values,
        Some(_) => return Err(BundleError::Form),
    };
    let entry = |(number, value): (usize, &Value)| {
        let text = value.as_str().ok_or(BundleError::Form)?;
        decode(&format!("{name} {number}"), text.as_bytes())
    };
    (1..).zip(&values).map(entry).collect()
}

fn decode<T: Decode>(part: &str, digits: &[u8]) -> Result<T, BundleError> {
    let bytes = base64url(digits).ok_or_else(|| malformed(part))?;
    T::decode(&bytes).map_err(|_: DecodeError| malformed(part)) // REL-36
}

fn malformed(part: &str) -> BundleError {
    BundleError::Part { part: part.to_owned() }
}

/// Strictly: no padding, no other characters, unused bits zero.
fn base64url(digits: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(digits.len() / 4 * 3 + 2);
    for group in digits.chunks(4) {
        let values = group.iter().map(|digit| value(*digit)).collect::<Option<Vec<u32>>>()?;
        let bits =
            values.iter().enumerate().fold(0, |bits, (at, value)| bits | value << (18 - 6 * at));
        let [_, three @ ..] = bits.to_be_bytes();
        let (taken, unused) = three.split_at(values.len() * 6 / 8);
        if values.len() == 1 || unused.iter().any(|byte| *byte != 0) {
            return None;
        }
        bytes.extend_from_slice(taken);
    }
    Some(bytes)
}

fn value(digit: u8) -> Option<u32> {
    Some(u32::from(match digit {
        b'A'..=b'Z' => digit - b'A',
        b'a'..=b'z' => digit - b'a' + 26,
        b'0'..=b'9' => digit - b'0' + 52,
        b'-' => 62,
        b'_' => 63,
        _ => return None,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64url_is_read_strictly() {
        let read = |text: &str| base64url(text.as_bytes());
        assert_eq!(read(""), Some(vec![]));
        assert_eq!(read("AQ"), Some(vec![1]));
        assert_eq!(read("AQI"), Some(vec![1, 2]));
        assert_eq!(read("-_-_"), Some(vec![0xfb, 0xff, 0xbf]));
        assert_eq!(read("AQIDBA"), Some(vec![1, 2, 3, 4]));
        for bad in ["A", "AR", "AQJ", "AQ==", "A+/A", "AQ I", "AQIDB"] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
