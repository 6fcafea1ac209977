//! Which leases are missing: a pure function of the shards that exist and the leases that exist.
//!
//! The rules of KCL 1.14 and later, so that Java workers on the same table come to the same leases: an empty table gets
//! a lease for each shard that the stream shows at the initial position; later only one level is filled in, and children
//! get their leases when their parents end.
//!
//! Three things differ, each so that nothing is read twice or skipped:
//! * An ancestor of a shard that has a lease is never given one: it has been read, and its lease was cleaned up, or it was
//!   never wanted. Java goes back to it when a sibling's lease is missing, and reads everything that is kept again.
//! * A hole in an application that began at LATEST is filled as of that beginning, and with the shards of then.
//! * A child whose parent is still listed as open is left out, and gets its lease at its parent's end. Java refuses the
//!   listing as a whole.

use std::collections::{BTreeMap, BTreeSet};

use crate::lease::lease::Lease;
use crate::lease::lineage::ancestors;
use crate::position::{InitialPosition, Timestamp};
use crate::shard::{ChildShard, Shard, ShardId, ShardState};

/// Leases for an empty table: one for every shard that the stream lists at the initial position.
#[must_use]
pub fn first_leases(shards: &[Shard], position: InitialPosition, now: Timestamp) -> Vec<Lease> {
    in_order(shards).into_iter().map(|shard| initial_lease(shard, position, now)).collect()
}

/// Leases that are missing from a table which has some, given every shard that the stream still knows.
#[must_use]
pub fn missing_leases(
    shards: &[Shard],
    leased: &BTreeSet<ShardId>,
    position: InitialPosition,
    now: Timestamp,
) -> Vec<Lease> {
    let wanted = wanted(shards, leased, position);
    first_leases(&chosen(shards, &wanted), position, now)
}

/// When and with which shards an application began that reads from LATEST on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Beginning {
    /// The moment: the earliest that any lease names.
    pub at: Timestamp,
    /// The shards that were open then, as far as the stream still lists them.
    pub open: BTreeSet<ShardId>,
}

impl Beginning {
    /// The moment at which the application of these leases began, if any lease names one.
    pub fn moment<'a>(leases: impl Iterator<Item = &'a Lease>) -> Option<Timestamp> {
        leases.filter_map(|lease| lease.start_at).min()
    }
}

/// Leases that are missing from the table of an application that began at LATEST: not as of now, which would skip what came
/// since, but as of its beginning. A first start that died half-way leaves such a table, too.
#[must_use]
pub fn missing_since(shards: &[Shard], leased: &BTreeSet<ShardId>, beginning: &Beginning) -> Vec<Lease> {
    let mut walk = Walk::new(shards, leased, InitialPosition::Latest);
    let is_new = |shard: &&ShardId| !leased.contains(*shard) && walk.shards.contains_key(*shard);
    let candidates: Vec<ShardId> = beginning.open.iter().filter(is_new).cloned().collect();
    let first: BTreeSet<ShardId> =
        candidates.into_iter().filter(|shard| walk.descends_from_a_lease(shard) == Descent::None).collect();
    let all = leased.union(&first).cloned().collect();
    let mut wanted = wanted(shards, &all, InitialPosition::Latest);
    wanted.extend(first);
    first_leases(&chosen(shards, &wanted), InitialPosition::Latest, beginning.at)
}

fn chosen(shards: &[Shard], wanted: &BTreeSet<ShardId>) -> Vec<Shard> {
    shards.iter().filter(|shard| wanted.contains(&shard.id)).cloned().collect()
}

/// The shards that have no lease and should have one.
fn wanted(shards: &[Shard], leased: &BTreeSet<ShardId>, position: InitialPosition) -> BTreeSet<ShardId> {
    let mut walk = Walk::new(shards, leased, position);
    for shard in shards.iter().filter(|shard| shard.state == ShardState::Open && !leased.contains(&shard.id)) {
        if !walk.is_early(shard) && walk.descends_from_a_lease(&shard.id) == Descent::None {
            walk.wanted.insert(shard.id.clone());
        }
    }
    walk.wanted.into_iter().filter(|shard| !leased.contains(shard)).collect()
}

/// Leases for the shards that follow one which ended. Their records are all new, so they begin at the horizon.
#[must_use]
pub fn child_leases(children: &[ChildShard]) -> Vec<Lease> {
    let lease = |child: &ChildShard| {
        let mut lease = Lease::new(child.id.clone(), InitialPosition::TrimHorizon.checkpoint());
        lease.parents.clone_from(&child.parents);
        lease.hash_range = child.hash_range;
        lease
    };
    children.iter().map(lease).collect()
}

/// Whether no parent of a shard is still to get a lease: it does when an ancestor of its own ends; and where one has ended
/// without that, because its reader died before, whoever finds the hole makes it. Without this the child of a merge would be
/// read before a parent that has no lease yet.
#[must_use]
pub fn is_ready_for_a_lease(child: &ChildShard, shards: &[Shard], leases: &[Lease]) -> bool {
    let leased: BTreeSet<&ShardId> = leases.iter().map(|lease| &lease.shard).collect();
    let parents: BTreeMap<&ShardId, &BTreeSet<ShardId>> = shards.iter().map(|s| (&s.id, &s.parents)).collect();
    let mut pending: Vec<&ShardId> = child.parents.iter().filter(|parent| !leased.contains(parent)).collect();
    let mut seen = BTreeSet::new();
    while let Some(unleased) = pending.pop() {
        for ancestor in parents.get(unleased).into_iter().flat_map(|parents| parents.iter()) {
            if leased.contains(ancestor) {
                return false;
            }
            if seen.insert(ancestor) {
                pending.push(ancestor);
            }
        }
    }
    true
}

fn initial_lease(shard: &Shard, position: InitialPosition, now: Timestamp) -> Lease {
    let mut lease = Lease::new(shard.id.clone(), position.checkpoint());
    lease.start_at = position.resolved(now);
    lease.parents.clone_from(&shard.parents);
    lease.hash_range = shard.hash_range;
    lease
}

/// In the order of their first sequence number, so that a crash half-way leaves older shards leased before younger ones.
fn in_order(shards: &[Shard]) -> Vec<&Shard> {
    let mut ordered: Vec<&Shard> = shards.iter().collect();
    ordered.sort_by_key(|shard| (shard.starting_sequence, &shard.id));
    ordered
}

/// Whether a shard comes, over any number of generations, from one that has a lease or will get one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Descent {
    FromLease,
    None,
}

/// The walk up from the open shards. The depth is that of the lineage within the retention time.
struct Walk<'a> {
    /// All but the ancestors of those that have leases.
    shards: BTreeMap<&'a ShardId, &'a Shard>,
    leased: &'a BTreeSet<ShardId>,
    fill_ancestors: bool,
    /// Oldest ancestors that are to be read from the beginning, should a descendant need them.
    marked: BTreeSet<ShardId>,
    /// Shards that get a lease.
    wanted: BTreeSet<ShardId>,
    descends: BTreeMap<ShardId, Descent>,
}

impl<'a> Walk<'a> {
    fn new(shards: &'a [Shard], leased: &'a BTreeSet<ShardId>, position: InitialPosition) -> Self {
        let done = ancestors(shards, leased);
        Walk {
            shards: shards.iter().filter(|s| !done.contains(&s.id)).map(|shard| (&shard.id, shard)).collect(),
            leased,
            fill_ancestors: position != InitialPosition::Latest,
            marked: BTreeSet::new(),
            wanted: BTreeSet::new(),
            descends: BTreeMap::new(),
        }
    }

    /// Whether a parent is listed as open: the listing is older than the shard's own entry in it.
    fn is_early(&self, shard: &Shard) -> bool {
        let open = |parent| self.shards.get(parent).is_some_and(|parent| parent.state == ShardState::Open);
        shard.parents.iter().any(open)
    }

    /// Walks up iteratively: a shard is settled after all its parents are.
    fn descends_from_a_lease(&mut self, shard: &ShardId) -> Descent {
        let mut pending = vec![shard.clone()];
        while let Some(current) = pending.last().cloned() {
            let unsettled: Vec<ShardId> = self.parents_to_settle(&current);
            if unsettled.is_empty() {
                pending.pop();
                let descent = self.settle(&current);
                self.descends.insert(current, descent);
            } else {
                pending.extend(unsettled);
            }
        }
        self.descends.get(shard).copied().unwrap_or(Descent::None)
    }

    fn parents_to_settle(&self, shard: &ShardId) -> Vec<ShardId> {
        if self.descends.contains_key(shard) || self.leased.contains(shard) {
            return Vec::new();
        }
        let known = |parent: &&ShardId| self.shards.contains_key(*parent) && !self.descends.contains_key(*parent);
        self.shards.get(shard).map_or_else(Vec::new, |shard| shard.parents.iter().filter(known).cloned().collect())
    }

    fn settle(&mut self, shard: &ShardId) -> Descent {
        if let Some(descent) = self.descends.get(shard) {
            return *descent;
        }
        let Some(known) = self.shards.get(shard).copied() else { return Descent::None };
        if self.leased.contains(shard) {
            return Descent::FromLease;
        }
        // A parent that has expired while its lease is unfinished leads here all the same.
        let is_of_use = |parent: &&ShardId| self.shards.contains_key(*parent) || self.leased.contains(*parent);
        let parents: Vec<&ShardId> = known.parents.iter().filter(is_of_use).collect();
        let descends =
            |parent: &ShardId| self.leased.contains(parent) || self.descends.get(parent) == Some(&Descent::FromLease);
        if !parents.iter().any(|parent| descends(parent) || self.marked.contains(*parent)) {
            if self.fill_ancestors {
                self.marked.insert(shard.clone());
            }
            return Descent::None;
        }
        // Records of this shard follow records of its parents, so a parent without a lease is needed too, unless it is
        // itself below a lease: then that lease will lead to it.
        let needed = |parent: &&&ShardId| {
            !self.leased.contains(**parent) && (self.marked.contains(**parent) || !descends(parent))
        };
        let fill: Vec<ShardId> = parents.iter().filter(needed).map(|parent| (*parent).clone()).collect();
        self.wanted.extend(fill);
        Descent::FromLease
    }
}

#[cfg(test)]
mod tests;
