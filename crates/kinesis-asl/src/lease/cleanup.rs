//! Which leases are needed no more: a pure function of the leases and of the shards that the stream lists.
//!
//! The rule of KCL 1.14 and later, so that Java and Rust workers of one table delete the same leases. A lease of an ended
//! shard stays until every shard that follows has been started, for only then nobody needs to know that it has ended. Leases
//! go from the oldest shard to the youngest, so that none is left below a gap.

use std::collections::{BTreeMap, BTreeSet};

use crate::lease::lease::{Lease, LeaseChange};
use crate::position::Checkpoint;
use crate::shard::{Shard, ShardId, children_of};

/// What becomes of the leases of shards that have ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LeaseCleanup {
    /// They are deleted when the shards that follow have been started. The KCL's default.
    #[default]
    Completed,
    /// They stay, for those who want to look at them, until the stream does not know the shard any more.
    Keep,
}

/// What is to be written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cleaning {
    /// Leases that are to be deleted, as they were seen.
    pub deletions: Vec<Lease>,
    /// Following shards that are to be noted at ended leases which do not name them and which stay for now.
    pub notes: Vec<LeaseChange>,
}

/// What can be cleaned up, given all leases, the shards whose rows cannot be read, and every shard that the stream lists.
#[must_use]
pub fn cleaning<'a>(
    leases: impl Iterator<Item = &'a Lease>,
    unreadable: &BTreeSet<ShardId>,
    listed: &[Shard],
    rule: LeaseCleanup,
) -> Cleaning {
    let table = Table {
        leases: leases.map(|lease| (&lease.shard, lease)).collect(),
        unreadable,
        listed: listed.iter().map(|shard| &shard.id).collect(),
        youngest: listed.iter().map(|shard| &shard.id).max(),
    };
    let mut cleaning = Cleaning::default();
    for lease in table.leases.values() {
        let children = match &lease.children {
            known if known.is_empty() => children_of(&lease.shard, listed).into_iter().map(|child| child.id).collect(),
            known => known.clone(),
        };
        if table.is_garbage(lease, &children) || (rule == LeaseCleanup::Completed && table.is_done(lease, &children)) {
            cleaning.deletions.push((*lease).clone());
        } else if lease.is_ended() && lease.children.is_empty() && !children.is_empty() {
            cleaning.notes.push(LeaseChange::Children { shard: lease.shard.clone(), children });
        }
    }
    cleaning
}

struct Table<'a> {
    leases: BTreeMap<&'a ShardId, &'a Lease>,
    unreadable: &'a BTreeSet<ShardId>,
    listed: BTreeSet<&'a ShardId>,
    youngest: Option<&'a ShardId>,
}

impl Table<'_> {
    /// Nobody needs to know any more that the shard has ended: those that follow have been started, and those that it came
    /// from have no leases. Which shards follow is known, for a shard that has ended is always followed by one.
    fn is_done(&self, lease: &Lease, children: &BTreeSet<ShardId>) -> bool {
        let started = |child: &ShardId| self.leases.get(child).is_some_and(|lease| has_started(lease));
        lease.is_ended()
            && !children.is_empty()
            && children.iter().all(started)
            && !lease.parents.iter().any(|parent| self.has_a_row(parent))
    }

    /// The stream does not know the shard any more: its records have passed the retention time. An unfinished lease is left to
    /// whoever holds or takes it, who finds that out and ends it, unless it is known that nothing is left to do for those that
    /// follow.
    fn is_garbage(&self, lease: &Lease, children: &BTreeSet<ShardId>) -> bool {
        self.has_vanished(&lease.shard)
            && (lease.is_ended() || (lease.owner.is_none() && !children.is_empty()))
            // Where a shard that follows has no lease, this one says from where on it is to be read.
            && children.iter().all(|child| self.has_a_row(child) || self.has_vanished(child))
    }

    /// A shard expires only after younger ones have followed, so one that is younger than all that are listed is not listed
    /// yet, or belongs to another stream.
    fn has_vanished(&self, shard: &ShardId) -> bool {
        !self.listed.contains(shard) && self.youngest.is_some_and(|youngest| youngest > shard)
    }

    fn has_a_row(&self, shard: &ShardId) -> bool {
        self.leases.contains_key(shard) || self.unreadable.contains(shard)
    }
}

/// A shard at LATEST counts as started: nothing of what was there before it is wanted. So does Java.
fn has_started(lease: &Lease) -> bool {
    !matches!(lease.checkpoint, Checkpoint::TrimHorizon | Checkpoint::AtTimestamp)
}

#[cfg(test)]
mod tests;
