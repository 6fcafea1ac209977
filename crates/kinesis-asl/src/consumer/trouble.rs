//! Kinds of failures of a read, and how long each is waited for. Pure.
//!
//! Promises: each kind has a back-off of its own, so that a shard that is throttled is not asked more slowly because the
//! network had failed before; a page that arrives ends all of them.

use std::fmt;
use std::time::Duration;

use kinesis_endpoint::{ServiceError, ServiceErrorKind};
use rand::Rng;

use crate::backoff::Backoff;

/// What kind of failure a call met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// The shard's calls or bytes of this second are used up, by other readers of the shard too.
    Throughput,
    /// Too many calls of a kind, or consumers, for the account or stream.
    Limit,
    /// Somebody has it: an earlier subscription of the same consumer, or a change of the stream.
    InUse,
    /// The service or the way to it fails, or it refuses the call.
    Failing,
}

impl Trouble {
    /// The kind of an error.
    #[must_use]
    pub fn of(error: &ServiceError) -> Self {
        match error.kind {
            // The reason begins with the service's own code.
            ServiceErrorKind::Throttled if error.reason.starts_with("LimitExceeded") => Self::Limit,
            ServiceErrorKind::Throttled => Self::Throughput,
            ServiceErrorKind::InUse => Self::InUse,
            _ => Self::Failing,
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Throughput => "throttled: the shard's calls or bytes a second are used up",
            Self::Limit => "throttled: too many calls or consumers for the account or stream",
            Self::InUse => "in use: an earlier subscription or a change of the stream is not over",
            Self::Failing => "failing calls",
        })
    }
}

/// The failures of each kind since the last success.
#[derive(Debug, Clone)]
pub struct Troubles {
    throughput: Backoff,
    limit: Backoff,
    in_use: Backoff,
    failing: Backoff,
}

impl Default for Troubles {
    fn default() -> Self {
        let between = |first, longest| Backoff::between(Duration::from_millis(first), Duration::from_millis(longest));
        Self {
            // The shard is open again a second later at the latest, or five after a page of 10 MB: as soon as that it makes sense
            // to ask again, and the jitter divides what is left among the readers.
            throughput: between(200, 5_000),
            // Limits of the account are shared by far more callers.
            limit: between(500, 10_000),
            // A subscription keeps the next one out for 5 s.
            in_use: between(200, 2_000),
            failing: between(200, 5_000),
        }
    }
}

impl Troubles {
    /// How long to wait after a failure.
    pub fn pause(&mut self, trouble: Trouble, rng: &mut impl Rng) -> Duration {
        let backoff = match trouble {
            Trouble::Throughput => &mut self.throughput,
            Trouble::Limit => &mut self.limit,
            Trouble::InUse => &mut self.in_use,
            Trouble::Failing => &mut self.failing,
        };
        backoff.next_pause(rng)
    }

    /// A success ends all failures.
    pub fn on_success(&mut self) {
        for backoff in [&mut self.throughput, &mut self.limit, &mut self.in_use, &mut self.failing] {
            backoff.reset();
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::{SeedableRng, rngs::StdRng};

    use super::*;

    fn error(kind: ServiceErrorKind, reason: &str) -> ServiceError {
        ServiceError { kind, ..ServiceError::invalid_response("GetRecords", "shard 's'", reason) }
    }

    #[test]
    fn throughput_and_limits_and_failures_of_the_service_are_told_apart_pf_5() {
        let throttled = ServiceErrorKind::Throttled;
        for (error, trouble) in [
            (error(throttled, "ProvisionedThroughputExceededException: Rate exceeded"), Trouble::Throughput),
            (error(throttled, "LimitExceededException: too many calls"), Trouble::Limit),
            (error(ServiceErrorKind::InUse, "ResourceInUseException"), Trouble::InUse),
            (error(ServiceErrorKind::Server, "InternalFailure"), Trouble::Failing),
            (error(ServiceErrorKind::Unreachable, "connection refused"), Trouble::Failing),
        ] {
            assert_eq!(Trouble::of(&error), trouble, "{error}");
        }
    }

    #[test]
    fn failures_in_a_row_wait_longer_each_kind_by_itself_and_a_success_forgets_them() {
        let (mut rng, mut troubles) = (StdRng::seed_from_u64(1), Troubles::default());
        let longest = (0..30).map(|_| troubles.pause(Trouble::Failing, &mut rng)).max();
        assert!((Duration::from_secs(1)..=Duration::from_secs(5)).contains(&longest.unwrap_or_default()));
        assert!(troubles.pause(Trouble::Throughput, &mut rng) <= Duration::from_millis(600), "a first failure");
        troubles.on_success();
        assert!(troubles.pause(Trouble::Failing, &mut rng) <= Duration::from_millis(600), "forgotten");
    }

    #[test]
    fn readers_that_were_throttled_together_do_not_come_back_together() {
        let pauses = |seed| {
            let (mut rng, mut troubles) = (StdRng::seed_from_u64(seed), Troubles::default());
            (0..5).map(|_| troubles.pause(Trouble::Throughput, &mut rng)).collect::<Vec<_>>()
        };
        assert_ne!(pauses(1), pauses(2));
    }
}
