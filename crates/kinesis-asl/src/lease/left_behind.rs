//! Shards that follow an ended one and have no lease although nobody will make one: a pure function of leases and shards.
//!
//! Whoever ends a shard makes the leases of those that follow first. Workers of KCL 1.13 and older do it afterwards, and a
//! crash in between leaves shards that nobody reads. All their records come after the end of the shard before, so they
//! are to be read from the horizon, whatever the application's initial position.

use std::collections::BTreeSet;

use crate::lease::lease::Lease;
use crate::lease::lineage::ancestors;
use crate::lease::shard_sync::{child_leases, is_ready_for_a_lease};
use crate::shard::{ChildShard, Shard, ShardId};

/// Leases for shards that were left behind. A shard of which a descendant has a lease has been read, and its lease was
/// deleted since: it is not read again.
#[must_use]
pub fn leases_left_behind(shards: &[Shard], leases: &[Lease], unreadable: &BTreeSet<ShardId>) -> Vec<Lease> {
    let rows: BTreeSet<ShardId> = leases.iter().map(|lease| &lease.shard).chain(unreadable).cloned().collect();
    let ended: BTreeSet<&ShardId> = leases.iter().filter(|lease| lease.is_ended()).map(|lease| &lease.shard).collect();
    let done = ancestors(shards, &rows);
    let left_behind = |shard: &&Shard| {
        shard.parents.iter().any(|parent| ended.contains(parent))
            && !rows.contains(&shard.id)
            && !done.contains(&shard.id)
    };
    let child = |shard: &Shard| ChildShard {
        id: shard.id.clone(),
        parents: shard.parents.clone(),
        hash_range: shard.hash_range,
    };
    let mut children: Vec<ChildShard> = shards.iter().filter(left_behind).map(child).collect();
    children.retain(|child| is_ready_for_a_lease(child, shards, leases));
    child_leases(&children)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::position::Checkpoint;
    use crate::shard::ShardState;

    fn shard(id: &str, parents: &[&str], state: ShardState) -> Shard {
        Shard {
            id: id.into(),
            parents: parents.iter().map(|parent| ShardId::from(*parent)).collect(),
            hash_range: None,
            starting_sequence: None,
            ending_sequence: None,
            state,
        }
    }

    /// 0 was split into 1 and 2, and 1 merged with 2 into 3.
    fn split_and_merged() -> [Shard; 4] {
        [
            shard("0", &[], ShardState::Closed),
            shard("1", &["0"], ShardState::Closed),
            shard("2", &["0"], ShardState::Closed),
            shard("3", &["1", "2"], ShardState::Open),
        ]
    }

    fn left_behind(leases: &[(&str, Checkpoint)]) -> Vec<String> {
        let leases: Vec<Lease> = leases.iter().map(|(id, checkpoint)| Lease::new((*id).into(), *checkpoint)).collect();
        let found = leases_left_behind(&split_and_merged(), &leases, &BTreeSet::new());
        assert!(found.iter().all(|lease| lease.checkpoint == Checkpoint::TrimHorizon));
        found.iter().map(|lease| lease.shard.to_string()).collect()
    }

    #[test]
    fn shards_behind_an_ended_one_get_leases_when_its_reader_died_before_it_made_them() {
        assert_eq!(left_behind(&[("0", Checkpoint::ShardEnd)]), ["1", "2"]);
        assert_eq!(left_behind(&[("0", Checkpoint::ShardEnd), ("1", Checkpoint::Latest)]), ["2"]);
    }

    #[test]
    fn shards_behind_one_that_is_still_read_get_their_leases_at_its_end() {
        assert_eq!(left_behind(&[("0", Checkpoint::TrimHorizon)]), [""; 0]);
    }

    #[test]
    fn a_merged_shard_waits_for_both_of_its_parents() {
        let (ended, read) = (Checkpoint::ShardEnd, Checkpoint::Latest);
        assert_eq!(left_behind(&[("0", ended), ("1", ended), ("2", read)]), ["3"], "it blocks on 2 by itself");
        assert_eq!(left_behind(&[("0", read), ("1", ended)]), [""; 0], "2 gets its lease at the end of 0");
    }

    #[test]
    fn what_was_read_and_cleaned_up_does_not_come_back() {
        assert_eq!(left_behind(&[("0", Checkpoint::ShardEnd), ("3", Checkpoint::Latest)]), [""; 0]);
    }
}
