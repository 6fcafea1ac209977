//! How long a worker's plan takes on a large table, by the real clock: a figure for the docs, never a test.

use std::collections::BTreeSet;
use std::time::Duration;

use kinesis_asl::lease::lease::{Lease, LeaseCounter};
use kinesis_asl::lease::pace::Duty;
use kinesis_asl::lease::plan::{TakeLimits, plan};
use kinesis_asl::lease::snapshot::Snapshot;
use kinesis_asl::lease::store::Listing;
use kinesis_asl::position::Checkpoint;
use tokio::time::Instant;

use crate::fleet::table::MemberNo;

/// Measurements of each case.
const TIMES: usize = 51;

/// How long the plan took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlanTime {
    /// The middle of many measurements.
    pub median: Duration,
    /// The longest.
    pub longest: Duration,
    /// Leases taken or asked for by that plan.
    pub wanted: usize,
}

/// The plan of a worker that joins `workers` others, which hold `leases` leases in equal shares.
#[must_use]
pub fn of_a_joining_worker(workers: usize, leases: usize) -> PlanTime {
    measure(leases, |number| Some(MemberNo(number % workers.max(1))))
}

/// The plan of a worker in front of a table that nobody owns.
#[must_use]
pub fn of_the_first_worker(leases: usize) -> PlanTime {
    measure(leases, |_| None)
}

fn measure(leases: usize, owner: impl Fn(usize) -> Option<MemberNo>) -> PlanTime {
    let now = Instant::now().into_std();
    let lease = |number: usize| {
        let mut lease = Lease::new(format!("shardId-{number:012}").as_str().into(), Checkpoint::TrimHorizon);
        lease.owner = owner(number).map(MemberNo::id);
        lease.our_owner.clone_from(&lease.owner);
        lease.counter = LeaseCounter(1);
        lease
    };
    let mut snapshot = Snapshot::default();
    snapshot.update(Listing { leases: (0..leases).map(lease).collect(), unreadable: Vec::new() }, now);
    let limits = TakeLimits { failover: Duration::from_secs(10), max_leases: usize::MAX };
    let me = "joining".into();
    let (mut times, mut wanted) = (Vec::new(), 0);
    for seed in (0..).take(TIMES) {
        let began = Instant::now();
        let plan = plan(&snapshot, &me, limits, Duty::Follow, &BTreeSet::new(), now, seed);
        times.push(began.elapsed());
        wanted = plan.take.len() + plan.ask.len();
    }
    times.sort_unstable();
    let at = |place: usize| times.get(place).copied().unwrap_or_default();
    PlanTime { median: at(TIMES / 2), longest: at(TIMES - 1), wanted }
}
