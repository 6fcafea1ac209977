//! A worker of the KCL in a fleet, version 1 or 2 with its default settings: timers, expiry, targets, one theft a round.
//!
//! Not modelled: shard synchronisation, leader election and their calls, which come on top of these figures.

use std::collections::BTreeMap;
use std::time::Duration;

use kinesis_asl::lease::lease::{Lease, LeaseCounter, WorkerId};
use rand::seq::SliceRandom;
use rand::{SeedableRng, rngs::StdRng};

use crate::fleet::simulation::{Happening, KclStep, Stage};
use crate::fleet::table::MemberNo;

/// The KCL's allowance for clocks and calls.
const EPSILON: Duration = Duration::from_millis(25);
/// Threads that renew.
const RENEWERS: usize = 20;
/// Leases of a worker that has not renewed them for so many failover times are taken before all others.
const VERY_OLD: u32 = 3;
/// Leases stolen in a round.
const STEALS: usize = 1;

/// Which rules a Java worker follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KclVersion {
    /// 1.x, which Spark ships: a lease that loses its owner waits for the failover time.
    One,
    /// 2.6 and later: a lease without an owner is free at once; very old leases go first.
    Two,
}

/// A Java worker.
#[derive(Debug)]
pub(crate) struct Kcl {
    member: MemberNo,
    version: KclVersion,
    rng: StdRng,
    held: BTreeMap<usize, Held>,
    /// Each lease as last read.
    seen: Vec<Seen>,
}

#[derive(Debug, Clone, Copy)]
struct Held {
    counter: LeaseCounter,
    renewed: Duration,
}

#[derive(Debug, Clone, Copy)]
struct Seen {
    counter: LeaseCounter,
    /// When the counter was first seen at this value; `None` for a lease that had no owner at first sight.
    changed: Option<Duration>,
}

impl Kcl {
    pub(crate) fn start(member: MemberNo, version: KclVersion, begins: Duration, seed: u64, stage: &mut Stage) -> Self {
        stage.schedule(member, begins, Happening::Kcl(KclStep::ScanBegins));
        stage.schedule(member, begins, Happening::Kcl(KclStep::RenewTick));
        Self { member, version, rng: StdRng::seed_from_u64(seed), held: BTreeMap::new(), seen: Vec::new() }
    }

    /// The numbers of the leases that it believes to hold.
    pub(crate) fn held(&self) -> Vec<usize> {
        self.held.keys().copied().collect()
    }

    pub(crate) fn happen(&mut self, step: KclStep, stage: &mut Stage) {
        match step {
            KclStep::RenewTick => self.renew_all(stage),
            KclStep::Renews(number, counter) => self.renew(number, counter, stage),
            KclStep::ScanBegins => {
                let takes = stage.reading_time();
                stage.schedule(self.member, takes, Happening::Kcl(KclStep::Scanned));
            }
            KclStep::Scanned => self.on_scan(stage),
            KclStep::Takes(number, counter) => {
                let (now, member) = (stage.now, self.member);
                if stage.table.kcl_takes(number, counter, member, now) {
                    self.held.insert(number, Held { counter: counter.next(), renewed: now });
                }
            }
        }
    }

    /// At a fixed rate; 20 threads share the leases and wait for each answer.
    fn renew_all(&mut self, stage: &mut Stage) {
        let failover = stage.setup.failover;
        let now = stage.now;
        self.held.retain(|_, held| now.saturating_sub(held.renewed) <= failover);
        let mut waits = [Duration::ZERO; RENEWERS];
        for (place, (number, held)) in self.held.iter().rev().enumerate() {
            if let Some(wait) = waits.get_mut(place % RENEWERS) {
                *wait += stage.one_way() * 2;
                let step = KclStep::Renews(*number, held.counter);
                stage.schedule(self.member, *wait, Happening::Kcl(step));
            }
        }
        let period = failover / 3 - EPSILON;
        stage.schedule(self.member, period, Happening::Kcl(KclStep::RenewTick));
    }

    fn renew(&mut self, number: usize, counter: LeaseCounter, stage: &mut Stage) {
        // A renewal of the tick before is still under way.
        let Some(held) = self.held.get_mut(&number).filter(|held| held.counter == counter) else { return };
        if stage.table.kcl_renews(number, counter) {
            *held = Held { counter: counter.next(), renewed: stage.now };
        } else {
            self.held.remove(&number);
        }
    }

    /// Takes one lease after the other and waits for each answer; the next round begins a fixed time after the last.
    fn on_scan(&mut self, stage: &mut Stage) {
        let (now, failover) = (stage.now, stage.setup.failover);
        let leases = stage.table.read_all();
        note(&mut self.seen, leases, now);
        let view = View { leases, seen: &self.seen, me: self.member.id(), version: self.version, failover, now };
        let mut wait = Duration::ZERO;
        let taken: Vec<(usize, LeaseCounter)> = view.to_take(&mut self.rng);
        for (number, counter) in taken {
            wait += stage.one_way() * 2;
            stage.schedule(self.member, wait, Happening::Kcl(KclStep::Takes(number, counter)));
        }
        let pause = (failover + EPSILON) * 2;
        stage.schedule(self.member, wait + pause, Happening::Kcl(KclStep::ScanBegins));
    }
}

/// Takes over a reading.
fn note(seen: &mut Vec<Seen>, leases: &[Lease], now: Duration) {
    for (number, lease) in leases.iter().enumerate() {
        match seen.get_mut(number) {
            Some(known) if known.counter == lease.counter => {}
            Some(known) => *known = Seen { counter: lease.counter, changed: Some(now) },
            None => seen.push(Seen { counter: lease.counter, changed: lease.owner.is_some().then_some(now) }),
        }
    }
}

/// What a round is decided on.
struct View<'a> {
    leases: &'a [Lease],
    seen: &'a [Seen],
    me: WorkerId,
    version: KclVersion,
    failover: Duration,
    now: Duration,
}

impl View<'_> {
    /// The leases to take in this round.
    fn to_take(&self, rng: &mut StdRng) -> Vec<(usize, LeaseCounter)> {
        let numbers = 0..self.leases.len();
        if self.version == KclVersion::Two {
            let mut old: Vec<usize> = numbers.clone().filter(|number| self.is_older_than(*number, VERY_OLD)).collect();
            if !old.is_empty() {
                old.shuffle(rng);
                return self.with_counters(old);
            }
        }
        let (mut available, mut owned) = (Vec::new(), BTreeMap::from([(&self.me, Vec::new())]));
        for (number, lease) in self.leases.iter().enumerate() {
            match &lease.owner {
                Some(owner) if !self.is_older_than(number, 1) => owned.entry(owner).or_default().push(number),
                None if self.version == KclVersion::One && !self.is_older_than(number, 1) => {}
                _ => available.push(number),
            }
        }
        let (workers, leases) = (owned.len(), self.leases.len());
        let target = if workers >= leases { 1 } else { leases.div_ceil(workers) };
        let mine = owned.get(&self.me).map_or(0, Vec::len);
        let needed = target.saturating_sub(mine);
        if !available.is_empty() {
            available.shuffle(rng);
            available.truncate(needed);
            return self.with_counters(available);
        }
        self.with_counters(steal(owned.into_values().max_by_key(Vec::len).unwrap_or_default(), target, needed, rng))
    }

    fn is_older_than(&self, number: usize, failovers: u32) -> bool {
        let changed = self.seen.get(number).and_then(|seen| seen.changed);
        changed.is_none_or(|changed| self.now.saturating_sub(changed) > self.failover * failovers)
    }

    fn with_counters(&self, numbers: Vec<usize>) -> Vec<(usize, LeaseCounter)> {
        let counter = |number: usize| Some((number, self.leases.get(number)?.counter));
        numbers.into_iter().filter_map(counter).collect()
    }
}

/// From the most loaded worker, and only what it has above the target.
fn steal(mut richest: Vec<usize>, target: usize, needed: usize, rng: &mut StdRng) -> Vec<usize> {
    if needed == 0 || richest.len() < target {
        return Vec::new();
    }
    let spare = needed.min(richest.len() - target);
    let count = if spare == 0 && needed > 1 { 1 } else { spare };
    richest.shuffle(rng);
    richest.truncate(count.min(STEALS));
    richest
}

#[cfg(test)]
mod tests {
    use kinesis_asl::position::Checkpoint;

    use super::*;

    const FAILOVER: Duration = Duration::from_secs(10);

    /// How many leases of whom `me` takes, with these owners and all counters first seen at `changed`.
    fn taken(owners: &[Option<&str>], changed: Option<Duration>, now: Duration, version: KclVersion) -> Vec<String> {
        let lease = |(number, owner): (usize, &Option<&str>)| {
            let shard = format!("s{number}").as_str().into();
            Lease { owner: owner.map(WorkerId::from), ..Lease::new(shard, Checkpoint::TrimHorizon) }
        };
        let leases: Vec<Lease> = owners.iter().enumerate().map(lease).collect();
        let seen = vec![Seen { counter: LeaseCounter(0), changed }; leases.len()];
        let view = View { leases: &leases, seen: &seen, me: "me".into(), version, failover: FAILOVER, now };
        let taken = view.to_take(&mut StdRng::seed_from_u64(1));
        taken.into_iter().map(|(number, _)| owners[number].unwrap_or("nobody").to_owned()).collect()
    }

    fn live(owners: &[Option<&str>]) -> Vec<String> {
        taken(owners, Some(Duration::ZERO), Duration::from_secs(5), KclVersion::Two)
    }

    #[test]
    fn one_lease_is_stolen_from_the_most_loaded_worker_lt_6() {
        let (bar, baz) = (Some("bar"), Some("baz"));
        assert_eq!(live(&[bar, baz, baz, baz, baz, baz]), ["baz"]);
    }

    #[test]
    fn nothing_is_stolen_for_a_difference_of_one_lt_7() {
        let (bar, baz, me) = (Some("bar"), Some("baz"), Some("me"));
        assert_eq!(live(&[bar, bar, baz, baz, me]), [""; 0]);
    }

    #[test]
    fn leases_are_very_old_only_after_more_than_three_failover_times_lt_9() {
        let owners = [Some("dead"); 4];
        let at = |seconds| taken(&owners, Some(Duration::ZERO), Duration::from_secs(seconds), KclVersion::Two).len();
        assert_eq!((at(10), at(11), at(30), at(31)), (1, 4, 4, 4));
        let mut shared = vec![Some("dead"); 4];
        shared.extend([Some("me"); 4]);
        let at = |seconds| taken(&shared, Some(Duration::ZERO), Duration::from_secs(seconds), KclVersion::Two).len();
        assert_eq!((at(30), at(31)), (8, 8), "its own old ones are taken again, as in lt_3");
    }

    #[test]
    fn a_known_lease_that_loses_its_owner_waits_for_the_failover_time_in_1_x_and_is_free_at_once_in_2_x() {
        let owners = [None, None];
        let at = |version, changed| taken(&owners, changed, Duration::from_secs(5), version).len();
        assert_eq!(at(KclVersion::One, Some(Duration::ZERO)), 0);
        assert_eq!(at(KclVersion::Two, Some(Duration::ZERO)), 2);
        assert_eq!(at(KclVersion::One, None), 2, "nobody owned it at first sight");
    }
}
