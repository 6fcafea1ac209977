//! `cargo xtask produce <records-per-sec> <words-per-record> [<stream-name> <endpoint-url>]`: the word producer.

use std::process::ExitCode;

use clap::value_parser;

use crate::binaries::Binaries;
use crate::endpoints::{Endpoints, Ports, STREAM, Shards};
use crate::failure::Failure;
use crate::foreground::{Local, run_program};
use crate::limits::{MOST_RATE, MOST_SECONDS, MOST_WORDS};

const PROGRAM: &str = "kinesis_word_producer";

/// Send lines of random words, to the embedded endpoints unless a stream and an endpoint are given.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Lines to send each second.
    #[arg(value_parser = value_parser!(u32).range(1..=MOST_RATE))]
    records_per_sec: u32,
    /// Words in each line.
    #[arg(value_parser = value_parser!(u32).range(1..=MOST_WORDS))]
    words_per_record: u32,
    /// The Kinesis stream.
    #[arg(requires = "endpoint_url")]
    stream_name: Option<String>,
    /// The Kinesis endpoint.
    endpoint_url: Option<String>,
    /// How long to send.
    #[arg(long, default_value_t = 10, value_parser = value_parser!(u32).range(1..=MOST_SECONDS))]
    seconds: u32,
    /// Send random numbers instead of words.
    #[arg(long)]
    numbers: bool,
    /// Seed of the random words; by default another one in each run.
    #[arg(long)]
    seed: Option<u64>,
    /// The region; by default the one in the endpoint's host.
    #[arg(long)]
    region: Option<String>,
    #[command(flatten)]
    shards: Shards,
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
    args.extend(options.seed.map(|seed| format!("--seed={seed}")));
    args.extend(options.region.as_ref().map(|region| format!("--region={region}")));
    args
}
