//! When to ask a shard again: pure. Within the service's five reads a second and shard, at full rate while behind, more
//! slowly while nothing comes.

use std::time::Duration;

use rand::Rng;

use crate::backoff::Backoff;
use crate::limits::READS_PER_SECOND;

/// The time between two reads of a shard that has more to give.
const WHILE_BEHIND: Duration = Duration::from_millis(1_000 / READS_PER_SECOND);

/// What a read gave, as far as the next one is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Read {
    /// More is waiting, or came just now.
    MoreToCome,
    /// The tip of the shard is reached and nothing came.
    Idle,
    /// The call failed and may be tried again.
    Failed,
}

/// The pace of one shard's reads.
#[derive(Debug, Clone)]
pub struct PollPace {
    idle: Duration,
    backoff: Backoff,
}

impl PollPace {
    /// A pace with this pause between reads while nothing comes.
    #[must_use]
    pub fn new(idle: Duration) -> Self {
        Self { idle: idle.max(WHILE_BEHIND), backoff: Backoff::default() }
    }

    /// The time from the start of the last read to the start of the next.
    pub fn pause(&mut self, read: Read, rng: &mut impl Rng) -> Duration {
        match read {
            Read::Failed => return self.backoff.next_pause(rng).max(WHILE_BEHIND),
            Read::MoreToCome | Read::Idle => self.backoff = Backoff::default(),
        }
        match read {
            Read::MoreToCome => WHILE_BEHIND,
            _ => self.idle,
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::{SeedableRng, rngs::StdRng};

    use super::*;

    #[test]
    fn a_shard_is_never_read_more_than_five_times_a_second() {
        let (mut rng, mut pace) = (StdRng::seed_from_u64(1), PollPace::new(Duration::ZERO));
        for read in [Read::MoreToCome, Read::Idle, Read::Failed, Read::Failed] {
            assert!(pace.pause(read, &mut rng) >= Duration::from_millis(200), "{read:?}");
        }
    }

    #[test]
    fn failures_in_a_row_wait_longer_and_a_success_forgets_them() {
        let (mut rng, mut pace) = (StdRng::seed_from_u64(1), PollPace::new(Duration::from_millis(500)));
        let longest = (0..20).map(|_| pace.pause(Read::Failed, &mut rng)).max();
        assert!(longest > Some(Duration::from_secs(1)));
        assert_eq!(pace.pause(Read::Idle, &mut rng), Duration::from_millis(500));
        assert!(pace.pause(Read::Failed, &mut rng) < Duration::from_secs(1));
    }
}
