//! A lease, and what each conditional write demands of it and does to it.
//!
//! [`LeaseChange`] is the contract of the lease table in one place: the in-memory table applies it to values, the
//! DynamoDB table translates it to conditions and updates on named attributes. Facts: the KCL's table, its conditions
//! and its effects, so that Java workers can share the table.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use kpl_deagg::HashKeyRange;

use crate::lease::prepared::{Prepared, PreparedOn};
use crate::position::{Checkpoint, Timestamp};
use crate::shard::ShardId;
use crate::stream_identity::StreamIdentity;

/// The name of a lease participant, `host:uuid`. A clone is a reference count.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WorkerId(Arc<str>);

impl WorkerId {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for WorkerId {
    fn from(name: &str) -> Self {
        Self(name.into())
    }
}

impl fmt::Display for WorkerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for WorkerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Counts the writes of a lease's owners. It never goes down, so it serves as the version of the lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct LeaseCounter(pub u64);

impl LeaseCounter {
    /// The counter after one more write.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

/// What the table says of one shard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// The shard; the table's key.
    pub shard: ShardId,
    /// Who holds it; `None` when nobody does.
    pub owner: Option<WorkerId>,
    /// The owner as a worker of ours wrote it. It differs from `owner` once a Java worker has taken the lease, which leaves
    /// our attributes alone. Only an owner that stands in both answers an ask.
    pub our_owner: Option<WorkerId>,
    /// The worker of ours that asked the owner for the lease.
    pub asked_by: Option<WorkerId>,
    /// The worker of ours that last called the owner: it is about to leave, and its leases are about to be free.
    pub called_by: Option<WorkerId>,
    /// Its version.
    pub counter: LeaseCounter,
    /// How far the shard has been processed.
    pub checkpoint: Checkpoint,
    /// A checkpoint that was prepared and is not made.
    pub prepared: Option<Prepared>,
    /// The moment that stands behind the sentinels `LATEST` and `AT_TIMESTAMP`. Our own attribute: Java workers leave
    /// it alone and use their own idea of the moment.
    pub start_at: Option<Timestamp>,
    /// How often the owner changed since the last checkpoint.
    pub owner_switches: u64,
    /// The shards that this one came from.
    pub parents: BTreeSet<ShardId>,
    /// The shards that follow this one, once it has ended.
    pub children: BTreeSet<ShardId>,
    /// Its part of the hash key space, where known.
    pub hash_range: Option<HashKeyRange>,
    /// The stream of the shard, where the lease says it. Our own attribute, written once when the lease is made.
    pub stream: Option<StreamIdentity>,
}

impl Lease {
    /// A lease that nobody holds yet.
    #[must_use]
    pub fn new(shard: ShardId, checkpoint: Checkpoint) -> Self {
        Self {
            shard,
            owner: None,
            our_owner: None,
            asked_by: None,
            called_by: None,
            counter: LeaseCounter::default(),
            checkpoint,
            prepared: None,
            start_at: None,
            owner_switches: 0,
            parents: BTreeSet::new(),
            children: BTreeSet::new(),
            hash_range: None,
            stream: None,
        }
    }

    /// Whether every record of the shard has been processed. Such a lease weighs nothing in the balance.
    #[must_use]
    pub fn is_ended(&self) -> bool {
        self.checkpoint == Checkpoint::ShardEnd
    }

    /// A worker of ours is the owner from now on; nobody has asked it yet.
    fn own(&mut self, worker: &WorkerId) {
        (self.owner, self.our_owner) = (Some(worker.clone()), Some(worker.clone()));
        (self.asked_by, self.called_by) = (None, None);
    }

    /// Whether the owner is a worker of ours, which hands the lease over when it is asked to.
    #[must_use]
    pub fn is_ours(&self) -> bool {
        self.owner.is_some() && self.owner == self.our_owner
    }

    /// The worker that the owner will hand the lease over to.
    #[must_use]
    pub fn promised_to(&self) -> Option<&WorkerId> {
        self.asked_by.as_ref().filter(|asker| self.is_ours() && Some(*asker) != self.owner.as_ref())
    }
}

/// A conditional write to an existing lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LeaseChange {
    /// Shows that the owner is alive. Demands the counter.
    Renew(Claim),
    /// Makes the worker the owner, whoever held it. Demands the counter.
    Take {
        /// The lease as last seen, and who takes it.
        claim: Claim,
        /// The owner as last seen; another one than the taker counts as a switch.
        from: Option<WorkerId>,
        /// The moment behind LATEST or AT_TIMESTAMP, for a lease of a Java worker that carries none.
        start_at: Option<Timestamp>,
    },
    /// Moves the position; renews as well. Demands the counter, and that the shard has not ended.
    Checkpoint {
        /// The lease as last seen, held by the writer.
        claim: Claim,
        /// The new position.
        to: Checkpoint,
    },
    /// Prepares a checkpoint that counts when a snapshot is published; renews as well. Demands the counter, and that the shard has
    /// not ended.
    Prepare {
        /// The lease as last seen, held by the writer.
        claim: Claim,
        /// The position.
        to: Checkpoint,
        /// The whole name of the snapshot.
        snapshot: String,
    },
    /// Gives the lease up, so that others may take it at once. Demands owner and counter.
    Release(Claim),
    /// Notes which shards follow. Demands that the lease exists; the counter stays.
    Children {
        /// The shard that ended.
        shard: ShardId,
        /// The shards that follow it.
        children: BTreeSet<ShardId>,
    },
    /// Notes the part of the hash key space, which workers of KCL 1.13 and older leave out. Demands that the lease exists;
    /// the counter stays.
    HashRange {
        /// The shard.
        shard: ShardId,
        /// Its part of the hash key space.
        range: HashKeyRange,
    },
    /// Asks the owner, a worker of ours, to hand the lease over. Demands that owner, and that nobody asked before. The counter
    /// stays, so the owner's next renewal succeeds and brings the ask back with it.
    Ask {
        /// The shard that is wanted.
        shard: ShardId,
        /// Who holds it.
        owner: WorkerId,
        /// Who wants it.
        by: WorkerId,
    },
    /// Takes an ask back. Demands that it still stands; the counter stays.
    Retract {
        /// The shard that was wanted.
        shard: ShardId,
        /// Who wanted it.
        by: WorkerId,
    },
    /// Tells the owner that the writer is about to leave. Demands that owner; the counter stays.
    Call {
        /// A shard of the worker that is called.
        shard: ShardId,
        /// Who is called.
        owner: WorkerId,
        /// Who leaves.
        by: WorkerId,
    },
    /// Makes another worker the owner, after the last checkpoint. Demands owner and counter, and that the ask still stands: an
    /// asker that stops takes it back.
    HandOver {
        /// The lease as last seen, and who gives it away.
        claim: Claim,
        /// Who gets it.
        to: WorkerId,
    },
}

/// A lease at a version, and the worker that writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The shard.
    pub shard: ShardId,
    /// The counter as last seen: the condition of the write.
    pub counter: LeaseCounter,
    /// Who writes.
    pub worker: WorkerId,
}

impl LeaseChange {
    /// The shard that is written to.
    #[must_use]
    pub fn shard(&self) -> &ShardId {
        match self {
            Self::Renew(claim)
            | Self::Release(claim)
            | Self::Take { claim, .. }
            | Self::Checkpoint { claim, .. }
            | Self::Prepare { claim, .. }
            | Self::HandOver { claim, .. } => &claim.shard,
            Self::Children { shard, .. }
            | Self::HashRange { shard, .. }
            | Self::Ask { shard, .. }
            | Self::Retract { shard, .. }
            | Self::Call { shard, .. } => shard,
        }
    }

    /// Whether the lease, as stored, allows the write.
    #[must_use]
    pub fn is_allowed(&self, stored: &Lease) -> bool {
        match self {
            Self::Renew(claim) | Self::Take { claim, .. } => stored.counter == claim.counter,
            Self::Checkpoint { claim, to } => {
                stored.counter == claim.counter && (!stored.is_ended() || *to == Checkpoint::ShardEnd)
            }
            Self::Prepare { claim, .. } => stored.counter == claim.counter && !stored.is_ended(),
            Self::Release(claim) => stored.counter == claim.counter && stored.owner.as_ref() == Some(&claim.worker),
            Self::HandOver { claim, to } => {
                let held = stored.counter == claim.counter && stored.owner.as_ref() == Some(&claim.worker);
                held && stored.asked_by.as_ref() == Some(to)
            }
            Self::Children { .. } | Self::HashRange { .. } => true,
            Self::Ask { owner, by, .. } => {
                stored.is_ours()
                    && stored.owner.as_ref() == Some(owner)
                    && stored.asked_by.as_ref().is_none_or(|asker| asker == by)
            }
            Self::Retract { by, .. } => stored.asked_by.as_ref() == Some(by),
            Self::Call { owner, .. } => stored.owner.as_ref() == Some(owner),
        }
    }

    /// Does the write to a value that allows it.
    pub fn apply(&self, stored: &mut Lease) {
        match self {
            Self::Renew(claim) => stored.counter = claim.counter.next(),
            Self::Take { claim, from, start_at } => {
                stored.counter = claim.counter.next();
                if from.as_ref().is_some_and(|owner| *owner != claim.worker) {
                    stored.owner_switches = stored.owner_switches.saturating_add(1);
                }
                stored.own(&claim.worker);
                stored.start_at = stored.start_at.or(*start_at);
            }
            Self::Checkpoint { claim, to } => {
                stored.counter = claim.counter.next();
                stored.checkpoint = *to;
                stored.prepared = None;
                stored.owner_switches = 0;
            }
            Self::Prepare { claim, to, snapshot } => {
                stored.counter = claim.counter.next();
                stored.prepared = Some(prepared(*to, snapshot));
            }
            Self::Release(claim) => {
                stored.counter = claim.counter.next();
                (stored.owner, stored.our_owner) = (None, None);
                (stored.asked_by, stored.called_by) = (None, None);
            }
            // Nothing is written where there is nothing to note.
            Self::Children { children, .. } if children.is_empty() => {}
            Self::Children { children, .. } => stored.children.clone_from(children),
            Self::HashRange { range, .. } => stored.hash_range = Some(*range),
            Self::Ask { by, .. } => stored.asked_by = Some(by.clone()),
            Self::Retract { .. } => stored.asked_by = None,
            Self::Call { by, .. } => stored.called_by = Some(by.clone()),
            Self::HandOver { claim, to } => {
                stored.counter = claim.counter.next();
                stored.owner_switches = stored.owner_switches.saturating_add(1);
                stored.own(to);
            }
        }
    }

    /// The lease after the write.
    #[must_use]
    pub fn applied(&self, before: &Lease) -> Lease {
        let mut lease = before.clone();
        self.apply(&mut lease);
        lease
    }

    /// Whether the lease, as read again after a failure, shows that this very write had its effect: a reply was lost
    /// and the SDK's own retry then met our new counter. Without this a healthy worker would lose its own lease.
    #[must_use]
    pub fn has_landed(&self, stored: &Lease) -> bool {
        let ours =
            |claim: &Claim| stored.counter == claim.counter.next() && stored.owner.as_ref() == Some(&claim.worker);
        match self {
            Self::Renew(claim) | Self::Take { claim, .. } => ours(claim),
            Self::Checkpoint { claim, to } => ours(claim) && stored.checkpoint == *to,
            Self::Prepare { claim, to, snapshot } => {
                ours(claim) && stored.prepared.as_ref() == Some(&prepared(*to, snapshot))
            }
            Self::Release(claim) => stored.counter == claim.counter.next() && stored.owner.is_none(),
            Self::Children { children, .. } => stored.children == *children,
            Self::HashRange { range, .. } => stored.hash_range == Some(*range),
            Self::Ask { owner, by, .. } => stored.owner.as_ref() == Some(owner) && stored.asked_by.as_ref() == Some(by),
            Self::Retract { by, .. } => stored.asked_by.as_ref() != Some(by) && stored.owner.as_ref() != Some(by),
            Self::Call { by, .. } => stored.called_by.as_ref() == Some(by),
            Self::HandOver { claim, to } => stored.counter == claim.counter.next() && stored.owner.as_ref() == Some(to),
        }
    }
}

fn prepared(to: Checkpoint, snapshot: &str) -> Prepared {
    Prepared { to, on: PreparedOn::Snapshot(snapshot.to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sequence::{Position, SequenceNumber};

    fn claim(counter: u64) -> Claim {
        Claim { shard: "s1".into(), counter: LeaseCounter(counter), worker: "me".into() }
    }

    fn stored(counter: u64, owner: Option<&str>) -> Lease {
        let mut lease = Lease::new("s1".into(), Checkpoint::TrimHorizon);
        lease.counter = LeaseCounter(counter);
        lease.owner = owner.map(WorkerId::from);
        lease
    }

    #[test]
    fn taking_counts_a_switch_only_when_another_worker_held_it_rf_2() {
        for (from, switches) in [(None, 0), (Some("me"), 0), (Some("other"), 1)] {
            let mut lease = stored(7, from);
            LeaseChange::Take { claim: claim(7), from: from.map(WorkerId::from), start_at: None }.apply(&mut lease);
            assert_eq!((lease.owner_switches, lease.counter), (switches, LeaseCounter(8)), "from {from:?}");
            assert_eq!(lease.owner, Some("me".into()));
        }
    }

    #[test]
    fn no_write_is_allowed_at_another_counter_but_noting_the_children() {
        let lease = stored(8, Some("me"));
        assert!(!LeaseChange::Renew(claim(7)).is_allowed(&lease));
        assert!(!LeaseChange::Take { claim: claim(7), from: None, start_at: None }.is_allowed(&lease));
        assert!(!LeaseChange::Checkpoint { claim: claim(7), to: Checkpoint::ShardEnd }.is_allowed(&lease));
        assert!(!LeaseChange::Release(claim(7)).is_allowed(&lease));
        assert!(LeaseChange::Children { shard: "s1".into(), children: BTreeSet::new() }.is_allowed(&lease));
    }

    #[test]
    fn an_ended_lease_takes_no_lower_checkpoint() {
        let mut lease = stored(7, Some("me"));
        lease.checkpoint = Checkpoint::ShardEnd;
        let back = Checkpoint::At(Position::new(SequenceNumber::ZERO, 0));
        assert!(!LeaseChange::Checkpoint { claim: claim(7), to: back }.is_allowed(&lease));
        assert!(LeaseChange::Checkpoint { claim: claim(7), to: Checkpoint::ShardEnd }.is_allowed(&lease));
    }

    #[test]
    fn a_release_leaves_no_owner_and_a_higher_counter() {
        let mut lease = stored(7, Some("me"));
        assert!(LeaseChange::Release(claim(7)).is_allowed(&lease));
        LeaseChange::Release(claim(7)).apply(&mut lease);
        assert_eq!((lease.owner, lease.counter), (None, LeaseCounter(8)));
        assert!(!LeaseChange::Release(claim(7)).is_allowed(&stored(7, Some("other"))));
    }

    #[test]
    fn every_write_recognises_its_own_effect_and_nobody_elses() {
        let changes = [
            LeaseChange::Renew(claim(7)),
            LeaseChange::Take { claim: claim(7), from: Some("other".into()), start_at: None },
            LeaseChange::Checkpoint { claim: claim(7), to: Checkpoint::ShardEnd },
            LeaseChange::Prepare { claim: claim(7), to: Checkpoint::Latest, snapshot: "x".to_owned() },
            LeaseChange::Release(claim(7)),
        ];
        for change in changes {
            let mut lease = stored(7, Some("me"));
            assert!(!change.has_landed(&lease), "{change:?} before");
            change.apply(&mut lease);
            assert!(change.has_landed(&lease), "{change:?} after");
            let mut foreign = stored(7, Some("other"));
            LeaseChange::Renew(claim(7)).apply(&mut foreign);
            assert!(!change.has_landed(&foreign), "{change:?} of another worker");
        }
    }
}
