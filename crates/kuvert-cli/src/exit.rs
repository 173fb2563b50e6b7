//! Exit codes and the one error that every command returns.

use std::fmt;
use std::process::ExitCode;

/// How the program ends; the numbers are a contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// It did not work out: damaged or locked home, wrong passphrase, failed operation.
    Failed = 1,
    /// The command line, a name, an address or an input is not acceptable.
    Usage = 2,
    /// The other side is not who it should be.
    Identity = 3,
    /// The relay cannot be reached, or does not speak Kuvert.
    NoConnection = 4,
    /// Allowed by the command line, refused by a rule.
    Policy = 5,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why a command ended: what happened, what is safe or to be done, and the exit code.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    what: String,
    hint: Option<String>,
}

impl Failure {
    pub(crate) fn new(exit: Exit, what: impl fmt::Display) -> Self {
        Self { exit, what: what.to_string(), hint: None }
    }

    pub(crate) fn usage(what: impl fmt::Display) -> Self {
        Self::new(Exit::Usage, what)
    }

    pub(crate) fn failed(what: impl fmt::Display) -> Self {
        Self::new(Exit::Failed, what)
    }

    /// Adds what the person can do now.
    pub(crate) fn hint(mut self, hint: impl fmt::Display) -> Self {
        self.hint = Some(hint.to_string());
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.what)?;
        match &self.hint {
            Some(hint) => write!(f, "\n  {hint}"),
            None => Ok(()),
        }
    }
}

/// What a command returns.
pub(crate) type Outcome<T = ()> = Result<T, Failure>;
