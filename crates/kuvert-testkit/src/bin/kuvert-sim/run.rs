//! One seed, or many on all processors.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Instant;

use kuvert_testkit::sim::{Memory, Mix, Report, Simulation};

use super::Arguments;
use super::table::Table;

/// Findings of so many seeds are printed; they tend to be of one kind.
const SHOWN: usize = 10;

/// Runs one seed and prints what came of it. Whether that was good.
pub(super) fn one(seed: u64, arguments: &Arguments) -> bool {
    let (mix, report) = match arguments.shrink {
        true => shrunk(seed, arguments),
        false => simulated(seed, arguments),
    };
    println!("{report}\n  mix {}: {}", mix.name, mix.about);
    report.is_good()
}

/// Runs many seeds and prints the table. Whether all were good.
pub(super) fn many(arguments: &Arguments) -> bool {
    let begun = Instant::now();
    let (mut table, mut bad) = (Table::default(), Vec::new());
    for (mix, report) in reports(arguments) {
        if !report.is_good() {
            bad.push(report.seed);
            if bad.len() <= SHOWN {
                println!("{report}\n  mix {}\n", mix.name);
            }
        }
        table.add(mix, report);
    }
    println!("{table}\n{} in {} s", table.summary(), begun.elapsed().as_secs());
    if let Some(first) = bad.first() {
        println!(
            "{} seeds failed; `cargo xtask sim --seed {first} --trace` replays one",
            bad.len()
        );
    }
    bad.is_empty()
}

/// Runs all seeds on all processors, and gives the reports in the order of the seeds.
fn reports(arguments: &Arguments) -> Vec<(&'static Mix, Report)> {
    let next = AtomicU64::new(0);
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let (sender, receiver) = mpsc::channel();
    thread::scope(|scope| {
        for _ in 0..threads {
            let (sender, next) = (sender.clone(), &next);
            scope.spawn(move || {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= arguments.seeds || sender.send(simulated(seed, arguments)).is_err() {
                        break;
                    }
                }
            });
        }
        drop(sender);
        let mut reports: Vec<_> = receiver.iter().collect();
        reports.sort_by_key(|(_, report)| report.seed);
        reports
    })
}

fn simulated(seed: u64, arguments: &Arguments) -> (&'static Mix, Report) {
    let (mix, simulation) = planned(seed, arguments);
    (mix, simulation.run(mix, memory(mix)))
}

fn shrunk(seed: u64, arguments: &Arguments) -> (&'static Mix, Report) {
    let (mix, simulation) = planned(seed, arguments);
    let events = simulation.shrink(mix, || memory(mix));
    (mix, simulation.play(&events, memory(mix)))
}

fn planned(seed: u64, arguments: &Arguments) -> (&'static Mix, Simulation) {
    let mix = arguments.mix.unwrap_or_else(|| Mix::of_seed(seed));
    let simulation = Simulation::new(seed).steps(arguments.steps);
    (mix, if arguments.trace { simulation.traced() } else { simulation })
}

fn memory(mix: &Mix) -> Memory {
    if mix.has_anchors { Memory::new() } else { Memory::without_anchors() }
}
