//! When to ask a shard again after a page: pure. At full rate while there is something to read (the [`ReadBudget`] alone
//! holds it back), more and more slowly while nothing comes, up to the pause that was chosen.
//!
//! [`ReadBudget`]: crate::consumer::budget::ReadBudget

use std::time::Duration;

use crate::consumer::budget::BETWEEN_CALLS;

/// What a page said about the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Read {
    /// More is waiting, or came just now.
    MoreToCome,
    /// The tip of the shard is reached and nothing came.
    Idle,
}

impl Read {
    /// Judges a page by its records and by how far it says that it is behind.
    #[must_use]
    pub fn of(records: usize, millis_behind_latest: Option<i64>) -> Self {
        if records == 0 && millis_behind_latest.unwrap_or(0) <= 0 { Self::Idle } else { Self::MoreToCome }
    }
}

/// The pace of one shard's reads.
///
/// With a pause of 500 ms (the default) a record waits at most that long for the next call: after news the shard is asked again
/// in 200, 400, 500, 500.. ms. A quiet shard costs two calls a second; a pause of 5 s makes that one in five.
#[derive(Debug, Clone)]
pub struct PollPace {
    longest: Duration,
    pause: Duration,
}

impl PollPace {
    /// A pace with this pause between reads while nothing comes; at least 200 ms.
    #[must_use]
    pub fn new(idle: Duration) -> Self {
        Self { longest: idle.max(BETWEEN_CALLS), pause: BETWEEN_CALLS }
    }

    /// The time from the start of the last read to the start of the next.
    pub fn pause(&mut self, read: Read) -> Duration {
        match read {
            Read::MoreToCome => {
                self.pause = BETWEEN_CALLS;
                Duration::ZERO
            }
            Read::Idle => {
                let pause = self.pause.min(self.longest);
                self.pause = (pause * 2).min(self.longest);
                pause
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pauses(idle: u64, reads: &[Read]) -> Vec<u128> {
        let mut pace = PollPace::new(Duration::from_millis(idle));
        reads.iter().map(|read| pace.pause(*read).as_millis()).collect()
    }

    #[test]
    fn a_shard_with_more_to_come_is_not_held_back_and_a_quiet_one_is_asked_less_and_less_often_pf_2() {
        use Read::{Idle, MoreToCome};
        let reads = [MoreToCome, Idle, Idle, Idle, Idle, MoreToCome, Idle];
        assert_eq!(pauses(500, &reads), [0, 200, 400, 500, 500, 0, 200]);
        assert_eq!(pauses(5_000, &reads[1..5]), [200, 400, 800, 1_600]);
    }

    #[test]
    fn a_quiet_shard_is_asked_five_times_a_second_at_most_whatever_was_chosen() {
        assert_eq!(pauses(0, &[Read::Idle, Read::Idle]), [200, 200]);
    }

    #[test]
    fn an_empty_page_before_the_tip_is_followed_at_once() {
        assert_eq!(Read::of(0, Some(7_000)), Read::MoreToCome);
        assert_eq!(Read::of(3, Some(0)), Read::MoreToCome);
        assert_eq!(Read::of(0, Some(0)), Read::Idle);
        assert_eq!(Read::of(0, None), Read::Idle);
    }
}
