//! Both sides drain the same shard, in turns.

use clap::Parser as _;

use crate::clients::Clients;
use crate::cost::Cost;
use crate::endpoint::Endpoint;
use crate::fill::Filled;
use crate::report::Report;
use crate::{Failure, bare, fill, ours};

/// Drain one shard with a program and with a bare loop of GetRecords, in turns.
#[derive(Debug, clap::Parser)]
pub struct Options {
    /// Mebibytes of plain records of 1 KiB; 0 leaves them out.
    #[arg(long, default_value_t = 1_024)]
    plain: usize,
    /// Mebibytes of KPL aggregates, 100 B to a user record; 0 leaves them out.
    #[arg(long, default_value_t = 1_024)]
    aggregated: usize,
    /// How often each side drains each stream.
    #[arg(long, default_value_t = 5)]
    rounds: u32,
    /// Only one side, for a profiler.
    #[arg(long, value_enum)]
    only: Option<Side>,
}

impl Default for Options {
    fn default() -> Self {
        Self::parse_from(["drain"])
    }
}

/// Who drains.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Side {
    Ours,
    Bare,
}

pub async fn measure(options: &Options) -> Result<(), Failure> {
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

async fn drain(side: Side, clients: &Clients, stream: &Filled, round: u32) -> Result<Cost, Failure> {
    let (clients, stream) = (clients.clone(), *stream);
    // As a task, so that both run on the threads of the runtime.
    let drained = match side {
        Side::Ours => tokio::spawn(async move { ours::drain(&clients, &stream, round).await }),
        Side::Bare => tokio::spawn(async move { bare::drain(&clients, &stream).await }),
    };
    drained.await?
}
