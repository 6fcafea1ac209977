//! The program `kinesis-local`: both endpoints until a signal, or until standard input ends.
//!
//! Promises: one line on standard output when both answer; exit code 0 after SIGINT, SIGTERM or the end of standard input
//! (within a second), 1 when it cannot start, 2 for wrong arguments.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::str::FromStr;
use std::time::Duration;

use clap::Parser;
use kinesis_local::model::{Limits, Settings};
use kinesis_local::{DEFAULT_DYNAMODB_PORT, DEFAULT_KINESIS_PORT, Durability, Local, Service, StartError};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;

/// Kinesis and DynamoDB on loopback. Any credentials are accepted; everything is in memory unless a directory is given.
#[derive(Debug, Parser)]
#[command(name = "kinesis-local", disable_version_flag = true)]
struct Options {
    /// Port of the Kinesis endpoint, 0 for any free one.
    #[arg(long, value_name = "PORT", default_value_t = DEFAULT_KINESIS_PORT)]
    kinesis_port: u16,
    /// Port of the DynamoDB endpoint, 0 for any free one.
    #[arg(long, value_name = "PORT", default_value_t = DEFAULT_DYNAMODB_PORT)]
    dynamodb_port: u16,
    /// A stream to create at the start; may be given more than once.
    #[arg(long = "create-stream", value_name = "NAME:SHARDS")]
    streams: Vec<NewStream>,
    /// Keep everything in this directory, and go on from what is there.
    #[arg(long, value_name = "DIR")]
    directory: Option<PathBuf>,
    /// With a directory: wait for the disk at every change, so that changes survive the end of the machine too.
    #[arg(long, requires = "directory")]
    fsync: bool,
    #[command(flatten)]
    model: ModelOptions,
    /// End when standard input ends, so that a parent that dies takes the endpoints along.
    #[arg(long)]
    stop_with_stdin: bool,
}

/// Settings of the Kinesis side; the defaults are the model's.
#[derive(Debug, clap::Args)]
struct ModelOptions {
    /// How long a stream stays CREATING, UPDATING or DELETING, in milliseconds [default: 20].
    #[arg(long, value_name = "MS")]
    status_delay: Option<u64>,
    /// The most memory that stored records may take, in bytes; writes are throttled beyond [default: 1073741824].
    #[arg(long, value_name = "BYTES")]
    memory_cap: Option<u64>,
    /// Limit rates as AWS does: reads and writes of a shard, fan-out, and how often each operation may be called.
    #[arg(long)]
    limits: bool,
}

impl ModelOptions {
    fn settings(&self) -> Settings {
        let mut settings = Settings::default();
        if let Some(delay) = self.status_delay {
            settings.status_delay = Duration::from_millis(delay);
        }
        if let Some(cap) = self.memory_cap {
            settings.memory_cap = cap;
        }
        if self.limits {
            (settings.limits, settings.fan_out_limit) = (Limits::Aws, true);
        }
        settings
    }
}

#[derive(Debug, Clone)]
struct NewStream {
    name: String,
    shards: u32,
}

#[derive(Debug, thiserror::Error)]
#[error("write a name, a colon and a number of shards, such as words:4")]
struct NotANewStream;

impl FromStr for NewStream {
    type Err = NotANewStream;

    fn from_str(text: &str) -> Result<Self, NotANewStream> {
        let (name, shards) = text.rsplit_once(':').ok_or(NotANewStream)?;
        let shards = shards.parse().ok().filter(|shards| *shards > 0).ok_or(NotANewStream)?;
        Ok(Self { name: name.to_owned(), shards })
    }
}

fn main() -> ExitCode {
    let options = match Options::try_parse() {
        Ok(options) => options,
        Err(error) => {
            // Help asked for goes to standard output with code 0, complaints to standard error with code 2.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let outcome = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|source| complaint(&source))
        .and_then(|runtime| runtime.block_on(run(options)));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(complaint) => {
            let _ = writeln!(io::stderr(), "kinesis-local: {complaint}");
            ExitCode::FAILURE
        }
    }
}

async fn run(options: Options) -> Result<(), String> {
    // Before the line that says ready: whoever reads it may send a signal at once.
    let interrupt = signal(SignalKind::interrupt()).map_err(|source| complaint(&source))?;
    let terminate = signal(SignalKind::terminate()).map_err(|source| complaint(&source))?;
    let mut builder = Local::builder().kinesis_port(options.kinesis_port).dynamodb_port(options.dynamodb_port);
    builder = builder.settings(options.model.settings());
    if let Some(directory) = &options.directory {
        builder = builder.directory(directory);
    }
    if options.fsync {
        builder = builder.durability(Durability::Machine);
    }
    for stream in &options.streams {
        builder = builder.stream(&stream.name, stream.shards);
    }
    let local = builder.start().await.map_err(|error| why_not_started(&error))?;
    if let Some(restored) = local.restored().filter(|restored| restored.bytes_cut_off > 0) {
        let (log, bytes) = (restored.log.display(), restored.bytes_cut_off);
        let warning =
            format!("kinesis-local: warning: the last {bytes} bytes of {log} were no whole entry and were cut off\n");
        let _ = io::stderr().write_all(warning.as_bytes());
    }
    let ready = format!("ready kinesis={} dynamodb={}\n", local.kinesis_url(), local.dynamodb_url());
    // A parent that has closed our output is gone or not interested; neither is a reason to fail.
    let _ = io::stdout().write_all(ready.as_bytes()).and_then(|()| io::stdout().flush());
    until_told(interrupt, terminate, options.stop_with_stdin).await;
    local.stop().await;
    Ok(())
}

async fn until_told(mut interrupt: Signal, mut terminate: Signal, stop_with_stdin: bool) {
    let (ended, mut stdin_end) = oneshot::channel::<()>();
    if stop_with_stdin {
        // A thread and not tokio's stdin: that read cannot be given up, and would hold up the end of the runtime. The
        // thread dies with the process.
        std::thread::spawn(move || {
            let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
            drop(ended);
        });
    }
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
        _ = &mut stdin_end, if stop_with_stdin => {}
    }
}

/// The error with everything behind it, and the option that changes it.
fn why_not_started(error: &StartError) -> String {
    let option = match error {
        StartError::PortTaken { service, .. } | StartError::Listen { service, .. } => match service {
            Service::Kinesis => " (option --kinesis-port)",
            Service::DynamoDb => " (option --dynamodb-port)",
        },
        StartError::Stream { .. } => " (option --create-stream)",
        StartError::Directory { .. } | StartError::DirectoryInUse { .. } | StartError::StrangeLog { .. } => {
            " (option --directory)"
        }
        _ => "",
    };
    format!("{}{option}", complaint(error))
}

fn complaint(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
