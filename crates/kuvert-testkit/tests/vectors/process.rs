//! The process `kuvert-conformance` with its commands for devices, one event at a time.
//!
//! The device is a copy in a directory of its own. What the process draws by chance is its own, too:
//! what opens, how long an envelope is, and what is refused, does not depend on it.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use kuvert_core::{Change, Changes, Version};
use kuvert_store::{Store, Unsealed};
use kuvert_testkit::FileRows;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::case::Case;
use crate::conversation::Stage;
use crate::mending::mailbox;
use crate::player::Player;

/// Of what is refused in the same way again and again, every third is enough.
fn is_worth_a_process(number: usize, event: &Case) -> bool {
    let opens = |outcome: &Value| outcome["outcome"] == "Message";
    let outcomes = event.expected()["outcomes"].as_array();
    let is_opened = outcomes.is_some_and(|all| all.iter().any(opens))
        || event.expected().get("frame").is_some();
    is_opened || number.is_multiple_of(3)
}

/// Lets the process take an event on a copy, and compares what it says.
pub(crate) fn agrees(stage: &mut Stage, number: usize, event: &Case) {
    match event.text("do").unwrap() {
        "receive" | "handle" if is_worth_a_process(number, event) => receives(stage, event),
        "send" if event.value("frame").is_string() => sends(stage, event),
        "initiate" => initiates(stage, event),
        "state" => knows(stage, event),
        _ => {}
    }
}

fn receives(stage: &mut Stage, event: &Case) {
    let envelope = stage.envelope(event).unwrap();
    let player = stage.player(event);
    let home = home_of(player);
    let is_handled = event.value("do") == "handle";
    let mut command = command("recv", home.path(), event);
    if is_handled {
        command.arg("--outcomes");
    }
    if let Some(peer) = event.optional::<16>("via").unwrap() {
        command.args(["--via", &hex::encode(mailbox(player, peer).as_bytes())]);
    }
    let said = object(&run(command, &envelope));
    let (expected, name) = (event.expected(), event.value("name"));
    if is_handled {
        let (said, expected) = (&said["outcomes"], expected["outcomes"].as_array().unwrap());
        let said: Vec<_> =
            said.as_array().unwrap_or_else(|| panic!("{name}: {said}")).iter().collect();
        assert_eq!(said.len(), expected.len(), "{name}: {said:?}");
        said.into_iter().zip(expected).for_each(|(said, expected)| same_outcome(said, expected));
    } else if let Some(error) = expected.get("error") {
        assert_eq!(&said["error"], error, "{name}");
    } else {
        same_message(&said, expected);
    }
}

/// A text, or the empty message of `heal`: as long as the one that stands there, or the same error.
fn sends(stage: &mut Stage, event: &Case) {
    let frame = event.bytes("frame").unwrap();
    let home = home_of(stage.player(event));
    let verb = match (event.value("heal") == true, frame[0]) {
        (true, _) => "heal",
        (false, 1) => "send",
        _ => return,
    };
    let mut command = command(verb, home.path(), event);
    command.arg(event.text("to").unwrap());
    let said = run(command, &frame[34..]);
    let Some(expected) = event.expected()["envelope"].as_str() else {
        return assert_eq!(object(&said)["error"], event.expected()["error"]);
    };
    let len = match verb {
        "heal" => object(&said)["envelope"].as_str().unwrap().len(),
        _ => 2 * said.len(),
    };
    assert_eq!(len, expected.len());
}

fn initiates(stage: &mut Stage, event: &Case) {
    let home = home_of(stage.player(event));
    let bundle = &stage.made[&event.number("bundle").unwrap()];
    let mut command = command("peer", home.path(), event);
    command.arg("-");
    let said = object(&run(command, bundle));
    assert_eq!(said.get("error"), event.expected().get("error"), "{said}");
}

/// What a device tells of itself.
fn knows(stage: &mut Stage, event: &Case) {
    let home = home_of(stage.player(event));
    let said = object(&run(command("state", home.path(), event), b""));
    let expected = event.expected();
    assert_eq!(said["waiting"], expected["waiting"]);
    assert_eq!(said["prekeys"]["one_time"], expected["one_time_prekeys"]);
    let due = said["peers"].as_array().unwrap().iter().map(|peer| &peer["reset_due"]);
    let due = due.filter_map(Value::as_u64).min();
    assert_eq!(due, expected["next_reset"].as_u64());
    for session in expected["sessions"].as_array().unwrap() {
        let all = said["sessions"].as_array().unwrap();
        let found = all.iter().find(|other| other["session_id"] == session["session"]).unwrap();
        for field in ["state", "weak_start", "ns", "pn", "nr", "pq_mixed", "skipped"] {
            assert_eq!(found[field], session[field], "{field}");
        }
    }
}

fn same_outcome(said: &Value, expected: &Value) {
    assert_eq!(said["outcome"], expected["outcome"]);
    if expected["outcome"] == "Message" {
        return same_message(said, expected);
    }
    for field in ["cause", "deadline", "peer"] {
        assert_eq!(said.get(field).unwrap_or(&Value::Null), &expected[field], "{said}");
    }
}

fn same_message(said: &Value, expected: &Value) {
    let frame = hex::decode(expected["frame"].as_str().unwrap()).unwrap();
    assert_eq!(said["msg_id"], hex::encode(&frame[10..26]));
    assert_eq!(said["sent"], json!(u64::from_be_bytes(frame[2..10].try_into().unwrap())));
    if frame[0] == 1 {
        assert_eq!(said["text"].as_str().map(str::as_bytes), Some(&frame[34..]));
    }
    if let Some(session) = expected.get("session") {
        assert_eq!(
            (&said["session_id"], &said["begins_session"]),
            (session, expected.get("begins").unwrap_or(&json!(false)),)
        );
    }
}

/// The device in a directory.
fn home_of(player: &Player) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let mut store = Unsealed::over(FileRows::create(directory.path()).unwrap());
    let put = |record: kuvert_core::Record| Change::Put {
        key: record.key,
        expected: Version::ABSENT,
        value: record.value,
    };
    store.apply(&Changes::of(player.stored().into_iter().map(put))).unwrap();
    directory
}

fn command(verb: &str, home: &Path, event: &Case) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kuvert-conformance"));
    command.args(["--now", &event.value("now").to_string(), verb]).arg(home);
    command
}

/// What the process prints; it ends with 1 if that is an error.
fn run(mut command: Command, input: &[u8]) -> Vec<u8> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut program = command.spawn().unwrap();
    // A command that needs no input may end before it has read it.
    let _ = program.stdin.take().unwrap().write_all(input);
    let output = program.wait_with_output().unwrap();
    let is_error = serde_json::from_slice::<Value>(&output.stdout)
        .is_ok_and(|said| said.get("error").is_some());
    assert_eq!(output.status.code(), Some(i32::from(is_error)));
    output.stdout
}

fn object(said: &[u8]) -> Value {
    serde_json::from_slice(said).unwrap()
}
