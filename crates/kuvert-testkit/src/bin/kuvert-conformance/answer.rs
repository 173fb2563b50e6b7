//! What a command says, and how it ends.

use std::io::{self, Write};
use std::process::ExitCode;

use kuvert_core::ProtocolError;
use serde_json::{Value, json};

/// The outcome of a command.
pub(crate) enum Answer {
    /// Facts, as one JSON object.
    Object(Value),
    /// A bundle or an envelope, as it is.
    Raw(Vec<u8>),
    /// Everything has been said already.
    Nothing,
    /// Nothing has been done.
    Error(ProtocolError),
}

impl Answer {
    /// Says it.
    pub(crate) fn write(&self, out: &mut impl Write) -> io::Result<()> {
        match self {
            Self::Object(object) => writeln!(out, "{object}")?,
            Self::Raw(bytes) => out.write_all(bytes)?,
            Self::Nothing => {}
            Self::Error(error) => writeln!(out, "{}", json!({ "error": error.name() }))?,
        }
        out.flush()
    }

    /// 0, or 1 after an error.
    pub(crate) const fn exit_code(&self) -> ExitCode {
        match self {
            Self::Error(_) => ExitCode::FAILURE,
            Self::Object(_) | Self::Raw(_) | Self::Nothing => ExitCode::SUCCESS,
        }
    }
}
