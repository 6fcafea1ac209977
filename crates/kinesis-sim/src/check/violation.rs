//! What can be wrong with a run. Each variant is one promise that was broken.

use std::time::Duration;

use kinesis_asl::Position;
use kinesis_asl::lease::lease::{LeaseChange, LeaseCounter, WorkerId};
use kinesis_asl::position::Checkpoint;
use kinesis_asl::shard::ShardId;
use thiserror::Error;

use crate::event::WorkerNo;

/// A broken promise, and when it was noticed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Since the start of the simulation.
    pub at: Duration,
    /// What is wrong.
    pub violation: Violation,
}

/// A broken promise.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Violation {
    /// Invariant 6: a record was never processed.
    #[error("{shard}: record {position} was never processed")]
    Lost {
        /// Where.
        shard: ShardId,
        /// Which.
        position: Position,
    },
    /// Invariant 7: within a holding the records must be the shard's, one after the other.
    #[error("{shard}: {worker} was to store {expected:?} next and stored {stored}")]
    OutOfOrder {
        /// Who.
        worker: WorkerNo,
        /// Where.
        shard: ShardId,
        /// The record after the last one stored.
        expected: Option<Position>,
        /// What was stored.
        stored: Position,
    },
    /// Invariant 7: who gives a lease up in good order has processed and checkpointed what it stored.
    #[error("{shard}: {worker} stored {stored} again although it came from a holding that was released in good order")]
    Repeated {
        /// Who.
        worker: WorkerNo,
        /// Where.
        shard: ShardId,
        /// Which.
        stored: Position,
    },
    /// A worker stored a record that nobody produced.
    #[error("{shard}: {worker} stored {stored}, which was never produced")]
    Invented {
        /// Who.
        worker: WorkerNo,
        /// Where.
        shard: ShardId,
        /// Which.
        stored: Position,
    },
    /// Invariant 1.
    #[error("{shard}: the checkpoint went back from {from} to {to}")]
    CheckpointWentBack {
        /// Where.
        shard: ShardId,
        /// Before.
        from: Checkpoint,
        /// After.
        to: Checkpoint,
    },
    /// Invariants 3 and 6: a checkpoint covers what was not processed.
    #[error("{shard}: the checkpoint {to} covers record {unprocessed}, which is not processed")]
    CheckpointedTooEarly {
        /// Where.
        shard: ShardId,
        /// The checkpoint.
        to: Checkpoint,
        /// The first record that it covers wrongly.
        unprocessed: Position,
    },
    /// Invariant 5.
    #[error("{shard}: the lease counter went back from {} to {}", from.0, to.0)]
    CounterWentBack {
        /// Where.
        shard: ShardId,
        /// Before.
        from: LeaseCounter,
        /// After.
        to: LeaseCounter,
    },
    /// Invariant 5: a lease that exists was made anew.
    #[error("{0}: the lease was created over an existing one, or after it was deleted")]
    Recreated(ShardId),
    /// A lease was deleted before its shard had ended and all that follow had begun.
    #[error("{0}: the lease was deleted although it was still needed")]
    DeletedTooEarly(ShardId),
    /// Invariant 4: a write of an owner, by somebody else.
    #[error("{worker} wrote {change:?} to a lease of {owner:?}")]
    WroteAsStranger {
        /// Who.
        worker: WorkerNo,
        /// The owner in the table.
        owner: Option<WorkerId>,
        /// What.
        change: LeaseChange,
    },
    /// Invariant 4: reading without a lease, or for longer than the failover time after the last renewal.
    #[error("{shard}: {worker} reads; its last write to the lease landed at {last_write:?}")]
    ReadWithoutLease {
        /// Who.
        worker: WorkerNo,
        /// Where.
        shard: ShardId,
        /// When, since the start; `None` when it never held the lease or released it.
        last_write: Option<Duration>,
    },
    /// Invariant 4: a worker begins to hold what another one believes to hold without having renewed it in time.
    #[error(
        "{shard}: {worker} holds it from now on, and {other} still believes to, longer than the failover time after its last write"
    )]
    BothHold {
        /// Who begins.
        worker: WorkerNo,
        /// What.
        shard: ShardId,
        /// Who should have stopped.
        other: WorkerNo,
    },
    /// A lease was taken from a worker that lives and was not asked for it, or had no time to answer.
    #[error("{shard}: {worker} took it from {robbed}, which renews it and was not asked for it in time")]
    RobbedTheLiving {
        /// Who took it.
        worker: WorkerNo,
        /// What.
        shard: ShardId,
        /// Who had it.
        robbed: WorkerNo,
    },
    /// Invariant 2.
    #[error("{shard}: {worker} reads it although its parent {parent} has not ended")]
    ReadBeforeParent {
        /// Who.
        worker: WorkerNo,
        /// Where.
        shard: ShardId,
        /// The parent with a lease that has not ended.
        parent: ShardId,
    },
    /// Invariant 9.
    #[error("{worker} called {call} after its end")]
    CalledAfterEnd {
        /// Who.
        worker: WorkerNo,
        /// What.
        call: &'static str,
    },
    /// Only failures that pass were simulated, so none may stop an application.
    #[error("{worker} failed its application: {error}")]
    Failed {
        /// Who.
        worker: WorkerNo,
        /// With what.
        error: String,
    },
    /// A graceful stop took longer than anybody waits for.
    #[error("{0} did not come to its end")]
    StopHangs(WorkerNo),
    /// Everybody stopped gracefully with a good network, and yet a lease has an owner.
    #[error("{shard}: the lease was left behind with the owner {owner}")]
    NotReleased {
        /// Where.
        shard: ShardId,
        /// Who.
        owner: WorkerId,
    },
    /// The simulation itself did not work.
    #[error("the simulated world is at fault: {0}")]
    World(String),
}
