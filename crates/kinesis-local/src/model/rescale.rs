//! UpdateShardCount's way from the shards there are to shards of equal size, as splits and merges.
//!
//! Promises: each step is an ordinary split or merge, so lineage is that of ordinary reshards (of several generations
//! where a shard is cut more than once); afterwards the open shards are the ring in equal parts, up to a rounding of some
//! points; a boundary that is where it should be is not touched.

use std::collections::{BTreeMap, BTreeSet};

use super::hash_key::{HashKey, HashKeyRange};
use super::millis::Millis;
use super::shard::ShardId;
use super::stream::Stream;

/// One step; a point is the first of the upper of two shards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Cut the open shard that holds the point, before the point.
    Split(HashKey),
    /// Join the open shards that meet at the point.
    Merge(HashKey),
}

/// The steps from shards that start at `starts` to `target` shards of equal size: all splits first, as there is no shard to
/// merge before its other half was split off.
pub(crate) fn plan(starts: &BTreeSet<HashKey>, target: u32) -> Vec<Step> {
    // Counts that divide each other give the same boundaries up to rounding, by less than one point for each shard. Such
    // a boundary is right as it is; cutting off a few points would only make needless generations.
    let slack = u128::from(target).saturating_add(u128::try_from(starts.len()).unwrap_or(u128::MAX));
    let mut kept = BTreeSet::from([HashKey::new(0)]);
    let mut steps = Vec::new();
    for range in HashKeyRange::divide_ring(target).into_iter().skip(1) {
        let wanted = range.start.get();
        let (low, high) = (wanted.saturating_sub(slack), wanted.saturating_add(slack));
        let near = starts.range(HashKey::new(low)..=HashKey::new(high));
        if let Some(near) = near.min_by_key(|start| start.get().abs_diff(wanted)) {
            kept.insert(*near);
        } else {
            steps.push(Step::Split(range.start));
        }
    }
    steps.extend(starts.difference(&kept).copied().map(Step::Merge));
    steps
}

impl Stream {
    /// Brings the open shards to that number and to equal size.
    pub(crate) fn rescale(&mut self, target: u32, at: Millis) {
        let starts = self.open.keys().copied().collect();
        for step in plan(&starts, target) {
            match step {
                Step::Split(point) => {
                    if let Some(parent) = before(&self.open, point) {
                        self.split(parent, point, at);
                    }
                }
                Step::Merge(point) => {
                    if let (Some(low), Some(high)) = (before(&self.open, point), self.open.get(&point).copied()) {
                        self.merge(low, high, at);
                    }
                }
            }
        }
    }
}

/// The open shard that starts below the point and nearest to it.
fn before(open: &BTreeMap<HashKey, ShardId>, point: HashKey) -> Option<ShardId> {
    open.range(..point).next_back().map(|(_, id)| *id)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn even(parts: u32) -> BTreeSet<HashKey> {
        HashKeyRange::divide_ring(parts).into_iter().map(|range| range.start).collect()
    }

    fn counts(steps: &[Step]) -> (usize, usize) {
        let splits = steps.iter().filter(|step| matches!(step, Step::Split(_))).count();
        (splits, steps.len() - splits)
    }

    #[test]
    fn doubling_splits_each_shard_once_and_halving_merges_each_pair_once() {
        for count in [1, 2, 3, 7, 1_000] {
            assert_eq!(counts(&plan(&even(count), count * 2)), (usize::try_from(count).unwrap(), 0));
            assert_eq!(counts(&plan(&even(count * 2), count)), (0, usize::try_from(count).unwrap()));
        }
    }

    #[test]
    fn shards_that_are_even_already_are_left_alone() {
        assert!(plan(&even(6), 6).is_empty());
    }

    #[test]
    fn two_shards_become_three_by_two_splits_and_a_merge() {
        assert_eq!(counts(&plan(&even(2), 3)), (2, 1));
    }

    proptest! {
        #[test]
        fn any_shards_become_even_ones(
            inner in proptest::collection::btree_set(2_u128..u128::MAX - 2, 0..40), target in 1_u32..60,
        ) {
            let mut starts: BTreeSet<_> = inner.into_iter().map(HashKey::new).collect();
            starts.insert(HashKey::new(0));
            for step in plan(&starts.clone(), target) {
                match step {
                    Step::Split(point) => prop_assert!(starts.insert(point)),
                    Step::Merge(point) => prop_assert!(starts.remove(&point)),
                }
            }
            let wanted = even(target);
            prop_assert_eq!(starts.len(), wanted.len());
            for (start, wanted) in starts.iter().zip(&wanted) {
                prop_assert!(start.get().abs_diff(wanted.get()) < 200);
            }
        }
    }
}
