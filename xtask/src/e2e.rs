//! `cargo xtask e2e`: the main job from end to end. Endpoints, consumer and producer in processes of their own; at the end
//! what was produced is compared with what was counted, word by word.

mod consumer;
mod progress;
mod run;

use std::num::NonZeroU32;
use std::process::ExitCode;
use std::time::Duration;

use crate::binaries::Binaries;
use crate::comparison::Comparison;
use crate::e2e::run::Run;
use crate::endpoints::{Endpoints, Ports};
use crate::failure::Failure;

/// Run the word count end to end on embedded endpoints, and compare what was produced with what was counted.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Lines to send each second.
    #[arg(long, default_value_t = positive(1000))]
    rate: NonZeroU32,
    /// Words in each line.
    #[arg(long, default_value_t = positive(10))]
    words: NonZeroU32,
    /// How long to send.
    #[arg(long, default_value_t = positive(10))]
    seconds: NonZeroU32,
    /// Shards of the stream.
    #[arg(long, default_value_t = positive(4))]
    shards: NonZeroU32,
    /// Stop the consumer gracefully in the middle and start it again.
    #[arg(long)]
    restart: bool,
}

fn positive(number: u32) -> NonZeroU32 {
    NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN)
}

pub(crate) fn run(options: &Options) -> Result<ExitCode, Failure> {
    let binaries = Binaries::build()?;
    let any = Ports { kinesis_port: 0, dynamodb_port: 0 };
    let endpoints = Endpoints::start(&binaries, any, options.shards.get())?;
    let outcome = Run::new(options, &binaries, &endpoints).and_then(Run::finish);
    endpoints.leave()?;
    let report = outcome?;
    let comparison = Comparison { produced: &report.produced, counted: &report.counted };
    println!("{comparison}");
    let seconds = |time: Option<Duration>| time.map_or("-".to_owned(), |time| format!("{:.2} s", time.as_secs_f64()));
    println!(
        "ready {} after the start; first count {} after the first line was sent; all counted {} after the last",
        seconds(report.ready_after),
        seconds(report.first_count_after),
        seconds(report.all_counted_after)
    );
    println!("{}", report.producer_summary);
    if comparison.is_equal() {
        println!("OK: every word's count is equal");
        Ok(ExitCode::SUCCESS)
    } else {
        Err(Failure::Failed("the counts differ".to_owned()))
    }
}
