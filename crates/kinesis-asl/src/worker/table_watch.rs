//! What the readings of the lease table say, one after the other: read at all, holes that stay, failures that go on. Pure.

use std::time::{Duration, Instant};

use kinesis_endpoint::ServiceError;

use crate::lease::hole::{Cover, HoleWatch, Verdict};

/// The readings of the table so far.
#[derive(Debug, Default)]
pub(crate) struct TableWatch {
    readings: Readings,
    holes: HoleWatch,
    failing_since: Option<Instant>,
}

/// Whether the table has been read since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Readings {
    #[default]
    NoneYet,
    Some,
}

/// What to do about a reading that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Patience {
    TryAgain,
    GiveUp,
}

impl TableWatch {
    /// Whether the table has been read since the start.
    pub(crate) fn has_read(&self) -> bool {
        self.readings == Readings::Some
    }

    /// The table was read.
    pub(crate) fn on_read(&mut self, cover: &Cover) -> Verdict {
        self.readings = Readings::Some;
        self.failing_since = None;
        self.holes.on_listing(cover)
    }

    /// The table could not be read.
    pub(crate) fn on_failed(&mut self, error: &ServiceError, now: Instant, give_up_after: Duration) -> Patience {
        let since = *self.failing_since.get_or_insert(now);
        if error.kind.is_transient() && now.saturating_duration_since(since) < give_up_after {
            Patience::TryAgain
        } else {
            Patience::GiveUp
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patience_ends_after_its_time_without_a_success_in_between() {
        let start = tokio::time::Instant::now().into_std();
        let limit = Duration::from_secs(10);
        let error = ServiceError::invalid_response("Scan", "lease table 't'", "nonsense");
        let mut watch = TableWatch::default();
        assert_eq!(watch.on_failed(&error, start, limit), Patience::TryAgain);
        watch.on_read(&Cover::Complete);
        let later = start + Duration::from_secs(9);
        assert_eq!(watch.on_failed(&error, later, limit), Patience::TryAgain);
        assert_eq!(watch.on_failed(&error, later + limit, limit), Patience::GiveUp);
    }
}
