//! `cargo xtask local`: the embedded endpoints alone, until Ctrl-C.

use std::process::ExitCode;

use crate::binaries::Binaries;
use crate::endpoints::{Endpoints, Ports, STREAM};
use crate::failure::Failure;

/// Run embedded Kinesis and DynamoDB endpoints until Ctrl-C, and say how any client reaches them.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    #[command(flatten)]
    ports: Ports,
    /// Shards of the stream.
    #[arg(long, default_value_t = 4)]
    shards: u32,
}

pub(crate) fn run(options: &Options) -> Result<ExitCode, Failure> {
    let endpoints = Endpoints::start(&Binaries::build()?, options.ports, options.shards)?;
    for (name, value) in Endpoints::environment() {
        println!("export {name}={value}");
    }
    println!("export AWS_ENDPOINT_URL_KINESIS={}", endpoints.kinesis);
    println!("export AWS_ENDPOINT_URL_DYNAMODB={}", endpoints.dynamodb);
    println!(
        "# aws kinesis put-record --stream-name {STREAM} --partition-key k --cli-binary-format raw-in-base64-out --data 'you are'"
    );
    endpoints.wait()?;
    Ok(ExitCode::SUCCESS)
}
