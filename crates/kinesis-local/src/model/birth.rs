//! When something with a name came into being, told apart from everything that had the name before.
//!
//! Promises: of two births under one name the later one has the later time and the later second, however fast they follow
//! each other. So sequence numbers and iterators of a deleted stream are not those of its successor.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::millis::Millis;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Birth {
    pub(crate) at: Millis,
    /// The second that stands in sequence numbers and ARNs; it may be ahead of the clock.
    pub(crate) second: u64,
}

impl Birth {
    /// A birth now, after the latest one under the same name.
    pub(crate) fn after(before: Option<Self>, now: Millis) -> Self {
        let first = Self { at: now, second: now.seconds() };
        before.map_or(first, |before| Self {
            at: now.max(before.at.plus(Duration::from_millis(1))),
            second: first.second.max(before.second.saturating_add(1)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn births_under_one_name_differ_in_time_and_second_however_fast_they_follow() {
        let now = Millis::new(5_000);
        let first = Birth::after(None, now);
        let second = Birth::after(Some(first), now);
        assert!(second.at > first.at && second.second > first.second);
        assert_eq!(Birth::after(Some(second), Millis::new(60_000)), Birth { at: Millis::new(60_000), second: 60 });
    }
}
