//! Which leases are missing: a pure function of the shards that exist and the leases that exist.
//!
//! The rules of KCL 1.14 and later, so that Java workers on the same table come to the same leases: an empty table gets
//! a lease for each shard that the stream shows at the initial position; later only one level is filled in, and children
//! get their leases when their parents end.

use std::collections::{BTreeMap, BTreeSet};

use crate::lease::lease::Lease;
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
    let mut walk = Walk {
        shards: shards.iter().map(|shard| (&shard.id, shard)).collect(),
        leased,
        fill_ancestors: position != InitialPosition::Latest,
        marked: BTreeSet::new(),
        wanted: BTreeSet::new(),
        descends: BTreeMap::new(),
    };
    for shard in shards.iter().filter(|shard| shard.state == ShardState::Open && !leased.contains(&shard.id)) {
        if walk.descends_from_a_lease(&shard.id) == Descent::None {
            walk.wanted.insert(shard.id.clone());
        }
    }
    let wanted = walk.wanted;
    let missing = shards.iter().filter(|shard| wanted.contains(&shard.id) && !leased.contains(&shard.id));
    let missing: Vec<Shard> = missing.cloned().collect();
    first_leases(&missing, position, now)
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

/// Whether no parent of a shard is still to get a lease, which it does when an ancestor of its own ends. Without this the
/// child of a merge would be read before a parent that has no lease yet.
#[must_use]
pub fn is_ready_for_a_lease(child: &ChildShard, shards: &[Shard], leases: &[Lease]) -> bool {
    let ends: BTreeMap<&ShardId, bool> = leases.iter().map(|lease| (&lease.shard, lease.is_ended())).collect();
    let parents: BTreeMap<&ShardId, &BTreeSet<ShardId>> = shards.iter().map(|s| (&s.id, &s.parents)).collect();
    let unleased = |shard: &&ShardId| !ends.contains_key(*shard);
    let mut pending: Vec<&ShardId> = child.parents.iter().filter(unleased).collect();
    let mut seen = BTreeSet::new();
    while let Some(shard) = pending.pop() {
        let above = parents.get(shard).into_iter().flat_map(|parents| parents.iter());
        for ancestor in above.filter(|ancestor| seen.insert(*ancestor)) {
            match ends.get(ancestor) {
                Some(false) => return false,
                Some(true) => {}
                None => pending.push(ancestor),
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
    shards: BTreeMap<&'a ShardId, &'a Shard>,
    leased: &'a BTreeSet<ShardId>,
    fill_ancestors: bool,
    /// Oldest ancestors that are to be read from the beginning, should a descendant need them.
    marked: BTreeSet<ShardId>,
    /// Shards that get a lease.
    wanted: BTreeSet<ShardId>,
    descends: BTreeMap<ShardId, Descent>,
}

impl Walk<'_> {
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
        let parents: Vec<&ShardId> = known.parents.iter().filter(|parent| self.shards.contains_key(parent)).collect();
        let descends = |parent: &ShardId| self.descends.get(parent) == Some(&Descent::FromLease);
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
mod tests {
    use super::*;
    use crate::position::Checkpoint;

    /// Graph A of the reference: id, parents, first sequence number, open or closed.
    const GRAPH_A: [(u8, &[u8], u64, ShardState); 11] = [
        (0, &[], 11, ShardState::Closed),
        (1, &[], 11, ShardState::Closed),
        (2, &[], 11, ShardState::Closed),
        (3, &[], 11, ShardState::Closed),
        (4, &[], 11, ShardState::Open),
        (5, &[], 11, ShardState::Closed),
        (6, &[0, 1], 103, ShardState::Closed),
        (7, &[2, 3], 103, ShardState::Closed),
        (8, &[6, 7], 206, ShardState::Open),
        (9, &[5], 206, ShardState::Open),
        (10, &[5], 206, ShardState::Open),
    ];

    /// Graph C.
    const GRAPH_C: [(u8, &[u8], u64, ShardState); 11] = [
        (0, &[], 11, ShardState::Closed),
        (1, &[], 11, ShardState::Open),
        (2, &[], 11, ShardState::Closed),
        (3, &[], 11, ShardState::Closed),
        (4, &[0], 103, ShardState::Closed),
        (5, &[0], 103, ShardState::Closed),
        (6, &[2, 3], 103, ShardState::Open),
        (7, &[4], 206, ShardState::Open),
        (8, &[4], 206, ShardState::Open),
        (9, &[5], 206, ShardState::Open),
        (10, &[5], 206, ShardState::Open),
    ];

    const NOW: Timestamp = Timestamp::from_millis(5_000);

    fn id(number: u8) -> ShardId {
        format!("shardId-{number:012}").as_str().into()
    }

    fn shards(graph: &[(u8, &[u8], u64, ShardState)]) -> Vec<Shard> {
        let shard = |(number, parents, sequence, state): &(u8, &[u8], u64, ShardState)| Shard {
            id: id(*number),
            parents: parents.iter().map(|parent| id(*parent)).collect(),
            hash_range: None,
            starting_sequence: sequence.to_string().parse().ok(),
            state: *state,
        };
        graph.iter().map(shard).collect()
    }

    fn missing(graph: &[(u8, &[u8], u64, ShardState)], leased: &[u8], position: InitialPosition) -> Vec<u8> {
        let leased = leased.iter().map(|number| id(*number)).collect();
        let leases = missing_leases(&shards(graph), &leased, position, NOW);
        let mut numbers: Vec<u8> =
            leases.iter().map(|lease| lease.shard.as_str()[8..].parse().expect("a number")).collect();
        numbers.sort_unstable();
        numbers
    }

    #[test]
    fn graph_a_gets_the_leases_of_the_reference_table_4_2() {
        let table: [(&[u8], &[u8], &[u8]); 10] = [
            (&[3, 4, 5], &[2, 6], &[0, 1, 2]),
            (&[4, 5, 7], &[6], &[0, 1]),
            (&[2, 6], &[3, 4, 9, 10], &[3, 4, 5]),
            (&[4, 9, 10], &[8], &[0, 1, 2, 3]),
            (&[4, 5, 6, 7], &[], &[]),
            (&[0, 1, 4, 7, 9, 10], &[], &[]),
            (&[], &[4, 8, 9, 10], &[0, 1, 2, 3, 4, 5]),
            (&[0, 4, 5], &[1, 7], &[1, 2, 3]),
            (&[5], &[4, 8], &[0, 1, 2, 3, 4]),
            (&[6, 7, 9], &[4, 10], &[4, 5]),
        ];
        for (leased, latest, horizon) in table {
            assert_eq!(missing(&GRAPH_A, leased, InitialPosition::Latest), latest, "LATEST, leased {leased:?}");
            assert_eq!(missing(&GRAPH_A, leased, InitialPosition::TrimHorizon), horizon, "TRIM_HORIZON, {leased:?}");
            let at = InitialPosition::AtTimestamp(Timestamp::from_millis(1_000));
            assert_eq!(missing(&GRAPH_A, leased, at), horizon, "AT_TIMESTAMP, {leased:?}");
        }
    }

    #[test]
    fn graph_c_gets_the_leases_of_the_reference_table_4_2() {
        let table: [(&[u8], &[u8], &[u8]); 3] = [
            (&[9, 10], &[1, 6, 7, 8], &[0, 1, 2, 3]),
            (&[1, 5, 6], &[7, 8], &[0]),
            (&[2], &[1, 3, 7, 8, 9, 10], &[0, 1, 3]),
        ];
        for (leased, latest, horizon) in table {
            assert_eq!(missing(&GRAPH_C, leased, InitialPosition::Latest), latest, "LATEST, leased {leased:?}");
            assert_eq!(missing(&GRAPH_C, leased, InitialPosition::TrimHorizon), horizon, "TRIM_HORIZON, {leased:?}");
        }
    }

    #[test]
    fn a_first_lease_at_latest_remembers_the_moment_it_was_made() {
        let leases = first_leases(&shards(&GRAPH_A), InitialPosition::Latest, NOW);
        assert!(leases.iter().all(|lease| (lease.checkpoint, lease.start_at) == (Checkpoint::Latest, Some(NOW))));
    }

    #[test]
    fn older_shards_get_their_lease_first_hs_15() {
        let mut reversed = shards(&GRAPH_A);
        reversed.reverse();
        let leases = first_leases(&reversed, InitialPosition::TrimHorizon, NOW);
        let order: Vec<&str> = leases.iter().map(|lease| &lease.shard.as_str()[18..]).collect();
        assert_eq!(order, ["00", "01", "02", "03", "04", "05", "06", "07", "08", "09", "10"]);
    }

    #[test]
    fn the_child_of_a_merge_waits_for_a_parent_that_is_still_to_get_a_lease() {
        let shard = |number, parents: &[u8], state| Shard {
            id: id(number),
            parents: parents.iter().map(|parent| id(*parent)).collect(),
            hash_range: None,
            starting_sequence: None,
            state,
        };
        let lease = |number, checkpoint| Lease::new(id(number), checkpoint);
        // 3 was split into 4 and 5, then 4 was merged with 0 into 6.
        let shards = [
            shard(0, &[], ShardState::Closed),
            shard(3, &[], ShardState::Closed),
            shard(4, &[3], ShardState::Closed),
            shard(6, &[0, 4], ShardState::Open),
        ];
        let child = ChildShard { id: id(6), parents: [id(0), id(4)].into(), hash_range: None };
        let ready = |leases: &[Lease]| is_ready_for_a_lease(&child, &shards, leases);
        let zero = lease(0, Checkpoint::TrimHorizon);
        assert!(!ready(&[zero.clone(), lease(3, Checkpoint::TrimHorizon)]), "4 gets its lease when 3 ends");
        assert!(ready(&[zero.clone(), lease(3, Checkpoint::ShardEnd), lease(4, Checkpoint::TrimHorizon)]));
        assert!(ready(&[zero.clone(), lease(3, Checkpoint::ShardEnd)]), "nobody will make a lease for 4");
        assert!(ready(&[zero]), "nothing of 4's lineage is read");
    }

    #[test]
    fn a_child_begins_at_the_horizon_and_names_both_parents_hs_13() {
        let child = ChildShard { id: id(8), parents: [id(6), id(7)].into(), hash_range: None };
        let leases = child_leases(&[child]);
        assert_eq!(leases[0].checkpoint, Checkpoint::TrimHorizon);
        assert_eq!(leases[0].parents, [id(6), id(7)].into());
    }
}
