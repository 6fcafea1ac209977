//! `cargo xtask produce <records-per-sec> <words-per-record> [<stream-name> <endpoint-url>]`: the word producer.

use std::num::NonZeroU32;
use std::process::ExitCode;

use crate::binaries::Binaries;
use crate::endpoints::{Endpoints, Ports, STREAM};
use crate::failure::Failure;
use crate::run_example::{Local, run_program};

const PROGRAM: &str = "kinesis_word_producer";

/// Send lines of random words, to the embedded endpoints unless a stream and an endpoint are given.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Lines to send each second.
    records_per_sec: NonZeroU32,
    /// Words in each line.
    words_per_record: NonZeroU32,
    /// The Kinesis stream.
    #[arg(requires = "endpoint_url")]
    stream_name: Option<String>,
    /// The Kinesis endpoint.
    endpoint_url: Option<String>,
    /// How long to send.
    #[arg(long, default_value_t = 10)]
    seconds: u32,
    /// Send random numbers instead of words.
    #[arg(long)]
    numbers: bool,
    /// The region; by default the one in the endpoint's host.
    #[arg(long)]
    region: Option<String>,
    /// Shards of the stream, if the endpoints are started.
    #[arg(long, default_value_t = 4)]
    shards: u32,
    #[command(flatten)]
    ports: Ports,
}

pub(crate) fn run(options: &Options) -> Result<ExitCode, Failure> {
    let binaries = Binaries::build()?;
    if let (Some(stream), Some(endpoint)) = (&options.stream_name, &options.endpoint_url) {
        return run_program(&binaries, PROGRAM, args(options, stream, endpoint), Local::No);
    }
    let endpoints = Endpoints::join_or_start(&binaries, options.ports, options.shards)?;
    let outcome = run_program(&binaries, PROGRAM, args(options, STREAM, &endpoints.kinesis), Local::Yes);
    endpoints.leave()?;
    outcome
}

fn args(options: &Options, stream: &str, endpoint: &str) -> Vec<String> {
    let mut args = vec![
        stream.to_owned(),
        endpoint.to_owned(),
        options.records_per_sec.to_string(),
        options.words_per_record.to_string(),
        format!("--seconds={}", options.seconds),
    ];
    if options.numbers {
        args.push("--numbers".to_owned());
    }
    args.extend(options.region.as_ref().map(|region| format!("--region={region}")));
    args
}
