//! Which records of a batch are left out. Pure.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use crate::block::{BlockId, StreamId};
use crate::tracker::BlockInfo;

/// A raw record of a block. Their order is that of storing, stream by stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct RecordId {
    pub(crate) block: BlockId,
    /// Its place in the block, from 0.
    pub(crate) record: usize,
}

impl fmt::Display for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "record {} of block {}", self.record, self.block)
    }
}

/// The records that a batch is computed without; none, by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct LeftOut {
    /// Those on which the program fails.
    pub(crate) records: BTreeSet<RecordId>,
    /// Besides, for a probe, those of some streams that are outside of this.
    pub(crate) window: Option<Window>,
}

/// What a probe takes in of the streams that are searched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) streams: Arc<BTreeSet<StreamId>>,
    /// From this record on; from the first one if `None`.
    pub(crate) from: Option<RecordId>,
    /// Up to this record, which is out; up to the last one, which is in, if `None`.
    pub(crate) to: Option<RecordId>,
}

impl LeftOut {
    /// Whether any record of the block may be left out: most batches ask for no more.
    pub(crate) fn touches(&self, block: BlockId) -> bool {
        !self.records.is_empty() || self.window.as_ref().is_some_and(|window| window.streams.contains(&block.stream()))
    }

    pub(crate) fn has(&self, id: RecordId) -> bool {
        self.records.contains(&id) || self.window.as_ref().is_some_and(|window| !window.takes_in(id))
    }
}

impl Window {
    fn takes_in(&self, id: RecordId) -> bool {
        let within = self.from.is_none_or(|from| from <= id) && self.to.is_none_or(|to| id < to);
        within || !self.streams.contains(&id.block.stream())
    }
}

/// The records of a batch that may be left out, numbered from 0 in their order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Candidates {
    /// Each block that has records, with the number of its first one.
    blocks: Vec<(BlockId, usize)>,
    records: usize,
}

impl Candidates {
    pub(crate) fn of<'a>(blocks: impl Iterator<Item = &'a BlockInfo>) -> Self {
        let mut candidates = Self::default();
        for block in blocks.filter(|block| block.records > 0) {
            candidates.blocks.push((block.id, candidates.records));
            candidates.records = candidates.records.saturating_add(block.records);
        }
        candidates
    }

    pub(crate) const fn len(&self) -> usize {
        self.records
    }

    /// The record with this number; `None` behind the last one.
    pub(crate) fn record(&self, number: usize) -> Option<RecordId> {
        let behind = self.blocks.partition_point(|(_, first)| *first <= number);
        let (block, first) = self.blocks.get(behind.checked_sub(1)?)?;
        (number < self.records).then(|| RecordId { block: *block, record: number.saturating_sub(*first) })
    }

    /// The number of a record; `None` if it is none of these.
    pub(crate) fn number(&self, id: RecordId) -> Option<usize> {
        let (_, first) = self.blocks.iter().find(|(block, _)| *block == id.block)?;
        let number = first.saturating_add(id.record);
        (self.record(number) == Some(id)).then_some(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(stream: u32, number: u64, records: usize) -> BlockInfo {
        BlockInfo { id: BlockId::new(StreamId::new(stream), number), records, bytes: 0 }
    }

    fn id(stream: u32, number: u64, record: usize) -> RecordId {
        RecordId { block: block(stream, number, 0).id, record }
    }

    #[test]
    fn records_are_numbered_through_all_blocks_and_empty_ones_have_none() {
        let blocks = [block(0, 4, 2), block(0, 5, 0), block(0, 6, 1), block(2, 0, 3)];
        let candidates = Candidates::of(blocks.iter());
        let all = [id(0, 4, 0), id(0, 4, 1), id(0, 6, 0), id(2, 0, 0), id(2, 0, 1), id(2, 0, 2)];
        assert_eq!(candidates.len(), all.len());
        for (number, each) in all.into_iter().enumerate() {
            assert_eq!((candidates.record(number), candidates.number(each)), (Some(each), Some(number)));
        }
        assert_eq!(candidates.record(6), None);
        assert_eq!([candidates.number(id(0, 4, 2)), candidates.number(id(1, 0, 0))], [None, None]);
        assert_eq!(Candidates::default().record(0), None);
    }

    #[test]
    fn a_window_leaves_the_streams_alone_that_are_not_searched() {
        let streams = Arc::new(BTreeSet::from([StreamId::new(0)]));
        let window = Some(Window { streams, from: Some(id(0, 4, 1)), to: Some(id(0, 6, 0)) });
        let left_out = LeftOut { records: BTreeSet::new(), window };
        let has = |stream, number, record| left_out.has(id(stream, number, record));
        assert_eq!([has(0, 4, 0), has(0, 4, 1), has(0, 5, 9), has(0, 6, 0)], [true, false, false, true]);
        assert!(!has(2, 0, 0) && !left_out.touches(block(2, 0, 1).id) && left_out.touches(block(0, 9, 1).id));
    }
}
