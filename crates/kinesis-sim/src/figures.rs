//! What many stories came to, in numbers: how much was played, and how long take-overs took at worst. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use kinesis_asl::lease::lease::{Lease, LeaseChange, WorkerId};
use kinesis_asl::shard::ShardId;

use crate::event::{Entry, Event, WorkerNo};
use crate::faults::Faults;
use crate::report::Report;

/// What was played.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Figures {
    /// Stories.
    pub stories: u64,
    /// Virtual time.
    pub time: Duration,
    /// Processes started.
    pub starts: u64,
    /// Graceful stops.
    pub stops: u64,
    /// Processes that ended without a word.
    pub crashes: u64,
    /// Processes that were cut off for a time.
    pub pauses: u64,
    /// Processes that were frozen for a time.
    pub freezes: u64,
    /// Batches that failed.
    pub failed_batches: u64,
    /// Splits and merges.
    pub reshards: u64,
    /// Records produced.
    pub records: usize,
    /// Storings that were repeats.
    pub repeats: usize,
    /// Calls to the lease table.
    pub table_calls: u64,
    /// With a good network, the longest time from a crash to the taking of one of its leases, beyond the failover time, by a
    /// worker that was undisturbed all the while.
    pub slowest_after_crash: Slowest,
    /// With a good network, the longest time from a release at a stop to the taking, by a worker that was undisturbed all the
    /// while.
    pub slowest_after_release: Slowest,
}

/// The longest of many times, and the seed of its story.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Slowest {
    /// How long.
    pub time: Duration,
    /// In which story.
    pub seed: u64,
}

impl Figures {
    /// Adds a story.
    pub fn add(&mut self, report: &Report) {
        self.stories += 1;
        self.time += report.log.last().map_or(Duration::ZERO, |entry| entry.at);
        self.records += report.records;
        self.repeats += report.repeats;
        self.table_calls += report.table_calls;
        let mut takeovers = Takeovers::default();
        for entry in &report.log {
            self.count(&entry.event);
            if report.faults == Faults::NONE {
                takeovers.observe(entry);
            }
        }
        let in_this_story = |time| Slowest { time, seed: report.seed };
        let after_crash = takeovers.slowest_after_crash.saturating_sub(report.failover);
        self.slowest_after_crash = self.slowest_after_crash.max(in_this_story(after_crash));
        self.slowest_after_release = self.slowest_after_release.max(in_this_story(takeovers.slowest_after_release));
    }

    /// Adds what another one counted.
    pub fn merge(&mut self, other: &Self) {
        self.stories += other.stories;
        self.time += other.time;
        self.starts += other.starts;
        self.stops += other.stops;
        self.crashes += other.crashes;
        self.pauses += other.pauses;
        self.freezes += other.freezes;
        self.failed_batches += other.failed_batches;
        self.reshards += other.reshards;
        self.records += other.records;
        self.repeats += other.repeats;
        self.table_calls += other.table_calls;
        self.slowest_after_crash = self.slowest_after_crash.max(other.slowest_after_crash);
        self.slowest_after_release = self.slowest_after_release.max(other.slowest_after_release);
    }

    fn count(&mut self, event: &Event) {
        match event {
            Event::Started(_) => self.starts += 1,
            Event::Stopping(_) => self.stops += 1,
            Event::Crashed(_) => self.crashes += 1,
            Event::Paused(..) => self.pauses += 1,
            Event::Frozen(..) => self.freezes += 1,
            Event::BatchFailed(..) => self.failed_batches += 1,
            Event::Reshard(_) => self.reshards += 1,
            _ => {}
        }
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { stories, starts, stops, crashes, pauses, freezes, failed_batches, reshards, .. } = self;
        writeln!(f, "{stories} stories, {:.1} simulated hours", self.time.as_secs_f64() / 3_600.0)?;
        writeln!(
            f,
            "{starts} starts, {stops} stops, {crashes} crashes, {pauses} pauses, {freezes} freezes, {failed_batches} failed batches, {reshards} reshards"
        )?;
        let (records, repeats, calls) = (self.records, self.repeats, self.table_calls);
        writeln!(f, "{records} records, {repeats} stored again, {calls} calls to lease tables")?;
        write!(
            f,
            "slowest take-over with a good network: {} after a release, {} beyond the failover time after a crash",
            self.slowest_after_release, self.slowest_after_crash
        )
    }
}

impl fmt::Display for Slowest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.2} s (seed {})", self.time.as_secs_f64(), self.seed)
    }
}

/// How long leases were without a reader.
#[derive(Debug, Default)]
struct Takeovers {
    /// Workers that run, with the moment since when nothing has disturbed them.
    calm_since: BTreeMap<WorkerNo, Duration>,
    gone: BTreeMap<WorkerId, Duration>,
    released: BTreeMap<ShardId, Duration>,
    stopping: BTreeSet<WorkerNo>,
    slowest_after_crash: Duration,
    slowest_after_release: Duration,
}

impl Takeovers {
    fn observe(&mut self, entry: &Entry) {
        match &entry.event {
            Event::Ready(worker) => {
                self.calm_since.insert(*worker, entry.at);
            }
            Event::Paused(worker, until) | Event::Frozen(worker, until) => {
                if let Some(calm) = self.calm_since.get_mut(worker) {
                    *calm = (*until).max(*calm);
                }
            }
            Event::Crashed(worker) => {
                self.gone.insert(worker.id(), entry.at);
            }
            Event::Stopping(worker) => {
                self.stopping.insert(*worker);
            }
            Event::Wrote(write) => {
                self.on_wrote(write.worker, &write.change, &write.before, entry.at);
            }
            _ => {}
        }
    }

    fn on_wrote(&mut self, worker: WorkerNo, change: &LeaseChange, before: &Lease, at: Duration) {
        match change {
            LeaseChange::Release(_) if self.stopping.contains(&worker) && !before.is_ended() => {
                self.released.insert(before.shard.clone(), at);
            }
            LeaseChange::Take { .. } => {
                let released = self.released.remove(&before.shard);
                let crashed = before.owner.as_ref().and_then(|owner| self.gone.get(owner)).copied();
                let Some(calm) = self.calm_since.get(&worker).copied() else { return };
                if let Some(since) = released.filter(|since| *since >= calm) {
                    self.slowest_after_release = self.slowest_after_release.max(at - since);
                }
                if let Some(since) = crashed.filter(|since| *since >= calm) {
                    self.slowest_after_crash = self.slowest_after_crash.max(at - since);
                }
            }
            _ => {}
        }
    }
}
