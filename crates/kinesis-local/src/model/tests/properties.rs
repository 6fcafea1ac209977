//! What holds for any story: cover of the ring, order of sequence numbers, and nothing lost to a tailing reader.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

/// One step of a random story; numbers are reduced to what exists when the step is taken.
#[derive(Debug, Clone)]
pub(super) enum Step {
    Put(u128),
    Split(usize, u128),
    Merge(usize),
    Rescale(u32),
    Read,
    Wait(u64),
}

pub(super) fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => any::<u128>().prop_map(Step::Put),
        1 => (any::<usize>(), any::<u128>()).prop_map(|(shard, key)| Step::Split(shard, key)),
        1 => any::<usize>().prop_map(Step::Merge),
        1 => any::<u32>().prop_map(Step::Rescale),
        2 => Just(Step::Read),
        1 => (0_u64..2_000).prop_map(Step::Wait),
    ]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    proptest::collection::vec(step(), 1..120)
}

/// Open shards in the order of their ranges.
fn ring(model: &mut Model, now: Millis) -> Vec<ShardDescription> {
    let mut open = shards(model, now, ShardFilter::AtLatest);
    open.sort_by_key(|shard| shard.range.start);
    open
}

pub(super) fn reshard(model: &mut Model, now: Millis, step: &Step) {
    let open = ring(model, now);
    match step {
        Step::Split(shard, key) => {
            let shard = &open[shard % open.len()];
            let (start, end) = (shard.range.start.get(), shard.range.end.get());
            if end - start > 4 {
                split(model, now, shard.id.0, start + 2 + key % (end - start - 2)).unwrap();
            }
        }
        Step::Merge(shard) if open.len() > 1 => {
            let low = shard % (open.len() - 1);
            merge(model, now, open[low].id.0, open[low + 1].id.0).unwrap();
        }
        Step::Rescale(target) => {
            let current = u32::try_from(open.len()).unwrap();
            let (least, most) = (current.div_ceil(2), (current * 2).min(32).max(current));
            rescale(model, now, least + target % (most - least + 1)).unwrap();
        }
        _ => {}
    }
}

/// Reads every shard that it has heard of a little further, as a consumer would: children when their parents have ended.
#[derive(Default)]
struct TailingReader {
    iterators: BTreeMap<u32, Option<String>>,
    seen: BTreeMap<u32, Vec<Record>>,
}

impl TailingReader {
    fn read(&mut self, model: &mut Model, now: Millis, limit: u32) {
        let mut waiting: Vec<u32> = self.iterators.keys().copied().collect();
        while let Some(shard) = waiting.pop() {
            let Some(Some(iterator)) = self.iterators.get(&shard).cloned() else { continue };
            let reply = model.get_records(now, &GetRecords { iterator, limit: Some(limit) }).unwrap();
            assert_eq!(reply.next_iterator.is_none(), !reply.child_shards.is_empty());
            self.seen.entry(shard).or_default().extend(reply.records);
            self.iterators.insert(shard, reply.next_iterator);
            for child in reply.child_shards {
                self.iterators.entry(child.id.0).or_insert_with(|| {
                    waiting.push(child.id.0);
                    Some(iterator_at_start(model, now, child.id.0))
                });
            }
        }
    }
}

fn iterator_at_start(model: &mut Model, now: Millis, shard: u32) -> String {
    iterator(model, now, shard, StartingPosition::TrimHorizon).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn open_shards_cover_the_ring_exactly_after_any_reshards(first in 1_u32..6, steps in steps()) {
        let mut model = with_stream(first);
        for (n, step) in (0..).zip(&steps) {
            reshard(&mut model, at(n), step);
            let ring = ring(&mut model, at(n));
            prop_assert_eq!(ring[0].range.start.get(), 0);
            prop_assert_eq!(ring.last().unwrap().range.end.get(), u128::MAX);
            for pair in ring.windows(2) {
                prop_assert_eq!(pair[0].range.end.get() + 1, pair[1].range.start.get());
            }
        }
    }

    #[test]
    fn a_childs_numbers_are_above_all_of_its_parents(first in 1_u32..6, steps in steps()) {
        let mut model = with_stream(first);
        // All in one millisecond: the clock is no help in telling generations apart.
        for step in &steps {
            reshard(&mut model, T0, step);
        }
        let all = shards(&mut model, T0, ShardFilter::FromTrimHorizon);
        let ending: BTreeMap<_, _> = all.iter().filter_map(|shard| Some((shard.id, shard.ending?))).collect();
        for child in &all {
            for parent in child.parent.iter().chain(&child.adjacent_parent) {
                prop_assert!(ending[parent] < child.starting);
            }
        }
    }

    #[test]
    fn the_children_of_a_closed_shard_cover_its_range_and_open_shards_have_none(first in 1_u32..6, steps in steps()) {
        let mut model = with_stream(first);
        for (n, step) in (0..).zip(&steps) {
            reshard(&mut model, at(n), step);
        }
        let all = shards(&mut model, at(1_000), ShardFilter::FromTrimHorizon);
        for parent in &all {
            let is_parent = |child: &&ShardDescription| [child.parent, child.adjacent_parent].contains(&Some(parent.id));
            let mut children: Vec<_> = all.iter().filter(is_parent).map(|child| child.range).collect();
            children.sort_by_key(|range| range.start);
            prop_assert_eq!(parent.ending.is_none(), children.is_empty());
            if let (Some(first), Some(last)) = (children.first(), children.last()) {
                prop_assert!(first.start <= parent.range.start && parent.range.end <= last.end);
                prop_assert!(children.windows(2).all(|pair| pair[0].end.get() + 1 == pair[1].start.get()));
            }
        }
    }

    #[test]
    fn an_update_makes_even_shards_whatever_was_there(first in 1_u32..6, steps in steps(), target in any::<u32>()) {
        let mut model = with_stream(first);
        for (n, step) in (0..).zip(&steps) {
            reshard(&mut model, at(n), step);
        }
        reshard(&mut model, at(1_000), &Step::Rescale(target));
        let ring = ring(&mut model, at(1_000));
        let even = HashKeyRange::divide_ring(u32::try_from(ring.len()).unwrap());
        for (shard, even) in ring.iter().zip(even) {
            prop_assert!(shard.range.start.get().abs_diff(even.start.get()) < 1_000, "{:?}", shard.range);
        }
    }

    #[test]
    fn a_tailing_reader_sees_every_record_once_and_in_order(first in 1_u32..4, limit in 1_u32..5, steps in steps()) {
        let mut model = with_stream(first);
        let mut reader = TailingReader::default();
        for shard in 0..first {
            let start = iterator_at_start(&mut model, T0, shard);
            reader.iterators.insert(shard, Some(start));
        }
        let mut stored: BTreeMap<u32, Vec<SequenceNumber>> = BTreeMap::new();
        let mut now = T0;
        for (n, step) in steps.iter().enumerate() {
            match step {
                Step::Put(point) => {
                    let put = put(&mut model, now, *point, &n.to_string());
                    stored.entry(put.shard_id.0).or_default().push(put.sequence_number);
                }
                Step::Read => reader.read(&mut model, now, limit),
                Step::Wait(millis) => now = now.plus(Duration::from_millis(*millis)),
                Step::Split(..) | Step::Merge(_) | Step::Rescale(_) => reshard(&mut model, now, step),
            }
        }
        for _ in 0..=steps.len() * 2 {
            reader.read(&mut model, now, limit);
        }
        for (shard, records) in &reader.seen {
            let numbers: Vec<_> = records.iter().map(|record| record.sequence_number).collect();
            prop_assert!(numbers.is_sorted());
            prop_assert_eq!(&numbers, stored.entry(*shard).or_default());
        }
        prop_assert!(stored.keys().all(|shard| reader.seen.contains_key(shard)));
    }

    #[test]
    fn equal_seeds_and_equal_calls_give_equal_answers(steps in steps()) {
        let run = || {
            let mut model = with_stream(2);
            let mut answers = Vec::new();
            for (n, step) in (0..).zip(&steps) {
                match step {
                    Step::Put(point) => answers.push(put(&mut model, at(n), *point, "x").sequence_number.to_string()),
                    step => reshard(&mut model, at(n), step),
                }
                answers.push(iterator_at_start(&mut model, at(n), 0));
            }
            answers
        };
        prop_assert_eq!(run(), run());
    }
}
