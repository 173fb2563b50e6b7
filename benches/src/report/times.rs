//! The table of times.

use serde_json::{Value, json};

use super::{Section, lines, micros, number, quotient, ratio};
use crate::results::{DEFAULT, Results, Time};
use crate::rows::{Row, rows};

const PEERS: [&str; 3] = ["vodozemac", "snow", "openmls"];

/// A row with its numbers, in microseconds.
pub(super) struct Measured {
    pub(super) title: String,
    kuvert: Option<Time>,
    own: Option<f64>,
    best: Option<f64>,
    peers: [Option<Time>; 3],
}

pub(super) fn section(results: &Results) -> Section {
    let rows: Vec<_> = rows().iter().map(|row| Measured::of(results, row)).collect();
    let text = lines(head().into_iter().chain(rows.iter().map(Measured::line)));
    let json = rows.iter().map(Measured::json).collect();
    Section { name: "times", text, json: Value::Array(json) }
}

fn head() -> [String; 2] {
    [
        format!(
            "{:<25}{:>9}{:>9}{:>10}{:>16}{:>12}{:>8}{:>9}{:>20}",
            "",
            "Kuvert",
            "floor",
            "floor",
            "Kuvert /",
            "vodozemac",
            "snow",
            "openmls",
            "peer / Kuvert"
        ),
        format!(
            "{:<25}{:>9}{:>9}{:>10}{:>8}{:>8}{:>12}{:>8}{:>9}{:>8}{:>6}{:>8}",
            "", "", "all-Rust", "best-of", "floor", "best", "", "", "", "vodoz.", "snow", "openmls"
        ),
    ]
}

impl Measured {
    pub(super) fn of(results: &Results, row: &Row) -> Self {
        let time = |name| Some(results.time(&row.group, name)?.of_one(row.times));
        Self {
            title: row.title.clone(),
            kuvert: time(DEFAULT),
            own: results.sum(&row.floor, |one| results.own(one)),
            best: results.sum(&row.floor, |one| Some(results.best(one)?.0)),
            peers: PEERS.map(time),
        }
    }

    pub(super) fn micros(&self) -> Option<f64> {
        min(self.kuvert)
    }

    pub(super) fn to_floor(&self) -> Option<f64> {
        self.to_floors()[0]
    }

    pub(super) fn to_best(&self) -> Option<f64> {
        self.to_floors()[1]
    }

    pub(super) fn times_as_fast_as_vodozemac(&self) -> Option<f64> {
        self.of_peers()[0]
    }

    fn to_floors(&self) -> [Option<f64>; 2] {
        [self.own, self.best].map(|floor| quotient(min(self.kuvert), floor))
    }

    fn of_peers(&self) -> [Option<f64>; 3] {
        self.peers.map(|peer| quotient(min(peer), min(self.kuvert)))
    }

    fn line(&self) -> String {
        let [floor, best] = self.to_floors();
        let [vodozemac, snow, openmls] = self.peers.map(min);
        let [to_vodozemac, to_snow, to_openmls] = self.of_peers();
        [
            format!("{:<25}", self.title),
            micros(min(self.kuvert), 9),
            micros(self.own, 9),
            micros(self.best, 10),
            ratio(floor, 8),
            ratio(best, 8),
            micros(vodozemac, 12),
            micros(snow, 8),
            micros(openmls, 9),
            ratio(to_vodozemac, 8),
            ratio(to_snow, 6),
            ratio(to_openmls, 8),
        ]
        .concat()
    }

    fn json(&self) -> Value {
        let time = |time: Option<Time>| {
            time.map(|time| json!({ "min": number(Some(time.min)), "median": number(Some(time.median)) }))
        };
        let peers = PEERS.into_iter().zip(self.peers);
        let ratios = PEERS.into_iter().zip(self.of_peers());
        let [floor, best] = self.to_floors();
        json!({
            "what": self.title,
            "unit": "us",
            "kuvert": time(self.kuvert),
            "floor": number(self.own),
            "best_of_floor": number(self.best),
            "kuvert_to_floor": number(floor),
            "kuvert_to_best_of_floor": number(best),
            "peers": peers.map(|(name, one)| (name.into(), time(one).into()))
                .collect::<serde_json::Map<_, Value>>(),
            "peers_to_kuvert": ratios.map(|(name, one)| (name.into(), number(one)))
                .collect::<serde_json::Map<_, _>>(),
        })
    }
}

fn min(time: Option<Time>) -> Option<f64> {
    time.map(|time| time.min)
}
