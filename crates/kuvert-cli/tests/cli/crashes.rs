//! Whoever dies, and whenever: every message arrives exactly once and in order.

use std::process::{Child, Stdio};
use std::time::Duration;

use crate::person::{Person, Ran, pair, texts};
use crate::relay::Relay;

/// Messages each way. The same test with 200 takes minutes: most of it is starting processes.
const MESSAGES: usize = 24;

/// What dies at which message, and how long after it has begun.
#[derive(Clone, Copy)]
enum Victim {
    Nobody,
    Sender(Duration),
    Receiver(Duration),
    Relay,
}

fn victim(round: usize) -> Victim {
    let span = Duration::from_millis(u64::try_from(round * 37 % 150).unwrap());
    match round % 4 {
        0 => Victim::Sender(span),
        1 => Victim::Receiver(span),
        2 => Victim::Relay,
        _ => Victim::Nobody,
    }
}

fn words(from: &Person, n: usize) -> String {
    let filler = "å".repeat([0, 1, 100, 15_000][n % 4]);
    format!("{} {n} {filler}", from.name)
}

#[test]
fn everything_arrives_once_and_in_order() {
    let mut relay = Relay::start();
    let (alice, bob) = pair(&relay);
    let mut heard = [Vec::new(), Vec::new()];
    for round in 0..MESSAGES {
        let (from, to, ear) = if round % 2 == 0 { (&alice, &bob, 0) } else { (&bob, &alice, 1) };
        exchange(&mut relay, from, to, round, &mut heard[ear]);
        exchange(&mut relay, to, from, round, &mut heard[1 - ear]);
    }
    alice.status();
    bob.status();
    heard[0].extend(bob.hears_now());
    heard[1].extend(alice.hears_now());
    assert_eq!(heard[0], said_by(&alice), "what bob heard");
    assert_eq!(heard[1], said_by(&bob), "what alice heard");
}

fn said_by(person: &Person) -> Vec<String> {
    (0..MESSAGES).map(|n| words(person, n)).collect()
}

/// One message, with one death on the way.
fn exchange(relay: &mut Relay, from: &Person, to: &Person, round: usize, heard: &mut Vec<String>) {
    let words = words(from, round);
    match victim(round) {
        Victim::Sender(span) => send_and_die(from, to, &words, span),
        Victim::Relay => {
            relay.kill();
            assert_eq!(from.says(to, &words), "queued");
            relay.restart();
        }
        _ => drop(from.says(to, &words)),
    }
    if let Victim::Receiver(span) = victim(round) {
        heard.extend(die_hearing(to, span));
    } else if round.is_multiple_of(3) {
        heard.extend(to.hears_now());
    }
}

/// Sends; if the process was killed before the message was safe, says so and sends again.
fn send_and_die(from: &Person, to: &Person, words: &str, span: Duration) {
    let mut sender = from.spawn(&["send", to.name], Stdio::piped());
    std::io::Write::write_all(&mut sender.stdin.take().unwrap(), words.as_bytes()).unwrap();
    kill_after(&mut sender, span);
    let is_safe = texts(&from.ok(&["history", to.name])).iter().any(|text| text == words);
    if !is_safe {
        from.says(to, words);
    }
}

/// Receives for a while and dies; what was printed until then.
///
/// It prints to a file: a pipe wakes its reader, which on a busy machine runs at once, between the
/// print and the note of it, and makes the few microseconds there long.
fn die_hearing(to: &Person, span: Duration) -> Vec<String> {
    let printed = tempfile::NamedTempFile::new().unwrap();
    let mut receiver = to
        .command()
        .args(["--json", "--no-input", "--passphrase-file"])
        .arg(to.passphrase_file())
        .args(["recv", "--wait", "5"])
        .stdin(Stdio::null())
        .stdout(printed.reopen().unwrap())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    kill_after(&mut receiver, span);
    receiver.wait().unwrap();
    let printed = std::fs::read_to_string(printed.path()).unwrap();
    let lines: Vec<_> = printed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    texts(&lines)
}

/// The moment of the death is what the test varies: it needs no condition to wait for.
fn kill_after(process: &mut Child, span: Duration) {
    std::thread::sleep(span);
    process.kill().unwrap();
}

#[test]
fn two_processes_share_a_home() {
    let relay = Relay::start();
    let (alice, bob) = pair(&relay);
    alice.says(&bob, "begin");
    bob.hears(1);
    let all: Vec<_> = (0..12).map(|n| format!("at once {n}")).collect();
    let senders: Vec<_> =
        all.iter().map(|words| alice.spawn(&["send", "bob", words], Stdio::null())).collect();
    for sender in senders {
        let ran = Ran::of(&sender.wait_with_output().unwrap());
        assert_eq!(ran.code, 0, "{ran:?}");
    }
    let receivers: Vec<_> =
        (0..3).map(|_| bob.spawn(&["recv", "--wait", "3"], Stdio::null())).collect();
    let mut heard: Vec<_> = receivers
        .into_iter()
        .flat_map(|receiver| texts(&Ran::of(&receiver.wait_with_output().unwrap()).lines))
        .collect();
    heard.extend(bob.hears_now());
    heard.sort();
    let mut all = all;
    all.sort();
    assert_eq!(heard, all);
}
