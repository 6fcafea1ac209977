//! A fleet in computed time: what is to happen next, and whom it concerns.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::time::{Duration, Instant};

use kinesis_asl::lease::command::Ticket;
use kinesis_asl::lease::commit::Commit;
use kinesis_asl::lease::lease::LeaseCounter;
use kinesis_asl::lease::store::Listing;
use rand::{Rng, SeedableRng, rngs::StdRng};

use crate::fleet::kcl::{Kcl, KclVersion};
use crate::fleet::ours::Ours;
use crate::fleet::table::{FleetTable, MemberNo};

/// Least and most milliseconds of a call one way.
const ONE_WAY: (u64, u64) = (2, 8);
/// The time that a page of 1 MB takes.
const PAGE: Duration = Duration::from_millis(40);

/// What kind of worker a member is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Ours.
    Ours,
    /// A Java worker.
    Kcl(KclVersion),
}

/// The fixed conditions of a fleet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FleetSetup {
    /// Leases in the table.
    pub leases: usize,
    /// The failover time of all members.
    pub failover: Duration,
    /// From being told to give leases up until what was read is processed.
    pub drain: Duration,
}

/// What is to happen.
#[derive(Debug)]
pub(crate) enum Happening {
    /// A worker of ours looks at its deadlines.
    Wake,
    /// A complete reading arrives.
    Listed(Listing),
    /// A write of ours reaches the table.
    Lands(Box<Ticket>),
    /// Its answer arrives.
    Written(Box<(Ticket, Commit)>),
    /// What was read has been processed: of one lease, or of all at a stop.
    Drained(Drained),
    /// The KCL's timers and calls.
    Kcl(KclStep),
}

/// What has been processed.
#[derive(Debug)]
pub(crate) enum Drained {
    One(kinesis_asl::ShardId, kinesis_asl::Holding),
    All,
}

/// A step of a Java worker.
#[derive(Debug, Clone, Copy)]
pub(crate) enum KclStep {
    RenewTick,
    Renews(usize, LeaseCounter),
    ScanBegins,
    Scanned,
    Takes(usize, LeaseCounter),
}

struct Due {
    at: Duration,
    number: u64,
    member: MemberNo,
    what: Happening,
}

impl PartialEq for Due {
    fn eq(&self, other: &Self) -> bool {
        (self.at, self.number) == (other.at, other.number)
    }
}

impl Eq for Due {}

impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Due {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.number).cmp(&(other.at, other.number))
    }
}

/// What members act on.
pub(crate) struct Stage {
    pub(crate) setup: FleetSetup,
    pub(crate) table: FleetTable,
    pub(crate) now: Duration,
    pub(crate) rng: StdRng,
    /// The instant of time zero: only differences to it are ever seen.
    base: Instant,
    queue: BinaryHeap<Reverse<Due>>,
    scheduled: u64,
}

impl Stage {
    pub(crate) fn schedule(&mut self, member: MemberNo, after: Duration, what: Happening) {
        self.scheduled += 1;
        self.queue.push(Reverse(Due { at: self.now + after, number: self.scheduled, member, what }));
    }

    /// The time of a call one way.
    pub(crate) fn one_way(&mut self) -> Duration {
        Duration::from_millis(self.rng.random_range(ONE_WAY.0..=ONE_WAY.1))
    }

    /// The time of a complete reading.
    pub(crate) fn reading_time(&self) -> Duration {
        PAGE * u32::try_from(self.table.pages()).unwrap_or(u32::MAX)
    }

    pub(crate) fn instant(&self) -> Instant {
        self.base + self.now
    }

    pub(crate) fn since_base(&self, instant: Instant) -> Duration {
        instant.saturating_duration_since(self.base)
    }
}

enum Member {
    Ours(Box<Ours>),
    Kcl(Box<Kcl>),
}

/// A fleet.
pub struct Fleet {
    stage: Stage,
    members: BTreeMap<MemberNo, Member>,
    started: usize,
}

impl std::fmt::Debug for Fleet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fleet")
            .field("now", &self.stage.now)
            .field("members", &self.members.len())
            .finish_non_exhaustive()
    }
}

impl Fleet {
    /// A table, and nobody there yet.
    #[must_use]
    pub fn new(setup: FleetSetup, seed: u64) -> Self {
        let stage = Stage {
            setup,
            table: FleetTable::new(setup.leases),
            now: Duration::ZERO,
            rng: StdRng::seed_from_u64(seed),
            base: tokio::time::Instant::now().into_std(),
            queue: BinaryHeap::new(),
            scheduled: 0,
        };
        Self { stage, members: BTreeMap::new(), started: 0 }
    }

    /// Starts a worker within a second from now.
    pub fn start(&mut self, kind: Kind) -> MemberNo {
        let member = MemberNo(self.started);
        self.started += 1;
        self.stage.table.add(member, self.stage.now);
        let seed = self.stage.rng.random();
        let begins = Duration::from_millis(self.stage.rng.random_range(0..1_000));
        let new = match kind {
            Kind::Ours => Member::Ours(Box::new(Ours::start(member, begins, seed, &mut self.stage))),
            Kind::Kcl(version) => Member::Kcl(Box::new(Kcl::start(member, version, begins, seed, &mut self.stage))),
        };
        self.members.insert(member, new);
        member
    }

    /// Tells a worker to stop. Ours processes what it has read and releases; the KCL stops renewing.
    pub fn stop(&mut self, member: MemberNo) {
        match self.members.get_mut(&member) {
            Some(Member::Ours(ours)) => {
                // It gets nothing more; what it still owns counts until it is released.
                ours.stop(&mut self.stage);
            }
            Some(Member::Kcl(_)) => self.crash(member),
            None => {}
        }
    }

    /// Ends a worker without a word.
    pub fn crash(&mut self, member: MemberNo) {
        if self.members.remove(&member).is_some() {
            self.stage.table.remove(member, self.stage.now);
        }
    }

    /// Lets time pass.
    pub fn run_for(&mut self, time: Duration) {
        let until = self.stage.now + time;
        while let Some(Reverse(due)) = self.stage.queue.peek() {
            if due.at > until {
                break;
            }
            if let Some(Reverse(due)) = self.stage.queue.pop() {
                self.stage.now = due.at;
                self.happen(due.member, due.what);
            }
        }
        self.stage.now = until;
    }

    /// The time since the beginning.
    #[must_use]
    pub fn now(&self) -> Duration {
        self.stage.now
    }

    /// The table.
    #[must_use]
    pub fn table(&self) -> &FleetTable {
        &self.stage.table
    }

    /// Begins to measure anew: waits, moves and rounds.
    pub fn begin_measuring(&mut self) {
        self.stage.table.begin_measuring();
        for member in self.members.values_mut() {
            if let Member::Ours(ours) = member {
                ours.begin_counting_rounds();
            }
        }
    }

    /// The most rounds of taking or asking that a worker of ours has made since then.
    #[must_use]
    pub fn rounds(&self) -> usize {
        let rounds = self.members.values().map(|member| match member {
            Member::Ours(ours) => ours.rounds(),
            Member::Kcl(_) => 0,
        });
        rounds.max().unwrap_or(0)
    }

    /// Workers that are there.
    #[must_use]
    pub fn members(&self) -> Vec<MemberNo> {
        self.members.keys().copied().collect()
    }

    /// For each lease, how many workers believe to hold it.
    #[must_use]
    pub fn believers(&self) -> Vec<usize> {
        let mut count = vec![0; self.stage.setup.leases];
        for member in self.members.values() {
            let held: Vec<usize> = match member {
                Member::Ours(ours) => ours.held(),
                Member::Kcl(kcl) => kcl.held(),
            };
            for number in held {
                if let Some(believers) = count.get_mut(number) {
                    *believers += 1;
                }
            }
        }
        count
    }

    fn happen(&mut self, number: MemberNo, what: Happening) {
        // What concerns a member that is gone concerns nobody, but for a write that is on its way.
        let Some(member) = self.members.get_mut(&number) else {
            if let Happening::Lands(ticket) = what {
                let now = self.stage.now;
                self.stage.table.update(&ticket.change, now);
            }
            return;
        };
        match member {
            Member::Ours(ours) => {
                ours.happen(what, &mut self.stage);
                if ours.has_left() {
                    self.crash(number);
                }
            }
            Member::Kcl(kcl) => {
                if let Happening::Kcl(step) = what {
                    kcl.happen(step, &mut self.stage);
                }
            }
        }
    }
}
