//! The system clock, read in this file and nowhere else.
//!
//! Promises: whole milliseconds since the epoch; what a clock before 1970 says counts as 1970. The model keeps time from
//! going back, so no more is needed here.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::model::Millis;

/// The current time.
#[expect(clippy::disallowed_methods, reason = "this file is the clock that everything else asks")]
pub(crate) fn now() -> Millis {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or_else(|_| Millis::default(), |age| Millis::default().plus(age))
}
