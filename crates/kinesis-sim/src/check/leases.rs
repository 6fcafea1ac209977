//! The lease table as the log tells it, and who may read what. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use kinesis_asl::lease::lease::{Lease, LeaseChange, WorkerId};
use kinesis_asl::position::Checkpoint;
use kinesis_asl::shard::ShardId;
use kinesis_asl::{Holding, Timestamp};

use crate::check::violation::Violation;
use crate::event::{WorkerNo, Write};

/// A worker notices the end of the failover time at the next tick of its timer, a millisecond or two later.
const TIMER_SLACK: Duration = Duration::from_millis(5);

/// The table, and the last sign of life of each owner.
#[derive(Debug)]
pub(crate) struct LeaseBook {
    failover: Duration,
    leases: BTreeMap<ShardId, Lease>,
    deleted: BTreeSet<ShardId>,
    /// When each worker's last write to a lease landed: from then on, at the earliest, others count its age.
    last_write: BTreeMap<(WorkerNo, ShardId), Duration>,
    /// Under which holding each worker last wrote as the owner.
    wrote_under: BTreeMap<(WorkerNo, ShardId), Holding>,
    /// Where the first lease of all begins; `None` for the horizon.
    first_start: Option<Timestamp>,
    abrupt_takes: BTreeMap<ShardId, u64>,
    /// Leases that were handed over and not taken by anybody since, and to whom.
    given: BTreeMap<ShardId, WorkerId>,
    taken_as: BTreeMap<(WorkerNo, ShardId), AbruptTakes>,
    releases: BTreeMap<(WorkerNo, ShardId, AbruptTakes), u64>,
}

/// How often a lease had been taken although it had an owner, by theft, after a crash, or by its owner itself when it had
/// lost sight of it, when a holding began. Records may come twice only under holdings that differ in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct AbruptTakes(pub(crate) u64);

impl LeaseBook {
    pub(crate) fn new(failover: Duration) -> Self {
        Self {
            failover,
            leases: BTreeMap::new(),
            deleted: BTreeSet::new(),
            last_write: BTreeMap::new(),
            wrote_under: BTreeMap::new(),
            first_start: None,
            abrupt_takes: BTreeMap::new(),
            given: BTreeMap::new(),
            taken_as: BTreeMap::new(),
            releases: BTreeMap::new(),
        }
    }

    pub(crate) fn leases(&self) -> impl Iterator<Item = &Lease> {
        self.leases.values()
    }

    /// From when on the records of a shard must be processed; `None` when all must. At `LATEST` nothing is owed in a shard
    /// that was closed before the first start had come as far as making its lease.
    pub(crate) fn owed_from(&self, shard: &ShardId) -> Option<Timestamp> {
        let never = self.first_start.map(|_| Timestamp::from_millis(i64::MAX));
        self.leases.get(shard).map_or(never, |lease| lease.start_at)
    }

    /// As what a worker took the lease that it took last.
    pub(crate) fn taken_as(&self, worker: WorkerNo, shard: &ShardId) -> AbruptTakes {
        self.taken_as.get(&(worker, shard.clone())).copied().unwrap_or_default()
    }

    /// How often a worker has released a lease that it had taken as that.
    pub(crate) fn releases(&self, worker: WorkerNo, shard: &ShardId, as_what: AbruptTakes) -> u64 {
        self.releases.get(&(worker, shard.clone(), as_what)).copied().unwrap_or(0)
    }

    pub(crate) fn on_created(&mut self, lease: &Lease) -> Option<Violation> {
        if self.leases.is_empty() {
            self.first_start = lease.start_at;
        }
        let before = self.leases.insert(lease.shard.clone(), lease.clone());
        let again = before.is_some() || self.deleted.contains(&lease.shard);
        again.then(|| Violation::Recreated(lease.shard.clone()))
    }

    pub(crate) fn on_deleted(&mut self, shard: &ShardId) -> Option<Violation> {
        let lease = self.leases.remove(shard);
        self.deleted.insert(shard.clone());
        let has_started =
            |lease: &Lease| !matches!(lease.checkpoint, Checkpoint::TrimHorizon | Checkpoint::AtTimestamp);
        let mut children = self.leases.values().filter(|lease| lease.parents.contains(shard));
        let is_done = lease.is_none_or(|lease| lease.is_ended()) && children.all(has_started);
        (!is_done).then(|| Violation::DeletedTooEarly(shard.clone()))
    }

    pub(crate) fn on_wrote(&mut self, write: &Write, at: Duration) -> Option<Violation> {
        let Write { worker, change, before, after, .. } = write;
        let shard = after.shard.clone();
        self.leases.insert(shard.clone(), after.clone());
        let sign_of_life = (*worker, shard.clone());
        self.note_holding(write);
        match change {
            LeaseChange::Take { .. } => {
                let given = self.given.remove(&shard).is_some_and(|to| to == worker.id());
                let abrupt = self.abrupt_takes.entry(shard.clone()).or_default();
                *abrupt += u64::from(before.owner.is_some() && !given);
                self.taken_as.insert(sign_of_life.clone(), AbruptTakes(*abrupt));
                self.last_write.insert(sign_of_life, at);
            }
            LeaseChange::Renew(_) | LeaseChange::Checkpoint { .. } => {
                self.last_write.insert(sign_of_life, at);
            }
            LeaseChange::Release(_) => {
                self.last_write.remove(&sign_of_life);
                let taken_as = self.taken_as(*worker, &shard);
                *self.releases.entry((*worker, shard.clone(), taken_as)).or_default() += 1;
            }
            LeaseChange::HandOver { to, .. } => {
                self.last_write.remove(&sign_of_life);
                self.given.insert(shard.clone(), to.clone());
                let taken_as = self.taken_as(*worker, &shard);
                *self.releases.entry((*worker, shard.clone(), taken_as)).or_default() += 1;
            }
            LeaseChange::Children { .. }
            | LeaseChange::Ask { .. }
            | LeaseChange::Call { .. }
            | LeaseChange::Retract { .. }
            | LeaseChange::HashRange { .. } => {}
        }
        if after.counter < before.counter {
            return Some(Violation::CounterWentBack { shard, from: before.counter, to: after.counter });
        }
        if after.checkpoint < before.checkpoint {
            return Some(Violation::CheckpointWentBack { shard, from: before.checkpoint, to: after.checkpoint });
        }
        let needs_no_owner = matches!(
            change,
            LeaseChange::Take { .. }
                | LeaseChange::Children { .. }
                | LeaseChange::Ask { .. }
                | LeaseChange::Call { .. }
                | LeaseChange::Retract { .. }
                | LeaseChange::HashRange { .. }
        );
        let stranger = !needs_no_owner && before.owner != Some(worker.id());
        let owner = before.owner.clone();
        stranger.then(|| Violation::WroteAsStranger { worker: *worker, owner, change: change.clone() })
    }

    /// An owner that writes under another holding than before, without having taken the lease in between, had lost sight of it
    /// and holds it anew: its attempt to take it again met an older write of its own, which had landed late.
    fn note_holding(&mut self, write: &Write) {
        let held = (write.worker, write.after.shard.clone());
        match (&write.change, write.holding) {
            (LeaseChange::Take { .. }, _) => _ = self.wrote_under.remove(&held),
            (
                LeaseChange::Children { .. }
                | LeaseChange::Ask { .. }
                | LeaseChange::Retract { .. }
                | LeaseChange::Call { .. },
                _,
            )
            | (_, None) => {}
            (_, Some(holding)) => {
                let before = self.wrote_under.insert(held.clone(), holding);
                if before.is_some_and(|before| before != holding) {
                    let abrupt = self.abrupt_takes.entry(held.1.clone()).or_default();
                    *abrupt += 1;
                    self.taken_as.insert(held, AbruptTakes(*abrupt));
                }
            }
        }
    }

    pub(crate) fn on_read(
        &self,
        worker: WorkerNo,
        shard: &ShardId,
        parents: &[ShardId],
        at: Duration,
    ) -> Option<Violation> {
        let last_write = self.last_write.get(&(worker, shard.clone())).copied();
        let may_read = last_write.is_some_and(|landed| at <= landed + self.failover + TIMER_SLACK);
        if !may_read {
            return Some(Violation::ReadWithoutLease { worker, shard: shard.clone(), last_write });
        }
        let unfinished = |parent: &&ShardId| self.leases.get(*parent).is_some_and(|lease| !lease.is_ended());
        let parent = parents.iter().find(unfinished)?.clone();
        Some(Violation::ReadBeforeParent { worker, shard: shard.clone(), parent })
    }
}

#[cfg(test)]
mod tests {
    use kinesis_asl::lease::lease::{Claim, LeaseCounter};

    use super::*;

    const FAILOVER: Duration = Duration::from_secs(10);
    const AT: Duration = Duration::from_secs(1);
    const W1: WorkerNo = WorkerNo(1);

    fn lease(shard: &str) -> Lease {
        Lease::new(shard.into(), Checkpoint::TrimHorizon)
    }

    fn claim(counter: u64) -> Claim {
        Claim { shard: "s".into(), counter: LeaseCounter(counter), worker: W1.id() }
    }

    /// A write as the table does it, whoever may own the lease.
    fn write(before: Lease, change: LeaseChange) -> Write {
        let mut after = before.clone();
        change.apply(&mut after);
        Write { worker: W1, sent: AT, holding: None, change, before, after }
    }

    fn held() -> LeaseBook {
        let mut book = LeaseBook::new(FAILOVER);
        assert_eq!(book.on_created(&lease("s")), None);
        let take = LeaseChange::Take { claim: claim(0), from: None, start_at: None };
        assert_eq!(book.on_wrote(&write(lease("s"), take), AT), None);
        book
    }

    #[test]
    fn a_read_later_than_the_failover_time_after_the_last_write_is_found() {
        let book = held();
        assert_eq!(book.on_read(W1, &"s".into(), &[], Duration::from_secs(11)), None);
        let late = book.on_read(W1, &"s".into(), &[], Duration::from_millis(11_006));
        assert!(matches!(late, Some(Violation::ReadWithoutLease { .. })));
        let stranger = book.on_read(WorkerNo(2), &"s".into(), &[], Duration::from_secs(2));
        assert!(matches!(stranger, Some(Violation::ReadWithoutLease { last_write: None, .. })));
    }

    #[test]
    fn a_child_is_read_wrongly_while_a_parents_lease_is_there_and_not_ended() {
        let mut book = held();
        let at = Duration::from_secs(2);
        assert_eq!(book.on_read(W1, &"s".into(), &["absent".into()], at), None);
        book.on_created(&lease("parent"));
        let early = book.on_read(W1, &"s".into(), &["parent".into()], at);
        assert!(matches!(early, Some(Violation::ReadBeforeParent { .. })));
    }

    #[test]
    fn a_lease_that_is_deleted_too_early_or_made_again_is_found() {
        let ended = Lease { checkpoint: Checkpoint::ShardEnd, ..lease("s") };
        let child = |checkpoint| Lease { parents: ["s".into()].into(), checkpoint, ..lease("child") };
        let deleted = |leases: [Lease; 2]| {
            let mut book = LeaseBook::new(FAILOVER);
            leases.iter().for_each(|lease| assert_eq!(book.on_created(lease), None));
            (book.on_deleted(&"s".into()), book)
        };
        let early = Some(Violation::DeletedTooEarly("s".into()));
        assert_eq!(deleted([lease("s"), child(Checkpoint::Latest)]).0, early, "it has not ended");
        assert_eq!(deleted([ended.clone(), child(Checkpoint::TrimHorizon)]).0, early, "its child has not started");
        let (fine, mut book) = deleted([ended.clone(), child(Checkpoint::Latest)]);
        assert_eq!((fine, book.on_created(&ended)), (None, Some(Violation::Recreated("s".into()))));
    }

    #[test]
    fn an_owners_write_by_another_worker_is_found_and_a_theft_is_counted() {
        let mut book = held();
        let mut stolen = lease("s");
        stolen.owner = Some("worker-2".into());
        let renewal = write(stolen.clone(), LeaseChange::Renew(claim(0)));
        assert!(matches!(book.on_wrote(&renewal, AT), Some(Violation::WroteAsStranger { .. })));
        assert_eq!(book.taken_as(W1, &"s".into()), AbruptTakes(0));
        let theft = LeaseChange::Take { claim: claim(0), from: stolen.owner.clone(), start_at: None };
        assert_eq!(book.on_wrote(&write(stolen, theft), AT), None);
        assert_eq!(book.taken_as(W1, &"s".into()), AbruptTakes(1));
    }

    #[test]
    fn a_checkpoint_or_a_counter_that_goes_back_is_found() {
        let mut ended = lease("s");
        (ended.owner, ended.checkpoint) = (Some(W1.id()), Checkpoint::ShardEnd);
        let back = LeaseChange::Checkpoint { claim: claim(0), to: Checkpoint::TrimHorizon };
        assert!(matches!(held().on_wrote(&write(ended, back), AT), Some(Violation::CheckpointWentBack { .. })));
        let mut old = write(lease("s"), LeaseChange::Take { claim: claim(0), from: None, start_at: None });
        old.before.counter = LeaseCounter(5);
        assert!(matches!(held().on_wrote(&old, AT), Some(Violation::CounterWentBack { .. })));
    }
}
