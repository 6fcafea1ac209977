//! How often a worker reads the table: a pure function of who is alive.
//!
//! Reading often finds quickly what a stopped or dead worker leaves behind; if all workers did, a large fleet would read the
//! whole table all the time. So two workers of a fleet watch, and take what becomes free for everybody; the others follow, and
//! find their fair share at their own pace. Who watches is agreed without a word, by a hash of the workers' names: unlike the
//! KCL's rule for leaders, which shuffles, it names the same workers when others come or go, so a death leaves at least one
//! watcher that knows its duty. Together those who follow read the table as often as a few workers would, however many they are.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use crate::lease::lease::WorkerId;
use crate::lease::plan::End;
use crate::lease::snapshot::{Snapshot, Standing};

/// Workers of a fleet that watch: two, so that one sees when the other dies.
const WATCHERS: usize = 2;
/// Watchers read the table this often within the failover time.
const LOOKS_PER_FAILOVER: u32 = 4;
/// And at least this often, so that what a worker hands back is taken within 2 s, however long the failover time.
const LONGEST_WATCH: Duration = Duration::from_millis(1_500);
/// The pause of those who follow, in failover times: as many as there are workers, divided by this, so that one of them reads
/// the table in every quarter of a failover time.
const FOLLOWERS_PER_FAILOVER: usize = 4;
/// In a fleet of at most so many a follower pauses for half of the failover time: there are one or two of them.
const SMALL_FLEET: usize = 4;
/// But a follower pauses no longer than this many failover times.
const LONGEST_PAUSE: u32 = 4;
/// The pause of a worker that is alone, in failover times: nobody can leave anything behind, and who joins asks.
const PAUSE_ALONE: u32 = 1;

/// What a worker does for its fleet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Duty {
    /// Looks often, and takes its part of all that is free.
    Watch {
        /// Its place among the watchers, from 0.
        rank: usize,
        /// How many watch, as far as they can know it themselves.
        watchers: usize,
    },
    /// Holds nothing, so nobody can call it or ask it, and looks more often than those who follow.
    StandBy,
    /// Looks rarely.
    Follow,
    /// Looks rarely: nobody else holds anything.
    Alone,
}

impl Duty {
    /// How many of the free leases a worker takes on behalf of all.
    pub(crate) fn part_of(self, free: usize) -> usize {
        match self {
            Self::Watch { watchers, .. } => free.div_ceil(watchers.max(1)),
            Self::StandBy | Self::Follow | Self::Alone => 0,
        }
    }

    /// From which end it takes them; `None` for any.
    pub(crate) fn end(self) -> Option<End> {
        match self {
            Self::Watch { rank: 0, .. } => Some(End::First),
            Self::Watch { .. } => Some(End::Last),
            Self::StandBy | Self::Follow | Self::Alone => None,
        }
    }
}

/// Who is alive and what that makes of this worker.
#[derive(Debug, Clone, Default)]
pub(crate) struct Roster {
    /// Workers that held leases at the last look, Java ones among them.
    owners: usize,
    /// Those of ours that had to watch as of it.
    watchers: BTreeSet<WorkerId>,
}

impl Roster {
    /// Takes a new look at the table, and says what `me` has to do.
    pub(crate) fn look(&mut self, snapshot: &Snapshot, me: &WorkerId, failover: Duration, now: Instant) -> Duty {
        let live = snapshot.standings(now, failover).filter(|(_, standing)| *standing == Standing::Live);
        let (mut owners, mut ours) = (BTreeSet::new(), BTreeSet::new());
        for (lease, _) in live {
            owners.extend(&lease.owner);
            ours.extend(lease.owner.as_ref().filter(|_| lease.is_ours()));
        }
        let watchers: Vec<&WorkerId> = watch_order(ours.iter().copied()).into_iter().take(WATCHERS).collect();
        // Who became a watcher just now, because another one died, cannot know it yet.
        let aware = watchers.iter().filter(|worker| **worker == me || self.watchers.contains(**worker)).count();
        let duty = match watchers.iter().position(|worker| *worker == me) {
            _ if owners.iter().all(|owner| *owner == me) => Duty::Alone,
            Some(rank) => Duty::Watch { rank, watchers: aware },
            None if !owners.contains(me) => Duty::StandBy,
            None => Duty::Follow,
        };
        self.owners = owners.len();
        self.watchers = watchers.into_iter().cloned().collect();
        duty
    }

    /// The longest pause until the next look.
    pub(crate) fn pause(&self, duty: Duty, failover: Duration) -> Duration {
        match duty {
            Duty::Watch { .. } => watch_pause(failover),
            // Where too few hold something, all of them may leave or die together.
            Duty::StandBy if self.owners <= WATCHERS => watch_pause(failover),
            Duty::StandBy => failover / 2,
            Duty::Alone => failover * PAUSE_ALONE,
            // Both watchers may die together, or one before a follower knows that it has to watch.
            Duty::Follow if self.owners <= SMALL_FLEET => failover / 2,
            Duty::Follow => {
                let longest = failover * LONGEST_PAUSE;
                let fleet = u32::try_from(self.owners / FOLLOWERS_PER_FAILOVER).unwrap_or(u32::MAX).max(1);
                failover.saturating_mul(fleet).min(longest)
            }
        }
    }
}

/// In which order workers have to watch: by a hash of their names, so that the order of those who stay does not change when
/// others come or go.
pub(crate) fn watch_order<'a>(workers: impl Iterator<Item = &'a WorkerId>) -> Vec<&'a WorkerId> {
    let mut order: Vec<&WorkerId> = workers.collect();
    order.sort_by_cached_key(|worker| (hash_of(worker), *worker));
    order
}

/// FNV-1a, its high bits folded into the rest: the same in each process and version.
fn hash_of(worker: &WorkerId) -> u64 {
    let mix = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
    let hash = worker.as_str().as_bytes().iter().fold(0xcbf2_9ce4_8422_2325, mix);
    (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd)
}

/// The pause between two looks of a watcher, and of whoever waits for something.
pub(crate) fn watch_pause(failover: Duration) -> Duration {
    (failover / LOOKS_PER_FAILOVER).min(LONGEST_WATCH)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lease::lease::Lease;
    use crate::lease::store::Listing;
    use crate::position::Checkpoint;

    const FAILOVER: Duration = Duration::from_secs(10);

    fn now() -> Instant {
        tokio::time::Instant::now().into_std()
    }

    /// A table in which each of these workers holds a lease.
    fn table(owners: &[&str], now: Instant) -> Snapshot {
        let lease = |(number, owner): (usize, &&str)| {
            let mut lease = Lease::new(format!("s{number}").as_str().into(), Checkpoint::TrimHorizon);
            (lease.owner, lease.our_owner) = (Some((*owner).into()), Some((*owner).into()));
            if owner.starts_with("java") {
                lease.our_owner = None;
            }
            lease
        };
        let mut snapshot = Snapshot::default();
        let leases = owners.iter().enumerate().map(lease).collect();
        snapshot.update(Listing { leases, unreadable: Vec::new() }, now);
        snapshot
    }

    fn duty(owners: &[&str], me: &str) -> (Duty, Duration) {
        let now = now();
        let mut roster = Roster::default();
        let duty = roster.look(&table(owners, now), &me.into(), FAILOVER, now);
        (duty, roster.pause(duty, FAILOVER))
    }

    #[test]
    fn in_any_fleet_two_watch_and_the_others_follow() {
        for size in 3..40 {
            let names: Vec<String> = (0..size).map(|number| format!("w{number}")).collect();
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let duties: Vec<Duty> = names.iter().map(|me| duty(&names, me).0).collect();
            let watching = duties.iter().filter(|duty| matches!(duty, Duty::Watch { .. })).count();
            assert_eq!((watching, duties.len() - watching), (2, size - 2));
            assert_eq!(duties.iter().filter(|duty| **duty == Duty::Follow).count(), size - 2);
        }
    }

    #[test]
    fn followers_of_a_larger_fleet_pause_longer_but_never_longer_than_four_failover_times() {
        let pause = |size: usize| {
            let names: Vec<String> = (0..size).map(|number| format!("w{number}")).collect();
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            names.iter().map(|me| duty(&names, me).1).max().expect("a pause")
        };
        assert_eq!((pause(2), pause(4), pause(5)), (LONGEST_WATCH, FAILOVER / 2, FAILOVER));
        assert_eq!((pause(12), pause(100)), (FAILOVER * 3, FAILOVER * 4));
    }

    #[test]
    fn a_worker_that_is_alone_looks_rarely_and_one_beside_java_workers_often() {
        assert_eq!(duty(&["me", "me"], "me"), (Duty::Alone, FAILOVER));
        assert_eq!(duty(&["me", "java-1", "java-2"], "me").0, Duty::Watch { rank: 0, watchers: 1 });
    }

    #[test]
    fn a_worker_without_leases_looks_often_where_all_who_hold_some_may_die_together() {
        assert_eq!(duty(&["a"], "me"), (Duty::StandBy, LONGEST_WATCH));
        assert_eq!(duty(&["a", "b"], "me"), (Duty::StandBy, LONGEST_WATCH));
        assert_eq!(duty(&["a", "b", "c"], "me"), (Duty::StandBy, FAILOVER / 2));
    }

    #[test]
    fn whoever_comes_or_goes_a_watcher_that_stays_remains_one_or_knows_who_is_before_it() {
        let names: Vec<String> = (0..30).map(|number| format!("host:{number}")).collect();
        for size in 3..30 {
            let fleet: Vec<WorkerId> = names.iter().take(size).map(|name| WorkerId::from(name.as_str())).collect();
            let order = watch_order(fleet.iter());
            for gone in &fleet {
                let left: Vec<WorkerId> = fleet.iter().filter(|worker| *worker != gone).cloned().collect();
                let staying: Vec<&WorkerId> = order.iter().copied().filter(|worker| *worker != gone).collect();
                assert_eq!(watch_order(left.iter()), staying, "{gone} of {size} is gone");
            }
        }
    }

    #[test]
    fn a_watcher_takes_the_part_of_a_colleague_that_died_until_the_next_one_knows() {
        let now = now();
        let names = ["a", "b", "c", "d"];
        let order: Vec<String> = {
            let ids: Vec<WorkerId> = names.iter().map(|name| WorkerId::from(*name)).collect();
            watch_order(ids.iter()).into_iter().map(ToString::to_string).collect()
        };
        let (first, second) = (order[0].as_str(), order[1].as_str());
        let mut roster = Roster::default();
        let before = roster.look(&table(&names, now), &first.into(), FAILOVER, now);
        assert_eq!(before, Duty::Watch { rank: 0, watchers: 1 }, "nobody is known to watch yet");
        let settled = roster.look(&table(&names, now), &first.into(), FAILOVER, now);
        assert_eq!(settled, Duty::Watch { rank: 0, watchers: 2 });
        let left: Vec<&str> = names.into_iter().filter(|name| *name != second).collect();
        let after = roster.look(&table(&left, now), &first.into(), FAILOVER, now);
        assert!(matches!(after, Duty::Watch { watchers: 1, .. }), "{after:?}");
    }
}
