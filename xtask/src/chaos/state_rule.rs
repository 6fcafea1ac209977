//! What is asked of the workers' state: the one switch of the checker.

use clap::ValueEnum;

/// Whether a record may be in the state twice after a crash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum StateRule {
    /// Never: every record is counted once, whatever happened.
    Exact,
    /// After a crash it may, and how many are is reported. A record that is missing is a violation all the same.
    Counted,
}

impl StateRule {
    /// What is asked unless said otherwise.
    pub(crate) const DEFAULT: Self = Self::Counted;
}
