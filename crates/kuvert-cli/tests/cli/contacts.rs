//! Names for addresses, and who may write to whom.

use crate::person::{Person, files, pair, text};
use crate::relay::Relay;

#[test]
fn contacts_are_listed_and_removed() {
    let relay = Relay::start();
    let (alice, bob) = pair(&relay);
    let listed = alice.ok(&["contact", "list"]);
    assert_eq!(listed.len(), 1);
    assert_eq!(text(&listed[0], "name"), "bob");
    assert_eq!(text(&listed[0], "address"), bob.address());
    assert_eq!(listed[0]["verified"], false);

    alice.ok(&["contact", "remove", "bob"]);
    assert!(alice.ok(&["contact", "list"]).is_empty());
    alice.run(&["send", "bob", "hi"]).refused(2, "no such contact");
    alice.knows(&bob);
    assert_eq!(alice.says(&bob, "again"), "sent");
}

#[test]
fn names_and_addresses_are_checked() {
    let relay = Relay::start();
    let (alice, bob) = pair(&relay);
    let carol = Person::at(&relay, "carol");
    let before = files(&alice.home());
    let add = |name: &str, address: &str| alice.run(&["contact", "add", name, address]);
    add("me", &alice.address()).refused(2, "your own address");
    add("bob", &carol.address()).refused(2, "another contact has this name");
    add("robert", &bob.address()).refused(2, "already the contact");
    for garbage in ["", "bob", "kuvert://", "https://x.example/a", "kuvert://127.0.0.1:1/short"] {
        add("dave", garbage).refused(2, "not an address");
    }
    let broken = bob.address().replace('a', "b") + "b";
    add("dave", &broken).refused(2, "not an address");
    for name in ["", " ", "-x", "a\nb", "a\u{202e}b", &"x".repeat(65)] {
        let ran = alice.run(&["contact", "add", "--", name, &carol.address()]);
        assert_eq!(ran.code, 2, "{name:?}: {ran:?}");
    }
    for args in [
        &["send", "zoe", "hi"][..],
        &["history", "zoe"],
        &["verify", "zoe"],
        &["recv", "--from", "zoe"],
        &["contact", "remove", "zoe"],
        &["chat", "zoe"],
    ] {
        alice.run(args).refused(2, "no such contact");
    }
    assert_eq!(names_in(&before), names_in(&files(&alice.home())));
    assert_eq!(alice.ok(&["contact", "list"]).len(), 1);
}

fn names_in(files: &[(std::path::PathBuf, Vec<u8>)]) -> Vec<&std::path::PathBuf> {
    files.iter().map(|(path, _)| path).collect()
}

#[test]
fn an_address_nobody_has_is_told_before_anything_is_queued() {
    let relay = Relay::start();
    let (alice, bob) = pair(&relay);
    let address = bob.address();
    let (relay_part, _) = address.rsplit_once('/').unwrap();
    let nobody = format!("{relay_part}/{}", "a".repeat(52));
    alice.ok(&["contact", "add", "nobody", &nobody]);
    alice.run(&["send", "nobody", "hi"]).refused(1, "does not know this address");
    assert_eq!(alice.status()["queued"], 0);
}

#[test]
fn a_stranger_is_a_request_until_answered() {
    let relay = Relay::start();
    let (alice, bob) = (Person::at(&relay, "alice"), Person::at(&relay, "bob"));
    alice.knows(&bob);
    alice.says(&bob, "hello, we met at the fair");
    let line = bob.ok(&["recv", "--wait", "30", "--count", "1"]).remove(0);
    assert_eq!(line["request"], true);
    assert_eq!(text(&line, "from"), alice.address());
    assert_eq!(text(&line, "text"), "hello, we met at the fair");

    bob.ok(&["contact", "add", "alice", &text(&line, "from")]);
    assert_eq!(bob.says(&alice, "I remember"), "sent");
    assert_eq!(alice.hears(1), ["I remember"]);
    alice.says(&bob, "good");
    let line = bob.ok(&["recv", "--wait", "30", "--count", "1"]).remove(0);
    assert_eq!((line["request"].as_bool(), text(&line, "from")), (Some(false), "alice".into()));
}

#[test]
fn safety_numbers_are_compared() {
    let relay = Relay::start();
    let (alice, bob) = pair(&relay);
    let number = text(&alice.ok(&["verify", "bob"])[0], "safety_number");
    assert_eq!(number.len(), 60);
    assert_eq!(number, text(&bob.ok(&["verify", "alice"])[0], "safety_number"));

    let wrong: String = number.chars().rev().collect();
    alice.run(&["verify", "bob", "--match", &wrong]).refused(3, "not the safety number");
    alice.run(&["verify", "bob", "--match", "12345"]).refused(3, "not the safety number");
    assert_eq!(alice.ok(&["verify", "bob"])[0]["verified"], false);

    let spoken: Vec<_> = number.as_bytes().chunks(5).map(String::from_utf8_lossy).collect();
    let line = alice.ok(&["verify", "bob", "--match", &spoken.join(" ")]).remove(0);
    assert_eq!(line["verified"], true);
    assert_eq!(alice.ok(&["contact", "list"])[0]["verified"], true);
}

#[test]
fn a_name_may_have_64_characters_of_any_script() {
    let relay = Relay::start();
    let (alice, bob) = (Person::at(&relay, "alice"), Person::at(&relay, "bob"));
    let (long, longest) = ("é".repeat(64), "👩".repeat(64));
    for args in [
        &["send", &long, "hi"][..],
        &["history", &long],
        &["verify", &longest],
        &["recv", "--from", &long],
        &["contact", "remove", &longest],
    ] {
        alice.run(args).refused(2, "no such contact");
    }
    let added = alice.ok(&["contact", "add", &long, &bob.address()]).remove(0);
    assert_eq!(text(&added, "name"), long);
    alice.ok(&["send", &long, "hi"]);
    assert_eq!(bob.hears(1), ["hi"]);
}
