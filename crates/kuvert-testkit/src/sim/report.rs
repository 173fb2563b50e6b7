//! What came of a run.

use core::fmt;
use std::collections::BTreeMap;

use super::trace::Wire;

/// What came of one run.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Report {
    /// The seed.
    pub seed: u64,
    /// How many events happened.
    pub events: usize,
    /// Messages that were written and kept: all but those whose writer was told that they were not, or
    /// whose writing was undone when a copy was put back.
    pub written: usize,
    /// Messages that were shown to their reader once.
    pub delivered: usize,
    /// Messages that were not shown, by the cause that was told to one of the two.
    pub reported: BTreeMap<&'static str, usize>,
    /// What the clients told, besides messages, and how often.
    pub told: BTreeMap<String, usize>,
    /// What must never happen, in words.
    pub findings: Vec<String>,
    /// A hash of all that happened and of all envelopes. Equal seeds give equal digests.
    pub digest: [u8; 32],
    /// The trace, if it was asked for.
    pub trace: Vec<String>,
    /// What was posted.
    pub wire: Wire,
}

impl Report {
    /// Whether nothing happened that must never happen.
    #[must_use]
    pub const fn is_good(&self) -> bool {
        self.findings.is_empty()
    }

    /// The share of messages delivered, from 0 to 1; 1 if there were none.
    #[must_use]
    pub fn share_delivered(&self) -> f64 {
        share(self.delivered, self.written)
    }
}

/// How large a part of `all` `some` are.
pub(super) fn share(some: usize, all: usize) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "counts of messages")]
    let (some, all) = (some as f64, all as f64);
    if all > 0.0 { some / all } else { 1.0 }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.trace.iter().try_for_each(|line| writeln!(f, "{line}"))?;
        writeln!(
            f,
            "seed {}: {} events, {} messages, {} delivered",
            self.seed, self.events, self.written, self.delivered
        )?;
        for (cause, count) in &self.reported {
            writeln!(f, "  not delivered and reported: {count} ({cause})")?;
        }
        for (what, count) in &self.told {
            writeln!(f, "  told: {what} ({count})")?;
        }
        self.findings.iter().try_for_each(|finding| writeln!(f, "  FINDING: {finding}"))?;
        f.write_str("  digest ")?;
        self.digest.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
