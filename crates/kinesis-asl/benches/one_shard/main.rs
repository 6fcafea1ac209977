//! One shard, read by a program: how fast, beside a bare loop of GetRecords, and in how much memory.
//! `cargo bench -p kinesis-asl --bench one_shard`, with `-- drain` (the default) or `-- memory`.
//!
//! Everything runs in this process but the endpoint, which is a process of its own. These are measurements, not tests: they fail when
//! records are missing, never for being slow.
#![allow(
    clippy::print_stdout,
    clippy::as_conversions,
    clippy::disallowed_methods,
    missing_docs,
    unreachable_pub,
    reason = "a benchmark: it measures by the wall clock and ends at the first error"
)]

mod bare;
mod clients;
mod cost;
mod drain;
mod endpoint;
mod fill;
mod memory;
mod ours;
mod report;

use std::error::Error;

use clap::Parser;

/// Why nothing was measured.
pub type Failure = Box<dyn Error + Send + Sync>;

/// One shard, read by a program.
#[derive(Debug, Parser)]
#[command(name = "cargo bench -p kinesis-asl --bench one_shard --", disable_version_flag = true)]
struct Options {
    #[command(subcommand)]
    command: Option<Command>,
    /// Given by cargo; says nothing.
    #[arg(long, hide = true, global = true)]
    bench: bool,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Drain(drain::Options),
    Memory(memory::Options),
    /// This process is the endpoint.
    #[command(hide = true)]
    Endpoint,
}

fn main() -> Result<(), Failure> {
    let options = Options::parse();
    // As many threads as `#[tokio::main]` would give a program.
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        match options.command.unwrap_or_else(|| Command::Drain(drain::Options::default())) {
            Command::Drain(options) => drain::measure(&options).await,
            Command::Memory(options) => memory::measure(&options).await,
            Command::Endpoint => endpoint::serve().await,
        }
    })
}
