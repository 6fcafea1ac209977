//! The batches that wait for their turn: first in, first out, and bounded.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::batch::{Batch, BatchInfo};
use crate::time::Time;

/// How many batches may wait. A program that is that far behind does not catch up by working through every interval, and
/// neither does one whose machine slept for hours: batches beyond this are not made, and the blocks they would have held
/// go to the next batch. That many small entries are a few hundred kilobytes; the records have a budget of their own.
pub(crate) const MAX_WAITING_BATCHES: usize = 1_000;

/// A batch that has its blocks.
pub(crate) struct Submitted {
    pub(crate) batch: Arc<Batch>,
    pub(crate) info: BatchInfo,
}

#[derive(Default)]
pub(crate) struct BatchQueue {
    waiting: VecDeque<Submitted>,
}

impl BatchQueue {
    /// How many more batches may be due. The last batch of a graceful stop is let in without room, so that every block has
    /// its batch.
    pub(crate) fn room(&self) -> usize {
        MAX_WAITING_BATCHES.saturating_sub(self.waiting.len())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    pub(crate) fn push(&mut self, submitted: Submitted) {
        self.waiting.push_back(submitted);
    }

    /// The first one, if it may run.
    pub(crate) fn pop_if(&mut self, may_run: impl FnOnce(Time) -> bool) -> Option<Submitted> {
        self.waiting.pop_front_if(|first| may_run(first.batch.time))
    }
}
