//! The lease table of a fleet: conditions and effects of `kinesis-asl`'s own writes and of the KCL's, and what a bill and an
//! operator see of it: calls by kind, shares, how long leases are without a reader.

use std::collections::BTreeMap;
use std::ops::{AddAssign, Sub};
use std::time::Duration;

use kinesis_asl::lease::lease::{Lease, LeaseChange, LeaseCounter, WorkerId};
use kinesis_asl::position::Checkpoint;
use kinesis_asl::shard::ShardId;

/// Leases in a page of 1 MB: the service's limit, with about 400 bytes a lease.
const LEASES_A_PAGE: usize = 2_500;

/// A worker of a fleet, in the order of starting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MemberNo(pub usize);

impl MemberNo {
    /// The name under which it owns leases.
    #[must_use]
    pub fn id(self) -> WorkerId {
        WorkerId::from(format!("member-{:05}", self.0).as_str())
    }
}

/// Calls to the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Calls {
    /// Pages of 1 MB that were read.
    pub pages: u64,
    /// Conditional writes, whether their condition held or not.
    pub updates: u64,
    /// Leases that were read again.
    pub gets: u64,
}

impl Calls {
    /// All of them.
    #[must_use]
    pub fn total(self) -> u64 {
        self.pages + self.updates + self.gets
    }
}

impl AddAssign for Calls {
    fn add_assign(&mut self, other: Self) {
        self.pages += other.pages;
        self.updates += other.updates;
        self.gets += other.gets;
    }
}

impl Sub for Calls {
    type Output = Self;

    fn sub(self, before: Self) -> Self {
        Self { pages: self.pages - before.pages, updates: self.updates - before.updates, gets: self.gets - before.gets }
    }
}

/// The table.
#[derive(Debug)]
pub struct FleetTable {
    leases: Vec<Lease>,
    index: BTreeMap<ShardId, usize>,
    members: BTreeMap<WorkerId, MemberNo>,
    /// What each live member owns.
    shares: BTreeMap<MemberNo, usize>,
    calls: Calls,
    /// Since when each lease has had no live reader; `None` while it has one.
    idle_since: Vec<Option<Duration>>,
    longest_idle: Duration,
    moves: u64,
    last_change: Duration,
    last_unbalanced: Option<Duration>,
    counters_went_back: u64,
}

impl FleetTable {
    /// A table of so many leases that nobody owns.
    #[must_use]
    pub fn new(leases: usize) -> Self {
        let lease = |number| Lease::new(shard(number), Checkpoint::TrimHorizon);
        let leases: Vec<Lease> = (0..leases).map(lease).collect();
        Self {
            index: leases.iter().enumerate().map(|(number, lease)| (lease.shard.clone(), number)).collect(),
            idle_since: vec![Some(Duration::ZERO); leases.len()],
            leases,
            members: BTreeMap::new(),
            shares: BTreeMap::new(),
            calls: Calls::default(),
            longest_idle: Duration::ZERO,
            moves: 0,
            last_change: Duration::ZERO,
            last_unbalanced: Some(Duration::ZERO),
            counters_went_back: 0,
        }
    }

    /// A member that may own leases from now on.
    pub(crate) fn add(&mut self, member: MemberNo, now: Duration) {
        self.members.insert(member.id(), member);
        self.shares.insert(member, 0);
        self.note_balance(now);
    }

    /// A member is gone: what it owns has no reader from now on.
    pub(crate) fn remove(&mut self, member: MemberNo, now: Duration) {
        self.shares.remove(&member);
        let id = member.id();
        for (lease, idle) in self.leases.iter().zip(&mut self.idle_since) {
            if lease.owner.as_ref() == Some(&id) {
                *idle = idle.or(Some(now));
            }
        }
        self.note_balance(now);
    }

    /// How many pages a complete reading takes.
    #[must_use]
    pub fn pages(&self) -> usize {
        self.leases.len().div_ceil(LEASES_A_PAGE).max(1)
    }

    /// A complete reading.
    pub(crate) fn read_all(&mut self) -> &[Lease] {
        self.calls.pages += u64::try_from(self.pages()).unwrap_or(u64::MAX);
        &self.leases
    }

    /// One lease.
    pub(crate) fn read(&mut self, shard: &ShardId) -> Option<Lease> {
        self.calls.gets += 1;
        self.leases.get(*self.index.get(shard)?).cloned()
    }

    /// A conditional write of ours. The lease after it, if its condition held.
    pub(crate) fn update(&mut self, change: &LeaseChange, now: Duration) -> Option<Lease> {
        self.calls.updates += 1;
        let number = *self.index.get(change.shard())?;
        let lease = self.leases.get_mut(number).filter(|lease| change.is_allowed(lease))?;
        let (owner, counter) = (lease.owner.clone(), lease.counter);
        change.apply(lease);
        let (is, after) = (lease.owner.clone(), lease.clone());
        self.counters_went_back += u64::from(after.counter < counter);
        self.note_owner(number, owner.as_ref(), is.as_ref(), now);
        Some(after)
    }

    /// The KCL's renewal: demands the counter. Whether it held.
    pub(crate) fn kcl_renews(&mut self, number: usize, counter: LeaseCounter) -> bool {
        self.calls.updates += 1;
        let lease = self.leases.get_mut(number).filter(|lease| lease.counter == counter);
        lease.map(|lease| lease.counter = counter.next()).is_some()
    }

    /// The KCL's take: demands the counter. It leaves attributes alone that it does not know. Whether it held.
    pub(crate) fn kcl_takes(&mut self, number: usize, counter: LeaseCounter, by: MemberNo, now: Duration) -> bool {
        self.calls.updates += 1;
        let Some(lease) = self.leases.get_mut(number).filter(|lease| lease.counter == counter) else { return false };
        let owner = by.id();
        lease.counter = counter.next();
        let before = lease.owner.replace(owner.clone());
        self.note_owner(number, before.as_ref(), Some(&owner), now);
        true
    }

    fn note_owner(&mut self, number: usize, was: Option<&WorkerId>, is: Option<&WorkerId>, now: Duration) {
        if was == is {
            return;
        }
        let member = |owner: Option<&WorkerId>| owner.and_then(|owner| self.members.get(owner)).copied();
        let (was, is) = (member(was), member(is));
        if let Some(share) = was.and_then(|was| self.shares.get_mut(&was)) {
            *share -= 1;
        }
        let live = is.and_then(|is| self.shares.get_mut(&is));
        self.moves += u64::from(live.is_some());
        self.last_change = now;
        if let Some(idle) = self.idle_since.get_mut(number) {
            *idle = match live {
                Some(share) => {
                    *share += 1;
                    let waited = idle.map_or(Duration::ZERO, |since| now.saturating_sub(since));
                    self.longest_idle = self.longest_idle.max(waited);
                    None
                }
                None => idle.or(Some(now)),
            };
        }
        self.note_balance(now);
    }

    fn note_balance(&mut self, now: Duration) {
        if !self.is_balanced() {
            self.last_unbalanced = Some(now);
        }
    }

    /// Whether every lease has a live owner and shares differ by at most one.
    #[must_use]
    pub fn is_balanced(&self) -> bool {
        self.shares.values().sum::<usize>() == self.leases.len() && self.spread() <= 1
    }

    /// The difference between the largest and the smallest share.
    #[must_use]
    pub fn spread(&self) -> usize {
        let (least, most) = (self.shares.values().min(), self.shares.values().max());
        most.copied().unwrap_or(0) - least.copied().unwrap_or(0)
    }

    /// Calls so far.
    #[must_use]
    pub fn calls(&self) -> Calls {
        self.calls
    }

    /// When an owner changed last.
    #[must_use]
    pub fn last_change(&self) -> Duration {
        self.last_change
    }

    /// When shares were last uneven, or a lease without a live owner.
    #[must_use]
    pub fn last_unbalanced(&self) -> Option<Duration> {
        self.last_unbalanced
    }

    /// Begins to measure anew: waits and moves.
    pub(crate) fn begin_measuring(&mut self) {
        (self.longest_idle, self.moves, self.last_unbalanced) = (Duration::ZERO, 0, None);
    }

    /// The longest time that a lease was without a live owner, and how often a lease came to a live owner.
    #[must_use]
    pub fn measured(&self) -> (Duration, u64) {
        (self.longest_idle, self.moves)
    }

    /// How often a counter went back: never, if all conditions are right.
    #[must_use]
    pub fn counters_went_back(&self) -> u64 {
        self.counters_went_back
    }

    /// Who owns what, by the number of the lease.
    pub fn owners(&self) -> impl Iterator<Item = Option<&WorkerId>> {
        self.leases.iter().map(|lease| lease.owner.as_ref())
    }
}

fn shard(number: usize) -> ShardId {
    format!("shardId-{number:012}").as_str().into()
}
