//! What the program is asked for.

use std::io;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use kinesis_conformance::{Check, Load, StandInKind, checks};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

use crate::endpoints::Failure;

/// Put every check to an endpoint and print what differs. Without an endpoint: to a fresh embedded one.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask conformance", bin_name = "cargo xtask conformance", disable_version_flag = true)]
pub(crate) struct Options {
    /// The Kinesis endpoint: any stand-in, or AWS (https://kinesis.REGION.amazonaws.com), where streams cost money.
    #[arg(long, value_name = "URL", conflicts_with = "against")]
    endpoint: Option<String>,
    /// The DynamoDB endpoint that belongs to it; without one, the area dynamodb is left out.
    #[arg(long, value_name = "URL", requires = "endpoint")]
    pub(crate) dynamodb: Option<String>,
    /// The region; by default the one in the endpoint's host, or us-east-1.
    #[arg(long)]
    region: Option<String>,
    /// Checks of this area or with this id only; may be given more than once.
    #[arg(long, value_name = "AREA|ID")]
    only: Vec<String>,
    /// A stand-in to install, start and stop: ours, moto or kinesis-local-npm; may be given more than once.
    #[arg(long, value_name = "STAND-IN", value_parser = Target::of)]
    against: Vec<Target>,
    /// Who asks: the Rust SDK with all checks, or boto3 and the AWS command line with their own.
    #[arg(long, value_enum, default_value_t = Client::Rust)]
    pub(crate) client: Client,
    /// How many checks run at a time.
    #[arg(long, value_name = "N", default_value_t = 6)]
    pub(crate) at_a_time: u8,
    /// List the checks and run none.
    #[arg(long)]
    pub(crate) list: bool,
    /// End when standard input ends, so that a parent that dies takes everything along.
    #[arg(long)]
    pub(crate) stop_with_stdin: bool,
}

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Client {
    /// The Rust SDK.
    Rust,
    /// boto3 and the AWS command line.
    Boto3,
}

/// Who is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    Own,
    StandIn(StandInKind),
    Url(String),
}

impl Target {
    fn of(name: &str) -> Result<Self, String> {
        if name == "ours" {
            return Ok(Self::Own);
        }
        name.parse().map(Self::StandIn).map_err(|error: kinesis_conformance::NoSuchStandIn| format!("{error}, or ours"))
    }

    pub(crate) fn label(&self) -> String {
        match self {
            Self::Own => "ours".to_owned(),
            Self::StandIn(kind) => kind.label().to_owned(),
            Self::Url(url) => url.clone(),
        }
    }
}

impl Options {
    pub(crate) fn targets(&self) -> Vec<Target> {
        match &self.endpoint {
            Some(url) => vec![Target::Url(url.clone())],
            None if self.against.is_empty() => vec![Target::Own],
            None => self.against.clone(),
        }
    }

    pub(crate) fn region(&self) -> String {
        let in_host = || {
            let host = self.endpoint.as_deref()?.split("://").nth(1)?;
            Some(host.strip_prefix("kinesis.")?.split_once(".amazonaws.com")?.0.to_owned())
        };
        self.region.clone().or_else(in_host).unwrap_or_else(|| "us-east-1".to_owned())
    }

    /// The checks that were asked for.
    pub(crate) fn checks(&self) -> Result<Vec<&'static Check>, Failure> {
        for only in &self.only {
            if !checks().any(|check| check.area == only || check.id == only) {
                return Err(format!("no area or check {only}: --list names them").into());
            }
        }
        let wanted = |check: &Check| self.only.iter().any(|only| check.area == only || check.id == only);
        Ok(checks().filter(|check| self.only.is_empty() || wanted(check)).collect())
    }

    /// Whether the concurrency checks were asked for by themselves: they get the machine to themselves, and more time.
    pub(crate) fn is_measuring(&self) -> bool {
        self.only.iter().any(|only| only == "concurrency")
    }

    pub(crate) fn load(&self) -> Load {
        if self.is_measuring() { Load::For(Duration::from_secs(10)) } else { Load::Requests(25) }
    }
}

/// Resolves at SIGINT, SIGTERM, or the end of standard input if that counts.
pub(crate) async fn told_to_stop(stop_with_stdin: bool) {
    let (ended, stdin_end) = oneshot::channel::<()>();
    if stop_with_stdin {
        // A thread and not tokio's stdin: that read cannot be given up, and would hold up the end of the runtime. The
        // thread dies with the process.
        std::thread::spawn(move || {
            let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
            drop(ended);
        });
    }
    let (Ok(mut interrupt), Ok(mut terminate)) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        // Without handlers the signals end the process by themselves.
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
        _ = stdin_end, if stop_with_stdin => {}
    }
}
