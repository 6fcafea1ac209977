//! How long to wait after a failure: random, growing, bounded. Pure; the generator comes from outside.

use std::time::Duration;

use rand::Rng;

const FIRST: Duration = Duration::from_millis(50);
const LONGEST: Duration = Duration::from_secs(5);

/// Pauses after failures in a row. Decorrelated jitter: each pause is drawn between the first and three times the last,
/// so that many clients that were throttled together do not come back together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Backoff {
    first: Duration,
    last: Duration,
    longest: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self::between(FIRST, LONGEST)
    }
}

impl Backoff {
    /// Pauses from `first` to `longest`.
    pub(crate) fn between(first: Duration, longest: Duration) -> Self {
        Self { first, last: first, longest: longest.max(first) }
    }

    /// The next pause; by default at least 50 ms, at most 5 s.
    pub(crate) fn next_pause(&mut self, rng: &mut impl Rng) -> Duration {
        let upper = (self.last * 3).min(self.longest);
        self.last = rng.random_range(self.first..=upper);
        self.last
    }

    /// A success: the next failure is the first again.
    pub(crate) fn reset(&mut self) {
        self.last = self.first;
    }
}

#[cfg(test)]
mod tests {
    use rand::{SeedableRng, rngs::StdRng};

    use super::*;

    #[test]
    fn pauses_stay_within_their_bounds_and_differ_between_seeds() {
        let pauses = |seed| {
            let (mut rng, mut backoff) = (StdRng::seed_from_u64(seed), Backoff::default());
            (0..50).map(|_| backoff.next_pause(&mut rng)).collect::<Vec<_>>()
        };
        assert!(pauses(1).iter().all(|pause| (FIRST..=LONGEST).contains(pause)));
        assert!(pauses(1).iter().any(|pause| *pause > Duration::from_secs(1)), "they grow");
        assert_ne!(pauses(1), pauses(2));
    }
}
