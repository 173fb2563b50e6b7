//! Transcripts from the first word to the file in a stranger's hands.

use std::fs;
use std::process::Stdio;

use serde_json::{Value, json};

use crate::person::{Person, Ran, pair, texts};
use crate::relay::Relay;

/// Alice and Bob with a transcript of this mode, from now on.
fn running(relay: &Relay, mode: &str) -> (Person, Person) {
    let (alice, bob) = pair(relay);
    alice.says(&bob, "off the record");
    assert_eq!(bob.hears(1), ["off the record"]);
    bob.says(&alice, "yes");
    assert_eq!(alice.hears(1), ["yes"]);
    let offered = alice.ok(&["transcript", "start", "bob", "--mode", mode]);
    assert_eq!(offered[0], json!({"name": "bob", "state": "offered", "mode": mode}));
    let asked = bob.ok(&["recv", "--wait", "5"]);
    assert_eq!(changes(&asked), ["asked"], "{asked:?}");
    assert_eq!(asked[0]["mode"], mode);
    let agreed = bob.ok(&["transcript", "start", "alice", "--mode", mode]);
    assert_eq!(agreed[0]["state"], "on");
    let started = alice.ok(&["recv", "--wait", "5"]);
    assert_eq!(changes(&started), ["started"], "{started:?}");
    (alice, bob)
}

/// What changed about transcripts, in these lines.
fn changes(lines: &[Value]) -> Vec<&str> {
    lines.iter().filter_map(|line| line["change"].as_str()).collect()
}

fn file_in(person: &Person, name: &str) -> String {
    person.home().join(name).display().to_string()
}

/// Runs without any home, as somebody does who has nothing but the file.
fn stranger(args: &[&str]) -> Ran {
    let stranger = Person::new("stranger");
    let output = stranger.command().arg("--json").args(args).stdin(Stdio::null()).output();
    assert!(!stranger.home().exists());
    Ran::of(&output.unwrap())
}

#[test]
fn what_was_said_is_proven_to_whoever_has_the_file() {
    let relay = Relay::start();
    let (alice, bob) = running(&relay, "signed");
    alice.says(&bob, "Tea at four?");
    assert_eq!(bob.hears(1), ["Tea at four?"]);
    bob.says(&alice, "Gladly.");
    assert_eq!(alice.hears(1), ["Gladly."]);
    let history = alice.ok(&["history", "bob"]);
    let messages = history.iter().filter(|line| line["event"] == "message");
    let modes: Vec<_> = messages.map(|line| line["mode"].clone()).collect();
    assert_eq!(modes, ["off", "off", "signed", "signed"]);

    let file = file_in(&alice, "tea.kvt");
    let exported = alice.ok(&["transcript", "export", "bob", "-o", &file]);
    assert_eq!((&exported[0]["entries"], &exported[0]["hidden"]), (&json!(2), &json!(0)));
    let proof = stranger(&["transcript", "verify", &file]);
    assert_eq!(proof.code, 0, "{}", proof.stderr);
    let proof = &proof.lines[0];
    for (field, expected) in [
        ("valid", json!(true)),
        ("mode", json!("signed")),
        ("entries", json!(2)),
        ("redacted", json!(0)),
        ("complete", json!(true)),
        ("contradictions", json!(0)),
    ] {
        assert_eq!(proof[field], expected, "{field}: {proof}");
    }
    let mut accounts: Vec<_> = proof["signers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|signer| signer["account"].clone())
        .collect();
    accounts.sort_by_key(ToString::to_string);
    let mut known = [&alice, &bob].map(account_of).to_vec();
    known.sort_by_key(ToString::to_string);
    assert_eq!(accounts, known);
    assert!(proof["statement"].as_str().unwrap().starts_with("Signed"));

    let shown = stranger(&["transcript", "show", &file]);
    let text = shown.lines[0]["shown"].as_str().unwrap();
    assert!(text.contains("Tea at four?") && text.contains("Gladly."), "{text}");
    assert!(!text.contains("off the record"));
}

fn account_of(person: &Person) -> Value {
    let other = person.ok(&["contact", "list"])[0]["name"].as_str().unwrap().to_owned();
    let line = person.ok(&["history", &other]);
    let own = line.iter().find(|line| line["direction"] == "out").unwrap();
    own["account"].clone()
}

#[test]
fn a_changed_file_proves_nothing() {
    let relay = Relay::start();
    let (alice, bob) = running(&relay, "signed");
    alice.says(&bob, "Tea at four?");
    assert_eq!(bob.hears(1), ["Tea at four?"]);
    let file = file_in(&alice, "tea.kvt");
    alice.ok(&["transcript", "export", "bob", "-o", &file]);
    let bytes = fs::read(&file).unwrap();
    for place in [10, bytes.len() / 3, bytes.len() / 2, bytes.len() - 3] {
        let mut changed = bytes.clone();
        changed[place] ^= 1;
        fs::write(&file, &changed).unwrap();
        let refused = stranger(&["transcript", "verify", &file]);
        assert_eq!((refused.code, &refused.lines[0]["valid"]), (3, &json!(false)), "byte {place}");
        assert!(refused.stderr.contains("proves nothing"), "{}", refused.stderr);
        assert_eq!(stranger(&["transcript", "show", &file]).code, 3);
    }
    stranger(&["transcript", "verify", "/nonexistent"]).refused(1, "cannot read");
}

#[test]
fn some_messages_are_shown_and_of_the_others_that_they_are_there() {
    let relay = Relay::start();
    let (alice, bob) = running(&relay, "signed");
    for words in ["one", "two", "three"] {
        alice.says(&bob, words);
    }
    assert_eq!(bob.hears(3), ["one", "two", "three"]);
    let history = bob.ok(&["history", "alice"]);
    let two = history.iter().find(|line| line["text"] == "two").unwrap()["id"].as_str().unwrap();
    let file = file_in(&bob, "two.kvt");
    let exported = bob.ok(&["transcript", "export", "alice", "-o", &file, "--only", two]);
    assert_eq!(exported[0]["hidden"], 2);
    let page = file_in(&bob, "two.html");
    let name = format!("{}=Mallory & <Sons>", account_of(&alice).as_str().unwrap());
    let shown = stranger(&["transcript", "show", &file, "--html", "-o", &page, "--name", &name]);
    assert_eq!(shown.code, 0, "{}", shown.stderr);
    let page = fs::read_to_string(page).unwrap();
    assert!(page.contains("two") && !page.contains("three") && !page.contains("<script"), "{page}");
    assert!(page.contains("Mallory &amp; &lt;Sons&gt;"), "{page}");
    let nowhere = "00".repeat(16);
    let refused = bob.run(&["transcript", "export", "alice", "-o", &file, "--only", &nowhere]);
    refused.refused(2, "not in the transcript");
    assert_eq!(stranger(&["transcript", "verify", &file]).code, 0, "the file before stays");
    bob.run(&["transcript", "export", "alice", "-o", &file, "--only", "12"])
        .refused(2, "32 hex digits");
}

#[test]
fn what_is_erased_is_gone_on_both_sides_and_the_rest_still_proves() {
    let relay = Relay::start();
    let (alice, bob) = running(&relay, "signed");
    alice.says(&bob, "a slip of the tongue");
    alice.says(&bob, "Tea at four?");
    assert_eq!(bob.hears(2), ["a slip of the tongue", "Tea at four?"]);
    let history = alice.ok(&["history", "bob"]);
    let slip = history.iter().find(|line| line["text"] == "a slip of the tongue").unwrap();
    let id = slip["id"].as_str().unwrap();
    let args = ["transcript", "redact", "bob", id, "--reason", "mistake", "--policy", "house-1"];
    assert_eq!(alice.ok(&args)[0]["ids"], json!([id]));
    let told = bob.ok(&["recv", "--wait", "5"]);
    let redacted = told.iter().find(|line| line["change"] == "redacted").unwrap();
    assert_eq!((&redacted["reason"], &redacted["policy"]), (&json!("mistake"), &json!("house-1")));
    assert_eq!(redacted["ids"], json!([id]));
    let answered = alice.ok(&["recv", "--wait", "5"]);
    assert_eq!(changes(&answered), ["erasure_answered"], "{answered:?}");
    for (person, peer) in [(&alice, "bob"), (&bob, "alice")] {
        let history = person.ok(&["history", peer]);
        let erased = history.iter().find(|line| line["id"] == id).unwrap();
        assert_eq!((&erased["state"], &erased["text"]), (&json!("redacted"), &json!("")));
        let file = file_in(person, "tea.kvt");
        person.ok(&["transcript", "export", peer, "-o", &file]);
        let written = fs::read_to_string(&file).unwrap();
        assert!(!written.contains("slip"));
        let proof = stranger(&["transcript", "verify", &file]);
        assert_eq!(proof.code, 0, "{}", proof.stderr);
        assert_eq!(proof.lines[0]["redacted"], 1);
        assert_eq!(proof.lines[0]["announced"], 1);
    }
    alice.run(&args).refused(2, "erased before");
}

#[test]
fn a_deniable_one_says_that_it_proves_nothing() {
    let relay = Relay::start();
    let (alice, bob) = running(&relay, "deniable");
    alice.says(&bob, "between us");
    assert_eq!(bob.hears(1), ["between us"]);
    let file = file_in(&bob, "us.kvt");
    bob.ok(&["transcript", "export", "alice", "-o", &file]);
    let proof = stranger(&["transcript", "verify", &file]);
    assert_eq!((proof.code, &proof.lines[0]["mode"]), (0, &json!("deniable")));
    let statement = proof.lines[0]["statement"].as_str().unwrap();
    assert!(statement.contains("could have made it"), "{statement}");
}

#[test]
fn either_may_decline_or_stop() {
    let relay = Relay::start();
    let (alice, bob) = running(&relay, "signed");
    alice.run(&["transcript", "start", "bob", "--mode", "signed"]).refused(2, "runs already");
    bob.ok(&["transcript", "stop", "alice"]);
    assert_eq!(changes(&alice.ok(&["recv", "--wait", "5"])), ["stopped"]);
    alice.says(&bob, "off the record again");
    assert_eq!(bob.hears(1), ["off the record again"]);
    let history = bob.ok(&["history", "alice"]);
    let last = history.iter().rfind(|line| line["event"] == "message").unwrap();
    assert_eq!((&last["text"], &last["mode"]), (&json!("off the record again"), &json!("off")));
    bob.run(&["transcript", "stop", "alice"]).refused(2, "no transcript");
    bob.run(&["transcript", "redact", "alice", &"00".repeat(16)]).refused(2, "no transcript");
    bob.run(&["transcript", "start", "alice", "--mode", "secret"]).refused(2, "secret");
}

#[test]
fn a_report_opens_one_message() {
    let relay = Relay::start();
    let (alice, bob) = pair(&relay);
    alice.says(&bob, "hello");
    bob.hears(1);
    bob.says(&alice, "hello yourself");
    alice.hears(1);
    alice.says(&bob, "something nasty");
    alice.says(&bob, "something private");
    let lines = bob.ok(&["recv", "--wait", "30", "--count", "2"]);
    assert_eq!(texts(&lines), ["something nasty", "something private"]);
    let id = lines[0]["id"].as_str().unwrap();
    let file = file_in(&bob, "report.json");
    let made = bob.ok(&["report", "alice", id, "-o", &file]);
    assert_eq!((&made[0]["id"], &made[0]["context"]), (&json!(id), &json!(0)));
    let written = fs::read_to_string(&file).unwrap();
    let report: Value = serde_json::from_str(&written).unwrap();
    assert_eq!(report["v"], 1);
    assert!(report["report"].as_str().unwrap().len() > 200);
    let printed = bob.ok(&["report", "alice", id]);
    assert_eq!(printed[0], report);
    let own = alice.ok(&["history", "bob"])[0]["id"].as_str().unwrap().to_owned();
    alice.run(&["report", "bob", &own]).refused(2, "your own");
}
