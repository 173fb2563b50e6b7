//! The table: what share of messages is delivered under each mix, what the rest came to, and what it all
//! costs on the wire.

use core::fmt;

use kuvert_testkit::sim::{Mix, Report, Wire};

#[derive(Default)]
pub(super) struct Table {
    rows: Vec<Row>,
}

struct Row {
    mix: &'static Mix,
    seeds: usize,
    events: usize,
    written: usize,
    delivered: usize,
    reported: usize,
    findings: usize,
    wire: Wire,
}

const HEAD: &str = "\
| mix | what goes wrong | seeds | messages | delivered | not delivered, and told | findings | bytes a message |
|---|---|--:|--:|--:|--:|--:|--:|";

impl Table {
    pub(super) fn add(&mut self, mix: &'static Mix, report: Report) {
        let row = self.row(mix);
        row.seeds += 1;
        row.events += report.events;
        row.written += report.written;
        row.delivered += report.delivered;
        row.reported += report.reported.values().sum::<usize>();
        row.findings += report.findings.len();
        row.wire.sizes.extend(report.wire.sizes);
    }

    /// One line on the whole.
    pub(super) fn summary(&self) -> String {
        let sum = |count: fn(&Row) -> usize| self.rows.iter().map(count).sum::<usize>();
        let (seeds, events) = (sum(|row| row.seeds), sum(|row| row.events));
        let (written, findings) = (sum(|row| row.written), sum(|row| row.findings));
        format!("{seeds} seeds, {events} events, {written} messages, {findings} findings")
    }

    fn row(&mut self, mix: &'static Mix) -> &mut Row {
        let at = self.rows.iter().position(|row| row.mix.name == mix.name);
        let at = at.unwrap_or_else(|| {
            self.rows.push(Row::new(mix));
            self.rows.len() - 1
        });
        &mut self.rows[at]
    }
}

impl Row {
    fn new(mix: &'static Mix) -> Self {
        let (seeds, events, written, delivered, reported, findings, wire) = Default::default();
        Self { mix, seeds, events, written, delivered, reported, findings, wire }
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{HEAD}")?;
        self.rows.iter().try_for_each(|row| row.fmt(f))
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { mix, seeds, events: _, written, delivered, reported, findings, wire } = self;
        let (name, about, share) = (mix.name, mix.about, per_cent(*delivered, *written));
        let mean = wire.total().checked_div(*delivered).unwrap_or_default();
        writeln!(
            f,
            "| {name} | {about} | {seeds} | {written} | {share} | {reported} | {findings} | {mean} |"
        )
    }
}

/// A share in per cent with two decimals, rounded down: 100 means all.
fn per_cent(some: usize, all: usize) -> String {
    let hundredths = (some * 10_000).checked_div(all).unwrap_or(10_000);
    match (hundredths / 100, hundredths % 100) {
        (whole, 0) => format!("{whole} %"),
        (whole, rest) => format!("{whole}.{rest:02} %"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hundred_per_cent_means_all() {
        assert_eq!(per_cent(99_999, 100_000), "99.99 %");
        assert_eq!(per_cent(7, 7), "100 %");
        assert_eq!(per_cent(0, 0), "100 %");
    }
}
