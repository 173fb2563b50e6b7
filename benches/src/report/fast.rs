//! What the feature `fast` changes.

use serde_json::{Value, json};

use super::{Section, lines, micros, number, quotient, ratio};
use crate::results::{DEFAULT, FAST, Results};
use crate::rows::{Row, rows};

pub(super) fn section(results: &Results) -> Section {
    let rows: Vec<_> = rows().iter().filter_map(|row| Measured::of(results, row)).collect();
    let head =
        format!("{:<25}{:>10}{:>10}{:>10}{:>12}", "", "default", "fast", "ratio", "fast / best");
    let text = lines([head].into_iter().chain(rows.iter().map(Measured::line)));
    let json = rows.iter().map(Measured::json).collect();
    Section { name: "fast", text, json: Value::Array(json) }
}

/// A row that was measured with the feature, in microseconds.
struct Measured {
    title: String,
    default: Option<f64>,
    fast: f64,
    best: Option<f64>,
}

impl Measured {
    fn of(results: &Results, row: &Row) -> Option<Self> {
        let time = |name| Some(results.time(&row.group, name)?.of_one(row.times).min);
        Some(Self {
            title: row.title.clone(),
            default: time(DEFAULT),
            fast: time(FAST)?,
            best: results.sum(&row.floor, |one| Some(results.best(one)?.0)),
        })
    }

    fn line(&self) -> String {
        let fast = Some(self.fast);
        let (saved, to_best) = (quotient(self.default, fast), quotient(fast, self.best));
        [
            format!("{:<25}", self.title),
            micros(self.default, 10),
            micros(fast, 10),
            ratio(saved, 10),
            ratio(to_best, 12),
        ]
        .concat()
    }

    fn json(&self) -> Value {
        let best = quotient(Some(self.fast), self.best);
        json!({
            "what": self.title,
            "unit": "us",
            "default": number(self.default),
            "fast": number(Some(self.fast)),
            "fast_to_best_of_floor": number(best),
        })
    }
}
