//! What this worker knows of all leases, and since when each has not changed by its own clock.
//!
//! No clock of another machine is ever compared: a lease counts as expired when this worker has watched its counter
//! stand still for longer than the failover time.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use crate::lease::lease::{Lease, WorkerId};
use crate::lease::store::Listing;
use crate::shard::ShardId;

/// The leases as last read.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    seen: BTreeMap<ShardId, Seen>,
    /// Shards whose rows cannot be read: somebody's, and not ended as far as one can tell.
    unreadable: BTreeSet<ShardId>,
    /// Workers that have ended, as this one knows without waiting: it goes on where they stopped.
    predecessors: BTreeSet<WorkerId>,
}

/// One lease as last read.
#[derive(Debug, Clone)]
pub struct Seen {
    /// The lease.
    pub lease: Lease,
    /// When its counter was first seen at this value.
    pub unchanged_since: Instant,
}

impl Seen {
    /// The lease as read at `now`: older than that only if its counter was the same before.
    fn after(old: Option<&Self>, lease: Lease, now: Instant) -> Self {
        let unchanged = old.filter(|old| old.lease.counter == lease.counter);
        let unchanged_since = unchanged.map_or(now, |old| old.unchanged_since);
        Self { lease, unchanged_since }
    }
}

/// Whether somebody works on a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Its shard has ended: nothing is left to do.
    Ended,
    /// Nobody holds it, or a worker that has ended.
    Unowned,
    /// Its holder has not renewed it for longer than the failover time.
    Expired,
    /// Its holder is alive, as far as one can tell.
    Live,
}

impl Snapshot {
    /// These workers have ended, and what they own is free. One of them that writes to a lease is alive after all: what it owns is its
    /// own again.
    pub fn succeed(&mut self, predecessors: BTreeSet<WorkerId>) {
        self.predecessors = predecessors;
    }

    /// Takes over a complete listing that arrived at `now`. Leases that are no longer listed are forgotten.
    pub fn update(&mut self, listing: Listing, now: Instant) {
        listing.leases.iter().for_each(|lease| self.hear_of(lease));
        let mut before = std::mem::take(&mut self.seen);
        self.unreadable = listing.unreadable_shards();
        for lease in listing.leases {
            let old = before.remove(&lease.shard);
            self.seen.insert(lease.shard.clone(), Seen::after(old.as_ref(), lease, now));
        }
    }

    /// Notes a lease of another worker as it was read or written to since the last listing. Its age goes on unless its counter
    /// has moved: an ask is no sign of life of the owner.
    pub fn note_foreign(&mut self, lease: Lease, now: Instant) {
        self.hear_of(&lease);
        let seen = Seen::after(self.seen.get(&lease.shard), lease, now);
        self.seen.insert(seen.lease.shard.clone(), seen);
    }

    /// Notes what this worker itself wrote or holds, so that the next decision does not rest on an older view.
    pub fn note(&mut self, lease: Lease, now: Instant) {
        self.hear_of(&lease);
        self.seen.insert(lease.shard.clone(), Seen { lease, unchanged_since: now });
    }

    /// Only the owner moves the counter of a lease that it still owns.
    fn hear_of(&mut self, lease: &Lease) {
        let Some(owner) = lease.owner.as_ref().filter(|owner| self.predecessors.contains(*owner)) else { return };
        let moved = |seen: &Seen| seen.lease.owner == lease.owner && seen.lease.counter < lease.counter;
        if self.seen.get(&lease.shard).is_some_and(moved) {
            self.predecessors.remove(owner);
        }
    }

    /// Forgets a lease that was found deleted.
    pub fn forget(&mut self, shard: &ShardId) {
        self.seen.remove(shard);
    }

    /// The lease of a shard.
    #[must_use]
    pub fn get(&self, shard: &ShardId) -> Option<&Lease> {
        self.seen.get(shard).map(|seen| &seen.lease)
    }

    /// All leases, in the order of their shards' names.
    pub fn leases(&self) -> impl Iterator<Item = &Lease> {
        self.seen.values().map(|seen| &seen.lease)
    }

    /// Where a lease stands at `now`. Age exactly equal to the failover time is still live, as in the KCL.
    pub fn standings(&self, now: Instant, failover: Duration) -> impl Iterator<Item = (&Lease, Standing)> {
        self.seen.values().map(move |seen| {
            let standing = if seen.lease.is_ended() {
                Standing::Ended
            } else if seen.lease.owner.as_ref().is_none_or(|owner| self.predecessors.contains(owner)) {
                Standing::Unowned
            } else if now.saturating_duration_since(seen.unchanged_since) > failover {
                Standing::Expired
            } else {
                Standing::Live
            };
            (&seen.lease, standing)
        })
    }

    /// Every shard that has a row, readable or not.
    #[must_use]
    pub fn leased(&self) -> BTreeSet<ShardId> {
        self.seen.keys().chain(&self.unreadable).cloned().collect()
    }

    /// The shards whose rows cannot be read.
    #[must_use]
    pub fn unreadable(&self) -> &BTreeSet<ShardId> {
        &self.unreadable
    }

    /// Whether every parent of a shard is out of the way: its lease absent or at the end.
    #[must_use]
    pub fn parents_done(&self, lease: &Lease) -> bool {
        let done = |parent| self.get(parent).is_none_or(Lease::is_ended) && !self.unreadable.contains(parent);
        lease.parents.iter().all(done)
    }

    /// How many unfinished leases exist, and how many of them a live worker or `me` holds.
    #[must_use]
    pub fn coverage(&self, me: &WorkerId, now: Instant, failover: Duration) -> Coverage {
        let mut coverage = Coverage::default();
        for (lease, standing) in self.standings(now, failover) {
            match standing {
                Standing::Ended => {}
                Standing::Live => {
                    coverage.unfinished += 1;
                    coverage.held += 1;
                    coverage.mine += usize::from(lease.owner.as_ref() == Some(me));
                }
                Standing::Unowned | Standing::Expired => coverage.unfinished += 1,
            }
        }
        coverage
    }
}

/// Counts of leases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Coverage {
    /// Leases of shards that have not ended.
    pub unfinished: usize,
    /// Those that a live worker holds.
    pub held: usize,
    /// Those that this worker holds.
    pub mine: usize,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lease::lease::LeaseCounter;
    use crate::position::Checkpoint;

    const FAILOVER: Duration = Duration::from_secs(10);

    fn lease(shard: &str, owner: Option<&str>, counter: u64) -> Lease {
        let mut lease = Lease::new(shard.into(), Checkpoint::TrimHorizon);
        lease.owner = owner.map(WorkerId::from);
        lease.counter = LeaseCounter(counter);
        lease
    }

    fn of(leases: Vec<Lease>) -> Listing {
        Listing { leases, unreadable: Vec::new() }
    }

    fn standing(snapshot: &Snapshot, now: Instant) -> Vec<Standing> {
        snapshot.standings(now, FAILOVER).map(|(_, standing)| standing).collect()
    }

    #[test]
    fn a_lease_first_seen_with_an_owner_is_live_until_it_stood_still_longer_than_the_failover_time_lt_4() {
        let start = tokio::time::Instant::now().into_std();
        let mut snapshot = Snapshot::default();
        snapshot.update(of(vec![lease("a", Some("x"), 5)]), start);
        snapshot.update(of(vec![lease("a", Some("x"), 5)]), start + Duration::from_secs(6));
        assert_eq!(standing(&snapshot, start + FAILOVER), [Standing::Live]);
        assert_eq!(standing(&snapshot, start + FAILOVER + Duration::from_millis(1)), [Standing::Expired]);
    }

    #[test]
    fn a_counter_that_moved_makes_the_lease_live_again_lt_2() {
        let start = tokio::time::Instant::now().into_std();
        let mut snapshot = Snapshot::default();
        snapshot.update(of(vec![lease("a", Some("x"), 5)]), start);
        snapshot.update(of(vec![lease("a", Some("x"), 6)]), start + Duration::from_secs(11));
        assert_eq!(standing(&snapshot, start + Duration::from_secs(12)), [Standing::Live]);
    }

    #[test]
    fn an_unowned_lease_is_free_at_once_and_an_ended_one_counts_nowhere() {
        let now = tokio::time::Instant::now().into_std();
        let mut ended = lease("b", Some("x"), 1);
        ended.checkpoint = Checkpoint::ShardEnd;
        let mut snapshot = Snapshot::default();
        snapshot.update(of(vec![lease("a", None, 0), ended, lease("c", Some("me"), 3)]), now);
        assert_eq!(standing(&snapshot, now), [Standing::Unowned, Standing::Ended, Standing::Live]);
        let coverage = snapshot.coverage(&"me".into(), now, FAILOVER);
        assert_eq!(coverage, Coverage { unfinished: 2, held: 1, mine: 1 });
    }

    #[test]
    fn what_a_predecessor_owns_is_free_at_once_until_it_shows_that_it_lives() {
        let now = tokio::time::Instant::now().into_std();
        let mut snapshot = Snapshot::default();
        snapshot.succeed(["x".into()].into());
        snapshot.update(of(vec![lease("a", Some("x"), 5), lease("b", Some("x"), 5), lease("c", Some("y"), 5)]), now);
        assert_eq!(standing(&snapshot, now), [Standing::Unowned, Standing::Unowned, Standing::Live]);
        snapshot.update(of(vec![lease("a", Some("me"), 6), lease("b", Some("x"), 5)]), now);
        assert_eq!(
            standing(&snapshot, now),
            [Standing::Live, Standing::Unowned],
            "to be taken from is no sign of life"
        );
        snapshot.update(of(vec![lease("a", Some("me"), 7), lease("b", Some("x"), 6)]), now);
        assert_eq!(standing(&snapshot, now), [Standing::Live, Standing::Live]);
    }

    #[test]
    fn a_child_waits_until_both_parents_are_absent_or_ended_bp_1() {
        let now = tokio::time::Instant::now().into_std();
        let mut child = lease("c", None, 0);
        child.parents = ["a".into(), "b".into()].into();
        let mut ended = lease("a", None, 1);
        ended.checkpoint = Checkpoint::ShardEnd;
        let mut snapshot = Snapshot::default();
        snapshot.update(of(vec![ended.clone(), lease("b", None, 0)]), now);
        assert!(!snapshot.parents_done(&child), "b is still being read");
        snapshot.update(of(vec![ended]), now);
        assert!(snapshot.parents_done(&child), "b has no lease any more");
    }

    #[test]
    fn a_child_waits_for_a_parent_whose_row_cannot_be_read() {
        let now = tokio::time::Instant::now().into_std();
        let mut child = lease("c", None, 0);
        child.parents = ["a".into()].into();
        let unreadable = vec![("a".to_owned(), "no counter".to_owned())];
        let mut snapshot = Snapshot::default();
        snapshot.update(Listing { leases: vec![child.clone()], unreadable }, now);
        assert!(!snapshot.parents_done(&child));
        assert_eq!(snapshot.leased(), ["a".into(), "c".into()].into());
    }
}
