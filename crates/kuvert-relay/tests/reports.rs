//! From a message to its report: over a running relay, and through `kuvert-relay report verify`.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, SystemTime};

use kuvert_core::Received;
use kuvert_relay::franking::KeyFile;
use kuvert_relay::franking::file::FILE_NAME;
use kuvert_relay::franking::report::verify;
use kuvert_relay::proof::token_id;
use kuvert_relay::{Relay, RelayOptions};
use kuvert_wire::relay::{Delivered, Franked, Post, RelayReply, RelayRequest};
use kuvert_wire::transcript::FrankingReport;
use kuvert_wire::{Encode, Timestamp};
use support::TestRelay;
use support::keys::{Owner, envelope, franking_keys, post, token};
use support::talk::{acquainted, on_the_record};

fn report_of(received: &Received, delivered: &Delivered) -> FrankingReport {
    let Franked { from, tag } = delivered.franked.unwrap();
    FrankingReport {
        frame: received.frame.encode(),
        franking_key: received.franking.key,
        commitment: received.franking.commitment,
        to: delivered.mailbox,
        from,
        time: delivered.received,
        tag,
    }
}

/// What Alice writes comes to Bob's mailbox, which asks for a token, through this relay.
async fn carried(relay: &TestRelay, text: &str) -> FrankingReport {
    let (mut alice, mut bob) = acquainted();
    let (envelope, _) = alice.say(&bob, text);
    let delivered = carry(relay, envelope).await;
    report_of(&bob.hear(delivered.envelope.as_bytes()), &delivered)
}

async fn carry(relay: &TestRelay, envelope: Vec<u8>) -> Delivered {
    let (owner, mut client) = (Owner::new(1), relay.client().await);
    let open = owner.open(&client.nonce, &[token(5)]);
    assert_eq!(client.request(RelayRequest::OpenMailbox(open)).await, RelayReply::Done);
    let post = Post { token: Some(token(5)), ..post(owner.mailbox(), 1, &envelope) };
    assert_eq!(client.post(post).await, RelayReply::Done);
    client.attach(&owner, 0).await;
    client.fetch().await.pop().unwrap()
}

fn now() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    Timestamp::default().saturating_add(since_epoch)
}

fn base64url(bytes: &[u8]) -> String {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let group = |group: &[u8]| {
        let bits = (0..3).fold(0, |bits, at| bits << 8 | usize::from(*group.get(at).unwrap_or(&0)));
        let digit = |at: usize| char::from(DIGITS[bits >> (18 - 6 * at) & 63]);
        (0..=group.len()).map(digit).collect::<String>()
    };
    bytes.chunks(3).map(group).collect()
}

fn verify_file(data: &Path, file: &[u8]) -> Output {
    let mut program = Command::new(env!("CARGO_BIN_EXE_kuvert-relay"))
        .args(["report", "verify", "-", "--data"])
        .arg(data)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    program.stdin.take().unwrap().write_all(file).unwrap();
    program.wait_with_output().unwrap()
}

fn said(output: &Output) -> (i32, String) {
    let stderr = String::from_utf8_lossy(&output.stderr);
    let stdout = String::from_utf8(output.stdout.clone()).unwrap();
    (output.status.code().unwrap(), stdout + &stderr)
}

#[tokio::test]
async fn a_report_of_what_the_relay_carried_is_valid_while_it_runs() {
    let relay = TestRelay::start().await;
    let report = carried(&relay, "give me your money\u{1b}[2J\nvalid: no").await;
    assert_eq!(report.from, *token_id(&token(5)).as_bytes());
    let bytes = report.encode();
    let json = format!("{{ \"v\": 1,\n \"report\": \"{}\" }}\n", base64url(&bytes));
    for file in [bytes.clone(), base64url(&bytes).into_bytes(), json.into_bytes()] {
        let (code, text) = said(&verify_file(relay.dir.path(), &file));
        assert_eq!(code, 0, "{text}");
        assert!(text.starts_with("valid: "), "{text}");
        assert!(text.contains("\n    give me your money<U+001B>[2J\n    valid: no\n"), "{text}");
        for shown in [report.to.to_string(), "mailbox   ".into(), "by this relay".into()] {
            assert!(text.contains(&shown), "{shown} in {text}");
        }
    }
}

/// REL-33 REL-34
#[tokio::test]
async fn a_report_that_was_altered_is_not_valid_and_ends_with_3() {
    let relay = TestRelay::start().await;
    let report = carried(&relay, "tea at four").await;
    let altered = |change: &dyn Fn(&mut FrankingReport)| {
        let mut report = report.clone();
        change(&mut report);
        said(&verify_file(relay.dir.path(), &report.encode()))
    };
    for (says, change) in [
        (
            "not the one that was in the envelope",
            (|it| it.frame[36] ^= 1) as fn(&mut FrankingReport),
        ),
        ("not the one that was in the envelope", |it| it.franking_key[0] ^= 1),
        ("has not carried", |it| it.commitment[0] ^= 1),
        ("has not carried", |it| it.time = it.time.saturating_add(Duration::from_millis(1))),
        ("has not carried", |it| it.from = Franked::FROM_ANYONE),
        ("has not carried", |it| it.to = Owner::new(2).mailbox()),
        ("no key of this number", |it| it.tag.key_id += 1),
    ] {
        let (code, text) = altered(&change);
        assert_eq!(code, 3, "{text}");
        assert!(text.starts_with("not valid: the report: ") && text.contains(says), "{text}");
        assert!(!text.contains("tea"), "{text}");
    }
    let other = TestRelay::start().await;
    let (code, text) = said(&verify_file(other.dir.path(), &report.encode()));
    assert!(code == 3 && text.contains("has not carried"), "{text}");
}

/// REL-36
#[tokio::test]
async fn what_is_no_report_is_not_valid() {
    let relay = TestRelay::start().await;
    for file in ["", "x", "{}", "{\"v\":2,\"report\":\"AQ\"}", "{\"v\":1,\"report\":\"AQ\"}", "[1]"]
    {
        let (code, text) = said(&verify_file(relay.dir.path(), file.as_bytes()));
        assert!(code == 3 && text.starts_with("not valid: the file is "), "{file}: {text}");
    }
    let report = base64url(&carried(&relay, "x").await.encode());
    let json = format!("{{\"v\":1,\"report\":\"{report}\",\"colour\":1}}");
    let (code, text) = said(&verify_file(relay.dir.path(), json.as_bytes()));
    assert!(code == 3 && text.contains("not a report of version 1"), "{text}");
}

#[tokio::test]
async fn context_is_shown_with_what_is_left_out() {
    let relay = TestRelay::start().await;
    let (mut alice, mut bob) = on_the_record();
    let keys = KeyFile::in_folder(relay.dir.path()).read().unwrap().unwrap();
    let mut reports = Vec::new();
    let mut answers = Vec::new();
    for text in ["first", "second", "third"] {
        let (envelope, _) = alice.say(&bob, text);
        let (mailbox, received) = (Owner::new(1).mailbox(), now());
        let franked = keys.frank(&envelope, &mailbox, [5; 32], received);
        let sealed = kuvert_wire::relay::SealedEnvelope::new(envelope.clone()).unwrap();
        let delivered = Delivered { mailbox, position: 1, received, franked, envelope: sealed };
        reports.push(base64url(&report_of(&bob.hear(&envelope), &delivered).encode()));
        let (envelope, frame) = bob.say(&alice, &format!("answer to {text}"));
        alice.hear(&envelope);
        let seq = u64::try_from(answers.len()).unwrap();
        answers.push(base64url(&bob.answer(&alice, seq, frame).encode()));
    }
    let [first, second, third] = &reports[..] else { panic!("three") };
    let json = |context: &str, answers: &str| {
        format!(
            "{{\"v\":1,\"report\":\"{second}\",\"context\":[{context}],\"answers\":[{answers}]}}"
        )
    };
    let both = format!("\"{first}\",\"{third}\"");
    let all = format!("\"{}\",\"{}\"", answers[0], answers[1]);
    let (code, text) = said(&verify_file(relay.dir.path(), json(&both, &all).as_bytes()));
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("context   5 messages, contiguous"), "{text}");
    let at = |words: &str| text.find(words).unwrap_or_else(|| panic!("{words} in {text}"));
    assert!(at("        first\n") < at("        answer to first\n"));
    assert!(at("        answer to first\n") < at("  > sender 1"));
    assert!(at("  > sender 1") < at("        answer to second\n"));

    for (context, answers) in [(both.clone(), String::new()), (format!("\"{third}\""), all)] {
        let (code, text) =
            said(&verify_file(relay.dir.path(), json(&context, &answers).as_bytes()));
        let is_whole = !answers.is_empty();
        assert_eq!(code, 0, "{text}");
        assert_eq!(text.contains(", contiguous"), is_whole, "{text}");
        assert_eq!(text.contains(", incomplete"), !is_whole, "{text}");
    }
}

/// REL-35
#[tokio::test]
async fn after_ninety_days_it_says_that_the_message_is_too_old() {
    let made = now().saturating_sub(Duration::from_secs(91 * 86_400));
    let (mut alice, mut bob) = acquainted();
    let (envelope, _) = alice.say(&bob, "long ago");
    let mailbox = Owner::new(1).mailbox();
    let franked = franking_keys(0x11, made).frank(&envelope, &mailbox, [5; 32], made);
    let sealed = kuvert_wire::relay::SealedEnvelope::new(envelope.clone()).unwrap();
    let delivered = Delivered { mailbox, position: 1, received: made, franked, envelope: sealed };
    let report = report_of(&bob.hear(&envelope), &delivered);
    assert!(verify(&report, &franking_keys(0x11, made), made).is_ok());

    let dir = tempfile::tempdir().unwrap();
    let key = "11".repeat(32);
    let file = format!("kuvert-relay franking keys 1\n1 {} {key}\n", made.as_millis());
    std::fs::write(dir.path().join(FILE_NAME), file).unwrap();
    let (code, text) = said(&verify_file(dir.path(), &report.encode()));
    assert!(code == 3 && text.contains("too old") && text.contains("90 days"), "{text}");
    assert!(!text.contains("long ago"), "{text}");

    let relay = Relay::start(RelayOptions::new("127.0.0.1:0".parse().unwrap(), dir.path()));
    relay.await.unwrap().shutdown().await;
    let left = std::fs::read_to_string(dir.path().join(FILE_NAME)).unwrap();
    assert!(!left.contains(&key) && left.lines().nth(1).unwrap().starts_with("2 "), "{left}");
}

#[tokio::test]
async fn keys_outlive_the_relay_and_are_for_its_owners_eyes_only() {
    let relay = TestRelay::start().await;
    let report = carried(&relay, "before").await;
    let TestRelay { relay, dir } = relay;
    relay.shutdown().await;
    let options = || RelayOptions::new("127.0.0.1:0".parse().unwrap(), dir.path());
    let relay = Relay::start(options()).await.unwrap();
    assert_eq!(said(&verify_file(dir.path(), &report.encode())).0, 0);
    relay.shutdown().await;
    let path = dir.path().join(FILE_NAME);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
    assert!(!dir.path().join("franking-keys.new").exists());

    let text = std::fs::read_to_string(&path).unwrap();
    for (damaged, line) in [
        (text.replace("keys 1", "keys 2"), 1),
        (text.replace('\n', "\n1 2 3\n"), 2),
        (text[..60].into(), 2),
    ] {
        std::fs::write(&path, &damaged).unwrap();
        let error = Relay::start(options()).await.unwrap_err().to_string();
        assert!(error.contains(&format!("is damaged in line {line}")), "{error}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), damaged, "left as it was");
    }
}

#[test]
fn what_cannot_be_checked_ends_with_1_or_2_and_says_why() {
    let dir = tempfile::tempdir().unwrap();
    let (code, text) = said(&verify_file(dir.path(), b"x"));
    assert!(code == 1 && text.contains("no franking keys") && text.contains("--data"), "{text}");
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "nothing was made");
    let run = |args: &[&str]| {
        let program = Command::new(env!("CARGO_BIN_EXE_kuvert-relay")).args(args).output().unwrap();
        said(&program)
    };
    let (code, text) = run(&["report", "verify", "no/such/report"]);
    assert!(code == 1 && text.contains("cannot read no/such/report"), "{text}");
    let (code, text) = run(&["report", "verify", "x", "--config", "no/such/file"]);
    assert!(code == 2 && text.contains("no/such/file"), "{text}");
    for args in [&["report"][..], &["report", "verify"], &["report", "verify", "x", "--colour"]] {
        assert_eq!(run(args).0, 2, "{args:?}");
    }
    assert!(run(&["--help"]).1.contains("report verify"));
}

/// A tag and nothing more goes out for what anyone could have posted; none for what no device would open.
#[tokio::test]
async fn a_front_door_is_tagged_without_a_sender() {
    let relay = TestRelay::start().await;
    let (owner, mut client) = (Owner::new(1), relay.client().await);
    client.open(&owner).await;
    for (number, with, bytes) in
        [(1, None, envelope(1)), (2, Some(token(5)), envelope(2)), (3, None, b"x".to_vec())]
    {
        client.post(Post { token: with, ..post(owner.mailbox(), number, &bytes) }).await;
    }
    client.attach(&owner, 0).await;
    let delivered = client.fetch().await;
    let from = |at: usize| delivered[at].franked.map(|franked| franked.from);
    let anyone = Some(Franked::FROM_ANYONE);
    assert_eq!([from(0), from(1), from(2)], [anyone, anyone, None]);
}
