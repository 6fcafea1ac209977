//! What a run came to.

use std::fmt;
use std::time::Duration;

use crate::check::Found;
use crate::event::Entry;
use crate::faults::Faults;

/// The end of a story. It passed when nothing was found wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// What the run can be repeated with.
    pub seed: u64,
    /// The failover time of the workers.
    pub failover: Duration,
    /// What went wrong on the way to the services.
    pub faults: Faults,
    /// The broken promises, in the order of noticing. Empty is good.
    pub violations: Vec<Found>,
    /// How many records were produced.
    pub records: usize,
    /// How often a record was stored again.
    pub repeats: usize,
    /// How many calls to the lease table all workers sent.
    pub table_calls: u64,
    /// Everything that happened.
    pub log: Vec<Entry>,
}

/// Log lines shown before the first broken promise.
const LINES: usize = 60;

impl fmt::Display for Report {
    /// The summary; with broken promises these, the log up to the first, and how to play it again.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, violations, records, repeats, table_calls, log, .. } = self;
        write!(f, "seed {seed}: {records} records, {repeats} repeats, {table_calls} calls to the lease table")?;
        let Some(first) = violations.first() else { return Ok(()) };
        writeln!(f, ", {} broken promises", violations.len())?;
        for found in violations.iter().take(10) {
            writeln!(f, "{:9.3} s  {}", found.at.as_secs_f64(), found.violation)?;
        }
        writeln!(f, "the log up to the first of them:")?;
        let end = log.partition_point(|entry| entry.at <= first.at);
        for entry in log.iter().take(end).skip(end.saturating_sub(LINES)) {
            writeln!(f, "{entry}")?;
        }
        write!(f, "play a random story again: cargo xtask sim --seed {seed}")
    }
}
