//! What is asked of the workers' state: the one switch of the checker.

use clap::ValueEnum;

/// Whether a record may be in the state twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum StateRule {
    /// Not after a crash and a restart. Only a worker that lost a lease and lived on (a freeze, a theft, a fault) may have counted what
    /// it had not checkpointed: no more than came again in such steps.
    Exact,
    /// After anything of the kind it may, and how many are is reported. A record that is missing is a violation all the same.
    Counted,
}

impl StateRule {
    /// What is asked unless said otherwise.
    pub(crate) const DEFAULT: Self = Self::Exact;
}
