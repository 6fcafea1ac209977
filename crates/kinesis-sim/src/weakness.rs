//! A lease table that is broken on purpose, to show that the checker notices what a condition is there for.

use std::str::FromStr;

use kinesis_asl::lease::lease::LeaseChange;
use thiserror::Error;

/// Which condition the simulated table forgets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Weakness {
    /// None: each write has the condition that it must have.
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
}

impl Weakness {
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
#[error("there is no weakness '{0}'; choose none, renewals, takes, checkpoints, releases, hand-overs or asks")]
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
            other => return Err(UnknownWeakness(other.to_owned())),
        })
    }
}
