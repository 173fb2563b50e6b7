//! One question of the known-answer tests, read field by field.

use serde_json::Value;

/// A JSON object `{"op": …, …}`. Bytes are in hex.
pub(super) struct Input(Value);

/// A field that is missing or is not what the operation needs.
pub(super) struct BadField;

impl Input {
    /// Reads one line.
    pub(super) fn parse(line: &[u8]) -> Result<Self, BadField> {
        serde_json::from_slice(line).map(Self).map_err(|_| BadField)
    }

    /// A string.
    pub(super) fn text(&self, field: &str) -> Result<&str, BadField> {
        self.0.get(field).and_then(Value::as_str).ok_or(BadField)
    }

    /// Bytes of any length.
    pub(super) fn bytes(&self, field: &str) -> Result<Vec<u8>, BadField> {
        hex::decode(self.text(field)?).map_err(|_| BadField)
    }

    /// Bytes of one length.
    pub(super) fn array<const N: usize>(&self, field: &str) -> Result<[u8; N], BadField> {
        fixed(self.bytes(field)?)
    }

    /// Bytes of one length, or nothing: an empty string, null, or no such field.
    pub(super) fn optional<const N: usize>(
        &self,
        field: &str,
    ) -> Result<Option<[u8; N]>, BadField> {
        match self.0.get(field) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) if text.is_empty() => Ok(None),
            Some(_) => self.array(field).map(Some),
        }
    }

    /// A number that fits its type.
    pub(super) fn number<T: TryFrom<u64>>(&self, field: &str) -> Result<T, BadField> {
        number(self.0.get(field).ok_or(BadField)?)
    }

    /// `true` or `false`.
    pub(super) fn flag(&self, field: &str) -> Result<bool, BadField> {
        self.0.get(field).and_then(Value::as_bool).ok_or(BadField)
    }

    /// A list of bytes.
    pub(super) fn list(&self, field: &str) -> Result<Vec<Vec<u8>>, BadField> {
        self.items(field)?.iter().map(bytes).collect()
    }

    /// A list of `[index, bytes]`.
    pub(super) fn fragments(&self, field: &str) -> Result<Vec<(u8, [u8; 128])>, BadField> {
        let pair = |item: &Value| match item.as_array().map(Vec::as_slice) {
            Some([index, data]) => Ok((number(index)?, fixed(bytes(data)?)?)),
            _ => Err(BadField),
        };
        self.items(field)?.iter().map(pair).collect()
    }

    fn items(&self, field: &str) -> Result<&Vec<Value>, BadField> {
        self.0.get(field).and_then(Value::as_array).ok_or(BadField)
    }
}

fn bytes(value: &Value) -> Result<Vec<u8>, BadField> {
    hex::decode(value.as_str().ok_or(BadField)?).map_err(|_| BadField)
}

fn number<T: TryFrom<u64>>(value: &Value) -> Result<T, BadField> {
    value.as_u64().and_then(|number| number.try_into().ok()).ok_or(BadField)
}

fn fixed<const N: usize>(bytes: Vec<u8>) -> Result<[u8; N], BadField> {
    bytes.try_into().map_err(|_| BadField)
}
