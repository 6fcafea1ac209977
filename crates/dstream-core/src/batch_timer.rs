//! When batches are due, and when blocks are cut. Pure: `now` is an argument.
//!
//! Batch times are the multiples of the batch interval strictly after the start. A late timer catches up and skips none,
//! unless there is no room for that many; then only the newest of them is left. Blocks are cut at the multiples of the block interval, and at every batch time; a late cut is made once.

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

    /// The next batch is the first one after `time`, and so is the next cut.
    pub(crate) fn go_on_after(&mut self, time: Time) {
        self.next_batch = time.next_multiple(self.batch_interval);
        self.next_cut = time.next_multiple(self.block_interval);
    }

    /// The next batch time.
    pub(crate) const fn next_batch(&self) -> Time {
        self.next_batch
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

    /// Makes sure that no more than `room` batches are due: if there are more, leaves out all but the newest one, or all if
    /// there is no room for even that. Returns how many were left out. The next batch gets their blocks.
    pub(crate) fn skip_beyond(&mut self, room: usize, now: Time) -> u128 {
        let due = self.due(now);
        if due <= u128::try_from(room).unwrap_or(u128::MAX) {
            return 0;
        }
        let newest = now.floor(self.batch_interval);
        if room == 0 {
            self.next_batch = newest.plus(self.batch_interval);
            return due;
        }
        self.next_batch = newest;
        due.saturating_sub(1)
    }

    fn due(&self, now: Time) -> u128 {
        if now < self.next_batch {
            return 0;
        }
        let behind = now.since(self.next_batch).as_millis();
        behind.checked_div(self.batch_interval.as_millis()).unwrap_or(behind).saturating_add(1)
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
    fn a_timer_that_is_late_by_more_batches_than_there_is_room_for_goes_on_with_the_newest() {
        let mut timer = timer(0);
        assert_eq!(timer.skip_beyond(3, Time::from_millis(399)), 0);
        assert_eq!(timer.skip_beyond(3, Time::from_millis(450)), 3);
        assert_eq!(due(&mut timer, 450), [400]);
        assert_eq!(timer.skip_beyond(1, Time::from_millis(450)), 0);
        assert_eq!(timer.skip_beyond(1, Time::from_millis(500)), 0);
        assert_eq!(due(&mut timer, 500), [500]);
    }

    #[test]
    fn a_timer_without_room_leaves_out_all_batches_that_are_due_and_none_that_is_not() {
        let mut timer = timer(0);
        assert_eq!(timer.skip_beyond(0, Time::from_millis(99)), 0);
        assert_eq!(timer.skip_beyond(0, Time::from_millis(250)), 2);
        assert_eq!(due(&mut timer, 299), Vec::<i64>::new());
        assert_eq!(due(&mut timer, 300), [300]);
    }

    #[test]
    fn a_timer_that_stood_still_goes_on_behind_a_time_and_leaves_out_what_was_due_before() {
        let mut timer = timer(0);
        timer.go_on_after(Time::from_millis(730));
        assert_eq!((timer.wake_at().as_millis(), due(&mut timer, 899)), (750, vec![800]));
    }

    #[test]
    fn it_wakes_for_the_earlier_of_cut_and_batch() {
        let mut timer = timer(0);
        assert_eq!(timer.wake_at().as_millis(), 30);
        timer.note_cut(Time::from_millis(95));
        assert_eq!(timer.wake_at().as_millis(), 100);
    }
}
