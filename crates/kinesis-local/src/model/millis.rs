//! A point in time as Kinesis sees it: whole milliseconds since the Unix epoch.
//!
//! Promises: arithmetic saturates, so a strange `now` gives a strange answer but never a panic. There is no way to ask
//! for the current time here; every operation of the model gets it as an argument.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Milliseconds since 1970-01-01T00:00:00Z.
///
/// ```
/// use kinesis_local::model::Millis;
/// use std::time::Duration;
///
/// let noon = Millis::new(1_000);
/// assert_eq!(noon.plus(Duration::from_secs(2)), Millis::new(3_000));
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Millis(u64);

impl Millis {
    /// The time that many milliseconds after the epoch.
    #[must_use]
    pub const fn new(since_epoch: u64) -> Self {
        Self(since_epoch)
    }

    /// Milliseconds since the epoch.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// Whole seconds since the epoch.
    #[must_use]
    pub const fn seconds(self) -> u64 {
        self.0 / 1_000
    }

    /// This time moved later; sub-millisecond parts of `by` are dropped.
    #[must_use]
    pub fn plus(self, by: Duration) -> Self {
        Self(self.0.saturating_add(whole_millis(by)))
    }

    /// This time moved earlier, not before the epoch.
    #[must_use]
    pub fn minus(self, by: Duration) -> Self {
        Self(self.0.saturating_sub(whole_millis(by)))
    }

    /// Milliseconds from `earlier` to this time; 0 when `earlier` is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl fmt::Display for Millis {
    /// Seconds with three decimals, the form of timestamps in the AWS JSON protocol.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:03}", self.0 / 1_000, self.0 % 1_000)
    }
}

/// A duration in whole milliseconds, saturating.
pub(crate) fn whole_millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
