//! How long one kind of call may fail without a success before the application is stopped. Pure.

use std::time::{Duration, Instant};

use kinesis_endpoint::ServiceError;

/// The failures of one kind of call since its last success.
#[derive(Debug)]
pub(crate) struct Patience {
    give_up_after: Duration,
    failing_since: Option<Instant>,
}

/// What to do about a call that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Advice {
    /// It may pass.
    TryAgain,
    /// It will not, or has lasted too long.
    GiveUp,
}

impl Patience {
    /// Nothing has failed yet.
    pub(crate) fn new(give_up_after: Duration) -> Self {
        Self { give_up_after, failing_since: None }
    }

    /// A call succeeded.
    pub(crate) fn on_success(&mut self) {
        self.failing_since = None;
    }

    /// Whether the last call failed.
    pub(crate) fn is_failing(&self) -> bool {
        self.failing_since.is_some()
    }

    /// A call failed.
    pub(crate) fn on_failure(&mut self, error: &ServiceError, now: Instant) -> Advice {
        self.on_failure_that(error.kind.is_transient(), now)
    }

    /// A call failed, and whether that may pass is known better than from the kind of the error.
    pub(crate) fn on_failure_that(&mut self, may_pass: bool, now: Instant) -> Advice {
        let since = *self.failing_since.get_or_insert(now);
        if may_pass && now.saturating_duration_since(since) < self.give_up_after {
            Advice::TryAgain
        } else {
            Advice::GiveUp
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
        let mut patience = Patience::new(limit);
        assert_eq!(patience.on_failure(&error, start), Advice::TryAgain);
        patience.on_success();
        let later = start + Duration::from_secs(9);
        assert_eq!(patience.on_failure(&error, later), Advice::TryAgain);
        assert_eq!(patience.on_failure(&error, later + limit), Advice::GiveUp);
    }

    #[test]
    fn there_is_none_for_an_error_that_does_not_pass() {
        let start = tokio::time::Instant::now().into_std();
        let mut error = ServiceError::invalid_response("Scan", "lease table 't'", "denied");
        error.kind = kinesis_endpoint::ServiceErrorKind::AccessDenied;
        assert_eq!(Patience::new(Duration::from_secs(10)).on_failure(&error, start), Advice::GiveUp);
    }
}
