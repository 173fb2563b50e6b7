//! One person with a home of their own, who uses the `kuvert` program.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;

use super::{stage, write};

/// How long a person waits for messages that must come.
const PATIENCE_SECONDS: &str = "30";

/// A home, its passphrase, and the program that opens it.
pub(super) struct Person {
    pub(super) name: String,
    pub(super) program: PathBuf,
    home: PathBuf,
    passphrase: PathBuf,
}

/// A `recv` that was started and has not ended.
pub(super) struct Waiting(Child);

impl Person {
    pub(super) fn new(name: &str, folder: &Path, program: &Path) -> Result<Self> {
        let passphrase = folder.join(format!("{name}.passphrase"));
        write(&passphrase, &format!("the passphrase of {name}\n"))?;
        let home = folder.join(name);
        Ok(Self { name: name.into(), program: program.into(), home, passphrase })
    }

    /// Makes the account; returns its address.
    pub(super) fn init(&self, relay: &str) -> Result<String> {
        let lines = self.kuvert(&["init", "--relay", relay, "--name", &self.name])?;
        text_of(lines.first(), "address")
    }

    pub(super) fn add(&self, name: &str, address: &str) -> Result<()> {
        self.kuvert(&["contact", "add", name, address]).map(drop)
    }

    pub(super) fn says(&self, to: &str, text: &str) -> Result<()> {
        let lines = self.kuvert(&["send", to, "--", text])?;
        stage::says(&self.name, text, &text_of(lines.first(), "state")?);
        Ok(())
    }

    /// Reads exactly `count` messages, all from `from`.
    pub(super) fn reads(&self, from: &str, count: usize) -> Result<()> {
        let waiting = self.starts_reading(count)?;
        self.ends_reading(waiting, from, count)
    }

    pub(super) fn starts_reading(&self, count: usize) -> Result<Waiting> {
        let arguments = ["recv", "--wait", PATIENCE_SECONDS, "--count", &count.to_string()];
        let child = self.command(&arguments).spawn();
        Ok(Waiting(child.with_context(|| format!("starting {}", self.program.display()))?))
    }

    pub(super) fn ends_reading(&self, waiting: Waiting, from: &str, count: usize) -> Result<()> {
        let lines = self.understood("recv", &waiting.0.wait_with_output()?)?;
        let messages: Vec<&Value> =
            lines.iter().filter(|line| line["event"] == "message").collect();
        for message in &messages {
            ensure!(
                message["from"] == from,
                "{} got a message from {}",
                self.name,
                message["from"]
            );
            stage::reads(&self.name, &text_of(Some(message), "text")?);
        }
        let got = messages.len();
        ensure!(got == count, "{} should have read {count} messages, but read {got}", self.name);
        Ok(())
    }

    /// Whether the other side has acknowledged all messages.
    pub(super) fn knows_all_delivered(&self, with: &str) -> Result<bool> {
        let lines = self.kuvert(&["history", with])?;
        let mut own = lines.iter().filter(|line| line["direction"] == "out");
        Ok(own.all(|line| line["state"] == "delivered"))
    }

    /// Prints the conversation as it is stored, with what became of each own message.
    pub(super) fn remembers(&self, with: &str) -> Result<()> {
        for line in self.kuvert(&["history", with])? {
            let own = line["direction"] == "out";
            let (who, state) = match line["state"].as_str() {
                Some(state) if own => (self.name.as_str(), state),
                _ => (with, ""),
            };
            stage::remembers(who, &text_of(Some(&line), "text")?, state);
        }
        Ok(())
    }

    /// Takes in whatever is there.
    pub(super) fn looks(&self) -> Result<()> {
        self.kuvert(&["recv"]).map(drop)
    }

    /// Any command sends what is queued; this one does nothing else.
    pub(super) fn status(&self) -> Result<()> {
        self.kuvert(&["status"]).map(drop)
    }

    pub(super) fn safety_number(&self, name: &str) -> Result<String> {
        text_of(self.kuvert(&["verify", name])?.first(), "safety_number")
    }

    /// Records that the other side read out `digits`.
    pub(super) fn verify(&self, name: &str, digits: &str) -> Result<()> {
        let lines = self.kuvert(&["verify", name, "--match", digits])?;
        let verified = lines.first().is_some_and(|line| line["verified"] == true);
        ensure!(verified, "{name} is not verified to {}", self.name);
        Ok(())
    }

    /// What to type to talk as this person.
    pub(super) fn chat_command(&self, with: &str) -> String {
        let (program, home, passphrase) =
            (self.program.display(), self.home.display(), self.passphrase.display());
        format!("{program} --home {home} --passphrase-file {passphrase} chat {with}")
    }

    fn kuvert(&self, arguments: &[&str]) -> Result<Vec<Value>> {
        let output = self.command(arguments).output();
        let output = output.with_context(|| format!("starting {}", self.program.display()))?;
        self.understood(arguments[0], &output)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.arg("--home").arg(&self.home).arg("--passphrase-file").arg(&self.passphrase);
        command.args(["--json", "--no-input"]).args(arguments);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// The JSON objects, one a line.
    fn understood(&self, what: &str, output: &Output) -> Result<Vec<Value>> {
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            bail!("`kuvert {what}` of {} failed ({}): {}", self.name, output.status, said.trim());
        }
        let lines = str::from_utf8(&output.stdout)?.lines();
        let parse = |line| {
            serde_json::from_str(line).with_context(|| format!("`kuvert {what}` printed {line}"))
        };
        lines.map(parse).collect()
    }
}

fn text_of(object: Option<&Value>, field: &str) -> Result<String> {
    let text = object.and_then(|object| object[field].as_str());
    Ok(text.with_context(|| format!("the answer has no field \"{field}\""))?.to_owned())
}
