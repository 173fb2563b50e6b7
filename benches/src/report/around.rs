//! What is around the protocol: a store, and a relay.

use serde_json::{Value, json};

use super::{Section, lines, micros, number, quotient, ratio};
use crate::relayed::STREAM;
use crate::results::{DEFAULT, Results};

pub(super) fn section(results: &Results) -> Section {
    let min = |group, name| results.time(group, name).map(|time| time.min);
    let stores = [
        ("SQLite, durable when it returns", "store-full"),
        ("SQLite, durable later", "store-relaxed"),
    ]
    .map(|(title, group)| (title, min(group, DEFAULT), min(group, "plain")));
    let relays = [("clients keep it in memory", "memory"), ("clients keep it in SQLite", "sqlite")]
        .map(|(title, name)| {
            let each = min("relay-stream", name).map(|time| time / f64::from(STREAM));
            (title, min("relay-one", name), each)
        });
    let mut text = vec![format!(
        "{:<40}{:>10}{:>16}{:>10}",
        "load, open 1024 B, commit", "Kuvert", "no cryptography", "ratio"
    )];
    text.extend(stores.map(|(title, ours, plain)| {
        let ratio = ratio(quotient(ours, plain), 10);
        format!("{title:<40}{}{}{ratio}", micros(ours, 10), micros(plain, 16))
    }));
    text.push(String::new());
    text.push(format!(
        "{:<40}{:>10}{:>16}",
        "64 B from client to client by a relay",
        "one",
        format!("each of {STREAM}")
    ));
    text.extend(
        relays.map(|(title, one, each)| {
            format!("{title:<40}{}{}", micros(one, 10), micros(each, 16))
        }),
    );
    Section { name: "around", text: lines(text), json: numbers(&stores, &relays) }
}

type Row = (&'static str, Option<f64>, Option<f64>);

fn numbers(stores: &[Row], relays: &[Row]) -> Value {
    let stores = stores.iter().map(|(what, ours, plain)| {
        let ratio = number(quotient(*ours, *plain));
        json!({ "what": what, "unit": "us", "kuvert": number(*ours), "plain": number(*plain), "ratio": ratio })
    });
    let relays = relays.iter().map(|(what, one, each)| {
        json!({ "what": what, "unit": "us", "one": number(*one), "each_of_a_stream": number(*each) })
    });
    json!({ "store": stores.collect::<Vec<_>>(), "relay": relays.collect::<Vec<_>>() })
}
