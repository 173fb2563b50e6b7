//! What happened, line by line, and a digest of it: two runs are the same if their digests are.

use core::fmt;

use sha2::{Digest, Sha256};

/// The trace of one run.
#[derive(Default)]
pub(super) struct Trace {
    hash: Sha256,
    /// The lines themselves, if they are wanted.
    lines: Option<Vec<String>>,
    pub(super) wire: Wire,
}

/// Sizes of what was posted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Wire {
    /// Length in bytes of each envelope, in the order of posting; one that is posted again counts again.
    pub sizes: Vec<usize>,
}

impl Trace {
    pub(super) fn keep_lines(&mut self) {
        self.lines = Some(Vec::new());
    }

    /// Notes something that happened.
    pub(super) fn note(&mut self, line: fmt::Arguments<'_>) {
        let line = line.to_string();
        self.hash.update(&line);
        self.hash.update(b"\n");
        if let Some(lines) = &mut self.lines {
            lines.push(line);
        }
    }

    /// Notes an envelope, byte for byte.
    pub(super) fn note_envelope(&mut self, envelope: &[u8]) {
        self.wire.sizes.push(envelope.len());
        self.hash.update(envelope);
    }

    pub(super) fn into_parts(self) -> ([u8; 32], Vec<String>, Wire) {
        (self.hash.finalize().into(), self.lines.unwrap_or_default(), self.wire)
    }
}

impl Wire {
    /// Bytes of all envelopes together.
    #[must_use]
    pub fn total(&self) -> usize {
        self.sizes.iter().sum()
    }
}
