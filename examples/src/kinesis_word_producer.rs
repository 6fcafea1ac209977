//! Sends lines of random words to a Kinesis stream at a true rate: Spark's `KinesisWordProducerASL`.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program talks to its user")]

use std::io::IsTerminal;
use std::num::NonZeroU32;
use std::process::ExitCode;

use clap::Parser;
use dstream_core::error_chain;
use indicatif::{ProgressBar, ProgressStyle};
use kinesis_endpoint::{Credentials, EndpointUrl, Region};
use kinesis_producer::{Progress, StreamName, Totals, WordProducer, WordProducerError, WordSettings};
use tokio::signal::unix::{SignalKind, signal};

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
    /// The Kinesis endpoint, such as https://kinesis.us-east-1.amazonaws.com.
    endpoint_url: String,
    /// Lines to send each second.
    records_per_sec: NonZeroU32,
    /// Words in each line.
    words_per_record: NonZeroU32,
    /// The region; by default the one in the endpoint's host.
    #[arg(long, value_name = "REGION")]
    region: Option<String>,
    /// How long to send.
    #[arg(long, default_value_t = NonZeroU32::new(10).unwrap_or(NonZeroU32::MIN))]
    seconds: NonZeroU32,
    /// Send random numbers instead of words.
    #[arg(long)]
    numbers: bool,
    /// Seed of the random words.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Stop when standard input ends, so that a parent that dies takes the program along.
    #[arg(long, hide = true)]
    stop_with_stdin: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    let options = Options::parse();
    examples::start_log();
    match run(&options).await {
        Ok(totals) if totals.failed == 0 => ExitCode::SUCCESS,
        Ok(totals) => {
            eprintln!("KinesisWordProducer: {} records could not be delivered", totals.failed);
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("KinesisWordProducer: {}", error_chain(&*error));
            ExitCode::FAILURE
        }
    }
}

async fn run(options: &Options) -> Result<Totals, Box<dyn std::error::Error>> {
    let settings = settings(options)?;
    let what = if options.numbers { "numbers" } else { "words" };
    println!(
        "Sending {} records/s of {} {what} to stream '{}' at {} for {} s",
        options.records_per_sec, options.words_per_record, options.stream_name, options.endpoint_url, options.seconds
    );
    let stdin = options.stop_with_stdin.then(examples::stdin_end);
    let bar = std::io::stderr().is_terminal().then(bar);
    let producer = WordProducer::connect(settings).await?;
    let stop = stopped(stdin)?;
    let result = producer.run(|progress| show(bar.as_ref(), progress), stop).await;
    if let Some(bar) = &bar {
        bar.finish();
    }
    let totals = match result {
        Err(WordProducerError::Stopped { totals, source }) => {
            print_totals(&totals);
            return Err(Box::new(WordProducerError::Stopped { totals, source }));
        }
        result => result?,
    };
    print_totals(&totals);
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
        seed: options.seed,
        ..WordSettings::new(stream, EndpointUrl::parse(&options.endpoint_url)?)
    })
}

/// Ctrl-C, SIGTERM, or the end of standard input.
fn stopped(stdin: Option<tokio::sync::watch::Receiver<()>>) -> std::io::Result<impl Future<Output = ()>> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            () = examples::ended(stdin) => {}
        }
    })
}

fn bar() -> ProgressBar {
    let style = ProgressStyle::with_template("{elapsed_precise} [{bar:40}] {pos}/{len} records {msg}");
    ProgressBar::new(0).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// A bar on a terminal, else a line each second.
fn show(bar: Option<&ProgressBar>, progress: &Progress) {
    match bar {
        Some(bar) => {
            bar.set_length(progress.planned);
            bar.set_position(progress.acknowledged);
            bar.set_message(format!("({} sent again, {} failed)", progress.retried, progress.failed));
        }
        None => println!("Sent {} records", progress.acknowledged),
    }
}

fn print_totals(totals: &Totals) {
    println!(
        "{} of {} records sent in {:.2} s, {} records/s; {} sent again, {} failed",
        totals.acknowledged,
        totals.planned,
        totals.sending.as_secs_f64(),
        totals.records_per_sec(),
        totals.retried,
        totals.failed
    );
    println!("{totals}");
}
