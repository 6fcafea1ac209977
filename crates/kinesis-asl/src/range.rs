//! The records of one page in terms of their shard: what a block carries so that positions can move after processing.

use std::fmt;

use crate::lease::lease::WorkerId;
use crate::sequence::Position;
use crate::shard::ShardId;

/// One uninterrupted time of holding a lease. A lease that is lost and gained again is held under a new number, so
/// that what was read in an earlier holding cannot move the position of a later one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Holding(pub(crate) u64);

impl Holding {
    /// That of a range which an earlier run wrote down: it moves nothing until it is claimed. Holdings count from 1.
    pub(crate) const OF_AN_EARLIER_RUN: Self = Self(0);
}

/// Consecutive user records of one shard, both ends included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SequenceRange {
    /// The shard.
    pub shard: ShardId,
    /// Under which holding of the shard's lease they were read, or claimed.
    pub holding: Holding,
    /// The first position.
    pub from: Position,
    /// The last position: what may be checkpointed once the records are processed.
    pub to: Position,
    /// The number of user records from the first to the last position; 0 when all of a page was left out (an aggregate without
    /// entries).
    pub records: usize,
    /// Records up to and including this one are left out: they were processed before the range was claimed. `None`, as for
    /// everything that was just read: none is.
    pub processed: Option<Position>,
    /// The worker of an earlier run that read the range, or claimed it last; `None` for what this run has read.
    pub reader: Option<WorkerId>,
}

impl SequenceRange {
    /// What was just read.
    #[must_use]
    pub fn new(shard: ShardId, holding: Holding, from: Position, to: Position, records: usize) -> Self {
        Self { shard, holding, from, to, records, processed: None, reader: None }
    }
}

impl fmt::Display for SequenceRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "shard {} from {} to {} ({} records)", self.shard, self.from, self.to, self.records)?;
        match self.processed {
            Some(processed) => write!(f, ", of which those up to {processed} were processed before"),
            None => Ok(()),
        }
    }
}
