//! What is known about how an output operation of a batch went.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::operator::OperatorName;
use crate::time::Time;

/// An output operation of a context; numbered from 0 in the order in which the program made them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OutputId(u32);

impl OutputId {
    /// The output operation with this number.
    pub const fn new(number: u32) -> Self {
        Self(number)
    }

    /// The number of the output operation.
    pub const fn number(self) -> u32 {
        self.0
    }
}

impl fmt::Display for OutputId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// What is known about an output operation of a batch at the moment of an event. Times are those of the context's clock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutputInfo {
    /// The output operation.
    pub id: OutputId,
    /// Its name, which is that of its operator.
    pub name: OperatorName,
    /// Its batch.
    pub batch: Time,
    /// When its first attempt started; `None` before.
    pub started: Option<Time>,
    /// When it succeeded, or failed for good; `None` before.
    pub ended: Option<Time>,
    /// Attempts that failed.
    pub failed_attempts: u32,
    /// Why the last attempt failed, with the causes of the error; `None` when it succeeded, or none was made.
    pub failure: Option<Arc<str>>,
}

impl OutputInfo {
    pub(crate) const fn waiting(id: OutputId, name: OperatorName, batch: Time) -> Self {
        Self { id, name, batch, started: None, ended: None, failed_attempts: 0, failure: None }
    }

    /// How long it took, from the start of its first attempt to its end.
    pub fn duration(&self) -> Option<Duration> {
        Some(self.ended?.since(self.started?))
    }

    /// Whether it has ended well.
    pub const fn has_succeeded(&self) -> bool {
        self.ended.is_some() && self.failure.is_none()
    }
}
