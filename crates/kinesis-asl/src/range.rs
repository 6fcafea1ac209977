//! The records of one page in terms of their shard: what a block carries so that positions can move after processing.

use std::fmt;

use crate::sequence::Position;
use crate::shard::ShardId;

/// One uninterrupted time of holding a lease. A lease that is lost and gained again is held under a new number, so
/// that what was read in an earlier holding cannot move the position of a later one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Holding(pub(crate) u64);

/// Consecutive user records of one shard, both ends included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SequenceRange {
    /// The shard.
    pub shard: ShardId,
    /// Under which holding of the shard's lease they were read.
    pub holding: Holding,
    /// The first position.
    pub from: Position,
    /// The last position: what may be checkpointed once the records are processed.
    pub to: Position,
    /// The number of user records; 0 when all of a page was left out (an aggregate without entries).
    pub records: usize,
}

impl fmt::Display for SequenceRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "shard {} from {} to {} ({} records)", self.shard, self.from, self.to, self.records)
    }
}
