//! `init`, and everything that can be wrong before the first message.

use std::fs;
use std::net::TcpListener;
use std::process::{Command, Stdio};

use crate::person::{Person, Ran, files, text};
use crate::relay::{Relay, answer_garbage};

#[test]
fn an_account_has_an_address_of_its_own() {
    let relay = Relay::start();
    let alice = Person::new("alice");
    let line = alice.ok(&["init", "--relay", relay.url(), "--name", "alice"]).remove(0);
    assert_eq!(text(&line, "account").len(), 64);
    assert_eq!(text(&line, "device").len(), 32);
    let authority = relay.url().strip_prefix("ws://").unwrap();
    assert!(text(&line, "address").starts_with(&format!("kuvert://{authority}/")));
    assert_eq!(alice.address(), text(&line, "address"));
    let status = alice.status();
    assert_eq!(status["relay_reachable"], true);
    assert_eq!(status["prekeys_left"], 100);
    assert_eq!(status["queued"], 0);
}

#[test]
fn an_account_is_never_overwritten() {
    let relay = Relay::start();
    let alice = Person::at(&relay, "alice");
    let before = files(&alice.home());
    alice.run(&["init", "--relay", relay.url()]).refused(1, "already");
    assert_eq!(files(&alice.home()), before);
}

#[test]
fn without_a_relay_nothing_is_made() {
    let unused = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}", unused.local_addr().unwrap());
    drop(unused);
    let alice = Person::new("alice");
    alice.run(&["init", "--relay", &url]).refused(4, "no connection");
    assert!(!alice.home().exists());
}

#[test]
fn what_answers_garbage_is_no_relay() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}", listener.local_addr().unwrap());
    answer_garbage(listener);
    let alice = Person::new("alice");
    alice.run(&["init", "--relay", &url]).refused(4, "not a kuvert relay");
    assert!(!alice.home().exists());
}

#[test]
fn a_relay_has_a_url() {
    let alice = Person::new("alice");
    for url in ["relay.example", "https://relay.example", "ws://relay.example", ""] {
        alice.run(&["init", "--relay", url]).refused(2, "not a");
    }
    alice.run(&["init", "--relay", "wss://127.0.0.1:1"]).refused(2, "use ws://");
    assert!(!alice.home().exists());
}

#[test]
fn a_wrong_passphrase_changes_nothing() {
    let relay = Relay::start();
    let alice = Person::at(&relay, "alice");
    let before = files(&alice.home());
    fs::write(alice.passphrase_file(), "wrong horse").unwrap();
    alice.run(&["recv"]).refused(1, "wrong passphrase");
    assert_eq!(files(&alice.home()), before);
}

#[test]
fn a_damaged_database_is_left_as_it_is() {
    let relay = Relay::start();
    let alice = Person::at(&relay, "alice");
    let database = alice.home().join("kuvert.db");
    let sound = fs::read(&database).unwrap();
    for damage in [
        &mut (|bytes: &mut Vec<u8>| bytes.truncate(5000)) as &mut dyn FnMut(&mut Vec<u8>),
        &mut |bytes| bytes.iter_mut().skip(4096).for_each(|byte| *byte ^= 1),
        &mut |bytes| *bytes = b"not a database at all".to_vec(),
    ] {
        let mut bytes = sound.clone();
        damage(&mut bytes);
        fs::write(&database, &bytes).unwrap();
        let ran = alice.run(&["send", "bob", "hi"]);
        assert_eq!(ran.code, 1, "{ran:?}");
        assert!(ran.lines.is_empty() && !ran.stderr.is_empty());
        assert_eq!(fs::read(&database).unwrap(), bytes);
    }
}

#[test]
fn no_account_is_said_so() {
    let alice = Person::new("alice");
    for args in [&["address"][..], &["recv"], &["send", "bob", "hi"], &["status"]] {
        alice.run(args).refused(1, "no account");
    }
    assert!(!alice.home().exists());
}

#[test]
fn a_file_is_no_home() {
    let alice = Person::new("alice");
    fs::write(alice.home(), b"a file").unwrap();
    for args in [&["status"][..], &["init", "--relay", "ws://127.0.0.1:1"]] {
        alice.run(args).refused(1, "is no folder");
    }
}

/// What permissions forbid; nothing is forbidden to root, so then this tests nothing.
#[cfg(unix)]
#[test]
fn a_home_without_permission_is_not_an_absent_one() {
    use std::os::unix::fs::PermissionsExt;
    let relay = Relay::start();
    let alice = Person::at(&relay, "alice");
    let allow = |mode| fs::set_permissions(alice.home(), fs::Permissions::from_mode(mode)).unwrap();
    allow(0o000);
    let unreadable = alice.run(&["status"]);
    let is_root = unreadable.code == 0;
    allow(0o500);
    let read_only = alice.run(&["recv"]);
    allow(0o700);
    if !is_root {
        unreadable.refused(1, "no permission");
        read_only.refused(1, "chmod");
    }
    alice.status();
}

#[test]
fn what_a_killed_init_left_goes_with_the_next() {
    let relay = Relay::start();
    let alice = Person::new("alice");
    fs::create_dir(alice.home()).unwrap();
    let leftovers = [
        ".kuvert.db.4711",
        ".kuvert.db.4711-wal",
        "..kuvert.db.4711.00ff00ff00ff00ff.new",
        "..kuvert.db.4711.00ff00ff00ff00ff.new-journal",
    ];
    for name in leftovers.iter().chain(&["kuvert.db.mine", ".profile"]) {
        fs::write(alice.home().join(name), b"half an account").unwrap();
    }
    alice.ok(&["init", "--relay", relay.url()]);
    let left: Vec<_> = files(&alice.home())
        .iter()
        .map(|(path, _)| path.file_name().unwrap().to_string_lossy().into_owned())
        .collect();
    assert_eq!(left, [".profile", "kuvert.db", "kuvert.db-anchor", "kuvert.db.mine"]);
}

#[test]
fn the_environment_may_name_the_home_and_the_flag_goes_first() {
    let relay = Relay::start();
    let alice = Person::at(&relay, "alice");
    let ask = |home: &std::path::Path, args: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_kuvert"))
            .env("KUVERT_HOME", home)
            .args(["--json", "--no-input", "--passphrase-file"])
            .arg(alice.passphrase_file())
            .args(args)
            .output()
            .unwrap();
        Ran::of(&output)
    };
    assert_eq!(text(&ask(&alice.home(), &["address"]).lines[0], "address"), alice.address());
    let elsewhere = alice.home().join("elsewhere");
    ask(&elsewhere, &["address"]).refused(1, "no account");
    let home = alice.home().display().to_string();
    assert_eq!(ask(&elsewhere, &["--home", &home, "address"]).code, 0);
}

#[test]
fn a_passphrase_is_never_guessed() {
    let relay = Relay::start();
    let alice = Person::at(&relay, "alice");
    let quiet = |args: &[&str]| {
        let output = alice.command().args(args).stdin(Stdio::null()).output().unwrap();
        Ran::of(&output)
    };
    quiet(&["--no-input", "address"]).refused(2, "passphrase");
    quiet(&["address"]).refused(2, "passphrase");
    quiet(&["--passphrase-file", "/nonexistent", "address"]).refused(2, "passphrase file");
}

#[test]
fn what_is_not_there_yet_says_so() {
    let alice = Person::new("alice");
    alice.run(&["backup", "create"]).refused(2, "not in this version");
    alice.run(&["send", "bob", "--file", "x"]).refused(2, "not in this version");
    alice.run(&["nonsense"]).refused(2, "nonsense");
    alice.run(&["recv", "--count", "0"]).refused(2, "count");
}

#[test]
fn the_demonstration_needs_nothing() {
    let alice = Person::new("alice");
    let lines = alice.ok(&["demo"]);
    let steps: Vec<_> = lines.iter().map(|line| text(line, "step")).collect();
    assert_eq!(steps.first().unwrap(), "relay");
    let compared = lines.iter().find(|line| line["step"] == "compared").unwrap();
    assert_eq!(compared["equal"], true);
    assert_eq!(lines.last().unwrap()["texts_found"], 0);
    assert!(!alice.home().exists());
}
