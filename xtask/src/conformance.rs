//! `cargo xtask conformance`: every check of documented Kinesis behaviour, against the embedded endpoint or another.

use std::process::ExitCode;

use crate::binaries::Binaries;
use crate::failure::Failure;
use crate::foreground::{Local, run_program};

/// Put checks of documented Kinesis behaviour to an endpoint and print what differs; `conformance --help` lists the options.
#[derive(Debug, clap::Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Options {
    /// Handed to the program kinesis-conformance as they are.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<String>,
}

pub(crate) fn run(options: &Options) -> Result<ExitCode, Failure> {
    run_program(&Binaries::build()?, "kinesis-conformance", options.args.clone(), Local::No)
}
