//! Chores of the workspace, run as `cargo xtask COMMAND`.
//!
//! - `test` runs every check that a change must pass, and is what continuous integration runs;
//! - `demo` builds the relay and the client and lets two people talk;
//! - `bench` measures Kuvert against its peers and against its own primitives;
//! - `instructions` compares how many instructions operations take with a baseline;
//! - `sim` runs the simulator and prints what share of messages is delivered under which faults;
//! - `models` checks the formal models, query by query;
//! - `fuzz` runs the fuzz targets, and prints what they found and covered;
//! - `timing` measures whether time tells what it must not, or looks for branches on secrets;
//! - `release` builds the programs twice and compares, and writes what is published with them;
//! - `vectors` compares the vectors of the specification with what its reference computes;
//! - `wasm` builds wire and core without `std`, and runs their tests as WebAssembly in Node;
//! - `coverage` prints what of wire and core their tests run;
//! - `api` compares what the published crates show with what was agreed on;
//! - `minimal` compiles the published crates with the least versions that they allow;
//! - `miri` runs unit tests of wire or core in Miri;
//! - `mutants` changes wire and core in one place after the other, and lists what no unit test notices.

mod api;
mod bench;
mod check;
mod context;
mod counts;
mod coverage;
mod demo;
mod features;
mod fuzz;
mod instructions;
mod minimal;
mod miri;
mod models;
mod mutants;
mod release;
mod sim;
mod source;
mod steps;
mod targets;
mod test;
mod timing;
mod tools;
mod vectors;
mod wasm;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use context::Context;

#[derive(Debug, Parser)]
#[command(name = "cargo xtask", about = "Chores of the Kuvert workspace")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run every check that a change must pass
    Test(test::Arguments),
    /// Let two people talk through a relay, with the real programs
    Demo(demo::Arguments),
    /// Measure Kuvert against its peers and against its own primitives
    Bench(bench::Arguments),
    /// Compare how many instructions operations take with the baseline
    Instructions(instructions::Arguments),
    /// Simulate two people and everything that can go wrong between them
    #[command(disable_help_flag = true)]
    Sim(sim::Arguments),
    /// Check the formal models of the specification with Verifpal
    Models(models::Arguments),
    /// Run the fuzz targets
    Fuzz(fuzz::Arguments),
    /// Measure whether time tells what it must not
    Timing(timing::Arguments),
    /// Build the programs twice, compare them, and write what is published with them
    Release(release::Arguments),
    /// Compute the vectors of the specification again, and compare
    Vectors(vectors::Arguments),
    /// Build wire and core without std, and run their tests as WebAssembly
    Wasm(wasm::Arguments),
    /// Print what of wire and core their tests run
    Coverage(coverage::Arguments),
    /// Compare what the published crates show with what was agreed on
    Api(api::Arguments),
    /// Compile the published crates with the least versions that they allow
    Minimal(minimal::Arguments),
    /// Run unit tests of wire or core in Miri
    Miri(miri::Arguments),
    /// Change wire and core in one place after the other, and list what no unit test notices
    Mutants(mutants::Arguments),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let done = Context::of_workspace().and_then(|context| match arguments.command {
        Command::Test(arguments) => test::run(&context, &arguments),
        Command::Demo(arguments) => demo::run(&context, &arguments),
        Command::Bench(arguments) => bench::run(&context, &arguments),
        Command::Instructions(arguments) => instructions::run(&context, &arguments),
        Command::Sim(arguments) => sim::run(&context, &arguments),
        Command::Models(arguments) => models::run(&context, &arguments),
        Command::Fuzz(arguments) => fuzz::run(&context, &arguments),
        Command::Timing(arguments) => timing::run(&context, &arguments),
        Command::Release(arguments) => release::run(&context, &arguments),
        Command::Vectors(arguments) => vectors::run(&context, &arguments),
        Command::Wasm(arguments) => wasm::run(&context, &arguments),
        Command::Coverage(arguments) => coverage::run(&context, &arguments),
        Command::Api(arguments) => api::run(&context, &arguments),
        Command::Minimal(arguments) => minimal::run(&context, &arguments),
        Command::Miri(arguments) => miri::run(&context, &arguments),
        Command::Mutants(arguments) => mutants::run(&context, &arguments),
    });
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}
