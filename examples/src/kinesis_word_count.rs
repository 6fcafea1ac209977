//! Counts the words of the lines in a Kinesis stream, batch by batch: Spark's `KinesisWordCountASL`.
//!
//! One input stream for each shard, batches of 2 s, checkpoints as often, from LATEST on; the first 10 counts of each
//! batch are printed. Ctrl-C and SIGTERM stop gracefully; a second one at once. What the exit code says: see `lib.rs`.

use std::collections::BTreeMap;
use std::io;
use std::pin::pin;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use clap::Parser;
use dstream_core::{BoxError, DStream, StopMode, StorageLevel, StreamingContext, error_chain};
use kinesis_asl::api::{KinesisApi, ShardFilter};
use kinesis_asl::{AwsKinesis, Credentials, InitialPosition, KinesisInputDStream, Lifecycle, Retrieval};
use kinesis_endpoint::{EndpointUrl, Region, ServiceAccess};
use tokio::time::Instant;

/// Counts words in a Kinesis stream every 2 seconds.
///
/// Credentials: AWS_ACCESS_KEY_ID with AWS_SECRET_ACCESS_KEY (or the old AWS_SECRET_KEY), else the default chain.
#[derive(Debug, Parser)]
#[command(
    name = "KinesisWordCount",
    override_usage = "KinesisWordCount <app-name> <stream-name> <endpoint-url> [<region-name>] [OPTIONS]",
    disable_version_flag = true
)]
struct Options {
    /// The application: name of the DynamoDB table with its leases and checkpoints.
    app_name: String,
    /// The Kinesis stream.
    stream_name: String,
    /// The Kinesis endpoint, such as `https://kinesis.us-east-1.amazonaws.com`.
    endpoint_url: String,
    /// The region; by default the one in the endpoint's host.
    region_name: Option<String>,
    /// The DynamoDB endpoint; by default the region's. Needed when the Kinesis endpoint is not AWS's own.
    #[arg(long, value_name = "URL")]
    dynamodb_endpoint: Option<String>,
    /// Where to begin without a checkpoint.
    #[arg(long, value_enum, default_value_t = Position::Latest)]
    initial_position: Position,
    /// How records are fetched: by GetRecords, or by enhanced fan-out as a registered consumer of the application's name.
    #[arg(long, value_enum, default_value_t = Reader::Polling)]
    reader: Reader,
    /// Length of a batch.
    #[arg(long, value_name = "MS", default_value_t = 2_000)]
    batch_ms: u64,
    /// Threads that count; by default one for each core.
    #[arg(long, value_name = "MASTER", default_value = "local[*]")]
    master: String,
    /// Print the totals of all batches at the end.
    #[arg(long)]
    totals: bool,
    /// How long a graceful stop may take, in milliseconds; by default as long as it takes. When it is over, the stop is cut short
    /// and the exit code is 3.
    #[arg(long, value_name = "MS", value_parser = clap::value_parser!(u64).range(1..))]
    stop_deadline_ms: Option<u64>,
    /// Stop gracefully when standard input ends, so that a parent that dies takes the program along.
    #[arg(long, hide = true)]
    stop_with_stdin: bool,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Position {
    #[value(name = "LATEST", alias = "latest")]
    Latest,
    #[value(name = "TRIM_HORIZON", alias = "trim_horizon")]
    TrimHorizon,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Reader {
    Polling,
    FanOut,
}

type Totals = Arc<Mutex<BTreeMap<String, u64>>>;

#[tokio::main]
async fn main() -> ExitCode {
    let options = Options::parse();
    examples::start_log();
    match run(&options).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            if !examples::is_unread(&*error) {
                examples::say(format!("KinesisWordCount: {}", error_chain(&*error)));
            }
            examples::Failure::of(&*error).into()
        }
    }
}

async fn run(options: &Options) -> Result<(), BoxError> {
    let begun = Instant::now();
    let stdin = options.stop_with_stdin.then(examples::stdin_end);
    let ssc = context(options)?;
    // The first one before any call is made: it checks the settings.
    let mut streams = vec![input_stream(&ssc, options)?];
    let shards = count_shards(options).await?;
    for _ in 1..shards {
        streams.push(input_stream(&ssc, options)?);
    }
    let counts = ssc
        .union(streams)
        .flat_map(|line: Bytes| String::from_utf8_lossy(&line).split(' ').map(str::to_owned).collect::<Vec<_>>())
        .map(|word| (word, 1_u64))
        .reduce_by_key(|a, b| a + b);
    counts.print();
    let totals = Totals::default();
    if options.totals {
        add_up(&counts, &totals);
    }

    ssc.start().await?;
    let mut end = pin!(ssc.await_termination_or_signal());
    tokio::select! {
        () = ssc.ready() => say_ready(options, begun, shards),
        ended = &mut end => return Ok(ended?),
    }
    tokio::select! {
        ended = &mut end => ended?,
        () = examples::ended(stdin) => ssc.stop(StopMode::Graceful).await?,
    }
    if options.totals {
        print_totals(&totals)?;
    }
    Ok(())
}

fn context(options: &Options) -> Result<StreamingContext, BoxError> {
    let builder = StreamingContext::builder("KinesisWordCount")
        .master(options.master.as_str())
        .batch_interval(Duration::from_millis(options.batch_ms));
    Ok(match options.stop_deadline_ms {
        Some(millis) => builder.stop_deadline(Duration::from_millis(millis)),
        None => builder,
    }
    .build()?)
}

fn say_ready(options: &Options, begun: Instant, shards: usize) {
    let (stream, after) = (&options.stream_name, begun.elapsed().as_secs_f64());
    examples::say(format!(
        "ready after {after:.1} s: every shard of stream '{stream}' has a reader ({shards} shards at the start)"
    ));
}

async fn count_shards(options: &Options) -> Result<usize, BoxError> {
    let endpoint = EndpointUrl::parse(&options.endpoint_url)?;
    let given = options.region_name.as_deref().map(Region::parse).transpose()?;
    let region = endpoint.resolve_region(given.as_ref())?;
    let access = ServiceAccess { region, endpoint: Some(endpoint), credentials: Credentials::from_env()? };
    let stream = AwsKinesis::connect(&access, &options.stream_name).await;
    Ok(stream.list_shards(ShardFilter::AtLatest).await?.len())
}

fn input_stream(ssc: &StreamingContext, options: &Options) -> Result<DStream<Bytes>, BoxError> {
    let mut builder = KinesisInputDStream::builder()
        .streaming_context(ssc)
        .checkpoint_app_name(&options.app_name)
        .stream_name(&options.stream_name)
        .endpoint_url(&options.endpoint_url)
        .initial_position(match options.initial_position {
            Position::Latest => InitialPosition::Latest,
            Position::TrimHorizon => InitialPosition::TrimHorizon,
        })
        .retrieval(match options.reader {
            Reader::Polling => Retrieval::Polling,
            Reader::FanOut => {
                let consumer_name = options.app_name.clone();
                Retrieval::FanOut { consumer_name, lifecycle: Lifecycle::ManagedByJob }
            }
        })
        .checkpoint_interval(ssc.batch_interval())
        .storage_level(StorageLevel::MemoryAndDisk2)
        .kinesis_credentials(Credentials::from_env()?);
    if let Some(region) = &options.region_name {
        builder = builder.region_name(region);
    }
    if let Some(endpoint) = &options.dynamodb_endpoint {
        builder = builder.dynamodb_endpoint_url(endpoint);
    }
    Ok(builder.build()?)
}

fn add_up(counts: &DStream<(String, u64)>, totals: &Totals) {
    let totals = Arc::clone(totals);
    counts.foreach_rdd(move |rdd, _time| {
        let batch = rdd.collect()?;
        let mut totals = totals.lock().unwrap_or_else(PoisonError::into_inner);
        for (word, count) in batch {
            *totals.entry(word).or_default() += count;
        }
        Ok(())
    });
}

fn print_totals(totals: &Totals) -> io::Result<()> {
    examples::print("Totals for the words counted")?;
    for (word, count) in totals.lock().unwrap_or_else(PoisonError::into_inner).iter() {
        examples::print(format!("({word},{count})"))?;
    }
    Ok(())
}
