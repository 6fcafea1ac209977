//! `cargo xtask bench-local`: how fast the embedded endpoint is, and others beside it.

use std::process::ExitCode;

use crate::binaries::Binaries;
use crate::failure::Failure;
use crate::foreground::{Local, run_program};

/// Measure the embedded endpoint as a process of its own; `bench-local --help` lists the options.
#[derive(Debug, clap::Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Options {
    /// Handed to the program kinesis-speed as they are.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<String>,
}

pub(crate) fn run(options: &Options) -> Result<ExitCode, Failure> {
    run_program(&Binaries::build()?, "kinesis-speed", options.args.clone(), Local::No)
}
