//! What happens in a simulated world, as values: the log of a run, and all that the checker sees of it.

use std::fmt;
use std::time::Duration;

use kinesis_asl::lease::command::LossReason;
use kinesis_asl::lease::lease::{Lease, LeaseChange, WorkerId};
use kinesis_asl::shard::ShardId;
use kinesis_asl::{Holding, Position, SequenceNumber};

/// A simulated process; numbered from 1 in the order of starting. A restarted process is a new one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WorkerNo(pub u32);

impl WorkerNo {
    /// The name under which it owns leases.
    #[must_use]
    pub fn id(self) -> WorkerId {
        WorkerId::from(self.to_string().as_str())
    }
}

impl fmt::Display for WorkerNo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "worker-{}", self.0)
    }
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The stream has a new record.
    Produced {
        /// Where.
        shard: ShardId,
        /// Its number.
        sequence: SequenceNumber,
        /// How many user records it holds: 1, or those of an aggregate.
        records: u64,
        /// When the stream received it, in milliseconds since 1970.
        arrival: i64,
    },
    /// The stream refused a record: a defect of the story or of the model.
    PutFailed(String),
    /// A split or merge was asked for.
    Reshard(String),
    /// A process begins.
    Started(WorkerNo),
    /// A process could not prepare table and leases; it tries again.
    JoinFailed(WorkerNo, String),
    /// A process said that every shard is held and every iterator open.
    Ready(WorkerNo),
    /// A process was told to stop gracefully.
    Stopping(WorkerNo),
    /// It has stopped.
    Stopped(WorkerNo),
    /// A process ended without a word.
    Crashed(WorkerNo),
    /// A process cannot reach anything until then.
    Paused(WorkerNo, Duration),
    /// Nothing of a process runs until then.
    Frozen(WorkerNo, Duration),
    /// The outputs of a batch failed.
    BatchFailed(WorkerNo, AfterFailure),
    /// A worker failed its application.
    Failed(WorkerNo, String),
    /// A process sent something after its end.
    CalledAfterEnd(WorkerNo, &'static str),
    /// A worker was given a page, possibly an empty one.
    Read {
        /// Who.
        worker: WorkerNo,
        /// Of which shard.
        shard: ShardId,
        /// The parents of the shard.
        parents: Vec<ShardId>,
        /// How many records.
        records: usize,
    },
    /// A page is in a block.
    Stored(Page),
    /// Every output of the batch with this page has succeeded.
    Processed(Page),
    /// A worker begins or ceases to believe that it holds a lease.
    Believes(WorkerNo, ShardId, Holding, Belief),
    /// A lease was added to the table.
    Created(WorkerNo, Box<Lease>),
    /// A lease was deleted from the table.
    Deleted(WorkerNo, ShardId),
    /// A conditional write had its effect.
    Wrote(Box<Write>),
}

/// What a worker thinks of a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Belief {
    /// It holds it from now on.
    Held,
    /// It holds it no more, and did not want that.
    Lost(LossReason),
    /// It has given it up.
    Released,
}

/// What a process does about a batch that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AfterFailure {
    /// Tries the same batch again after a moment.
    TriesAgain,
    /// Gives up: it stops, and leaves the positions before the batch.
    Ends,
}

/// Records of one shard under one holding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Who read it.
    pub worker: WorkerNo,
    /// Of which shard.
    pub shard: ShardId,
    /// Under which holding.
    pub holding: Holding,
    /// Its records' positions, in order.
    pub positions: Vec<Position>,
}

/// A conditional write that had its effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Write {
    /// Who wrote.
    pub worker: WorkerNo,
    /// When it was sent.
    pub sent: Duration,
    /// What was to be done.
    pub change: LeaseChange,
    /// The lease before.
    pub before: Lease,
    /// The lease after.
    pub after: Lease,
}

/// A line of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// When, since the start of the simulation.
    pub at: Duration,
    /// What.
    pub event: Event,
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:9.3} s  ", self.at.as_secs_f64())?;
        match &self.event {
            Event::Stored(page) => write!(f, "Stored {page}"),
            Event::Processed(page) => write!(f, "Processed {page}"),
            Event::Wrote(write) => write!(f, "{write}"),
            event => write!(f, "{event:?}"),
        }
    }
}

impl fmt::Display for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { worker, shard, holding, positions } = self;
        write!(f, "{worker} {shard} {holding:?}: {} records", positions.len())?;
        match (positions.first(), positions.last()) {
            (Some(first), Some(last)) => write!(f, ", {first} to {last}"),
            _ => Ok(()),
        }
    }
}

impl fmt::Display for Write {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { worker, sent, change, before, after } = self;
        write!(
            f,
            "{worker} wrote {change:?}, sent at {:.3} s; before {:?} {:?}",
            sent.as_secs_f64(),
            before.owner,
            before.counter
        )?;
        write!(f, " {}; after {:?} {:?} {}", before.checkpoint, after.owner, after.counter, after.checkpoint)
    }
}
