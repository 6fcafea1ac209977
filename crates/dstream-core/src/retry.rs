//! How often, and how soon, a failed batch is tried again. Pure.

use std::num::NonZeroU32;
use std::time::Duration;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RetryPolicy {
    /// Attempts in all, the first included.
    pub(crate) attempts: NonZeroU32,
    /// The wait before the second attempt; it doubles from one attempt to the next.
    pub(crate) backoff: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    RetryIn(Duration),
    GiveUp,
}

impl RetryPolicy {
    /// What to do after `failed` attempts have failed.
    pub(crate) fn judge(self, failed: u32) -> Verdict {
        if failed >= self.attempts.get() {
            return Verdict::GiveUp;
        }
        let factor = 2_u32.saturating_pow(failed.saturating_sub(1));
        Verdict::RetryIn(self.backoff.saturating_mul(factor).min(MAX_BACKOFF))
    }
}

/// Longer waits only delay the recovery after an outage; shorter ones are no relief to what is overloaded.
const MAX_BACKOFF: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_cap_until_the_attempts_are_used_up() {
        let policy = RetryPolicy { attempts: NonZeroU32::new(8).unwrap(), backoff: Duration::from_secs(1) };
        let waits: Vec<_> = (1..=8).map(|failed| policy.judge(failed)).collect();
        let mut expected: Vec<_> = [1, 2, 4, 8, 16, 30, 30].map(|s| Verdict::RetryIn(Duration::from_secs(s))).into();
        expected.push(Verdict::GiveUp);
        assert_eq!(waits, expected);
    }
}
