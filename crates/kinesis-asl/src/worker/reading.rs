//! The shards that a worker holds, and how far each has come.

use crate::checkpoint::progress::Progress;
use crate::consumer::start::Start;
use crate::lease::lease::Lease;
use crate::position::Checkpoint;
use crate::range::Holding;
use crate::worker::seats::SeatId;

/// A shard under one holding of its lease.
///
/// | phase | ends when | next |
/// |---|---|---|
/// | asking | it is known whether the snapshot that its lease names was published | waiting for parents |
/// | waiting for parents | every parent's lease is absent or ended | opening |
/// | opening | the reader has its first iterator | reading |
/// | opening, reading | the reader has its last page | making children |
/// | opening, reading | the seat stops, or reading fails for good | stopped |
/// | asking, waiting for parents, opening, reading | another worker asks for the lease | yielding |
/// | yielding | no reader runs and every record is processed | the lease is handed over: gone |
/// | making children | the shards that follow have leases | draining |
/// | draining | every record is processed | `SHARD_END` is stored, the lease released: gone |
/// | any | the lease is lost or released | gone |
#[derive(Debug)]
pub(crate) struct HeldShard {
    pub(crate) lease: Lease,
    pub(crate) holding: Holding,
    pub(crate) seat: SeatId,
    /// Where live reading begins; `None` when the shard has ended, or while it is not known.
    pub(crate) start: Option<Start>,
    pub(crate) phase: Phase,
}

/// Where a held shard stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// The lease has a prepared position, and whether that counts is being found out.
    Asking,
    WaitingForParents,
    /// A reader was started and has no iterator yet.
    Opening,
    /// Nothing that arrives can be missed.
    Reading,
    /// The reader ended before the shard.
    Stopped,
    /// Another worker has asked for the lease: the reader was told to end, and what it read is processed.
    Yielding,
    /// The last page is stored; the children get their leases.
    MakingChildren,
    /// Only the processing of what was read is awaited.
    Draining,
}

impl HeldShard {
    /// The position to checkpoint while the shard goes on. While the following shards have no leases, an ended shard is left
    /// at its last record and not at its end: whoever goes on reads nothing again and makes those leases.
    pub(crate) fn position_to_keep(&self, progress: &Progress) -> Option<Checkpoint> {
        match progress.safe(&self.lease.shard, self.holding) {
            Some(Checkpoint::ShardEnd) if self.phase == Phase::Draining => None,
            Some(Checkpoint::ShardEnd) => progress.done(&self.lease.shard, self.holding),
            safe => safe,
        }
    }

    /// Whether nothing of the shard is left to do: the following shards have leases and every record is processed.
    pub(crate) fn has_ended(&self, progress: &Progress) -> bool {
        self.phase == Phase::Draining && progress.safe(&self.lease.shard, self.holding) == Some(Checkpoint::ShardEnd)
    }
}
