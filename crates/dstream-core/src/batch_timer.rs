//! When batches are due, and when blocks are cut. Pure: `now` is an argument.
//!
//! Batch times are the multiples of the batch interval strictly after the start. A late timer catches up and skips none.
//! Blocks are cut at the multiples of the block interval, and at every batch time; a late cut is made once.

use std::time::Duration;

use crate::time::Time;

#[derive(Debug)]
pub(crate) struct BatchTimer {
    batch_interval: Duration,
    block_interval: Duration,
    next_batch: Time,
    next_cut: Time,
}

impl BatchTimer {
    pub(crate) fn start(now: Time, batch_interval: Duration, block_interval: Duration) -> Self {
        Self {
            batch_interval,
            block_interval,
            next_batch: now.next_multiple(batch_interval),
            next_cut: now.next_multiple(block_interval),
        }
    }

    /// When to look at the timer again.
    pub(crate) fn wake_at(&self) -> Time {
        self.next_batch.min(self.next_cut)
    }

    /// Blocks are to be cut now; the next cut lies in the future afterwards.
    pub(crate) fn note_cut(&mut self, now: Time) {
        if now >= self.next_cut {
            self.next_cut = now.next_multiple(self.block_interval);
        }
    }

    /// The earliest batch that is due and was not handed out yet.
    pub(crate) fn poll_batch(&mut self, now: Time) -> Option<Time> {
        (now >= self.next_batch).then(|| self.take_next())
    }

    /// The next batch, due or not.
    pub(crate) fn take_next(&mut self) -> Time {
        let batch = self.next_batch;
        self.next_batch = batch.plus(self.batch_interval);
        batch
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timer(now: i64) -> BatchTimer {
        BatchTimer::start(Time::from_millis(now), Duration::from_millis(100), Duration::from_millis(30))
    }

    fn due(timer: &mut BatchTimer, now: i64) -> Vec<i64> {
        std::iter::from_fn(|| timer.poll_batch(Time::from_millis(now))).map(Time::as_millis).collect()
    }

    #[test]
    fn the_first_batch_is_the_next_multiple_strictly_after_the_start() {
        assert_eq!(due(&mut timer(0), 99), Vec::<i64>::new());
        assert_eq!(due(&mut timer(0), 100), [100]);
        assert_eq!(due(&mut timer(250), 300), [300]);
    }

    #[test]
    fn a_late_timer_catches_up_and_skips_no_batch_t120() {
        let mut timer = timer(0);
        assert_eq!(due(&mut timer, 100), [100]);
        assert_eq!(due(&mut timer, 350), [200, 300]);
    }

    #[test]
    fn it_wakes_for_the_earlier_of_cut_and_batch() {
        let mut timer = timer(0);
        assert_eq!(timer.wake_at().as_millis(), 30);
        timer.note_cut(Time::from_millis(95));
        assert_eq!(timer.wake_at().as_millis(), 100);
    }
}
