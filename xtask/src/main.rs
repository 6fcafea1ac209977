//! The project's commands: dispatch, and nothing else. `cargo xtask --help` lists them.

mod bench_local;
mod binaries;
mod chaos;
mod child;
mod comparison;
mod conformance;
mod console;
mod e2e;
mod endpoints;
mod failure;
mod foreground;
mod interrupt;
mod limits;
mod local;
mod printed_counts;
mod produce;
mod run_example;
mod sim;
#[cfg(test)]
mod tidy;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::console::say;
use crate::failure::Failure;

/// Commands of the dstream project. Everything runs on loopback unless an endpoint is given.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", disable_version_flag = true)]
struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    E2e(e2e::Options),
    Chaos(chaos::Options),
    RunExample(run_example::Options),
    Produce(produce::Options),
    Local(local::Options),
    Conformance(conformance::Options),
    BenchLocal(bench_local::Options),
    Sim(sim::Options),
}

fn main() -> ExitCode {
    let options = Options::parse();
    interrupt::listen();
    let outcome = match options.command {
        Command::E2e(options) => e2e::run(&options),
        Command::Chaos(options) => chaos::run(&options),
        Command::RunExample(options) => run_example::run(&options),
        Command::Produce(options) => produce::run(&options),
        Command::Local(options) => local::run(&options),
        Command::Conformance(options) => conformance::run(&options),
        Command::BenchLocal(options) => bench_local::run(&options),
        Command::Sim(options) => sim::run(&options),
    };
    match outcome {
        Ok(code) => code,
        Err(Failure::Interrupted) => ExitCode::from(130),
        Err(Failure::Quiet) => ExitCode::FAILURE,
        Err(Failure::Usage(message)) => {
            say(format!("error: {message}"));
            ExitCode::from(2)
        }
        Err(Failure::Failed(message)) => {
            say(format!("error: {message}"));
            ExitCode::FAILURE
        }
    }
}
