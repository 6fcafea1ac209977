//! Which blocks wait for a batch, and which batch holds which blocks. Pure.
//!
//! Promises: a block belongs to exactly one batch; blocks of a stream are allocated in the order of storing; a batch time
//! is allocated once, and only after all earlier ones.

use std::collections::BTreeMap;

use crate::block::{BlockId, StreamId};
use crate::time::Time;

/// What the scheduler knows of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BlockInfo {
    pub(crate) id: BlockId,
    pub(crate) records: usize,
    pub(crate) bytes: usize,
}

/// The blocks of a batch, by stream.
pub(crate) type Allocation = BTreeMap<StreamId, Vec<BlockInfo>>;

#[derive(Debug, Default)]
pub(crate) struct Tracker {
    waiting: Allocation,
    last: Option<Time>,
}

/// What became of a request to fill a batch.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Allocated {
    /// These blocks, perhaps none, belong to the batch.
    Batch(Allocation),
    /// A batch of that time, or of a later one, was filled before; nothing changed.
    TooLate,
}

impl Tracker {
    pub(crate) fn add(&mut self, block: BlockInfo) {
        self.waiting.entry(block.id.stream()).or_default().push(block);
    }

    pub(crate) fn allocate(&mut self, batch: Time) -> Allocated {
        if self.last.is_some_and(|last| batch <= last) {
            return Allocated::TooLate;
        }
        self.last = Some(batch);
        Allocated::Batch(std::mem::take(&mut self.waiting))
    }

    pub(crate) fn has_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add_five(tracker: &mut Tracker, from: u64) -> Vec<BlockInfo> {
        let stream = StreamId::new(1);
        let blocks: Vec<_> =
            (from..from + 5).map(|n| BlockInfo { id: BlockId::new(stream, n), records: 1, bytes: 1 }).collect();
        blocks.iter().for_each(|block| tracker.add(*block));
        blocks
    }

    #[test]
    fn each_block_goes_to_the_first_batch_after_it_and_no_batch_is_filled_twice_t130() {
        let mut tracker = Tracker::default();
        let (one, two) = (Time::from_millis(1), Time::from_millis(2));
        let first = add_five(&mut tracker, 0);
        assert!(tracker.has_waiting());
        assert_eq!(tracker.allocate(one), Allocated::Batch(BTreeMap::from([(StreamId::new(1), first)])));
        assert!(!tracker.has_waiting());
        assert_eq!(tracker.allocate(two), Allocated::Batch(BTreeMap::new()));
        assert_eq!(tracker.allocate(one), Allocated::TooLate);
        let second = add_five(&mut tracker, 5);
        assert_eq!(tracker.allocate(two), Allocated::TooLate);
        let third = Allocated::Batch(BTreeMap::from([(StreamId::new(1), second)]));
        assert_eq!(tracker.allocate(Time::from_millis(3)), third);
    }
}
