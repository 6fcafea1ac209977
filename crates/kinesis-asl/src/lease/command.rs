//! What the coordinator tells its shell, and what a write carries so that its outcome finds its way back. Values only.

use std::time::Instant;

use crate::lease::lease::{Lease, LeaseChange};
use crate::position::{Checkpoint, Timestamp};
use crate::range::Holding;
use crate::shard::ShardId;

/// What the shell has to do, or to know.
#[derive(Debug, PartialEq)]
pub enum Command {
    /// Read the whole table, then call [`LeaseCore::on_listing`](crate::lease::core::LeaseCore::on_listing) or [`LeaseCore::on_list_failed`](crate::lease::core::LeaseCore::on_list_failed).
    List,
    /// Write, then call [`LeaseCore::on_commit`](crate::lease::core::LeaseCore::on_commit) with the ticket.
    Write(Ticket),
    /// The lease is held from now on.
    Gained(Lease, Holding),
    /// The lease is held no more; nothing may be read or written for it.
    Lost(ShardId, Holding, LossReason),
    /// A checkpoint is stored.
    Checkpointed(ShardId, Holding, Checkpoint),
    /// The lease was given up in good order.
    Released(ShardId, Holding),
    /// Another worker asked for the lease. Stop reading it, let what was read be processed, ask for its last checkpoint, then call
    /// [`LeaseCore::hand_over`](crate::lease::core::LeaseCore::hand_over). Said once a holding.
    Wanted(ShardId, Holding),
}

/// A write under way.
#[derive(Debug, PartialEq)]
pub struct Ticket {
    /// What to write.
    pub change: LeaseChange,
    pub(super) sent: Instant,
    pub(super) origin: Origin,
}

/// What a write starts from.
#[derive(Debug, PartialEq)]
pub(super) enum Origin {
    /// A lease that is held.
    Held(Holding),
    /// A lease that is being taken, as it was when that was decided: its counter is the condition of the write, so this
    /// is what is taken.
    Planned(Box<Lease>),
    /// A lease that another worker holds and is asked for.
    Asked,
    /// A lease whose holder is called.
    Called,
}

/// Whether a reading of the table was of use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// It was.
    Used,
    /// It took longer than the failover time: nothing was learned from it.
    TooOld,
}

/// What stands behind the sentinels of leases that carry no moment of their own: Java workers make such leases, and keep
/// the moment to themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unresolved {
    /// For LATEST: when this worker started.
    pub latest: Timestamp,
}

impl Unresolved {
    /// `at_timestamp`: what stands for AT_TIMESTAMP in the lease's stream, if the application begins it so.
    pub(super) fn moment_for(self, lease: &Lease, at_timestamp: Option<Timestamp>) -> Option<Timestamp> {
        match (lease.checkpoint, lease.start_at) {
            (Checkpoint::Latest, None) => Some(self.latest),
            (Checkpoint::AtTimestamp, None) => at_timestamp,
            _ => None,
        }
    }
}

/// Why a lease is held no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LossReason {
    /// Another worker wrote to it.
    Stolen,
    /// It was deleted from the table.
    Deleted,
    /// No renewal succeeded within the failover time.
    Expired,
}
