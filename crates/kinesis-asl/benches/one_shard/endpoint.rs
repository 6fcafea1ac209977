//! The embedded endpoint as a process of its own: this program, started once more.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use kinesis_local::Local;
use kinesis_local::model::Settings;

use crate::Failure;

/// A running endpoint. Ended when dropped.
pub struct Endpoint {
    process: Child,
    pub kinesis: String,
    pub dynamodb: String,
}

/// Runs the endpoint until standard input ends.
pub async fn serve() -> Result<(), Failure> {
    let settings = Settings {
        status_delay: Duration::ZERO,
        memory_cap: 64 << 30,
        iterator_life: Duration::MAX,
        ..Settings::default()
    };
    let local = Local::builder().settings(settings).stream(PLAIN, 1).stream(AGGREGATED, 1).start().await?;
    println!("{} {}", local.kinesis_url(), local.dynamodb_url());
    std::io::stdout().flush()?;
    tokio::task::spawn_blocking(|| std::io::stdin().lock().read_to_end(&mut Vec::new())).await??;
    local.stop().await;
    Ok(())
}

impl Endpoint {
    pub fn start() -> Result<Self, Failure> {
        let mut command = Command::new(std::env::current_exe()?);
        let mut process = command.arg("endpoint").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let mut line = String::new();
        if let Some(output) = process.stdout.take() {
            BufReader::new(output).read_line(&mut line)?;
        }
        let mut urls = line.split_whitespace().map(str::to_owned);
        let (kinesis, dynamodb) = (urls.next().ok_or(NO_START)?, urls.next().ok_or(NO_START)?);
        Ok(Self { process, kinesis, dynamodb })
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}

/// The stream of plain records.
pub const PLAIN: &str = "plain";
/// The stream of KPL aggregates.
pub const AGGREGATED: &str = "aggregated";

const NO_START: &str = "the endpoint did not start";
