//! The files, their cases, and bytes that are written as what differs from another case.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use serde_json::{Map, Value, json};

/// A refusal by the name that the specification has for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal(pub(crate) String);

impl Refusal {
    pub(crate) fn malformed() -> Self {
        Self("Malformed".into())
    }

    pub(crate) fn as_json(&self) -> Value {
        json!({ "error": self.0 })
    }
}

impl<E: Into<kuvert_core::ProtocolError>> From<E> for Refusal {
    fn from(error: E) -> Self {
        Self(error.into().name().into())
    }
}

/// One file of vectors.
pub(crate) struct File(Value);

/// All files of `spec/vectors`, in the order of their names.
pub(crate) fn files() -> Vec<File> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spec/vectors");
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut paths: Vec<_> =
        paths.filter(|path| path.extension().is_some_and(|e| e == "json")).collect();
    paths.sort();
    assert!(paths.len() >= 7, "the folder of vectors is not complete");
    paths
        .iter()
        .map(|path| {
            let file: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
            assert_eq!(file["format"], 1, "{}", path.display());
            File(file)
        })
        .collect()
}

impl File {
    pub(crate) fn has(&self, part: &str) -> bool {
        self.0.get(part).is_some()
    }

    /// The cases, whole.
    pub(crate) fn cases(&self) -> Vec<Case> {
        let mut known: HashMap<String, Map<String, Value>> = HashMap::new();
        let mut cases = Vec::new();
        for case in self.0["cases"].as_array().unwrap() {
            let whole: Map<String, Value> = case
                .as_object()
                .unwrap()
                .iter()
                .map(|(field, value)| {
                    let base = value.get("of").and_then(Value::as_str);
                    let base = base.map(|of| known[of][field].as_str().unwrap());
                    (
                        field.clone(),
                        base.map_or_else(|| value.clone(), |base| patched(value, base).into()),
                    )
                })
                .collect();
            known.insert(whole["name"].as_str().unwrap().into(), whole.clone());
            cases.push(Case(Value::Object(whole)));
        }
        cases
    }

    /// The conversations, as they stand.
    pub(crate) fn conversations(&self) -> Vec<Value> {
        self.0["conversations"].as_array().unwrap().clone()
    }
}

/// What a patch makes of `base`, both in hex.
pub(crate) fn patched(patch: &Value, base: &str) -> String {
    let mut bytes = hex::decode(base).unwrap();
    for change in patch["set"].as_array().into_iter().flatten() {
        let at = usize::try_from(change[0].as_u64().unwrap()).unwrap();
        let piece = hex::decode(change[1].as_str().unwrap()).unwrap();
        bytes[at..at + piece.len()].copy_from_slice(&piece);
    }
    if let Some(len) = patch["cut"].as_u64() {
        bytes.truncate(usize::try_from(len).unwrap());
    }
    bytes.extend(hex::decode(patch["append"].as_str().unwrap_or_default()).unwrap());
    let zeros = patch["zeros"].as_u64().unwrap_or_default();
    bytes.resize(bytes.len() + usize::try_from(zeros).unwrap(), 0);
    hex::encode(bytes)
}

/// One case, and the fields of it.
#[derive(Clone, Debug)]
pub(crate) struct Case(Value);

impl Case {
    pub(crate) fn new(value: Value) -> Self {
        Self(value)
    }

    pub(crate) fn name(&self) -> &str {
        self.0["name"].as_str().unwrap()
    }

    pub(crate) fn op(&self) -> &str {
        self.0["op"].as_str().unwrap()
    }

    pub(crate) fn expected(&self) -> &Value {
        &self.0["expect"]
    }

    /// The question alone, as a line for the process.
    pub(crate) fn question(&self) -> String {
        let mut question = self.0.clone();
        for field in ["name", "expect", "check"] {
            question.as_object_mut().unwrap().remove(field);
        }
        question.to_string()
    }

    pub(crate) fn text(&self, field: &str) -> Result<&str, Refusal> {
        self.0[field].as_str().ok_or_else(Refusal::malformed)
    }

    pub(crate) fn bytes(&self, field: &str) -> Result<Vec<u8>, Refusal> {
        hex::decode(self.text(field)?).map_err(|_| Refusal::malformed())
    }

    pub(crate) fn array<const N: usize>(&self, field: &str) -> Result<[u8; N], Refusal> {
        self.bytes(field)?.try_into().map_err(|_| Refusal::malformed())
    }

    pub(crate) fn optional<const N: usize>(&self, field: &str) -> Result<Option<[u8; N]>, Refusal> {
        match &self.0[field] {
            Value::Null => Ok(None),
            Value::String(text) if text.is_empty() => Ok(None),
            _ => self.array(field).map(Some),
        }
    }

    pub(crate) fn number<T: TryFrom<u64>>(&self, field: &str) -> Result<T, Refusal> {
        let number = self.0[field].as_u64().and_then(|number| T::try_from(number).ok());
        number.ok_or_else(Refusal::malformed)
    }

    pub(crate) fn inner(&self, field: &str) -> Option<Self> {
        self.0.get(field).filter(|value| !value.is_null()).cloned().map(Self)
    }

    /// All fields that are text, in the order of their names.
    pub(crate) fn each(&self) -> impl Iterator<Item = &str> {
        self.0.as_object().unwrap().values().map(|value| value.as_str().unwrap())
    }

    pub(crate) fn value(&self, field: &str) -> &Value {
        &self.0[field]
    }
}
