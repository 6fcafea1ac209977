//! Figures of fleets as a Markdown table.

use std::fmt;
use std::time::Duration;

use crate::fleet::kcl::KclVersion;
use crate::fleet::scenario::{Aftermath, LifeFigures};
use crate::fleet::simulation::Kind;

/// The head of the table.
pub const HEAD: &str = "\
| workers × leases | who | cold start: all read, balanced | a join: balanced, moves | a stop: longest unread | a crash: longest unread | a deploy: longest unread, moves a lease | calls a minute: pages + updates + gets |
|---|---|---|---|---|---|---|---|";

impl fmt::Display for LifeFigures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, workers, leases, cold_start, calls, join, stop, crash, deploy } = self;
        let calls = calls.0;
        write!(f, "| {workers} × {leases} | {kind} | {}, {} ", seconds(cold_start.idle), balance(cold_start))?;
        write!(f, "| {}, {} ", balance(join), join.moves)?;
        write!(f, "| {} | {} ", seconds(stop.idle), seconds(crash.idle))?;
        write!(f, "| {}, {} ", seconds(deploy.idle), a_lease(deploy.moves, *leases))?;
        write!(f, "| {} + {} + {} |", calls.pages, calls.updates, calls.gets)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ours => "ours",
            Self::Kcl(KclVersion::One) => "KCL 1.x",
            Self::Kcl(KclVersion::Two) => "KCL 2.x",
        })
    }
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

fn balance(aftermath: &Aftermath) -> String {
    match aftermath.balanced {
        Some(time) => seconds(time),
        None => format!("not in 5 min (differ by {})", aftermath.spread),
    }
}

fn a_lease(moves: u64, leases: usize) -> String {
    let leases = u64::try_from(leases.max(1)).unwrap_or(u64::MAX);
    let hundredths = moves * 100 / leases;
    format!("{}.{:02}", hundredths / 100, hundredths % 100)
}
