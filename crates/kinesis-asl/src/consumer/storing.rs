//! Stores the user records of a page in slices as large as the limits let through, each with its own exact range.
//!
//! Promises: the ranges of a page's slices follow one another and cover it from its first to its last position, records that were
//! left out included; a cut inside an aggregate is one between two sub-sequence numbers. A slice counts as received if and only if it
//! was stored.

use std::sync::Arc;

use dstream_core::{Deposit, StoreClosed};
use tokio::time::Instant;
use tracing::{debug, warn};

use crate::checkpoint::tracker::ProgressTracker;
use crate::consumer::board::ReadingBoard;
use crate::consumer::expand::Expanded;
use crate::consumer::task::RecordSink;
use crate::range::{Holding, SequenceRange};
use crate::record::KinesisRecord;
use crate::sequence::Position;
use crate::shard::ShardId;

/// Where the records of one shard go under one holding of its lease.
#[derive(Debug)]
pub(crate) struct Storing<'a> {
    pub(crate) sink: &'a RecordSink,
    pub(crate) tracker: &'a Arc<ProgressTracker>,
    pub(crate) board: &'a ReadingBoard,
    pub(crate) shard: &'a ShardId,
    pub(crate) holding: Holding,
}

impl Storing<'_> {
    /// Stores a page whole, slice by slice. `deposit` is memory that is set aside for it; what it does not need goes back.
    /// `Err` when nothing more can be stored.
    pub(crate) async fn store(&self, page: Expanded, mut deposit: Deposit<'_>) -> Result<(), StoreClosed> {
        let Some((mut from, to)) = page.span else { return Ok(()) };
        if page.counts.out_of_range + page.counts.damaged > 0 {
            warn!(
                shard = %self.shard, %from, %to, out_of_range = page.counts.out_of_range,
                damaged = page.counts.damaged, "user records of aggregates were left out"
            );
        }
        let mut rest = page.records;
        loop {
            let room = self.sink.room(&rest, &mut deposit).await?;
            // As a rule all of them, and then nothing is moved.
            let later = rest.split_off(room.records().min(rest.len()));
            let end = end_of(&rest, &later, to);
            let range = self.range(from, end, rest.len());
            debug!(%range, "storing a slice of a page");
            room.store(rest, range.clone())?;
            // Nothing is awaited in between: a slice is received if and only if it was stored.
            self.tracker.with(|progress| progress.on_received(&range));
            match later.first() {
                // The page is told of as a whole.
                None => return Ok(()),
                Some(next) => from = next.position,
            }
            self.board.on_slice(self.shard, Instant::now().into_std());
            rest = later;
        }
    }

    fn range(&self, from: Position, to: Position, records: usize) -> SequenceRange {
        SequenceRange::new(self.shard.clone(), self.holding, from, to, records)
    }
}

/// The last position of a slice: that of its last record, or of the page if nothing comes after it.
fn end_of(slice: &[KinesisRecord], later: &[KinesisRecord], page: Position) -> Position {
    match slice.last() {
        Some(last) if !later.is_empty() => last.position,
        _ => page,
    }
}

#[cfg(test)]
mod tests;
