//! What is printed and written: sections, each a table for people and the same numbers for programs.

mod aims;
mod around;
mod bytes;
mod fast;
mod floors;
mod proven;
mod times;

use serde_json::{Map, Value};

use crate::results::Results;

pub use proven::{verify_file, verify_program};

/// One table.
#[derive(Clone, Debug)]
pub struct Section {
    /// Its name in the documentation and in the JSON.
    pub name: &'static str,
    /// The table.
    pub text: String,
    /// The same in numbers.
    pub json: Value,
}

/// What criterion has measured.
#[must_use]
pub fn measured(results: &Results) -> Vec<Section> {
    vec![
        times::section(results),
        fast::section(results),
        around::section(results),
        floors::section(results),
        aims::section(results),
    ]
}

/// What is the same in each run: bytes on the wire and in the store.
#[must_use]
pub fn constant() -> Vec<Section> {
    vec![bytes::beyond_text(), bytes::conversation(), bytes::states()]
}

/// A transcript of 100,000 messages.
#[must_use]
pub fn transcript() -> Section {
    proven::section()
}

/// All of it for programs.
#[must_use]
pub fn json(sections: &[Section]) -> Value {
    let all: Map<_, _> =
        sections.iter().map(|section| (section.name.to_owned(), section.json.clone())).collect();
    all.into()
}

/// Lines, each ended.
fn lines(lines: impl IntoIterator<Item = String>) -> String {
    lines.into_iter().map(|line| line.trim_end().to_owned() + "\n").collect()
}

/// Microseconds to three or four digits, or a dash.
fn micros(time: Option<f64>, width: usize) -> String {
    match time {
        Some(time) if time < 99.95 => format!("{time:>width$.2}"),
        Some(time) if time < 9_999.5 => format!("{time:>width$.1}"),
        Some(time) => format!("{time:>width$.0}"),
        None => format!("{:>width$}", "-"),
    }
}

fn quotient(numerator: Option<f64>, denominator: Option<f64>) -> Option<f64> {
    Some(numerator? / denominator?)
}

fn ratio(ratio: Option<f64>, width: usize) -> String {
    ratio.map_or_else(|| format!("{:>width$}", "-"), |ratio| format!("{ratio:>width$.2}"))
}

/// A number with as many digits as mean something, or null.
fn number(value: Option<f64>) -> Value {
    value.map_or(Value::Null, |value| ((value * 1000.0).round() / 1000.0).into())
}
