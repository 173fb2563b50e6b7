//! The conformance interface as a stranger would use it: processes, directories, files.

#![allow(clippy::unwrap_used, reason = "a test that fails panics")]

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

const DAY: u64 = 24 * 3600 * 1000;
const START: u64 = 1_782_000_000_000;

/// A folder with devices in it, and the time there.
struct World {
    folder: TempDir,
    now: u64,
}

/// What a command said.
struct Said {
    stdout: Vec<u8>,
    success: bool,
}

impl Said {
    #[track_caller]
    fn ok(self) -> Vec<u8> {
        assert!(self.success, "{}", String::from_utf8_lossy(&self.stdout));
        self.stdout
    }

    #[track_caller]
    fn object(self) -> Value {
        serde_json::from_slice(&self.ok()).unwrap()
    }

    #[track_caller]
    fn error(self) -> String {
        assert!(!self.success);
        let object: Value = serde_json::from_slice(&self.stdout).unwrap();
        object["error"].as_str().unwrap().into()
    }
}

impl World {
    /// Alice and Bob have devices, nothing more.
    fn new() -> Self {
        let world = Self { folder: TempDir::new().unwrap(), now: START };
        for name in ["alice", "bob"] {
            world.run(&["init", name], b"").ok();
        }
        world
    }

    /// Alice has begun a session with Bob, and he has answered.
    fn talking() -> Self {
        let world = Self::new();
        world.introduce(&[]);
        world.pass("alice", "bob", "hello");
        world.pass("bob", "alice", "hello yourself");
        world
    }

    fn introduce(&self, options: &[&str]) -> Value {
        let bundle = self.run(&[&["bundle", "bob"], options].concat(), b"").ok();
        self.run(&["peer", "alice", "-"], &bundle).object()
    }

    fn run(&self, arguments: &[&str], input: &[u8]) -> Said {
        let mut program = Command::new(env!("CARGO_BIN_EXE_kuvert-conformance"))
            .current_dir(self.folder.path())
            .args(["--now", &self.now.to_string()])
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let _ = program.stdin.take().unwrap().write_all(input);
        let output = program.wait_with_output().unwrap();
        Said { stdout: output.stdout, success: output.status.success() }
    }

    fn send(&self, from: &str, text: &str) -> Vec<u8> {
        self.run(&["send", from], text.as_bytes()).ok()
    }

    fn recv(&self, to: &str, envelope: &[u8]) -> Said {
        self.run(&["recv", to], envelope)
    }

    #[track_caller]
    fn pass(&self, from: &str, to: &str, text: &str) {
        let received = self.recv(to, &self.send(from, text)).object();
        assert_eq!(received["text"], text);
        assert_eq!(received["kind"], "message");
    }

    fn state(&self, name: &str) -> Value {
        self.run(&["state", name], b"").object()
    }

    fn session(&self, name: &str) -> Value {
        self.state(name)["sessions"][0].clone()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The command fails with this error and leaves the device's directory as it was.
    #[track_caller]
    fn refuses(&self, name: &str, error: &str, command: impl FnOnce() -> Said) {
        let before = content(&self.path(name));
        assert_eq!(command().error(), error);
        assert!(content(&self.path(name)) == before, "{name} has changed");
    }
}

/// All files of a directory.
fn content(directory: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let files = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    files.map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

fn copy(from: &Path, to: &Path) {
    for (path, bytes) in content(from) {
        fs::write(to.join(path.file_name().unwrap()), bytes).unwrap();
    }
}

#[test]
fn a_conversation() {
    let world = World::new();
    let bob = world.state("bob");
    let about = world.introduce(&[]);
    assert_eq!(about["device"], bob["device"]);
    assert_eq!(about["account"], bob["account"]);

    let first = world.send("alice", "Tea at four?");
    let again = world.send("alice", "…or five?");
    assert_eq!(first.len(), 2366, "with the first flight");
    assert_eq!(world.session("alice")["state"], "AwaitReply");

    let received = world.recv("bob", &first).object();
    assert_eq!(received["text"], "Tea at four?");
    assert_eq!(received["from"], world.state("alice")["device"]);
    assert_eq!(received["begins_session"], true);
    assert_eq!(world.recv("bob", &again).object()["text"], "…or five?");

    world.pass("bob", "alice", "Five.");
    assert_eq!(world.send("alice", "!").len(), 563, "the first flight has been answered");
    let session = world.session("alice");
    assert_eq!(session["state"], "Established");
    assert_eq!((&session["ns"], &session["nr"], &session["pn"]), (&1.into(), &1.into(), &2.into()));
}

#[test]
fn a_peer_has_many_names() {
    let world = World::talking();
    let bob = world.state("bob");
    for field in ["device", "account", "account_key"] {
        let name = bob[field].as_str().unwrap();
        for name in [name.to_owned(), name[..8].to_owned(), name.to_uppercase()] {
            world.run(&["send", "alice", &name], b"tea").ok();
        }
    }
    let bundle = world.run(&["bundle", "bob"], b"").ok();
    fs::write(world.path("bundle"), bundle).unwrap();
    world.run(&["send", "alice", "bundle"], b"tea").ok();
    let unknown = || world.run(&["send", "alice", "00ff"], b"tea");
    world.refuses("alice", "NoSession", unknown);
}

#[test]
fn messages_can_be_files_and_hex() {
    let world = World::new();
    let about = world.run(&["bundle", "bob", "-o", "b"], b"").object();
    assert_eq!((&about["one_time"], &about["bytes"]), (&true.into(), &3530.into()));
    let bundle = hex::encode(fs::read(world.path("b")).unwrap());
    world.run(&["peer", "alice", &bundle], b"").ok();
    world.run(&["send", "alice", "-o", "m"], b"tea").object();
    let envelope = hex::encode(fs::read(world.path("m")).unwrap());
    assert_eq!(world.recv("bob", envelope.as_bytes()).object()["text"], "tea");
}

#[test]
fn a_replay_is_a_duplicate() {
    let world = World::new();
    world.introduce(&[]);
    let first = world.send("alice", "hello");
    world.recv("bob", &first).ok();
    world.refuses("bob", "Duplicate", || world.recv("bob", &first));
    world.run(&["reset", "bob"], b"").ok();
    world.refuses("bob", "UnknownPrekey", || world.recv("bob", &first));
}

#[test]
fn without_a_one_time_prekey_a_replay_is_remembered() {
    let world = World::new();
    assert_eq!(world.introduce(&["--no-onetime"])["weak_start"], true);
    let first = world.send("alice", "hello");
    world.recv("bob", &first).ok();
    world.run(&["reset", "bob"], b"").ok();
    world.refuses("bob", "Duplicate", || world.recv("bob", &first));
}

#[test]
fn a_weak_start_ends_with_the_first_round_trip() {
    let world = World::new();
    world.introduce(&["--no-onetime"]);
    world.pass("alice", "bob", "hello");
    assert_eq!(world.session("bob")["weak_start"], true);
    world.pass("bob", "alice", "hello yourself");
    assert_eq!(world.session("alice")["weak_start"], false);
    world.pass("alice", "bob", "tea?");
    assert_eq!(world.session("bob")["weak_start"], false);
}

#[test]
fn an_altered_envelope_changes_nothing() {
    let world = World::new();
    world.introduce(&[]);
    for (from, to) in [("alice", "bob"), ("bob", "alice")] {
        let envelope = world.send(from, "tea");
        let before = content(&world.path(to));
        for at in (0..envelope.len()).step_by(41) {
            let mut altered = envelope.clone();
            altered[at] ^= 0x10;
            assert!(!world.recv(to, &altered).success, "byte {at}");
        }
        for altered in [&envelope[..envelope.len() - 1], &[&envelope[..], &[0]].concat(), &[]] {
            assert!(!world.recv(to, altered).success);
        }
        assert!(content(&world.path(to)) == before);
        assert_eq!(world.recv(to, &envelope).object()["text"], "tea");
    }
}

#[test]
fn an_altered_bundle_begins_nothing() {
    let world = World::new();
    let bundle = world.run(&["bundle", "bob"], b"").ok();
    let before = content(&world.path("alice"));
    for at in (0..bundle.len()).step_by(43) {
        let mut altered = bundle.clone();
        altered[at] ^= 0x10;
        assert!(!world.run(&["peer", "alice", "-"], &altered).success, "byte {at}");
    }
    assert!(content(&world.path("alice")) == before);
    let own = world.run(&["bundle", "alice"], b"").ok();
    world.refuses("alice", "BadKey", || world.run(&["peer", "alice", "-"], &own));
    world.refuses("alice", "Malformed", || world.run(&["peer", "alice", "-"], &bundle[..100]));
}

#[test]
fn errors_have_the_names_of_the_list() {
    let mut world = World::talking();
    world.refuses("alice", "Malformed", || world.recv("alice", b"\x02\x01"));
    world.refuses("alice", "UnsupportedVersion", || world.recv("alice", b"\x02\x02"));
    world.refuses("alice", "TooLarge", || world.recv("alice", &vec![2; 72 * 1024 + 1]));
    let long = "x".repeat(65_502);
    world.refuses("alice", "TooLarge", || world.run(&["send", "alice"], long.as_bytes()));
    world.pass("alice", "bob", &long[1..]);
    world.refuses("alice", "Malformed", || world.run(&["send", "alice"], b"\xff"));
    let to_bob = world.send("alice", "for Bob");
    world.refuses("alice", "Undecryptable", || world.recv("alice", &to_bob));
    assert_eq!(world.run(&["state", "carol"], b"").error(), "Storage");
    world.refuses("alice", "Storage", || world.run(&["init", "alice"], b""));

    let bundle = world.run(&["bundle", "bob"], b"").ok();
    world.now += 16 * DAY;
    world.refuses("alice", "Expired", || world.run(&["peer", "alice", "-"], &bundle));
}

#[test]
fn wrong_use_is_answered_with_one_object() {
    let world = World::new();
    for arguments in [
        &["state", "alice", "--now", "-5"][..],
        &["state", "alice", "--now=-5"],
        &["state", "alice", "--now", "yesterday"],
        &["state"],
        &["nonsense"],
    ] {
        assert_eq!(world.run(arguments, b"").error(), "Malformed", "{arguments:?}");
    }
    for missing in ["no/such/file", "bundle", ""] {
        world.refuses("alice", "Malformed", || world.run(&["peer", "alice", missing], b""));
    }
}

#[test]
fn another_account_is_another_identity() {
    let world = World::talking();
    world.run(&["init", "mallory"], b"").ok();
    let bundle = world.run(&["bundle", "mallory"], b"").ok();
    fs::write(world.path("bundle"), bundle).unwrap();
    let bob = world.state("bob")["device"].as_str().unwrap().to_owned();
    let swapped = || world.run(&["reset", "alice", &bob, "bundle"], b"");
    world.refuses("alice", "IdentityChanged", swapped);
}

#[test]
fn a_reset_begins_anew_and_old_messages_still_open() {
    let world = World::talking();
    let old = world.send("bob", "before");
    let bundle = world.run(&["bundle", "bob"], b"").ok();
    fs::write(world.path("bundle"), bundle).unwrap();
    world.run(&["reset", "alice", "bundle", "bundle"], b"").ok();
    assert_eq!(world.recv("alice", &old).object()["text"], "before");
    world.pass("alice", "bob", "after");
    world.pass("bob", "alice", "indeed");
    let states: Vec<_> = world.state("alice")["sessions"].as_array().unwrap().clone();
    let mut states: Vec<_> = states.iter().map(|s| s["state"].as_str().unwrap()).collect();
    states.sort_unstable();
    assert_eq!(states, ["Established", "Inactive"]);
}

#[test]
fn a_closed_session_is_closed() {
    let world = World::talking();
    let late = world.send("bob", "late");
    world.run(&["reset", "alice"], b"").ok();
    world.refuses("alice", "Closed", || world.run(&["send", "alice"], b"tea"));
    world.refuses("alice", "Undecryptable", || world.recv("alice", &late));
    assert_eq!(world.session("alice")["state"], "Closed");
}

#[test]
fn a_first_flight_is_not_repeated_for_ever() {
    let mut world = World::new();
    world.introduce(&[]);
    world.now += 30 * DAY;
    world.send("alice", "still there?");
    world.now += DAY;
    world.refuses("alice", "Closed", || world.run(&["send", "alice"], b"hello?"));
}

#[test]
fn healing_turns_the_ratchet() {
    let world = World::talking();
    for (from, to) in [("alice", "bob"), ("bob", "alice"), ("alice", "bob")] {
        let about = world.run(&["heal", from], b"").object();
        let received = world.recv(to, about["envelope"].as_str().unwrap().as_bytes()).object();
        assert_eq!((&received["kind"], &received["control"]), (&"control".into(), &"empty".into()));
    }
    for name in ["alice", "bob"] {
        let session = world.session(name);
        assert_eq!((&session["pq_mixed"], &session["pq_epoch"]), (&1.into(), &2.into()));
    }
}

#[test]
fn a_safety_number_is_the_same_from_everywhere() {
    let world = World::talking();
    let number = |arguments: &[&str]| world.run(arguments, b"").object()["digits"].clone();
    let key = |name: &str| world.state(name)["account_key"].as_str().unwrap().to_owned();
    let digits = number(&["safety", "alice"]);
    assert_eq!(digits.as_str().unwrap().len(), 71);
    assert_eq!(number(&["safety", "bob"]), digits);
    assert_eq!(number(&["safety", "alice", "bob"]), digits);
    assert_eq!(number(&["safety", "bob", &key("alice")]), digits);
    assert_eq!(number(&["safety", &key("bob"), &key("alice")]), digits);
}

#[cfg(feature = "deterministic")]
#[test]
fn seeds_make_the_bytes_repeatable() {
    let conversation = |seed: &str| {
        let world = World { folder: TempDir::new().unwrap(), now: START };
        world.run(&["init", "alice", "--seed", "a11ce0"], b"").ok();
        world.run(&["init", "bob", "--seed", seed], b"").ok();
        let bundle = world.run(&["bundle", "bob", "--seed", seed], b"").ok();
        world.run(&["peer", "alice", "-", "--seed", "a11ce0"], &bundle).ok();
        let envelope = world.run(&["send", "alice", "--seed", "a11ce0"], b"tea").ok();
        let files = |name: &str| content(&world.path(name)).into_values().collect::<Vec<_>>();
        (envelope, files("alice"), files("bob"))
    };
    assert_eq!(conversation("b0b0"), conversation("b0b0"));
    assert_ne!(conversation("b0b0"), conversation("b0b1"));
    assert_eq!(World::new().run(&["state", "alice", "--seed", "zz"], b"").error(), "Rng");
}

#[test]
fn a_state_put_back_seals_under_other_keys() {
    let world = World::talking();
    world.pass("alice", "bob", "a chain has begun");
    let backup = world.path("backup");
    fs::create_dir(&backup).unwrap();
    copy(&world.path("alice"), &backup);
    let one = world.send("alice", "tea");
    copy(&backup, &world.path("alice"));
    let other = world.send("alice", "tea");
    let header = 16..16 + 195;
    assert_ne!(one[2..14], other[2..14], "header nonce");
    assert_ne!(one[header.end..header.end + 16], other[header.end..header.end + 16], "salt");
    world.recv("bob", &one).ok();
    assert_eq!(world.recv("bob", &other).error(), "Duplicate");
    world.refuses("bob", "Duplicate", || world.recv("bob", &one));
}

#[test]
fn a_damaged_directory_is_not_read() {
    let world = World::talking();
    let rows = world.path("bob").join("rows");
    let sound = fs::read(&rows).unwrap();
    for at in (0..sound.len()).step_by(29) {
        let mut damaged = sound.clone();
        damaged[at] ^= 0x10;
        fs::write(&rows, &damaged).unwrap();
        assert_eq!(world.run(&["state", "bob"], b"").error(), "Storage", "byte {at}");
        assert!(fs::read(&rows).unwrap() == damaged);
    }
    fs::write(&rows, &sound[..sound.len() / 2]).unwrap();
    assert_eq!(world.run(&["send", "bob"], b"tea").error(), "Storage");
    fs::write(&rows, &sound).unwrap();
    world.pass("bob", "alice", "all well");
}

#[test]
fn an_old_copy_that_is_used_again_is_found_out() {
    let world = World::talking();
    world.pass("alice", "bob", "the chain is begun");
    fs::create_dir(world.path("copy")).unwrap();
    copy(&world.path("alice"), &world.path("copy"));
    world.pass("alice", "bob", "tea");
    let coffee = world.send("copy", "coffee");
    assert_eq!(world.recv("bob", &coffee).error(), "Duplicate");
    let session = world.session("bob");
    assert_eq!(session["findings"], serde_json::json!(["CloneSuspected"]));
    let peer = world.state("bob")["peers"][0].clone();
    assert_eq!((&peer["accepted"], &peer["healing"]), (&true.into(), &true.into()));
    assert!(peer["reset_due"].as_u64().unwrap() > START);
}

#[test]
fn outcomes_are_told_as_a_list() {
    let world = World::talking();
    let tell = |envelope: &[u8]| {
        let told = world.run(&["recv", "bob", "--outcomes"], envelope).object()["outcomes"].clone();
        let name = |outcome: &Value| outcome["outcome"].as_str().unwrap().to_owned();
        told.as_array().unwrap().iter().map(name).collect::<Vec<_>>()
    };
    let tea = world.send("alice", "tea");
    assert_eq!(tell(&tea), ["Message"]);
    assert_eq!(tell(&tea), ["AlreadyReceived"]);
    assert_eq!(tell(b"\x02\x09"), ["Rejected"]);
    let mut damaged = world.send("alice", "cake");
    *damaged.last_mut().unwrap() ^= 1;
    assert_eq!(tell(&damaged), ["Pending", "HealingStarted"]);
    assert_eq!(world.state("bob")["waiting"], 1);

    let bundle = world.run(&["bundle", "alice"], b"").ok();
    fs::write(world.path("bundle"), bundle).unwrap();
    world.run(&["reset", "bob", "bundle", "bundle", "-o", "resend"], b"").ok();
    let resend = fs::read(world.path("resend")).unwrap();
    assert_eq!(world.recv("alice", &resend).object()["control"], "resend");
    assert_eq!(tell(&world.send("alice", "cake")), ["Message", "Healed"]);
}
