//! `kuvert-sim`: runs of the simulator, and what share of messages is delivered under each mix of faults.
//!
//! ```console
//! $ kuvert-sim                          # 1,000 seeds, 2,000 events each, all mixes
//! $ kuvert-sim --seed 17 --trace        # one of them, line by line
//! ```

mod run;
mod table;

use std::process::ExitCode;

use clap::Parser;
use kuvert_testkit::sim::Mix;

/// Two people talk through everything that can go wrong
#[derive(Debug, Parser)]
#[command(name = "kuvert-sim")]
struct Arguments {
    /// Run this seed only; its digest is the same each time
    #[arg(long)]
    seed: Option<u64>,
    /// How many seeds to run, from 0 on
    #[arg(long, default_value_t = 1000, conflicts_with = "seed")]
    seeds: u64,
    /// How many events happen in each run
    #[arg(long, default_value_t = 2000)]
    steps: usize,
    /// Which faults; by default the seed decides
    #[arg(long, value_parser = mix)]
    mix: Option<&'static Mix>,
    /// Print what happens, line by line
    #[arg(long, requires = "seed")]
    trace: bool,
    /// Leave out all events that are not needed to make the seed fail; takes a while
    #[arg(long, requires = "seed")]
    shrink: bool,
}

fn mix(name: &str) -> Result<&'static Mix, String> {
    let names = || Mix::ALL.iter().map(|mix| mix.name).collect::<Vec<_>>().join(", ");
    Mix::named(name).ok_or_else(|| format!("the mixes are: {}", names()))
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let is_good = match arguments.seed {
        Some(seed) => run::one(seed, &arguments),
        None => run::many(&arguments),
    };
    if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
