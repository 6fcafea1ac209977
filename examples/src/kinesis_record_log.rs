//! Writes every record of a Kinesis stream to a file, a line for each: to look at a stream with `tail -f` and `grep`, or to
//! check afterwards what a fleet of processes did with it (`cargo xtask chaos` does).
//!
//! A line has five fields with tabs between them: batch time in milliseconds since 1970, shard, sequence number, sub-sequence
//! number (0 unless the record was part of a KPL aggregate), and the data, with everything escaped that is not printable
//! ASCII. Lines of one shard come in its order. A batch is written in one piece before its positions are checkpointed, so a
//! record is in a file at least once, and exactly once unless a process died or was taken for dead.
//!
//! With `--count-by-key` it also counts the records of each partition key that this process has processed, with state that
//! survives its end: see [`key_counts`]. With `--text-files` it saves each batch as a directory of text files as well, in which
//! each record is exactly once, also after a crash, as long as a restart comes before others have taken its shards over.

use std::fs::{File, OpenOptions, create_dir_all};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use dstream_core::{BoxError, DStream, StopMode, StreamingContext, error_chain};
use examples::key_counts;
use kinesis_asl::{CheckpointAfter, Credentials, InitialPosition, KinesisInputDStream, KinesisRecord};
use tokio::time::Instant;

/// Writes every record of a Kinesis stream to a file, a line for each.
///
/// Start as many as you like: processes of one application share the shards, and each has a file of its own,
/// `records-<process id>.tsv`, which it appends to.
///
/// Credentials: AWS_ACCESS_KEY_ID with AWS_SECRET_ACCESS_KEY (or the old AWS_SECRET_KEY), else the default chain.
#[derive(Debug, Parser)]
#[command(
    name = "KinesisRecordLog",
    override_usage = "KinesisRecordLog <app-name> <stream-name> <endpoint-url> <directory> [OPTIONS]",
    disable_version_flag = true
)]
struct Options {
    /// The application: name of the DynamoDB table with its leases and checkpoints.
    app_name: String,
    /// The Kinesis stream.
    stream_name: String,
    /// The Kinesis endpoint, such as `https://kinesis.us-east-1.amazonaws.com`.
    endpoint_url: String,
    /// Where the file goes; made if it is missing.
    directory: PathBuf,
    /// The region; by default the one in the endpoint's host.
    #[arg(long, value_name = "REGION")]
    region: Option<String>,
    /// The DynamoDB endpoint; by default the region's. Needed when the Kinesis endpoint is not AWS's own.
    #[arg(long, value_name = "URL")]
    dynamodb_endpoint: Option<String>,
    /// Where to begin without a checkpoint.
    #[arg(long, value_enum, default_value_t = Position::Latest)]
    initial_position: Position,
    /// Length of a batch, in milliseconds.
    #[arg(long, value_name = "MS", default_value_t = 2_000)]
    batch_ms: u64,
    /// After which time without a sign of life others take this process's shards over, in milliseconds; at least 1000.
    #[arg(long, value_name = "MS", default_value_t = 10_000)]
    failover_ms: u64,
    /// How long a graceful stop may take, in milliseconds; by default as long as it takes. When it is over, the stop is cut short
    /// and the exit code is 3.
    #[arg(long, value_name = "MS", value_parser = clap::value_parser!(u64).range(1..))]
    stop_deadline_ms: Option<u64>,
    /// Count the records of each partition key as well, with state and files of counts in this directory. It belongs to one
    /// process at a time; whoever is started on it goes on with the counts that are there.
    #[arg(long, value_name = "DIRECTORY")]
    count_by_key: Option<PathBuf>,
    /// How often that state is checkpointed, in milliseconds; by default once in each batch. A crash leaves the batches since the
    /// last checkpoint to be run again.
    #[arg(long, value_name = "MS", requires = "count_by_key", value_parser = clap::value_parser!(u64).range(1..))]
    checkpoint_ms: Option<u64>,
    /// Save each batch as the directory `<PREFIX>-<batch time>` as well, with a line for each record, without the batch time. The
    /// prefix belongs to one process at a time. Batches that a crash broke off are replaced, if there is --count-by-key.
    #[arg(long, value_name = "PREFIX")]
    text_files: Option<String>,
    /// Move positions as soon as records are stored, as Spark does, so that a crash loses records: to show that
    /// `cargo xtask chaos` finds it.
    #[arg(long, hide = true)]
    checkpoint_at_receive: bool,
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

#[tokio::main]
async fn main() -> ExitCode {
    let options = Options::parse();
    examples::start_log();
    match run(&options).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            examples::say(format!("KinesisRecordLog: {}", error_chain(&*error)));
            examples::Failure::of(&*error).into()
        }
    }
}

async fn run(options: &Options) -> Result<(), BoxError> {
    let begun = Instant::now();
    let stdin = options.stop_with_stdin.then(examples::stdin_end);
    let ssc = context(options)?;
    let records = input_stream(&ssc, options)?;
    let (path, file) = open(&options.directory, std::process::id())?;
    records.foreach_rdd(move |rdd, time| {
        let text: String =
            rdd.collect()?.iter().map(|(_, fields)| format!("{}\t{fields}\n", time.as_millis())).collect();
        // In one piece, so that a process that is killed leaves a whole batch or nothing, save for a full disk.
        Ok((&file).write_all(text.as_bytes())?)
    });
    if let Some(directory) = options.count_by_key.clone() {
        let counts = key_counts::counts(&records.map(|(key, _)| (key, ())));
        counts.foreach_rdd(move |rdd, time| Ok(key_counts::write(&directory, time, rdd.collect()?)?));
    }
    if let Some(prefix) = &options.text_files {
        records.map(|(_, fields)| fields).save_as_text_files(prefix, "");
    }

    ssc.start().await?;
    let mut end = pin!(ssc.await_termination_or_signal());
    tokio::select! {
        () = ssc.ready() => {
            let (path, after) = (path.display(), begun.elapsed().as_secs_f64());
            examples::say(format!("ready after {after:.1} s: writing to {path}"));
        }
        ended = &mut end => return Ok(ended?),
    }
    tokio::select! {
        ended = &mut end => ended?,
        () = examples::ended(stdin) => ssc.stop(StopMode::Graceful).await?,
    }
    Ok(())
}

fn context(options: &Options) -> Result<StreamingContext, BoxError> {
    let batch = Duration::from_millis(options.batch_ms);
    let mut builder = StreamingContext::builder("KinesisRecordLog").master("local[2]").batch_interval(batch);
    if let Some(millis) = options.stop_deadline_ms {
        builder = builder.stop_deadline(Duration::from_millis(millis));
    }
    if let Some(directory) = &options.count_by_key {
        // Positions wait for the checkpoint of the state. Counts are small, so there may be one for each batch, and little is
        // done again after a crash.
        let location = directory.join("checkpoints");
        let interval = options.checkpoint_ms.map_or(batch, Duration::from_millis);
        builder = builder.checkpoint_dir(&location.to_string_lossy()).checkpoint_interval(interval);
    }
    Ok(builder.build()?)
}

/// The file of this process. There is nothing to flush: what is written to it goes to the operating system at once.
fn open(directory: &Path, process: u32) -> io::Result<(PathBuf, File)> {
    let path = directory.join(format!("records-{process}.tsv"));
    let opened = create_dir_all(directory).and_then(|()| OpenOptions::new().create(true).append(true).open(&path));
    let file =
        opened.map_err(|error| io::Error::new(error.kind(), format!("cannot write {}: {error}", path.display())))?;
    Ok((path, file))
}

/// The partition key of a record, and what a line says of it, behind the batch time.
fn fields(record: &KinesisRecord) -> (String, String) {
    let (shard, position) = (record.shard(), record.position());
    let line = format!("{shard}\t{}\t{}\t{}", position.sequence, position.sub_sequence, record.data().escape_ascii());
    (record.partition_key().to_owned(), line)
}

fn input_stream(ssc: &StreamingContext, options: &Options) -> Result<DStream<(String, String)>, BoxError> {
    let mut builder = KinesisInputDStream::builder()
        .streaming_context(ssc)
        .checkpoint_app_name(&options.app_name)
        .stream_name(&options.stream_name)
        .endpoint_url(&options.endpoint_url)
        .initial_position(match options.initial_position {
            Position::Latest => InitialPosition::Latest,
            Position::TrimHorizon => InitialPosition::TrimHorizon,
        })
        .failover(Duration::from_millis(options.failover_ms))
        .kinesis_credentials(Credentials::from_env()?);
    if options.checkpoint_at_receive {
        builder = builder.checkpoint_after(CheckpointAfter::Stored);
    }
    if let Some(region) = &options.region {
        builder = builder.region_name(region);
    }
    if let Some(endpoint) = &options.dynamodb_endpoint {
        builder = builder.dynamodb_endpoint_url(endpoint);
    }
    Ok(builder.build_with_message_handler(fields)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_process_wrote_before_is_kept_when_its_file_is_opened_again() {
        let directory = std::env::temp_dir().join(format!("record-log-{}", std::process::id()));
        for text in ["one\n", "two\n"] {
            let (path, mut file) = open(&directory, 7).expect("a file");
            file.write_all(text.as_bytes()).expect("written");
            assert!(path.ends_with("records-7.tsv"), "{path:?}");
        }
        assert_eq!(std::fs::read_to_string(directory.join("records-7.tsv")).expect("the file"), "one\ntwo\n");
        std::fs::remove_dir_all(&directory).expect("removed");
    }

    #[test]
    fn a_directory_that_cannot_be_made_is_named() {
        let error = open(Path::new("/proc/none"), 7).expect_err("nothing can be made there").to_string();
        assert!(error.starts_with("cannot write /proc/none/records-7.tsv"), "{error}");
    }
}
