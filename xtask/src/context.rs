//! Where the workspace is, and how its commands are run.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};
use xshell::{Cmd, Shell, cmd};

/// Lines of a failed command's log that are shown; the rest stays in the file.
const SHOWN_LINES: usize = 400;

/// The workspace that the chores work on.
#[derive(Debug)]
pub(crate) struct Context {
    /// Runs commands in the root of the workspace.
    pub(crate) shell: Shell,
    /// The root of the workspace.
    pub(crate) root: PathBuf,
}

impl Context {
    /// The workspace that this program was built in.
    pub(crate) fn of_workspace() -> Result<Self> {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
        let root = manifest.parent().context("xtask has no folder above it")?.to_path_buf();
        let shell = Shell::new()?;
        shell.change_dir(&root);
        // A colour code in a log would hide the counts from their parser.
        shell.set_var("CARGO_TERM_COLOR", "never");
        Ok(Self { shell, root })
    }

    /// Where cargo puts what it builds.
    pub(crate) fn target(&self) -> PathBuf {
        match std::env::var_os("CARGO_TARGET_DIR") {
            Some(folder) => self.root.join(folder),
            None => self.root.join("target"),
        }
    }

    /// Copies all tracked files, as they are, to a folder that is emptied before.
    ///
    /// # Errors
    ///
    /// When a file cannot be read or written.
    pub(crate) fn copy_tracked(&self, to: &Path) -> Result<()> {
        if to.exists() {
            fs::remove_dir_all(to).with_context(|| format!("clearing {}", to.display()))?;
        }
        let shell = &self.shell;
        let tracked = cmd!(shell, "git ls-files -z").quiet().read()?;
        for name in tracked.split('\0').filter(|name| !name.is_empty()) {
            let copy = to.join(name);
            fs::create_dir_all(copy.parent().context("a file is in a folder")?)?;
            fs::copy(self.root.join(name), &copy).with_context(|| format!("copying {name}"))?;
        }
        Ok(())
    }

    /// Runs `command` without input, and keeps what it prints in `target/xtask/NAME.log`.
    ///
    /// # Errors
    ///
    /// When the command cannot be started.
    pub(crate) fn finish(&self, name: &str, command: Cmd<'_>) -> Result<Finished> {
        let folder = self.target().join("xtask");
        fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
        let path = folder.join(format!("{name}.log"));
        let log = File::create(&path).with_context(|| format!("making {}", path.display()))?;
        let line = command.to_string();
        let status = Command::from(command)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .status()
            .with_context(|| format!("starting `{line}`"))?;
        let text = String::from_utf8_lossy(&fs::read(&path)?).into_owned();
        let complaint = format!("`{line}` failed ({status}); all it printed: {}", path.display());
        Ok(Finished { success: status.success(), text, complaint })
    }

    /// Like [`Context::finish`], for a command that must succeed; returns what it printed.
    ///
    /// # Errors
    ///
    /// When the command cannot be started or fails; the error carries the end of the log.
    pub(crate) fn logged(&self, name: &str, command: Cmd<'_>) -> Result<String> {
        let finished = self.finish(name, command)?;
        if finished.success { Ok(finished.text) } else { bail!(finished.failure()) }
    }
}

/// A command that ended, well or badly.
#[derive(Debug)]
pub(crate) struct Finished {
    /// It ended with 0.
    pub(crate) success: bool,
    /// All that it printed, output and errors as they came.
    pub(crate) text: String,
    /// The command line, how it ended, and where its log is.
    pub(crate) complaint: String,
}

impl Finished {
    /// What to show of a command that failed.
    pub(crate) fn failure(&self) -> String {
        format!("{}\n{}", tail(&self.text), self.complaint)
    }
}

fn tail(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(SHOWN_LINES)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use xshell::cmd;

    #[test]
    fn a_failed_command_shows_what_it_printed() {
        let context = Context::of_workspace().unwrap();
        let shell = &context.shell;
        let error =
            context.logged("self-test", cmd!(shell, "sh -c 'echo out; echo err >&2; exit 3'"));
        let text = error.unwrap_err().to_string();
        assert!(text.contains("out\nerr\n"), "{text}");
    }

    #[test]
    fn the_tail_keeps_the_end() {
        let long: Vec<String> = (0..SHOWN_LINES + 5).map(|n| n.to_string()).collect();
        assert!(tail(&long.join("\n")).starts_with("5\n6\n"));
        assert_eq!(tail("one\ntwo"), "one\ntwo");
    }
}
