//! Other stand-ins, installed and started.
//!
//! Promises: they listen on loopback only and end with this value.

use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::process::Stdio;
use std::str::FromStr;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep};

use crate::tool::{self, ToolError};

/// Which stand-in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StandInKind {
    /// `moto` from PyPI: Kinesis, DynamoDB and much else, in Python.
    Moto,
    /// `kinesis-local` from npm (kinesis-mock): Kinesis, in Scala compiled to JavaScript.
    KinesisLocalNpm,
}

/// A running stand-in. Killed when dropped.
#[derive(Debug)]
pub struct StandIn {
    kind: StandInKind,
    port: u16,
    started_in: Duration,
    process: Child,
}

/// The name is not that of a stand-in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no stand-in of that name: write moto or kinesis-local-npm")]
pub struct NoSuchStandIn;

impl FromStr for StandInKind {
    type Err = NoSuchStandIn;

    fn from_str(text: &str) -> Result<Self, NoSuchStandIn> {
        match text {
            "moto" => Ok(Self::Moto),
            "kinesis-local-npm" => Ok(Self::KinesisLocalNpm),
            _ => Err(NoSuchStandIn),
        }
    }
}

impl StandInKind {
    /// Name and version, for tables.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Moto => "moto 5.2.1",
            Self::KinesisLocalNpm => "npm kinesis-local 0.6.2",
        }
    }

    /// Installs it if it is not there. The program that runs it, and what that is given.
    async fn command(self, port: u16) -> Result<Command, ToolError> {
        match self {
            Self::Moto => {
                let programs = tool::python("moto", &["moto[server]==5.2.1"]).await?;
                let mut command = Command::new(programs.join("moto_server"));
                command.args(["-H", "127.0.0.1", "-p", &port.to_string()]);
                Ok(command)
            }
            Self::KinesisLocalNpm => {
                let package = tool::npm("kinesis-local", "0.6.2").await?;
                let loopback = tool::directory()?.join("loopback-only.cjs");
                std::fs::write(&loopback, LOOPBACK_ONLY)
                    .map_err(|source| ToolError::Path { path: loopback.clone(), source })?;
                let mut command = Command::new("node");
                // It reads a file beside it by a relative path.
                command.arg("--require").arg(loopback).arg("main.js").current_dir(package);
                command.env("KINESIS_MOCK_PLAIN_PORT", port.to_string()).env("KINESIS_MOCK_TLS_PORT", "0");
                command.env("SHARD_LIMIT", "20000").env("LOG_LEVEL", "ERROR");
                Ok(command)
            }
        }
    }
}

impl StandIn {
    /// Installs the stand-in if need be and starts it on a free port. With a core, it is kept on that one (`taskset`).
    ///
    /// # Errors
    /// [`ToolError`] when it cannot be installed, started, or does not listen within a minute.
    ///
    /// # Cancellation
    /// Dropping the future leaves nothing running.
    pub async fn start(kind: StandInKind, core: Option<usize>) -> Result<Self, ToolError> {
        let port = free_port().map_err(|source| ToolError::Path { path: "127.0.0.1".into(), source })?;
        let mut command = kind.command(port).await?;
        if let Some(core) = core {
            command = pinned(&command, core);
        }
        let program = command.as_std().get_program().to_string_lossy().into_owned();
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
        let begun = Instant::now();
        let process =
            command.spawn().map_err(|source| ToolError::Absent { program, hint: "Python or Node.js", source })?;
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.is_err() {
            if begun.elapsed() > START_WITHIN {
                let said = format!("it does not listen on port {port}");
                return Err(ToolError::Failed { step: format!("starting {}", kind.label()), said });
            }
            sleep(Duration::from_millis(10)).await;
        }
        Ok(Self { kind, port, started_in: begun.elapsed(), process })
    }

    /// Where it answers.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Where its DynamoDB answers, if it has one.
    #[must_use]
    pub fn dynamodb_url(&self) -> Option<String> {
        (self.kind == StandInKind::Moto).then(|| self.url())
    }

    /// How long it took to listen.
    #[must_use]
    pub fn started_in(&self) -> Duration {
        self.started_in
    }

    /// Its process id, while it runs.
    #[must_use]
    pub fn process_id(&self) -> Option<u32> {
        self.process.id()
    }

    /// Ends it and waits for its end.
    pub async fn stop(mut self) {
        // An error here means that it has ended already.
        let _ = self.process.kill().await;
    }
}

/// The same command on one core only.
fn pinned(command: &Command, core: usize) -> Command {
    let inner = command.as_std();
    let mut outer = Command::new("taskset");
    outer.arg("-c").arg(core.to_string()).arg(inner.get_program()).args(inner.get_args());
    if let Some(directory) = inner.get_current_dir() {
        outer.current_dir(directory);
    }
    for (name, value) in inner.get_envs() {
        if let Some(value) = value {
            outer.env(name, value);
        }
    }
    outer
}

fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// The npm package listens on all interfaces and has no option for it.
const LOOPBACK_ONLY: &str = "const net = require('net');
const listen = net.Server.prototype.listen;
net.Server.prototype.listen = function (first, ...rest) {
  if (first !== null && typeof first === 'object') return listen.call(this, { ...first, host: '127.0.0.1' }, ...rest);
  return listen.call(this, { port: first, host: '127.0.0.1' }, ...rest.filter((x) => typeof x === 'function'));
};
";
const START_WITHIN: Duration = Duration::from_secs(60);
