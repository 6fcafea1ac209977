//! `cargo xtask local`: the embedded endpoints alone, until Ctrl-C.

use std::process::ExitCode;

use crate::binaries::Binaries;
use crate::console::print;
use crate::endpoints::{Endpoints, Ports, STREAM, Shards};
use crate::failure::Failure;

/// Run embedded Kinesis and DynamoDB endpoints until Ctrl-C, and say how any client reaches them.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    #[command(flatten)]
    ports: Ports,
    #[command(flatten)]
    shards: Shards,
}

pub(crate) fn run(options: &Options) -> Result<ExitCode, Failure> {
    let endpoints = Endpoints::start_unless_running(&Binaries::build()?, options.ports, options.shards)?;
    for (name, value) in Endpoints::environment() {
        print(format!("export {name}={value}"))?;
    }
    print(format!("export AWS_ENDPOINT_URL_KINESIS={}", endpoints.kinesis))?;
    print(format!("export AWS_ENDPOINT_URL_DYNAMODB={}", endpoints.dynamodb))?;
    print(format!(
        "# aws kinesis put-record --stream-name {STREAM} --partition-key k --cli-binary-format raw-in-base64-out --data 'you are'"
    ))?;
    endpoints.wait()?;
    Ok(ExitCode::SUCCESS)
}
