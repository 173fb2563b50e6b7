//! Bytes on the wire and in the store.

use serde_json::{Value, json};

use super::{Section, lines};
use crate::conversation::{self, Length, Wire};
use crate::scenario::BODY_LENS;
use crate::sizes::{self, Overhead};
use crate::{olm, states};

/// Beyond the text, beside the peers.
pub(super) fn beyond_text() -> Section {
    let measured: Vec<_> = BODY_LENS.map(|len| (len, sizes::all(len))).into();
    let mut text = vec![
        format!("{:<10}{:>24}{:>28}{:>12}{:>22}", "", "Kuvert", "vodozemac", "snow", "openmls"),
        format!(
            "{:<10}{:>8}{:>8}{:>8}{:>12}{:>8}{:>8}{:>12}{:>14}{:>8}",
            "text",
            "first",
            "chain",
            "turn",
            "first",
            "chain",
            "turn",
            "message",
            "first",
            "message"
        ),
    ];
    text.extend(measured.iter().map(|(len, all)| {
        format!(
            "{:<10}{}{}{:>12}{:>14}{:>8}",
            format!("{len} B"),
            three(all.kuvert, 8),
            three(all.vodozemac, 12),
            all.snow,
            all.openmls.first,
            all.openmls.same_chain
        )
    }));
    let json = measured.iter().map(|(len, all)| {
        json!({
            "text": len,
            "unit": "B",
            "kuvert": numbers(all.kuvert),
            "vodozemac": numbers(all.vodozemac),
            "snow": all.snow,
            "openmls": { "first": all.openmls.first, "message": all.openmls.same_chain },
        })
    });
    Section { name: "beyond", text: lines(text), json: Value::Array(json.collect()) }
}

fn three(bytes: Overhead, width: usize) -> String {
    format!("{:>width$}{:>8}{:>8}", bytes.first, bytes.same_chain, bytes.turn)
}

fn numbers(bytes: Overhead) -> Value {
    json!({ "first": bytes.first, "chain": bytes.same_chain, "turn": bytes.turn })
}

/// Over a long conversation.
pub(super) fn conversation() -> Section {
    let measured = [
        ("chat", Length::Chat),
        ("16 B", Length::Fixed(16)),
        ("64 B", Length::Fixed(64)),
        ("221 B", Length::Fixed(221)),
        ("256 B", Length::Fixed(256)),
        ("1024 B", Length::Fixed(1024)),
        ("4096 B", Length::Fixed(4096)),
        ("65501 B", Length::Fixed(65_501)),
    ]
    .map(|(name, length)| (name, conversation::measure(length)));
    let mut text = vec![format!(
        "{:<18}{:>14}{:>10}{:>10}{:>10}{:>10}{:>10}",
        "text", "mean text", "median", "mean", "p99", "worst", "beyond"
    )];
    text.extend(measured.map(|(name, wire)| {
        format!(
            "{name:<18}{:>14.1}{:>10}{:>10.1}{:>10}{:>10}{:>10.1}",
            wire.mean_text(),
            wire.median,
            wire.mean(),
            wire.p99,
            wire.worst,
            wire.mean() - wire.mean_text(),
        )
    }));
    let json = measured.map(|(name, wire)| of_wire(name, &wire));
    Section { name: "wire", text: lines(text), json: Value::Array(json.into()) }
}

fn of_wire(name: &str, wire: &Wire) -> Value {
    json!({
        "text": name,
        "unit": "B",
        "mean_text": wire.mean_text(),
        "median": wire.median,
        "mean": wire.mean(),
        "p99": wire.p99,
        "worst": wire.worst,
    })
}

/// Kept for a session.
pub(super) fn states() -> Section {
    let measured = states::measure();
    let [fresh, full] = olm::states();
    let mut text =
        vec![format!("{:<50}{:>10}{:>14}{:>10}", "", "session", "skipped keys", "together")];
    text.extend(measured.iter().map(|(name, state)| {
        let together = state.session + state.pages;
        format!("{name:<50}{:>10}{:>14}{together:>10}", state.session, state.pages)
    }));
    let peers = [
        ("vodozemac, fresh, initiator (JSON)", fresh),
        ("vodozemac, 40 keys skipped (JSON)", full),
    ];
    text.extend(peers.map(|(name, bytes)| format!("{name:<50}{:>34}", bytes)));
    let json = measured.iter().map(|(name, state)| {
        json!({ "what": name, "unit": "B", "session": state.session, "skipped": state.pages })
    });
    let peers = peers.map(|(name, bytes)| json!({ "what": name, "unit": "B", "together": bytes }));
    Section { name: "states", text: lines(text), json: Value::Array(json.chain(peers).collect()) }
}
