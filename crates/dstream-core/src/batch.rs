//! A batch: its time, its blocks, and what is known about how it went.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::block::StreamId;
use crate::failed_records::LeftOutRecords;
use crate::left_out::LeftOut;
use crate::output_info::OutputInfo;
use crate::time::Time;
use crate::tracker::{Allocation, BlockInfo};

/// A batch as the operators see it.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) time: Time,
    /// The time from which the slides of streams are counted: one interval before the first batch.
    pub(crate) zero: Time,
    pub(crate) blocks: Allocation,
    /// Records of the blocks that it is computed without.
    pub(crate) left_out: LeftOut,
}

impl Batch {
    pub(crate) fn new(time: Time, zero: Time, blocks: Allocation) -> Self {
        Self { time, zero, blocks, left_out: LeftOut::default() }
    }

    /// The same batch without these records, and no others.
    pub(crate) fn without(&self, left_out: LeftOut) -> Self {
        Self { time: self.time, zero: self.zero, blocks: self.blocks.clone(), left_out }
    }

    /// Whether a stream that slides by `slide` has a batch at this time.
    pub(crate) fn is_due(&self, slide: Duration) -> bool {
        self.time > self.zero && self.time.floor_from(slide, self.zero) == self.time
    }

    /// Whether a receiver brought anything.
    pub(crate) fn has_blocks(&self) -> bool {
        self.blocks.values().any(|blocks| !blocks.is_empty())
    }

    /// The blocks of `stream` in this batch, in the order of storing.
    pub(crate) fn blocks_of(&self, stream: StreamId) -> &[BlockInfo] {
        self.blocks.get(&stream).map_or(&[], Vec::as_slice)
    }
}

/// What an input stream brought to a batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InputInfo {
    /// Raw records, before the message handler.
    pub records: usize,
    /// Blocks.
    pub blocks: usize,
    /// Bytes of the raw records.
    pub bytes: usize,
}

/// Where a batch comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BatchOrigin {
    /// It was made in this run of the program.
    #[default]
    Live,
    /// An earlier run left it unfinished; it has the time, the partitions and the records that it had then.
    Unfinished,
}

/// What is known about a batch at the moment of an event. Times are those of the context's clock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchInfo {
    /// The batch time.
    pub batch: Time,
    /// What each receiver stream brought; streams that brought nothing are absent.
    pub inputs: BTreeMap<StreamId, InputInfo>,
    /// Whether it is run for the first time, as far as this run of the program knows.
    pub origin: BatchOrigin,
    /// When its blocks were allocated.
    pub submitted: Time,
    /// When its first output operation started; `None` before.
    pub started: Option<Time>,
    /// When its last output operation ended; `None` before.
    pub ended: Option<Time>,
    /// Attempts of its output operations that failed.
    pub failed_attempts: u32,
    /// Records that it was computed without, since the program fails on them; none before it was completed.
    pub left_out: LeftOutRecords,
    /// The program's output operations that the batch has, in the order of their numbers. While the batch runs, its own events
    /// know how they go.
    pub outputs: Vec<OutputInfo>,
}

impl BatchInfo {
    pub(crate) fn submitted(batch: &Batch, now: Time) -> Self {
        let inputs = batch.blocks.iter().map(|(stream, blocks)| (*stream, input_info(blocks))).collect();
        let (started, ended, failed_attempts, outputs) = (None, None, 0, Vec::new());
        let origin = BatchOrigin::Live;
        let left_out = LeftOutRecords::default();
        let (time, submitted) = (batch.time, now);
        Self { batch: time, inputs, origin, submitted, started, ended, failed_attempts, left_out, outputs }
    }

    /// Raw records of all streams.
    pub fn records(&self) -> usize {
        self.inputs.values().map(|input| input.records).fold(0, usize::saturating_add)
    }

    /// How long the batch waited for those before it: from submission to start.
    pub fn scheduling_delay(&self) -> Option<Duration> {
        Some(self.started?.since(self.submitted))
    }

    /// How long its output operations took, retries included: from start to end, that of the last one to end.
    pub fn processing_delay(&self) -> Option<Duration> {
        Some(self.ended?.since(self.started?))
    }

    /// Scheduling delay and processing delay together: from submission to end.
    pub fn total_delay(&self) -> Option<Duration> {
        Some(self.ended?.since(self.submitted))
    }
}

fn input_info(blocks: &[BlockInfo]) -> InputInfo {
    blocks.iter().fold(InputInfo::default(), |sum, block| InputInfo {
        records: sum.records.saturating_add(block.records),
        blocks: sum.blocks.saturating_add(1),
        bytes: sum.bytes.saturating_add(block.bytes),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delay_is_known_only_when_both_its_ends_are_t260() {
        let batch = Batch::new(Time::from_millis(1_000), Time::default(), BTreeMap::new());
        let mut info = BatchInfo::submitted(&batch, Time::from_millis(1_001));
        assert_eq!((info.scheduling_delay(), info.processing_delay(), info.total_delay()), (None, None, None));
        info.started = Some(Time::from_millis(1_011));
        assert_eq!(info.scheduling_delay(), Some(Duration::from_millis(10)));
        assert_eq!(info.total_delay(), None);
        info.ended = Some(Time::from_millis(1_111));
        assert_eq!(info.processing_delay(), Some(Duration::from_millis(100)));
        assert_eq!(info.total_delay(), Some(Duration::from_millis(110)));
    }
}
