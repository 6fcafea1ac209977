//! `cargo xtask sim`: random stories of many workers under virtual time, and simulated fleets.

use std::process::ExitCode;

use crate::binaries::Binaries;
use crate::failure::Failure;
use crate::foreground::{Local, run_program};

/// Simulate many workers under virtual time, check every promise, print failing seeds; `sim --help` lists the options.
#[derive(Debug, clap::Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Options {
    /// Handed to the program kinesis-sim as they are.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<String>,
}

pub(crate) fn run(options: &Options) -> Result<ExitCode, Failure> {
    run_program(&Binaries::build()?, "kinesis-sim", options.args.clone(), Local::No)
}
