//! What does not go by itself, or goes wrong: how it is told, and that it goes on.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::person::{Person, pair, texts};
use crate::relay::Relay;

/// The lines of one kind of event.
fn told<'a>(lines: &'a [Value], event: &str) -> Vec<&'a Value> {
    lines.iter().filter(|line| line["event"] == event).collect()
}

fn talking(relay: &Relay) -> (Person, Person) {
    let (alice, bob) = pair(relay);
    alice.says(&bob, "hello");
    assert_eq!(bob.hears(1), ["hello"]);
    bob.says(&alice, "hello yourself");
    assert_eq!(alice.hears(1), ["hello yourself"]);
    (alice, bob)
}

/// Copies the database and what stands beside it, without the anchor.
fn copy_database(from: &Path, to: &Path) {
    for name in ["kuvert.db", "kuvert.db-wal", "kuvert.db-shm"] {
        let _ = fs::remove_file(to.join(name));
        if from.join(name).exists() {
            fs::copy(from.join(name), to.join(name)).unwrap();
        }
    }
}

#[test]
fn every_cause_is_counted_from_the_beginning() {
    let relay = Relay::start();
    let alice = Person::at(&relay, "alice");
    let status = alice.status();
    let causes = status["causes"].as_object().unwrap();
    assert_eq!(causes.len(), 19);
    assert!(causes.values().all(|count| *count == 0), "{causes:?}");
    for field in ["healing", "questions"] {
        assert_eq!(status[field], json!([]));
    }
    assert_eq!((&status["waiting"], &status["dropped"]), (&json!(0), &json!({})));
}

/// A damaged envelope, from the first word about it to the message.
#[test]
fn what_the_relay_damaged_comes_again() {
    let mut relay = Relay::start();
    let (alice, bob) = talking(&relay);
    let long = "for your eyes only ".repeat(100);
    alice.says(&bob, &long);
    relay.tamper(|database| {
        let which = "WHERE length(envelope) > 2000";
        let read = format!("SELECT envelope FROM message {which}");
        let mut envelope: Vec<u8> = database.query_row(&read, [], |row| row.get(0)).unwrap();
        *envelope.last_mut().unwrap() ^= 1;
        let write = format!("UPDATE message SET envelope = ?1 {which}");
        assert_eq!(database.execute(&write, [&envelope]).unwrap(), 1);
    });
    let lines = bob.ok(&["recv"]);
    let started = told(&lines, "healing_started");
    assert_eq!(started.len(), 1, "{lines:?}");
    assert_eq!(started[0]["from"], "alice");
    assert!(started[0]["at"].as_u64().unwrap() > 1_700_000_000_000);
    let status = bob.status();
    assert_eq!((&status["healing"], &status["waiting"]), (&json!(["alice"]), &json!(1)));

    // Both look, as two people with the program open do; new keys are due within a minute.
    let alice = std::thread::spawn(move || {
        alice.ok(&["recv", "--wait", "100", "--count", "1"]);
        alice
    });
    let lines = bob.ok(&["recv", "--wait", "90", "--count", "1"]);
    assert_eq!(texts(&lines), [long]);
    assert_eq!(told(&lines, "healed").len(), 1, "{lines:?}");
    assert_eq!(bob.status()["healing"], json!([]));
    bob.ok(&["send", "alice", "got it"]);
    assert!(alice.join().unwrap().status()["warnings"].as_array().unwrap().is_empty());
}

#[test]
fn an_old_copy_put_back_is_told_once_and_goes_on() {
    let relay = Relay::start();
    let (alice, bob) = talking(&relay);
    let safe = tempfile::tempdir().unwrap();
    copy_database(&bob.home(), safe.path());
    alice.says(&bob, "since the copy");
    assert_eq!(bob.hears(1), ["since the copy"]);
    bob.says(&alice, "and back");
    assert_eq!(alice.hears(1), ["and back"]);

    copy_database(safe.path(), &bob.home());
    let lines = bob.ok(&["recv"]);
    let rollbacks = told(&lines, "state_rollback");
    assert_eq!(rollbacks.len(), 1, "{lines:?}");
    let count = |field| rollbacks[0][field].as_u64().unwrap();
    assert!(count("found") < count("expected"));
    assert_eq!(bob.status()["causes"]["StateRollback"], 1);
    assert!(told(&bob.ok(&["recv"]), "state_rollback").is_empty(), "once");
    let history = bob.ok(&["history", "alice"]);
    let events: Vec<_> = history.iter().map(|line| line["event"].as_str().unwrap()).collect();
    assert_eq!(events, ["message", "message", "state_rollback"]);

    bob.says(&alice, "after");
    assert_eq!(alice.hears(1), ["after"]);
    alice.says(&bob, "all well");
    let mut heard = bob.hears(2);
    heard.sort();
    assert_eq!(heard, ["all well", "since the copy"], "what was not acknowledged came again");
}

#[test]
fn in_plain_words_it_says_what_is_safe() {
    let relay = Relay::start();
    let (alice, bob) = talking(&relay);
    let safe = tempfile::tempdir().unwrap();
    copy_database(&bob.home(), safe.path());
    alice.says(&bob, "since the copy");
    assert_eq!(bob.hears(1), ["since the copy"]);
    copy_database(safe.path(), &bob.home());
    let output = bob
        .command()
        .args(["--no-input", "recv", "--passphrase-file"])
        .arg(bob.passphrase_file())
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("set back to an old copy"), "{said}");
    assert!(said.contains("Nothing was sent with the old keys"), "{said}");
}

#[test]
fn two_copies_of_one_account_are_noticed_by_the_other_side() {
    let relay = Relay::start();
    let (alice, bob) = talking(&relay);
    let thief = Person::new("alice");
    fs::create_dir(thief.home()).unwrap();
    fs::copy(alice.passphrase_file(), thief.passphrase_file()).unwrap();
    copy_database(&alice.home(), &thief.home());
    alice.says(&bob, "from alice");
    thief.says(&bob, "from the thief");
    let lines = bob.ok(&["recv"]);
    assert_eq!(told(&lines, "clone_suspected").len(), 1, "{lines:?}");
    assert_eq!(told(&lines, "clone_suspected")[0]["from"], "alice");
    let warnings = bob.status()["warnings"].to_string();
    assert!(warnings.contains("two copies"), "{warnings}");
}

#[test]
fn there_is_nothing_to_answer_before_it_is_asked() {
    let relay = Relay::start();
    let (alice, bob) = talking(&relay);
    let number = alice.ok(&["verify", "bob"])[0].clone();
    assert_eq!(number["question"], Value::Null);
    let digits = number["safety_number"].as_str().unwrap().to_owned();
    alice.run(&["verify", "bob", "--accept", &digits]).refused(2, "no question");
    alice.run(&["verify", "bob", "--reject"]).refused(2, "no question");
    alice.run(&["verify", "bob", "--accept", "123"]).refused(3, "not the safety number");
    assert_eq!(alice.ok(&["verify", "bob"])[0]["verified"], false);
    drop(bob);
}
