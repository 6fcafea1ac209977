//! The lease table as the log tells it, and who may read what. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use kinesis_asl::lease::lease::{Lease, LeaseChange};
use kinesis_asl::position::Checkpoint;
use kinesis_asl::shard::ShardId;
use kinesis_asl::{Holding, Timestamp};

use crate::check::violation::Violation;
use crate::event::{Belief, WorkerNo, Write};

/// A worker notices the end of the failover time at the next tick of its timer, a millisecond or two later.
const TIMER_SLACK: Duration = Duration::from_millis(5);

/// Failover times that an owner has at least, to hand over what it was asked for.
const PATIENCE: u32 = 3;
/// When a frozen process goes on, an answer that waited for it may be handed out before its timers run.
const WAKING: Duration = Duration::from_millis(2);

/// The table, and the last sign of life of each owner.
#[derive(Debug)]
pub(crate) struct LeaseBook {
    failover: Duration,
    leases: BTreeMap<ShardId, Lease>,
    deleted: BTreeSet<ShardId>,
    /// When each worker's last write to a lease landed: from then on, at the earliest, others count its age.
    last_write: BTreeMap<(WorkerNo, ShardId), Duration>,
    /// When each worker that was frozen went on.
    thaws: BTreeMap<WorkerNo, Duration>,
    /// From when on the records of a shard without a lease must be processed; `None` for all.
    owed_without_lease: Option<Timestamp>,
    /// Who asked last for each lease, and when.
    asked: BTreeMap<ShardId, (WorkerNo, Duration)>,
    /// Under which holding each worker believes to hold what.
    beliefs: BTreeMap<(ShardId, WorkerNo), Holding>,
    /// When each holding began, and when it was given up in good order, in a count of such events.
    begun: BTreeMap<(WorkerNo, ShardId, Holding), u64>,
    released: BTreeMap<(WorkerNo, ShardId, Holding), u64>,
}

impl LeaseBook {
    pub(crate) fn new(failover: Duration) -> Self {
        Self {
            failover,
            leases: BTreeMap::new(),
            deleted: BTreeSet::new(),
            last_write: BTreeMap::new(),
            thaws: BTreeMap::new(),
            owed_without_lease: None,
            asked: BTreeMap::new(),
            beliefs: BTreeMap::new(),
            begun: BTreeMap::new(),
            released: BTreeMap::new(),
        }
    }

    pub(crate) fn leases(&self) -> impl Iterator<Item = &Lease> {
        self.leases.values()
    }

    /// From when on the records of a shard must be processed; `None` when all must. At `LATEST` nothing is owed in a shard
    /// that was closed before the first start had come as far as making its lease.
    pub(crate) fn owed_from(&self, shard: &ShardId) -> Option<Timestamp> {
        self.leases.get(shard).map_or(self.owed_without_lease, |lease| lease.start_at)
    }

    /// A worker goes on at `thaw`, after it was frozen.
    pub(crate) fn on_frozen(&mut self, worker: WorkerNo, thaw: Duration) {
        self.thaws.insert(worker, thaw);
    }

    /// Whether one holding had been given up in good order when another one began. A worker that was robbed, or frozen, may
    /// go on for a moment with what it had, behind the back of all who came after it.
    pub(crate) fn handed_over(&self, shard: &ShardId, from: (WorkerNo, Holding), to: (WorkerNo, Holding)) -> bool {
        let released = self.released.get(&(from.0, shard.clone(), from.1));
        let begun = self.begun.get(&(to.0, shard.clone(), to.1));
        matches!((released, begun), (Some(released), Some(begun)) if released < begun)
    }

    /// A worker believes something else. Nobody may begin to hold what another worker believes to hold although its last
    /// sign of life is older than the failover time: that one would have had to stop by then.
    pub(crate) fn on_belief(
        &mut self,
        worker: WorkerNo,
        shard: &ShardId,
        holding: Holding,
        belief: Belief,
        at: Duration,
    ) -> Option<Violation> {
        let key = (shard.clone(), worker);
        if belief != Belief::Held {
            self.beliefs.remove(&key);
            return None;
        }
        self.beliefs.insert(key, holding);
        let moment = self.moment();
        self.begun.insert((worker, shard.clone(), holding), moment);
        let others = self.beliefs.range((shard.clone(), WorkerNo(0))..=(shard.clone(), WorkerNo(u32::MAX)));
        let mut others = others.map(|((_, other), _)| *other).filter(|other| *other != worker);
        let stale = others.find(|other| !self.is_alive(*other, shard, at) && !self.is_frozen(*other, at))?;
        Some(Violation::BothHold { worker, shard: shard.clone(), other: stale })
    }

    /// A process is gone, and believes nothing any more.
    pub(crate) fn on_gone(&mut self, worker: WorkerNo) {
        self.beliefs.retain(|(_, believer), _| *believer != worker);
    }

    pub(crate) fn on_created(&mut self, lease: &Lease) -> Option<Violation> {
        if self.leases.is_empty() {
            self.owed_without_lease = match lease.checkpoint {
                Checkpoint::Latest => Some(Timestamp::from_millis(i64::MAX)),
                _ => lease.start_at,
            };
        }
        let before = self.leases.insert(lease.shard.clone(), lease.clone());
        let again = before.is_some() || self.deleted.contains(&lease.shard);
        again.then(|| Violation::Recreated(lease.shard.clone()))
    }

    /// A lease may go when its shard has ended and every shard that follows has been begun: until then it is what tells
    /// where to go on.
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
        let robbed = self.robs_the_living(write, at);
        self.note_signs_of_life(write, at);
        if after.counter < before.counter {
            return Some(Violation::CounterWentBack { shard, from: before.counter, to: after.counter });
        }
        if after.checkpoint < before.checkpoint {
            return Some(Violation::CheckpointWentBack { shard, from: before.checkpoint, to: after.checkpoint });
        }
        let is_the_owners = match change {
            LeaseChange::Renew(_)
            | LeaseChange::Checkpoint { .. }
            | LeaseChange::Prepare { .. }
            | LeaseChange::Release(_)
            | LeaseChange::HandOver { .. } => true,
            LeaseChange::Take { .. }
            | LeaseChange::Children { .. }
            | LeaseChange::Ask { .. }
            | LeaseChange::Retract { .. }
            | LeaseChange::Call { .. }
            | LeaseChange::HashRange { .. } => false,
        };
        if is_the_owners && before.owner != Some(worker.id()) {
            let owner = before.owner.clone();
            return Some(Violation::WroteAsStranger { worker: *worker, owner, change: change.clone() });
        }
        robbed
    }

    fn note_signs_of_life(&mut self, write: &Write, at: Duration) {
        let (worker, shard) = (write.worker, write.after.shard.clone());
        match write.change {
            LeaseChange::Take { .. }
            | LeaseChange::Renew(_)
            | LeaseChange::Checkpoint { .. }
            | LeaseChange::Prepare { .. } => {
                self.last_write.insert((worker, shard), at);
            }
            LeaseChange::Release(_) | LeaseChange::HandOver { .. } => {
                self.last_write.remove(&(worker, shard.clone()));
                // Whether the writer hears of it or not.
                if let Some(holding) = self.beliefs.remove(&(shard.clone(), worker)) {
                    let moment = self.moment();
                    self.released.insert((worker, shard, holding), moment);
                }
            }
            LeaseChange::Ask { .. } => {
                self.asked.insert(shard, (worker, at));
            }
            LeaseChange::Retract { .. } => {
                self.asked.remove(&shard);
            }
            LeaseChange::Children { .. } | LeaseChange::HashRange { .. } | LeaseChange::Call { .. } => {}
        }
    }

    /// A worker of ours that lives is asked for a lease, and robbed only when it has not answered for a long time.
    fn robs_the_living(&self, write: &Write, at: Duration) -> Option<Violation> {
        let Write { worker, change: LeaseChange::Take { .. }, before, .. } = write else { return None };
        let shard = before.shard.clone();
        let owner = self.beliefs.range((shard.clone(), WorkerNo(0))..=(shard.clone(), WorkerNo(u32::MAX)));
        let mut owner = owner.map(|((_, owner), _)| *owner).filter(|owner| before.owner == Some(owner.id()));
        let robbed = owner.find(|owner| owner != worker && self.is_alive(*owner, &shard, at))?;
        let asked = self.asked.get(&shard).filter(|(asker, _)| asker == worker);
        let had_time = asked.is_some_and(|(_, since)| at >= *since + self.failover * PATIENCE);
        (before.is_ours() && !had_time).then_some(Violation::RobbedTheLiving { worker: *worker, shard, robbed })
    }

    pub(crate) fn on_read(
        &self,
        worker: WorkerNo,
        shard: &ShardId,
        parents: &[ShardId],
        at: Duration,
    ) -> Option<Violation> {
        let last_write = self.last_write.get(&(worker, shard.clone())).copied();
        let wakes_up = last_write.is_some() && self.is_frozen(worker, at);
        if !wakes_up && !self.is_alive(worker, shard, at) {
            return Some(Violation::ReadWithoutLease { worker, shard: shard.clone(), last_write });
        }
        let unfinished = |parent: &&ShardId| self.leases.get(*parent).is_some_and(|lease| !lease.is_ended());
        let parent = parents.iter().find(unfinished)?.clone();
        Some(Violation::ReadBeforeParent { worker, shard: shard.clone(), parent })
    }

    fn moment(&self) -> u64 {
        u64::try_from(self.begun.len() + self.released.len()).unwrap_or(u64::MAX)
    }

    /// Whether a worker may rely on a lease: it wrote to it within the failover time.
    fn is_alive(&self, worker: WorkerNo, shard: &ShardId, at: Duration) -> bool {
        let last_write = self.last_write.get(&(worker, shard.clone()));
        last_write.is_some_and(|landed| at <= *landed + self.failover + TIMER_SLACK)
    }

    /// Whether a worker cannot know what time it is.
    fn is_frozen(&self, worker: WorkerNo, at: Duration) -> bool {
        self.thaws.get(&worker).is_some_and(|thaw| at <= *thaw + WAKING)
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
        Write { worker: W1, sent: AT, change, before, after }
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
    fn an_owners_write_by_another_worker_is_found_and_a_theft_is_allowed() {
        let mut book = held();
        let mut stolen = lease("s");
        stolen.owner = Some("worker-2".into());
        let renewal = write(stolen.clone(), LeaseChange::Renew(claim(0)));
        assert!(matches!(book.on_wrote(&renewal, AT), Some(Violation::WroteAsStranger { .. })));
        let theft = LeaseChange::Take { claim: claim(0), from: stolen.owner.clone(), start_at: None };
        assert_eq!(book.on_wrote(&write(stolen, theft), AT), None);
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
