//! Which shards come before others.

use std::collections::{BTreeMap, BTreeSet};

use crate::shard::{Shard, ShardId};

/// Every listed shard that comes, over any number of generations, before one of these, and is itself none of them.
///
/// A shard is read only after those that it came from. So a shard with a lease tells that its ancestors have been read, or
/// were never wanted: their leases, where they have none, are not to be made again.
#[must_use]
pub fn ancestors(shards: &[Shard], of: &BTreeSet<ShardId>) -> BTreeSet<ShardId> {
    let parents: BTreeMap<&ShardId, &BTreeSet<ShardId>> = shards.iter().map(|s| (&s.id, &s.parents)).collect();
    let mut pending: Vec<&ShardId> = of.iter().collect();
    let mut found = BTreeSet::new();
    while let Some(shard) = pending.pop() {
        for parent in parents.get(shard).into_iter().flat_map(|parents| parents.iter()) {
            if parents.contains_key(parent) && found.insert(parent) {
                pending.push(parent);
            }
        }
    }
    found.into_iter().filter(|shard| !of.contains(*shard)).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shard::ShardState;

    #[test]
    fn ancestors_of_all_generations_are_found_but_expired_ones_and_those_asked_about_are_not() {
        let shard = |id: &str, parents: &[&str]| Shard {
            id: id.into(),
            parents: parents.iter().map(|parent| ShardId::from(*parent)).collect(),
            hash_range: None,
            starting_sequence: None,
            ending_sequence: None,
            state: ShardState::Closed,
        };
        let shards = [shard("1", &["expired"]), shard("2", &["1"]), shard("3", &["2"]), shard("4", &["1"])];
        let of = |ids: &[&str]| ancestors(&shards, &ids.iter().map(|id| ShardId::from(*id)).collect());
        assert_eq!(of(&["3"]), ["1".into(), "2".into()].into());
        assert_eq!(of(&["3", "1"]), ["2".into()].into());
        assert_eq!(of(&["expired"]), [].into());
    }
}
