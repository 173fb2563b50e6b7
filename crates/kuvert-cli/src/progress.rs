//! A bar for what takes long, on a terminal only.

use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::args::Global;

/// What is read faster than a person looks.
const SHORT_BYTES: u64 = 8 * 1024 * 1024;

/// How far a file has been read.
pub(crate) struct Progress(ProgressBar);

impl Progress {
    /// A bar over `len_bytes`, if somebody can see it and it is long enough.
    pub(crate) fn over(global: &Global, len_bytes: u64) -> Self {
        let is_shown = len_bytes > SHORT_BYTES
            && !global.json
            && !global.plain
            && std::io::stderr().is_terminal();
        if !is_shown {
            return Self(ProgressBar::hidden());
        }
        let bar = ProgressBar::with_draw_target(Some(len_bytes), ProgressDrawTarget::stderr());
        let style = ProgressStyle::with_template("{bar:40} {percent:>3} %, {eta} left");
        Self(style.map(|style| bar.clone().with_style(style)).unwrap_or(bar))
    }

    pub(crate) fn add(&mut self, bytes: usize) {
        self.0.inc(u64::try_from(bytes).unwrap_or(u64::MAX));
    }

    pub(crate) fn end(self) {
        self.0.finish_and_clear();
    }
}
