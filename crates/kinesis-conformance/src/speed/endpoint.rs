//! A measured endpoint: ours as a program of its own, or another stand-in.

use std::io::{self, BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use kinesis_conformance::{StandIn, StandInKind};
use tokio::time::Instant;

use crate::Failure;

/// The core that the endpoint has for itself.
pub(crate) const SERVER_CORE: usize = 0;

/// A running endpoint. Ended when dropped.
pub(crate) enum Endpoint {
    Ours(Ours),
    Other(StandIn, StandInKind, String),
}

/// The program `kinesis-local`, as a process.
pub(crate) struct Ours {
    process: Child,
    url: String,
    started_in: Duration,
}

impl Endpoint {
    pub(crate) async fn ours(core: Option<usize>) -> Result<Self, Failure> {
        Ok(Self::Ours(Ours::start(core)?))
    }

    pub(crate) async fn other(kind: StandInKind, core: Option<usize>) -> Result<Self, Failure> {
        // Once to install it, so that the second start is measured.
        StandIn::start(kind, core).await?.stop().await;
        let stand_in = StandIn::start(kind, core).await?;
        let url = stand_in.url();
        Ok(Self::Other(stand_in, kind, url))
    }

    pub(crate) fn label(&self) -> &'static str {
        match self {
            Self::Ours(_) => "ours",
            Self::Other(_, kind, _) => kind.label(),
        }
    }

    pub(crate) fn url(&self) -> &str {
        match self {
            Self::Ours(ours) => &ours.url,
            Self::Other(_, _, url) => url,
        }
    }

    pub(crate) fn process_id(&self) -> Option<u32> {
        match self {
            Self::Ours(ours) => Some(ours.process.id()),
            Self::Other(stand_in, ..) => stand_in.process_id(),
        }
    }

    pub(crate) fn started_in(&self) -> String {
        let time = match self {
            Self::Ours(ours) => ours.started_in,
            Self::Other(stand_in, ..) => stand_in.started_in(),
        };
        format!("{:.1} ms", time.as_secs_f64() * 1_000.0)
    }

    pub(crate) async fn stop(self) {
        match self {
            Self::Ours(ours) => drop(ours),
            Self::Other(stand_in, ..) => stand_in.stop().await,
        }
    }
}

impl Ours {
    /// Starts it on free ports and waits for its line.
    pub(crate) fn start(core: Option<usize>) -> Result<Self, Failure> {
        let program = program()?;
        let mut command = match core {
            Some(core) => {
                let mut command = Command::new("taskset");
                command.arg("-c").arg(core.to_string()).arg(program);
                command
            }
            None => Command::new(program),
        };
        command.args(["--kinesis-port", "0", "--dynamodb-port", "0", "--stop-with-stdin"]);
        let begun = Instant::now();
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let mut line = String::new();
        if let Some(output) = process.stdout.take() {
            BufReader::new(output).read_line(&mut line)?;
        }
        let url =
            line.strip_prefix("ready kinesis=").and_then(|rest| rest.split_whitespace().next()).map(str::to_owned);
        let ours = Self { process, url: url.unwrap_or_default(), started_in: begun.elapsed() };
        if ours.url.is_empty() { Err(format!("kinesis-local did not start: {line:?}").into()) } else { Ok(ours) }
    }

    pub(crate) fn started_in(&self) -> Duration {
        self.started_in
    }
}

impl Drop for Ours {
    fn drop(&mut self) {
        // It ends with its standard input; the wait is a few milliseconds.
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}

/// The program lies beside this one.
fn program() -> Result<PathBuf, Failure> {
    let path = std::env::current_exe()?.with_file_name("kinesis-local");
    if path.exists() {
        return Ok(path);
    }
    Err(io::Error::new(io::ErrorKind::NotFound, "build kinesis-local first: cargo build -p kinesis-local --bins")
        .into())
}
