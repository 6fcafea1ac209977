//! How long to wait after a failure: random, growing, bounded. Pure; the generator comes from outside.

use std::time::Duration;

use rand::Rng;

const FIRST: Duration = Duration::from_millis(50);
const LONGEST: Duration = Duration::from_secs(5);

/// Pauses after failures in a row. Decorrelated jitter: each pause is drawn between the first and three times the last,
/// so that many clients that were throttled together do not come back together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Backoff {
    last: Duration,
    longest: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { last: FIRST, longest: LONGEST }
    }
}

impl Backoff {
    /// The next pause: at least 50 ms, at most 5 s.
    pub(crate) fn next_pause(&mut self, rng: &mut impl Rng) -> Duration {
        let upper = (self.last * 3).min(self.longest);
        self.last = rng.random_range(FIRST..=upper);
        self.last
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
