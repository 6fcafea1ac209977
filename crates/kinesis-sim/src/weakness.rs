//! Rules that are broken on purpose, to show that the checker notices what each is there for: conditions that the lease table
//! forgets, and rules of when positions move and what they say.

use std::str::FromStr;

use kinesis_asl::lease::lease::{Lease, LeaseChange};
use kinesis_asl::lease::store::Updated;
use kinesis_asl::position::Checkpoint;
use kinesis_asl::{CheckpointAfter, Position};
use thiserror::Error;

/// Which rule is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Weakness {
    /// None.
    #[default]
    None,
    /// Renewals are written whatever the lease has become.
    Renewals,
    /// Leases are taken whatever they have become.
    Takes,
    /// Checkpoints are written whatever the lease has become.
    Checkpoints,
    /// Leases are released whatever they have become.
    Releases,
    /// Leases are handed over whatever they have become.
    HandOvers,
    /// Leases are asked for whatever they have become.
    Asks,
    /// Positions move once records are stored, and not once they are processed.
    CheckpointAtReceive,
    /// Checkpoints say which Kinesis record, and forget which user record of it.
    SubSequence,
    /// A process that stops gives its leases up before it has processed and checkpointed what it stored.
    ReleaseBeforeCommit,
}

/// When a process that stops gives its leases up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Release {
    /// When all that it stored is processed.
    AfterCommit,
    /// At once; what is stored is processed then.
    BeforeCommit,
}

impl Weakness {
    /// What the workers are told about the time at which positions move.
    pub(crate) fn checkpoint_after(self) -> CheckpointAfter {
        if self == Self::CheckpointAtReceive { CheckpointAfter::Stored } else { CheckpointAfter::Outputs }
    }

    pub(crate) fn release(self) -> Release {
        if self == Self::ReleaseBeforeCommit { Release::BeforeCommit } else { Release::AfterCommit }
    }

    /// What the table makes of a write.
    pub(crate) fn bend(self, change: LeaseChange) -> LeaseChange {
        match change {
            LeaseChange::Checkpoint { claim, to: Checkpoint::At(position) } if self == Self::SubSequence => {
                LeaseChange::Checkpoint { claim, to: Checkpoint::At(Position::new(position.sequence, 0)) }
            }
            other => other,
        }
    }

    /// What the writer of a checkpoint is told: that it has become what it asked for. Others see what the table made of it.
    pub(crate) fn answer(self, asked: &LeaseChange, updated: Updated) -> Updated {
        match (asked, updated) {
            (LeaseChange::Checkpoint { to, .. }, Updated::Committed(Some(lease))) if self == Self::SubSequence => {
                Updated::Committed(Some(Box::new(Lease { checkpoint: *to, ..*lease })))
            }
            (_, updated) => updated,
        }
    }

    /// User records of each Kinesis record in stories that are to show the weakness.
    pub(crate) fn aggregate(self) -> u64 {
        if self == Self::SubSequence { 3 } else { 1 }
    }

    /// Whether a write is done without its condition.
    pub(crate) fn forgets_the_condition_of(self, change: &LeaseChange) -> bool {
        match change {
            LeaseChange::Renew(_) => self == Self::Renewals,
            LeaseChange::Take { .. } => self == Self::Takes,
            LeaseChange::Checkpoint { .. } => self == Self::Checkpoints,
            LeaseChange::Release(_) => self == Self::Releases,
            LeaseChange::HandOver { .. } => self == Self::HandOvers,
            LeaseChange::Ask { .. } => self == Self::Asks,
            LeaseChange::Children { .. }
            | LeaseChange::Prepare { .. }
            | LeaseChange::Retract { .. }
            | LeaseChange::Call { .. }
            | LeaseChange::HashRange { .. } => false,
        }
    }
}

/// A name that no weakness has.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "there is no weakness '{0}'; choose none, renewals, takes, checkpoints, releases, hand-overs, asks, checkpoint-at-receive, sub-sequence or release-before-commit"
)]
pub struct UnknownWeakness(String);

impl FromStr for Weakness {
    type Err = UnknownWeakness;

    fn from_str(name: &str) -> Result<Self, UnknownWeakness> {
        Ok(match name {
            "none" => Self::None,
            "renewals" => Self::Renewals,
            "takes" => Self::Takes,
            "checkpoints" => Self::Checkpoints,
            "releases" => Self::Releases,
            "hand-overs" => Self::HandOvers,
            "asks" => Self::Asks,
            "checkpoint-at-receive" => Self::CheckpointAtReceive,
            "sub-sequence" => Self::SubSequence,
            "release-before-commit" => Self::ReleaseBeforeCommit,
            other => return Err(UnknownWeakness(other.to_owned())),
        })
    }
}
