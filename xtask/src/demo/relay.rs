//! The relay as a process of its own.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};

/// How long the relay may take to drain and end.
const PATIENCE: Duration = Duration::from_secs(15);

/// A running relay, or a stopped one that can start again on its port.
pub(super) struct Relay {
    program: PathBuf,
    child: Option<Child>,
    pub(super) data: PathBuf,
    /// What it logs. Its own file, so that it can be searched too.
    pub(super) log: PathBuf,
    /// Where clients find it.
    pub(super) url: String,
}

impl Relay {
    /// Starts it on a free port, with its database in `data`.
    pub(super) fn start(program: &Path, data: &Path) -> Result<Self> {
        fs::create_dir_all(data)?;
        let mut relay = Self {
            program: program.into(),
            child: None,
            data: data.into(),
            log: data.with_extension("log"),
            url: "ws://127.0.0.1:0".into(),
        };
        relay.restart()?;
        Ok(relay)
    }

    /// Starts it where it was.
    pub(super) fn restart(&mut self) -> Result<()> {
        let listen = self.url.trim_start_matches("ws://").trim_end_matches('/').to_owned();
        let log = File::options().create(true).append(true).open(&self.log)?;
        let mut command = Command::new(&self.program);
        command.args(["--listen", &listen, "--data"]).arg(&self.data);
        let started = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log).spawn();
        let child = self
            .child
            .insert(started.with_context(|| format!("starting {}", self.program.display()))?);
        let mut line = String::new();
        let output = child.stdout.take().context("the relay has no output")?;
        BufReader::new(output).read_line(&mut line)?;
        match line.trim().strip_prefix("listening on ") {
            Some(url) => self.url = url.to_owned(),
            None => bail!("the relay did not start:\n{}", fs::read_to_string(&self.log)?),
        }
        Ok(())
    }

    /// Asks it to end, and waits until it has.
    pub(super) fn stop(&mut self) -> Result<()> {
        let Some(mut child) = self.child.take() else {
            return Ok(());
        };
        Command::new("kill").args(["-TERM", &child.id().to_string()]).status()?;
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if let Some(status) = child.try_wait()? {
                ensure!(status.success(), "the relay ended with {status}");
                return Ok(());
            }
            thread::sleep(Duration::from_millis(10));
        }
        child.kill()?;
        child.wait()?;
        bail!("the relay did not end within {} s", PATIENCE.as_secs())
    }
}

impl Drop for Relay {
    /// A failed demonstration leaves no process behind.
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
