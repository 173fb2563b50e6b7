//! Conversations.

use std::io::Write;
use std::process::{Command, Stdio};

use crate::person::{Ran, pair, text, texts};
use crate::relay::Relay;

#[test]
fn any_text_arrives_as_it_was_sent() {
    let relay = Relay::start();
    let (alice, bob) = pair(&relay);
    let long = "æ".repeat(30_000);
    let full = "x".repeat(65_501);
    let said = [
        "Tea at four?",
        " ",
        "\n",
        "ends with a line end\n",
        "\r\n\ttab",
        "שלום עולם",
        "مرحبا بالعالم",
        "👩\u{200d}👩\u{200d}👧",
        "\u{202e}backwards\u{1b}[2J",
        "\0",
        "\"quotes\" and \\",
        &long,
        &full,
    ];
    for words in said {
        assert_eq!(alice.says(&bob, words), "sent");
    }
    assert_eq!(bob.hears(said.len()), said);
    assert!(bob.hears_now().is_empty(), "each is shown once");
    for words in said {
        assert_eq!(bob.says(&alice, words), "sent");
    }
    assert_eq!(alice.hears(said.len()), said);
}

#[test]
fn what_does_not_fit_is_refused() {
    let relay = Relay::start();
    let (alice, bob) = pair(&relay);
    let send = |stdin: &[u8]| alice.run_with(&["send", "bob"], stdin);
    send(&[b'x'; 65_502]).refused(2, "65501");
    send(b"").refused(2, "no text");
    send(b"caf\xe9").refused(2, "not UTF-8");
    alice.run(&["send", "bob", ""]).refused(2, "no text");
    assert!(alice.ok(&["history", "bob"]).is_empty());
    assert!(bob.hears_now().is_empty());
}

#[test]
fn text_may_stand_on_the_command_line() {
    let relay = Relay::start();
    let (alice, bob) = pair(&relay);
    alice.ok(&["send", "bob", "two words"]);
    alice.ok(&["send", "bob", "--", "--dashes"]);
    assert_eq!(bob.hears(2), ["two words", "--dashes"]);
}

#[test]
fn without_a_relay_messages_wait_for_any_later_command() {
    let mut relay = Relay::start();
    let (alice, bob) = pair(&relay);
    relay.kill();
    // Before there is a session, and so before there are keys.
    assert_eq!(alice.says(&bob, "one"), "queued");
    assert_eq!(alice.says(&bob, "two"), "queued");
    assert_eq!(alice.status()["queued"], 2);
    assert_eq!(alice.status()["relay_reachable"], false);
    assert_eq!(alice.run(&["recv"]).code, 4);
    relay.restart();
    alice.ok(&["address"]);
    assert_eq!(bob.hears(2), ["one", "two"]);

    // And within a session.
    bob.says(&alice, "three");
    assert_eq!(alice.hears(1), ["three"]);
    relay.kill();
    assert_eq!(alice.says(&bob, "four"), "queued");
    relay.restart();
    assert_eq!(alice.says(&bob, "five"), "sent");
    assert_eq!(bob.hears(2), ["four", "five"]);
    assert_eq!(alice.status()["queued"], 0);
}

#[test]
fn what_answers_in_a_relays_place_gets_nothing() {
    let mut relay = Relay::start();
    let (alice, bob) = pair(&relay);
    relay.impostor();
    alice.run(&["send", "bob", "hi"]).refused(4, "not a kuvert relay");
    alice.run(&["recv"]).refused(4, "not a kuvert relay");
    assert!(alice.ok(&["history", "bob"]).is_empty());
    assert_eq!(alice.status()["queued"], 0);
    drop(bob);
}

#[test]
fn a_relay_that_lost_everything_is_told_anew() {
    let mut relay = Relay::start();
    let (alice, bob) = pair(&relay);
    alice.says(&bob, "one");
    assert_eq!(bob.hears(1), ["one"]);
    bob.says(&alice, "two");
    assert_eq!(alice.hears(1), ["two"]);
    relay.forget_everything();
    assert_eq!(alice.says(&bob, "three"), "queued", "bob has no mailbox there any more");
    assert!(bob.hears_now().is_empty());
    assert_eq!(bob.status()["prekeys_left"], 100);
    assert_eq!(alice.says(&bob, "four"), "sent");
    assert_eq!(bob.hears(2), ["three", "four"]);
    bob.says(&alice, "five");
    assert_eq!(alice.hears(1), ["five"]);
}

#[test]
fn the_lines_of_recv_say_all_there_is() {
    let relay = Relay::start();
    let (alice, bob) = pair(&relay);
    let id = text(&alice.ok(&["send", "bob", "hi"])[0], "id");
    let line = bob.ok(&["recv", "--wait", "30", "--count", "1"]).remove(0);
    assert_eq!(text(&line, "event"), "message");
    assert_eq!(text(&line, "from"), "alice");
    assert_eq!(text(&line, "id"), id);
    assert_eq!(text(&line, "mode"), "off");
    let (sent, received) =
        (line["sent_at"].as_u64().unwrap(), line["received_at"].as_u64().unwrap());
    assert!(sent > 1_700_000_000_000 && received >= sent);
}

#[test]
fn others_can_wait() {
    let relay = Relay::start();
    let (alice, bob) = pair(&relay);
    let carol = crate::person::Person::at(&relay, "carol");
    carol.knows(&bob);
    bob.knows(&carol);
    alice.says(&bob, "from alice");
    carol.says(&bob, "from carol");
    assert_eq!(
        texts(&bob.ok(&["recv", "--wait", "30", "--count", "1", "--from", "carol"])),
        ["from carol"]
    );
    assert_eq!(bob.hears_now(), ["from alice"]);
}

#[test]
fn history_has_both_sides_and_how_far_they_got() {
    let relay = Relay::start();
    let (alice, bob) = pair(&relay);
    alice.says(&bob, "one");
    bob.hears(1);
    bob.says(&alice, "two");
    alice.hears(1);
    let lines = alice.ok(&["history", "bob"]);
    assert_eq!(texts(&lines), ["one", "two"]);
    let of = |field: &str| lines.iter().map(|line| text(line, field)).collect::<Vec<_>>();
    assert_eq!(of("direction"), ["out", "in"]);
    assert_eq!(of("state"), ["sent", "received"]);
    assert_eq!(of("from"), ["alice", "bob"]);
    assert_eq!(texts(&bob.ok(&["history", "alice"])), ["one", "two"]);
}

#[test]
fn lines_make_a_chat() {
    let relay = Relay::start();
    let (alice, bob) = pair(&relay);
    let mut chat = alice.spawn(&["--plain", "chat", "bob"], Stdio::piped());
    let mut typed = chat.stdin.take().unwrap();
    typed.write_all("first\n\nzweite, für dich\n".as_bytes()).unwrap();
    assert_eq!(bob.hears(2), ["first", "zweite, für dich"]);
    bob.says(&alice, "got both");
    // The answer comes while the chat is open; then the input ends.
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(chat.stdout.as_mut().unwrap()));
    let line = lines.next().unwrap().unwrap();
    assert!(line.contains("got both"), "{line}");
    drop(typed);
    drop(lines);
    let ended = Ran::of(&chat.wait_with_output().unwrap());
    assert_eq!(ended.code, 0, "{ended:?}");
}

#[test]
fn an_interrupt_ends_a_chat_cleanly() {
    let mut relay = Relay::start();
    let (alice, bob) = pair(&relay);
    let mut chat = alice.spawn(&["chat", "bob"], Stdio::piped());
    chat.stdin.as_mut().unwrap().write_all(b"said before\n").unwrap();
    assert_eq!(bob.hears(1), ["said before"]);
    relay.kill();
    let interrupt = Command::new("kill").args(["-INT", &chat.id().to_string()]).status().unwrap();
    assert!(interrupt.success());
    let ended = Ran::of(&chat.wait_with_output().unwrap());
    assert_eq!(ended.code, 0, "{ended:?}");
}

#[test]
fn people_read_lines_that_cannot_deceive() {
    let relay = Relay::start();
    let (alice, bob) = pair(&relay);
    alice.says(&bob, "one\n12:00 carol: \u{1b}[31msend money\u{202e}");
    let output = bob
        .command()
        .arg("--passphrase-file")
        .arg(bob.passphrase_file())
        .args(["recv", "--wait", "30", "--count", "1"])
        .output()
        .unwrap();
    let shown = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<_> = shown.lines().collect();
    assert!(lines[0].ends_with("alice: one"), "{shown}");
    assert!(lines[1].starts_with("    12:00 carol"), "{shown}");
    assert!(!shown.contains(['\u{1b}', '\u{202e}']), "{shown}");
}

#[test]
fn an_object_is_one_line_to_every_reader() {
    let relay = Relay::start();
    let (alice, bob) = pair(&relay);
    let words = "a\u{2028}b\u{2029}c\u{85}d\u{9b}31m\u{202e}e";
    alice.says(&bob, words);
    for args in [&["recv", "--wait", "30", "--count", "1"][..], &["history", "alice"]] {
        let printed = bob.spawn(args, Stdio::null()).wait_with_output().unwrap();
        let printed = String::from_utf8(printed.stdout).unwrap();
        assert!(printed.trim_end().is_ascii(), "{printed}");
        let object: serde_json::Value = serde_json::from_str(&printed).unwrap();
        assert_eq!(text(&object, "text"), words);
    }
}

#[test]
fn a_wait_may_be_as_long_as_a_number_can_say() {
    let relay = Relay::start();
    let (alice, bob) = pair(&relay);
    alice.says(&bob, "hi");
    let forever = u64::MAX.to_string();
    assert_eq!(texts(&bob.ok(&["recv", "--wait", &forever, "--count", "1"])), ["hi"]);
}

#[test]
fn a_chat_tells_what_it_did_not_send() {
    let relay = Relay::start();
    let (alice, bob) = pair(&relay);
    let lines = [b"first\ncaf\xe9\n", &[b'x'; 65_502][..], b"\nlast\r\n"].concat();
    let ran = alice.run_with(&["chat", "bob"], &lines);
    ran.refused(1, "2 lines were not sent");
    assert!(ran.stderr.contains("! Not sent: the line is not UTF-8 text"), "{ran:?}");
    assert_eq!(bob.hears(2), ["first", "last"]);
}
