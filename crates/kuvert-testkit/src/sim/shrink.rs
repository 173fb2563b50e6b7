//! Cutting a story down to what makes it fail.

use super::event::Event;
use super::report::Report;

/// The shortest story found that fails as `events` do: parts are left out, halves first and single events
/// last, as long as the first finding stays of the same kind. Unchanged if nothing fails.
pub(super) fn shrunk(events: Vec<Event>, play: impl Fn(&[Event]) -> Report) -> Vec<Event> {
    let Some(kind) = kind_of(&play(&events)) else { return events };
    let fails = |events: &[Event]| kind_of(&play(events)).as_ref() == Some(&kind);
    let mut kept = events;
    let mut part = kept.len().div_ceil(2);
    while part > 0 {
        let before = kept.len();
        leave_out(&mut kept, part, &fails);
        part = match part {
            1 if kept.len() == before => 0,
            1 => 1,
            longer => longer.div_ceil(2),
        };
    }
    kept
}

/// Leaves out each part of this length that is not needed, from the end on.
fn leave_out(kept: &mut Vec<Event>, part: usize, fails: &impl Fn(&[Event]) -> bool) {
    let mut end = kept.len();
    while end > 0 {
        let start = end.saturating_sub(part);
        let without: Vec<_> = kept[..start].iter().chain(&kept[end..]).copied().collect();
        if fails(&without) {
            *kept = without;
        }
        end = start;
    }
}

/// The first finding without its numbers, and without what it shows of memory.
fn kind_of(report: &Report) -> Option<String> {
    let first = report.findings.first()?.split(": Some").next()?;
    Some(first.chars().filter(|c| !c.is_ascii_digit()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Side;
    use crate::sim::{Memory, Seat, Simulation};

    #[test]
    fn what_does_not_matter_is_left_out() {
        let seat = Seat::app(Side::Alice);
        let mut events = vec![Event::Send(seat, 0); 20];
        events.insert(7, Event::Kill(seat));
        events.push(Event::Kill(seat));
        // Stands for a run that fails if a process ends after something was written.
        let play = |events: &[Event]| {
            let mut report = Simulation::new(1).play(&[], Memory::new());
            let is_bad = matches!(events, [.., Event::Send(..), Event::Kill(_)]);
            report.findings = if is_bad { vec!["bad".into()] } else { Vec::new() };
            report
        };
        assert_eq!(shrunk(events, play), [Event::Send(seat, 0), Event::Kill(seat)]);
    }
}
