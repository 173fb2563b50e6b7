//! One person with a home, who runs `kuvert`.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::relay::Relay;

pub(crate) struct Person {
    pub(crate) name: &'static str,
    folder: TempDir,
}

/// What a command left behind.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) lines: Vec<Value>,
    pub(crate) stderr: String,
}

impl Person {
    /// Someone without an account.
    pub(crate) fn new(name: &'static str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("passphrase"), format!("correct horse {name}\nmore\n"))
            .unwrap();
        Self { name, folder }
    }

    /// Someone with an account at `relay`.
    pub(crate) fn at(relay: &Relay, name: &'static str) -> Self {
        let person = Self::new(name);
        person.ok(&["init", "--relay", relay.url(), "--name", name]);
        person
    }

    pub(crate) fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    pub(crate) fn passphrase_file(&self) -> PathBuf {
        self.folder.path().join("passphrase")
    }

    /// Runs a command with `--json`.
    pub(crate) fn run(&self, args: &[&str]) -> Ran {
        self.run_with(args, b"")
    }

    pub(crate) fn run_with(&self, args: &[&str], stdin: &[u8]) -> Ran {
        let mut child = self.spawn(args, Stdio::piped());
        // A command that does not read its input has ended before all was written.
        let _ = child.stdin.take().unwrap().write_all(stdin);
        Ran::of(&child.wait_with_output().unwrap())
    }

    /// Runs a command that must succeed; its lines.
    pub(crate) fn ok(&self, args: &[&str]) -> Vec<Value> {
        let ran = self.run(args);
        assert_eq!(ran.code, 0, "{} {args:?}: {}", self.name, ran.stderr);
        ran.lines
    }

    /// Starts a command and leaves it running.
    pub(crate) fn spawn(&self, args: &[&str], stdin: Stdio) -> Child {
        self.command()
            .args(["--json", "--no-input", "--passphrase-file"])
            .arg(self.passphrase_file())
            .args(args)
            .stdin(stdin)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }

    /// `kuvert --home …`, nothing else.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kuvert"));
        command.env_remove("KUVERT_HOME").arg("--home").arg(self.home());
        command
    }

    pub(crate) fn address(&self) -> String {
        text(&self.ok(&["address"])[0], "address")
    }

    pub(crate) fn knows(&self, other: &Self) {
        self.ok(&["contact", "add", other.name, &other.address()]);
    }

    /// Sends, and says how far it got.
    pub(crate) fn says(&self, to: &Self, words: &str) -> String {
        let ran = self.run_with(&["send", to.name], words.as_bytes());
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        text(&ran.lines[0], "state")
    }

    /// The texts of what arrives from now on: waits until there are `count`, and for no more.
    pub(crate) fn hears(&self, count: usize) -> Vec<String> {
        texts(&self.ok(&["recv", "--wait", "30", "--count", &count.to_string()]))
    }

    /// The texts that are there now.
    pub(crate) fn hears_now(&self) -> Vec<String> {
        texts(&self.ok(&["recv"]))
    }

    pub(crate) fn status(&self) -> Value {
        self.ok(&["status"]).remove(0)
    }
}

/// Two people at one relay who know each other's addresses.
pub(crate) fn pair(relay: &Relay) -> (Person, Person) {
    let (alice, bob) = (Person::at(relay, "alice"), Person::at(relay, "bob"));
    alice.knows(&bob);
    bob.knows(&alice);
    (alice, bob)
}

impl Ran {
    pub(crate) fn of(output: &Output) -> Self {
        let stdout = String::from_utf8(output.stdout.clone()).unwrap();
        Self {
            code: output.status.code().unwrap_or(-1),
            lines: stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Asserts that it was refused with `code`, in words that contain `why`, and printed no data.
    pub(crate) fn refused(&self, code: i32, why: &str) {
        assert_eq!(self.code, code, "{self:?}");
        assert!(self.stderr.contains(why), "{self:?}");
        assert!(self.lines.is_empty(), "{self:?}");
    }
}

/// The texts of the messages among `lines`.
pub(crate) fn texts(lines: &[Value]) -> Vec<String> {
    lines.iter().filter(|line| line["event"] == "message").map(|line| text(line, "text")).collect()
}

pub(crate) fn text(line: &Value, field: &str) -> String {
    line[field].as_str().unwrap_or_else(|| panic!("{field} in {line}")).to_owned()
}

/// All files under a folder with their bytes, for comparing before and after.
pub(crate) fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    let Ok(entries) = fs::read_dir(folder) else { return found };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            let bytes = fs::read(&path).unwrap();
            found.push((path, bytes));
        }
    }
    found.sort();
    found
}
