//! The table: what share of messages is delivered under each mix, and what the rest came to.

use core::fmt;

use kuvert_testkit::sim::{Mix, Report};

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
}

impl Table {
    pub(super) fn add(&mut self, mix: &'static Mix, report: &Report) {
        let row = self.row(mix);
        row.seeds += 1;
        row.events += report.events;
        row.written += report.written;
        row.delivered += report.delivered;
        row.reported += report.reported.values().sum::<usize>();
        row.findings += report.findings.len();
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
    const fn new(mix: &'static Mix) -> Self {
        Self { mix, seeds: 0, events: 0, written: 0, delivered: 0, reported: 0, findings: 0 }
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "| mix | what goes wrong | seeds | events | messages | delivered | not delivered, and told why | findings |"
        )?;
        writeln!(f, "|---|---|--:|--:|--:|--:|--:|--:|")?;
        self.rows.iter().try_for_each(|row| row.fmt(f))
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { mix, seeds, events, written, delivered, reported, findings } = self;
        let (name, about) = (mix.name, mix.about);
        let share = per_cent(*delivered, *written);
        writeln!(
            f,
            "| {name} | {about} | {seeds} | {events} | {written} | {share} | {reported} | {findings} |"
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
