//! Why a command did not do its job.

use std::fmt::Display;

/// Why a command did not do its job.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The user stopped it: exit code 130.
    Interrupted,
    /// The arguments cannot be meant like this: exit code 2.
    Usage(String),
    /// Nobody reads the output any more: exit code 1, without a message.
    Quiet,
    /// Anything else: exit code 1.
    Failed(String),
}

impl Failure {
    /// A failure of a step, with its cause.
    pub(crate) fn of(step: &str, cause: impl Display) -> Self {
        Self::Failed(format!("{step}: {cause}"))
    }
}
