//! Which of the calls that a fault is about it hits.
//!
//! Promises: a pure function of the call's number; all conditions hold together.

use super::dice::roll;

/// Which of the matching calls are hit: all of them unless said otherwise.
///
/// ```
/// use kinesis_local::faults::When;
///
/// // The 12th, 14th and 16th call, and no more.
/// let when = When { after: 10, every: 2, times: Some(3), ..When::default() };
/// # let _ = when;
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct When {
    /// So many matching calls pass first. Default 0.
    pub after: u64,
    /// Of the calls then, the `every`th and its multiples. Default 1, which is each; 0 is refused.
    pub every: u64,
    /// Of those, this share, 0 to 1, chosen by the seed. Default 1.
    pub share: f64,
    /// The seed of the share. Default 0. The same seed chooses the same calls again.
    pub seed: u64,
    /// At most so many hits; then the fault is spent and stays in the list. Default: no end.
    pub times: Option<u64>,
}

impl Default for When {
    fn default() -> Self {
        Self { after: 0, every: 1, share: 1.0, seed: 0, times: None }
    }
}

impl When {
    /// Whether matching call number `n` (from 0) is hit after `hits` earlier hits.
    pub(super) fn picks(&self, n: u64, hits: u64) -> bool {
        let Some(n_after) = n.checked_sub(self.after) else { return false };
        n_after.saturating_add(1).is_multiple_of(self.every.max(1))
            && self.times.is_none_or(|times| hits < times)
            && (self.share >= 1.0 || roll(self.seed, n, 0) < self.share)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hits(when: When, calls: u64) -> Vec<u64> {
        (0..calls).fold(Vec::new(), |mut hits, n| {
            if when.picks(n, u64::try_from(hits.len()).unwrap()) {
                hits.push(n);
            }
            hits
        })
    }

    #[test]
    fn without_conditions_every_call_is_hit() {
        assert_eq!(hits(When::default(), 3), [0, 1, 2]);
    }

    #[test]
    fn after_every_and_times_hold_together() {
        assert_eq!(hits(When { after: 3, every: 2, times: Some(2), ..When::default() }, 20), [4, 6]);
        assert_eq!(hits(When { times: Some(0), ..When::default() }, 5), [0; 0]);
    }

    #[test]
    fn a_share_is_the_same_again_with_the_same_seed_and_another_with_another() {
        let with = |seed| hits(When { share: 0.3, seed, ..When::default() }, 1_000);
        assert_eq!(with(1), with(1));
        assert_ne!(with(1), with(2));
        assert!((200..400).contains(&with(1).len()));
        assert_eq!(hits(When { share: 0.0, ..When::default() }, 100), [0; 0]);
    }
}
