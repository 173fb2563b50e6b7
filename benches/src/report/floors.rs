//! The floors, line by line.

use serde_json::{Value, json};

use super::{Section, lines, micros, number};
use crate::floor::Line;
use crate::results::{OWN, Results};
use crate::rows::{Row, rows};

pub(super) fn section(results: &Results) -> Section {
    let rows = rows();
    let mut text = vec![format!("{:<67}{:>10}{:>10}  {}", "", "all-Rust", "best-of", "of")];
    text.extend(rows.iter().flat_map(|row| table(results, row)));
    let json = rows.iter().map(|row| {
        let parts: Vec<_> = row.floor.0.iter().map(|line| part(results, line)).collect();
        json!({ "what": row.title, "unit": "us", "lines": parts })
    });
    Section { name: "floors", text: lines(text), json: Value::Array(json.collect()) }
}

fn table(results: &Results, row: &Row) -> Vec<String> {
    let mut text = vec![String::new(), row.title.clone()];
    text.extend(row.floor.0.iter().map(|line| {
        let (own, best) = (results.own(line.primitive), results.best(line.primitive));
        let [own, least] =
            [own, best.map(|best| best.0)].map(|one| one.map(|one| one * f64::from(line.count)));
        let name = best.map_or("-", |best| library(best.1));
        format!(
            "  {:<34}{:>4} x {:<24}{}{}  {name}",
            line.what,
            line.count,
            line.primitive.id(),
            micros(own, 10),
            micros(least, 10)
        )
    }));
    let own = results.sum(&row.floor, |one| results.own(one));
    let best = results.sum(&row.floor, |one| Some(results.best(one)?.0));
    text.push(format!("  {:<65}{}{}", "sum", micros(own, 10), micros(best, 10)));
    text
}

fn part(results: &Results, line: &Line) -> Value {
    let (own, best) = (results.own(line.primitive), results.best(line.primitive));
    json!({
        "what": line.what,
        "count": line.count,
        "primitive": line.primitive.id(),
        "each": number(own),
        "best_each": number(best.map(|best| best.0)),
        "best": best.map(|best| library(best.1)),
    })
}

fn library(group: &'static str) -> &'static str {
    if group == OWN { "own" } else { group }
}
