//! `cargo xtask e2e`: the main job from end to end. Endpoints, consumer and producer in processes of their own; at the end
//! what was produced is compared with what was counted, word by word.

mod consumer;
mod progress;
mod run;

use std::process::ExitCode;
use std::time::Duration;

use clap::value_parser;

use crate::binaries::Binaries;
use crate::comparison::Comparison;
use crate::console::print;
use crate::e2e::run::Run;
use crate::endpoints::{Endpoints, Ports, Shards};
use crate::failure::Failure;
use crate::limits::{MOST_RATE, MOST_SECONDS, MOST_WORDS};

/// Run the word count end to end on embedded endpoints, and compare what was produced with what was counted.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Lines to send each second.
    #[arg(long, default_value_t = 1000, value_parser = value_parser!(u32).range(1..=MOST_RATE))]
    rate: u32,
    /// Words in each line.
    #[arg(long, default_value_t = 10, value_parser = value_parser!(u32).range(1..=MOST_WORDS))]
    words: u32,
    /// How long to send.
    #[arg(long, default_value_t = 10, value_parser = value_parser!(u32).range(1..=MOST_SECONDS))]
    seconds: u32,
    #[command(flatten)]
    shards: Shards,
    /// Stop the consumer gracefully in the middle and start it again.
    #[arg(long)]
    restart: bool,
}

pub(crate) fn run(options: &Options) -> Result<ExitCode, Failure> {
    let binaries = Binaries::build()?;
    let any = Ports { kinesis_port: 0, dynamodb_port: 0 };
    let mut endpoints = Endpoints::start(&binaries, any, options.shards)?;
    let outcome = Run::new(options, &binaries, &mut endpoints).and_then(Run::finish);
    endpoints.leave()?;
    let report = outcome?;
    let comparison = Comparison { produced: &report.produced, counted: &report.counted };
    print(&comparison)?;
    let seconds = |time: Option<Duration>| time.map_or("-".to_owned(), |time| format!("{:.2} s", time.as_secs_f64()));
    print(format!(
        "ready {} after the start; first count {} after the first line was sent; all counted {} after the last",
        seconds(report.ready_after),
        seconds(report.first_count_after),
        seconds(report.all_counted_after)
    ))?;
    print(&report.producer_summary)?;
    if comparison.is_equal() {
        print("OK: every word's count is equal")?;
        Ok(ExitCode::SUCCESS)
    } else {
        Err(Failure::Failed("the counts differ".to_owned()))
    }
}
