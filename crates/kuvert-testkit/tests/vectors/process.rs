//! The process `kuvert-conformance recv`, which is given a device as it is and one envelope.
//!
//! The device is a copy in a directory of its own. What the process draws by chance is its own, too:
//! what opens, and what is refused, does not depend on it.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use kuvert_core::{Change, Changes, Version};
use kuvert_store::{Store, Unsealed};
use kuvert_testkit::FileRows;
use serde_json::{Value, json};

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

/// Lets the process take a `receive` or a `handle` on a copy, and compares what it says.
pub(crate) fn agrees(stage: &mut Stage, number: usize, event: &Case) {
    if !is_worth_a_process(number, event) {
        return;
    }
    let is_handled = match event.text("do").unwrap() {
        "receive" => false,
        "handle" => true,
        _ => return,
    };
    let envelope = stage.envelope(event).unwrap();
    let player = stage.player(event);
    let home = tempfile::tempdir().unwrap();
    save(player, home.path());
    let mut options = vec!["--now".to_owned(), event.value("now").to_string()];
    if is_handled {
        options.push("--outcomes".into());
        if let Some(peer) = event.optional::<16>("via").unwrap() {
            options.extend(["--via".into(), hex::encode(mailbox(player, peer).as_bytes())]);
        }
    }
    let said = recv(home.path(), &options, &envelope);
    let expected = event.expected();
    let name = event.value("name");
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

fn save(player: &Player, directory: &Path) {
    let mut store = Unsealed::over(FileRows::create(directory).unwrap());
    let put = |record: kuvert_core::Record| Change::Put {
        key: record.key,
        expected: Version::ABSENT,
        value: record.value,
    };
    store.apply(&Changes::of(player.stored().into_iter().map(put))).unwrap();
}

fn recv(directory: &Path, options: &[String], envelope: &[u8]) -> Value {
    let mut program = Command::new(env!("CARGO_BIN_EXE_kuvert-conformance"))
        .arg("recv")
        .arg(directory)
        .args(options)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    program.stdin.take().unwrap().write_all(envelope).unwrap();
    let output = program.wait_with_output().unwrap();
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(i32::from(said.get("error").is_some())));
    said
}
