//! Data to stdout, messages to stderr; one JSON object a line when asked for.

use std::io::{self, Write};

use serde::Serialize;

use crate::args::Global;
use crate::exit::{Failure, Outcome};
use crate::text;

/// How results are shown.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    pub(crate) json: bool,
}

impl Output {
    pub(crate) const fn new(global: &Global) -> Self {
        Self { json: global.json }
    }

    /// Prints one result: `object` with `--json`, else what `human` makes of it.
    pub(crate) fn show<T: Serialize>(
        self,
        object: &T,
        human: impl FnOnce(&T) -> String,
    ) -> Outcome {
        let line = if self.json { json_line(object)? } else { human(object) + "\n" };
        write_whole(&line)
    }

    /// Prints several results as one.
    pub(crate) fn show_all<T: Serialize>(
        self,
        objects: &[T],
        human: impl Fn(&T) -> Option<String>,
    ) -> Outcome {
        let mut text = String::new();
        for object in objects {
            if self.json {
                text.push_str(&json_line(object)?);
            } else if let Some(line) = human(object) {
                text.push_str(&line);
                text.push('\n');
            }
        }
        write_whole(&text)
    }

    /// A note to the person; never data.
    pub(crate) fn note(self, text: impl std::fmt::Display) {
        // A closed stderr is no reason to stop.
        let _ = writeln!(io::stderr(), "{text}");
    }
}

fn json_line<T: Serialize>(object: &T) -> Outcome<String> {
    serde_json::to_string(object)
        .map(|line| text::escape_json(&line) + "\n")
        .map_err(|error| Failure::failed(format!("cannot write the result: {error}")))
}

/// One write and one flush: what was printed before a kill was printed whole.
pub(crate) fn write_whole(text: &str) -> Outcome {
    let mut stdout = io::stdout().lock();
    stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
        .map_err(|error| Failure::failed(format!("cannot write to stdout: {error}")))
}
