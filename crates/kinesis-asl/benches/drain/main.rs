//! How fast one shard is drained by a program, beside a bare loop of GetRecords. `cargo bench -p kinesis-asl --bench drain`.
//!
//! Both sides run in this process, in turns; the endpoint is a process of its own. It is a measurement, not a test: it fails when
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
mod endpoint;
mod fill;
mod ours;
mod report;

use std::error::Error;

use clap::Parser;

use crate::clients::Clients;
use crate::endpoint::Endpoint;
use crate::fill::Filled;
use crate::report::Report;

/// Why nothing was measured.
pub type Failure = Box<dyn Error + Send + Sync>;

/// Drain one shard with a program and with a bare loop of GetRecords, in turns.
#[derive(Debug, Parser)]
#[command(name = "cargo bench -p kinesis-asl --bench drain --", disable_version_flag = true)]
struct Options {
    /// Mebibytes of plain records of 1 KiB; 0 leaves them out.
    #[arg(long, default_value_t = 1_024)]
    plain: usize,
    /// Mebibytes of KPL aggregates, 100 B to a user record; 0 leaves them out.
    #[arg(long, default_value_t = 256)]
    aggregated: usize,
    /// How often each side drains each stream.
    #[arg(long, default_value_t = 5)]
    rounds: u32,
    /// Only one side, for a profiler.
    #[arg(long, value_enum)]
    only: Option<Side>,
    /// Given by cargo; says nothing.
    #[arg(long, hide = true)]
    bench: bool,
    /// This process is the endpoint.
    #[arg(long, hide = true)]
    endpoint: bool,
}

/// Who drains.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Side {
    Ours,
    Bare,
}

fn main() -> Result<(), Failure> {
    let options = Options::parse();
    // As many threads as `#[tokio::main]` would give a program.
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    if options.endpoint {
        return runtime.block_on(endpoint::serve());
    }
    runtime.block_on(measure(&options))
}

async fn measure(options: &Options) -> Result<(), Failure> {
    let endpoint = Endpoint::start()?;
    let clients = Clients::of(&endpoint).await?;
    let mut streams = Vec::new();
    if options.plain > 0 {
        streams.push(fill::plain(&clients, options.plain << 20).await?);
    }
    if options.aggregated > 0 {
        streams.push(fill::aggregated(&clients, options.aggregated << 20).await?);
    }
    for stream in &streams {
        let mut report = Report::of(stream);
        for round in 0..options.rounds {
            // Who is first changes from round to round.
            let order = if round % 2 == 0 { [Side::Bare, Side::Ours] } else { [Side::Ours, Side::Bare] };
            for side in order.into_iter().filter(|side| options.only.is_none_or(|only| only == *side)) {
                report.add(side, drain(side, &clients, stream, round).await?);
            }
        }
        println!("{report}");
    }
    Ok(())
}

async fn drain(side: Side, clients: &Clients, stream: &Filled, round: u32) -> Result<cost::Cost, Failure> {
    match side {
        Side::Ours => ours::drain(clients, stream, round).await,
        Side::Bare => bare::drain(clients, stream).await,
    }
}
