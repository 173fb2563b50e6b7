//! What was aimed at before it was built, and whether it has been reached.

use serde_json::{Value, json};

use super::times::Measured;
use super::{Section, lines, number, quotient};
use crate::results::{DEFAULT, Results};
use crate::rows::rows;
use crate::scenario::BODY_LENS;
use crate::{sizes, states};

/// libsignal's initiator and responder, in microseconds, on a machine of the kind of `docs/performance.md`.
const LIBSIGNAL_HANDSHAKE: [f64; 2] = [451.0, 409.0];
/// And its fastest message.
const LIBSIGNAL_MESSAGE: f64 = 7.6;
/// Bytes beyond the padded frame, and those of the class that the shortest frames are padded to.
const BEYOND_FRAME: f64 = 307.0;
const SHORTEST_CLASS: usize = 256;

pub(super) fn section(results: &Results) -> Section {
    let aims = all(results);
    let head = format!("{:<66}{:>10}{:>10}", "", "aim", "measured");
    let text = lines([head].into_iter().chain(aims.iter().map(Aim::line)));
    let json = aims.iter().map(Aim::json).collect();
    Section { name: "aims", text, json: Value::Array(json) }
}

struct Aim {
    what: String,
    bound: Bound,
    measured: Option<f64>,
}

#[derive(Clone, Copy)]
enum Bound {
    AtMost(f64),
    AtLeast(f64),
    Exactly(f64),
}

use Bound::{AtLeast, AtMost, Exactly};

fn aim(what: impl Into<String>, bound: Bound, measured: Option<f64>) -> Aim {
    Aim { what: what.into(), bound, measured }
}

fn all(results: &Results) -> Vec<Aim> {
    let measured: Vec<_> = rows().iter().map(|row| Measured::of(results, row)).collect();
    let row = |title: &str| measured.iter().find(|row| row.title == title);
    let mut aims = handshakes(&row);
    BODY_LENS.iter().for_each(|len| aims.extend(messages(*len, &row)));
    aims.extend(others(&row));
    aims.extend(kept());
    let [sealed, plain] =
        [DEFAULT, "plain"].map(|name| results.time("store-full", name).map(|time| time.min));
    let what = "load, open 1 KiB and commit, durable, to the same in the clear";
    aims.push(aim(what, AtMost(1.3), quotient(sealed, plain)));
    aims
}

fn handshakes<'m>(row: &dyn Fn(&str) -> Option<&'m Measured>) -> Vec<Aim> {
    let sides = ["handshake, initiator", "handshake, responder"].into_iter();
    let aims = sides.zip(LIBSIGNAL_HANDSHAKE).flat_map(|(side, theirs)| {
        let ours = row(side);
        [
            aim(format!("{side}, to its floor"), AtMost(1.10), ours.and_then(Measured::to_floor)),
            aim(
                format!("{side}, µs, to libsignal's"),
                AtMost(theirs),
                ours.and_then(Measured::micros),
            ),
        ]
    });
    aims.collect()
}

fn messages<'m>(len: usize, row: &dyn Fn(&str) -> Option<&'m Measured>) -> Vec<Aim> {
    let mut aims = Vec::new();
    for verb in ["encrypt", "decrypt"] {
        let (ours, is_short) = (row(&format!("{verb} {len} B")), len <= 1024);
        let floor = AtMost(if is_short { 1.15 } else { 1.10 });
        let what = |what: &str| format!("{verb} {len} B, {what}");
        aims.push(aim(what("to its floor"), floor, ours.and_then(Measured::to_floor)));
        if is_short {
            let (micros, best) =
                (ours.and_then(Measured::micros), ours.and_then(Measured::to_best));
            aims.push(aim(what("µs, to libsignal's"), AtMost(LIBSIGNAL_MESSAGE), micros));
            aims.push(aim(what("to the best-of floor (moonshot)"), AtMost(1.15), best));
        }
        if verb == "encrypt" {
            let times = ours.and_then(Measured::times_as_fast_as_vodozemac);
            aims.push(aim(what("times as fast as vodozemac"), AtLeast(2.5), times));
        }
    }
    aims
}

fn others<'m>(row: &dyn Fn(&str) -> Option<&'m Measured>) -> [Aim; 3] {
    let to_floor = |title| row(title).and_then(Measured::to_floor);
    let micros = |title| row(title).and_then(Measured::micros);
    [
        aim("ping-pong, to its floor without the KEM", AtMost(1.25), to_floor("ping-pong 64 B")),
        aim("decrypt 1,000 ahead, to its floor", AtMost(1.2), to_floor("decrypt 1,000 ahead")),
        aim(
            "decrypt one skipped, to a message in order",
            AtMost(2.0),
            quotient(micros("decrypt one skipped"), micros("decrypt 64 B")),
        ),
    ]
}

/// Bytes, which are the same in each run.
fn kept() -> [Aim; 3] {
    let text = BODY_LENS[0];
    let beyond = text + sizes::all(text).kuvert.same_chain - SHORTEST_CLASS;
    let states = states::measure();
    let state = |name| states.iter().find(|state| state.0 == name).map(|state| &state.1);
    let bytes = |bytes: usize| u32::try_from(bytes).ok().map(f64::from);
    let fresh = state("fresh, initiator").and_then(|state| bytes(state.session));
    let skipped = state("1,000 keys skipped at once").and_then(|state| bytes(state.pages));
    [
        aim("bytes beyond the padded frame", Exactly(BEYOND_FRAME), bytes(beyond)),
        aim("bytes of a fresh session", AtMost(4096.0), fresh),
        aim("bytes for each skipped key", AtMost(40.0), skipped.map(|bytes| bytes / 1000.0)),
    ]
}

impl Aim {
    fn is_met(&self) -> Option<bool> {
        Some(match (self.bound, self.measured?) {
            (AtMost(bound), measured) => measured <= bound,
            (AtLeast(bound), measured) => measured >= bound,
            (Exactly(bound), measured) => (measured - bound).abs() < 0.5,
        })
    }

    fn verdict(&self) -> &'static str {
        match self.is_met() {
            Some(true) => "met",
            Some(false) => "NOT MET",
            None => "not measured",
        }
    }

    fn line(&self) -> String {
        let (sign, bound) = match self.bound {
            AtMost(bound) => ("≤ ", bound),
            AtLeast(bound) => ("≥ ", bound),
            Exactly(bound) => ("", bound),
        };
        let bound = format!("{sign}{}", short(Some(bound)));
        format!("{:<66}{bound:>10}{:>10}  {}", self.what, short(self.measured), self.verdict())
    }

    fn json(&self) -> Value {
        let (kind, bound) = match self.bound {
            AtMost(bound) => ("at_most", bound),
            AtLeast(bound) => ("at_least", bound),
            Exactly(bound) => ("exactly", bound),
        };
        json!({
            "what": self.what,
            "aim": { kind: bound },
            "measured": number(self.measured),
            "met": self.is_met(),
        })
    }
}

/// Three digits or more.
fn short(value: Option<f64>) -> String {
    match value {
        Some(value) if value < 20.0 => format!("{value:.2}"),
        Some(value) if value < 100.0 => format!("{value:.1}"),
        Some(value) => format!("{value:.0}"),
        None => "-".into(),
    }
}
