//! Processes that work on one home at the same time, as a terminal and a notifier do: everything
//! arrives once, and no two messages leave under one message key.

use std::collections::BTreeSet;
use std::thread;

use serde_json::{Value, json};

use crate::person::{Person, pair, texts};
use crate::relay::Relay;

/// Processes that send at the same time, and how often each does.
const SENDERS: usize = 4;
const MESSAGES: usize = 4;
/// What the other side says meanwhile: each one moves the ratchet on under the senders.
const REPLIES: usize = 6;

fn words(sender: usize, n: usize) -> String {
    format!("sender {sender}, message {n}")
}

#[test]
fn many_processes_on_one_home_seal_no_two_messages_from_one_state() {
    let relay = Relay::start();
    let (alice, bob) = pair(&relay);
    alice.says(&bob, "begin");
    bob.hears(1);

    let mut lines = Vec::new();
    let replies = thread::scope(|scope| {
        for sender in 0..SENDERS {
            let (alice, bob) = (&alice, &bob);
            scope.spawn(move || {
                (0..MESSAGES).for_each(|n| drop(alice.says(bob, &words(sender, n))))
            });
        }
        let listener = scope.spawn(|| alice.hears(REPLIES));
        for n in 0..REPLIES {
            bob.says(&alice, &format!("reply {n}"));
            lines.extend(bob.ok(&["recv"]));
        }
        listener.join().unwrap()
    });
    lines.extend(bob.ok(&["recv"]));

    let expected: Vec<_> = (0..REPLIES).map(|n| format!("reply {n}")).collect();
    assert_eq!(replies, expected, "what alice heard beside her senders");
    assert_each_once(&texts(&lines));
    assert_nothing_amiss(&bob, &lines);
}

/// Each message once; those of one sender in the order in which it sent them.
fn assert_each_once(heard: &[String]) {
    let distinct: BTreeSet<_> = heard.iter().collect();
    assert_eq!(distinct.len(), heard.len(), "shown twice: {heard:?}");
    assert_eq!(heard.len(), SENDERS * MESSAGES, "{heard:?}");
    for sender in 0..SENDERS {
        let place = |n| heard.iter().position(|text| *text == words(sender, n));
        let places: Vec<_> = (0..MESSAGES).map(place).collect();
        assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{heard:?}");
    }
}

/// One message key for two messages would show here: the second one does not open (`Duplicate`), and
/// is taken for a sign of a clone.
fn assert_nothing_amiss(bob: &Person, lines: &[Value]) {
    for line in lines {
        assert!(line["event"] == "message" || line["event"] == "receipt", "{line}");
    }
    let status = bob.status();
    assert_eq!(status["dropped"], json!({}), "{status}");
    assert_eq!(status["sessions"], 1, "{status}");
    assert_eq!(status["warnings"], json!([]), "{status}");
}
