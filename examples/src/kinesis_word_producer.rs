//! Sends lines of random words to a Kinesis stream at a true rate: Spark's `KinesisWordProducerASL`.

use std::hash::{BuildHasher, RandomState};
use std::io::{self, IsTerminal};
use std::num::NonZeroU32;
use std::process::ExitCode;

use clap::builder::TypedValueParser;
use clap::{Parser, value_parser};
use dstream_core::error_chain;
use indicatif::{ProgressBar, ProgressStyle};
use kinesis_endpoint::{Credentials, EndpointUrl, Region};
use kinesis_producer::{Progress, StreamName, Totals, WordProducer, WordProducerError, WordSettings};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Notify;

/// Lines each second, at most.
const MOST_RATE: i64 = 1_000_000;
/// Words in a line, at most.
const MOST_WORDS: i64 = 100_000;
/// Seconds of a run, at most: a day.
const MOST_SECONDS: i64 = 86_400;

/// Sends lines of random words to a Kinesis stream.
///
/// Credentials: AWS_ACCESS_KEY_ID with AWS_SECRET_ACCESS_KEY (or the old AWS_SECRET_KEY), else the default chain.
#[derive(Debug, Parser)]
#[command(
    name = "KinesisWordProducer",
    override_usage = "KinesisWordProducer <stream-name> <endpoint-url> <records-per-sec> <words-per-record> [OPTIONS]",
    disable_version_flag = true
)]
struct Options {
    /// The Kinesis stream.
    stream_name: String,
    /// The Kinesis endpoint, such as `https://kinesis.us-east-1.amazonaws.com`.
    endpoint_url: String,
    /// Lines to send each second.
    #[arg(value_parser = up_to(MOST_RATE))]
    records_per_sec: NonZeroU32,
    /// Words in each line.
    #[arg(value_parser = up_to(MOST_WORDS))]
    words_per_record: NonZeroU32,
    /// The region; by default the one in the endpoint's host.
    #[arg(long, value_name = "REGION")]
    region: Option<String>,
    /// How long to send.
    #[arg(long, default_value = "10", value_parser = up_to(MOST_SECONDS))]
    seconds: NonZeroU32,
    /// Send random numbers instead of words.
    #[arg(long)]
    numbers: bool,
    /// Seed of the random words; by default another one in each run.
    #[arg(long)]
    seed: Option<u64>,
    /// Stop when standard input ends, so that a parent that dies takes the program along.
    #[arg(long, hide = true)]
    stop_with_stdin: bool,
}

/// Reads a whole number from 1 to `most`.
fn up_to(most: i64) -> impl TypedValueParser<Value = NonZeroU32> {
    value_parser!(u32).range(1..=most).try_map(NonZeroU32::try_from)
}

#[tokio::main]
async fn main() -> ExitCode {
    let options = Options::parse();
    examples::start_log();
    match run(&options).await {
        Ok(totals) if totals.failed == 0 => ExitCode::SUCCESS,
        Ok(totals) => {
            examples::say(format!("KinesisWordProducer: {} records could not be delivered", totals.failed));
            ExitCode::FAILURE
        }
        Err(error) => {
            if !examples::is_unread(&*error) {
                examples::say(format!("KinesisWordProducer: {}", error_chain(&*error)));
            }
            ExitCode::FAILURE
        }
    }
}

async fn run(options: &Options) -> Result<Totals, Box<dyn std::error::Error>> {
    let settings = settings(options)?;
    let what = if options.numbers { "numbers" } else { "words" };
    examples::print(format!(
        "Sending {} records/s of {} {what} to stream '{}' at {} for {} s (seed {})",
        options.records_per_sec,
        options.words_per_record,
        options.stream_name,
        options.endpoint_url,
        options.seconds,
        settings.seed
    ))?;
    let stdin = options.stop_with_stdin.then(examples::stdin_end);
    let bar = std::io::stderr().is_terminal().then(bar);
    let producer = WordProducer::connect(settings).await?;
    let unread = Notify::new();
    let stop = stopped(stdin, &unread)?;
    let progress = |progress: &Progress| {
        if show(bar.as_ref(), progress).is_err() {
            unread.notify_one();
        }
    };
    let result = producer.run(progress, stop).await;
    if let Some(bar) = &bar {
        // It stays where it is: a run that was stopped has not come to its end.
        bar.abandon();
    }
    let totals = match result {
        Err(WordProducerError::Stopped { totals, source }) => {
            // This error says more than that the totals could not be printed.
            let _ = print_totals(&totals);
            return Err(Box::new(WordProducerError::Stopped { totals, source }));
        }
        result => result?,
    };
    print_totals(&totals)?;
    Ok(totals)
}

fn settings(options: &Options) -> Result<WordSettings, Box<dyn std::error::Error>> {
    let stream = StreamName::parse(&options.stream_name)?;
    Ok(WordSettings {
        region: options.region.as_deref().map(Region::parse).transpose()?,
        credentials: Credentials::from_env()?,
        records_per_sec: options.records_per_sec,
        words_per_record: options.words_per_record,
        seconds: options.seconds,
        numbers: options.numbers,
        seed: options.seed.unwrap_or_else(any_seed),
        ..WordSettings::new(stream, EndpointUrl::parse(&options.endpoint_url)?)
    })
}

/// A seed that differs from run to run: a hasher of the standard library has random keys.
fn any_seed() -> u64 {
    RandomState::new().hash_one(std::process::id())
}

/// Ctrl-C, SIGTERM, the end of standard input, or nobody who reads what is printed.
fn stopped(
    stdin: Option<tokio::sync::watch::Receiver<()>>,
    unread: &Notify,
) -> io::Result<impl Future<Output = ()> + Send> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            () = examples::ended(stdin) => {}
            () = unread.notified() => {}
        }
    })
}

fn bar() -> ProgressBar {
    let style = ProgressStyle::with_template("{elapsed_precise} [{bar:40}] {pos}/{len} records {msg}");
    ProgressBar::new(0).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// A bar on a terminal, else a line each second.
fn show(bar: Option<&ProgressBar>, progress: &Progress) -> io::Result<()> {
    match bar {
        Some(bar) => {
            bar.set_length(progress.planned);
            bar.set_position(progress.acknowledged);
            bar.set_message(format!("({} sent again, {} failed)", progress.retried, progress.failed));
            Ok(())
        }
        None => examples::print(format!("Sent {} records", progress.acknowledged)),
    }
}

fn print_totals(totals: &Totals) -> io::Result<()> {
    examples::print(format!(
        "{} of {} records sent in {:.2} s, {} records/s; {} sent again, {} failed",
        totals.acknowledged,
        totals.planned,
        totals.sending.as_secs_f64(),
        totals.records_per_sec(),
        totals.retried,
        totals.failed
    ))?;
    examples::print(totals)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(rate: &str, more: &[&str]) -> Result<Options, clap::Error> {
        let first = ["KinesisWordProducer", "words", "http://127.0.0.1:1", rate, "10"];
        Options::try_parse_from(first.iter().chain(more))
    }

    #[test]
    fn a_rate_beyond_the_limits_is_refused() {
        assert_eq!(parse("1000000", &[]).expect("within the limits").seconds.get(), 10);
        assert!(parse("0", &[]).is_err());
        assert!(parse("1000001", &[]).is_err());
        assert!(parse("1", &["--seconds=86401"]).is_err());
    }

    #[test]
    fn a_seed_that_is_not_given_differs_from_the_next_one() {
        assert_ne!(any_seed(), any_seed());
        let given = parse("1", &["--seed=7"]).expect("valid arguments");
        assert_eq!(settings(&given).expect("valid settings").seed, 7);
    }
}
