//! The progress of a worker's shards, shared between the tasks that read, the scheduler that reports what is processed,
//! and the task that writes checkpoints.

use std::sync::{Mutex, PoisonError};

use dstream_core::{Positions, Time};
use tokio::sync::Notify;

use crate::checkpoint::progress::{CheckpointAfter, Progress};
use crate::range::SequenceRange;

/// Shared progress. The lock is held for map operations only, never across an await.
#[derive(Debug)]
pub struct ProgressTracker {
    after: CheckpointAfter,
    progress: Mutex<Progress>,
    moved: Notify,
}

impl ProgressTracker {
    /// Nothing is read yet.
    #[must_use]
    pub fn new(after: CheckpointAfter) -> Self {
        Self { after, progress: Mutex::default(), moved: Notify::new() }
    }

    /// Looks at the progress, or changes it.
    pub fn with<T>(&self, look: impl FnOnce(&mut Progress) -> T) -> T {
        look(&mut self.progress.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Waits until something was done since the last call.
    ///
    /// # Cancellation
    /// Safe: a notice that was not taken is kept.
    pub async fn moved(&self) {
        self.moved.notified().await;
    }

    fn on_done(&self, ranges: &[SequenceRange]) {
        self.with(|progress| ranges.iter().for_each(|range| progress.on_done(range)));
        self.moved.notify_one();
    }
}

impl Positions<SequenceRange> for ProgressTracker {
    fn on_stored(&self, ranges: &[SequenceRange]) {
        if self.after == CheckpointAfter::Stored {
            self.on_done(ranges);
        }
    }

    fn on_processed(&self, _batch: Time, ranges: &[SequenceRange]) {
        if self.after == CheckpointAfter::Outputs {
            self.on_done(ranges);
        }
    }
}
