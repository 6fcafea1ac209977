//! How often and how long one call of a re-read is tried: pure. Spark's rule, but for more kinds of failures than throttling.
//!
//! Promises: the pause before the second attempt is the one that was chosen, and doubles with each further one; time that is waited
//! for the shard's allowance does not count, since it is no failure.

use std::time::Duration;

use crate::consumer::retrieval::RereadRetry;

/// The attempts at one call.
#[derive(Debug, Clone)]
pub(crate) struct Attempts {
    rule: RereadRetry,
    failed: u32,
    pause: Duration,
    spent: Duration,
}

/// What to do after a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Make the call again after this pause.
    Again(Duration),
    /// The time is over; so much was spent on calls and pauses.
    TimedOut(Duration),
    /// So many attempts have failed.
    GaveUp(u32),
}

impl Attempts {
    /// No attempt was made yet.
    pub(crate) fn new(rule: RereadRetry) -> Self {
        Self { rule, failed: 0, pause: rule.wait_time, spent: Duration::ZERO }
    }

    /// An attempt that took so long has failed.
    pub(crate) fn on_failure(&mut self, took: Duration) -> Verdict {
        self.failed = self.failed.saturating_add(1);
        self.spent = self.spent.saturating_add(took);
        if self.spent >= self.rule.timeout {
            return Verdict::TimedOut(self.spent);
        }
        if self.failed >= self.rule.max_attempts {
            return Verdict::GaveUp(self.failed);
        }
        let pause = self.pause;
        self.pause = pause.saturating_mul(2);
        self.spent = self.spent.saturating_add(pause);
        Verdict::Again(pause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: RereadRetry =
        RereadRetry { wait_time: Duration::from_millis(100), max_attempts: 4, timeout: Duration::from_secs(10) };

    fn verdicts(rule: RereadRetry, took: u64) -> Vec<Verdict> {
        let mut attempts = Attempts::new(rule);
        let mut verdicts = Vec::new();
        loop {
            verdicts.push(attempts.on_failure(Duration::from_millis(took)));
            if !matches!(verdicts.last(), Some(Verdict::Again(_))) {
                return verdicts;
            }
        }
    }

    #[test]
    fn pauses_double_and_the_last_attempt_gives_up_with_their_number() {
        let pauses = [100, 200, 400].map(|ms| Verdict::Again(Duration::from_millis(ms)));
        assert_eq!(verdicts(RULE, 0), [&pauses[..], &[Verdict::GaveUp(4)]].concat());
        assert_eq!(verdicts(RereadRetry { max_attempts: 1, ..RULE }, 0), [Verdict::GaveUp(1)]);
    }

    #[test]
    fn the_time_ends_it_before_the_attempts_do_when_calls_are_slow() {
        let ended = verdicts(RULE, 5_000);
        assert_eq!(ended, [Verdict::Again(RULE.wait_time), Verdict::TimedOut(Duration::from_millis(10_100))]);
    }
}
