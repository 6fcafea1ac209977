//! When the next snapshot is due, and what is safe. Pure.

use std::time::Duration;

use crate::time::Time;

/// Batches are completed, snapshots of them are begun one at a time, and become safe.
#[derive(Debug)]
pub(crate) struct SnapshotSchedule {
    interval: Duration,
    zero: Time,
    /// The last batch that is done, or the time before all of them.
    completed: Time,
    /// The batch of the last snapshot that was begun.
    begun: Option<Time>,
    running: bool,
    /// What is completed from now on belongs in no snapshot.
    held: bool,
}

impl SnapshotSchedule {
    /// The first snapshot is due at once, before any batch: so it is known from when on batches are counted.
    pub(crate) const fn new(interval: Duration, zero: Time) -> Self {
        Self { interval, zero, completed: zero, begun: None, running: false, held: false }
    }

    /// Batches are completed in the order of their times.
    pub(crate) const fn note_completed(&mut self, batch: Time) {
        if !self.held {
            // A batch that is run again may be older than what is in a snapshot.
            self.completed = if batch.as_millis() > self.completed.as_millis() { batch } else { self.completed };
        }
    }

    /// One last snapshot, of what is completed now, is due as soon as it can be begun.
    pub(crate) const fn hold(&mut self) {
        self.held = true;
    }

    pub(crate) const fn is_held(&self) -> bool {
        self.held
    }

    /// The batch to begin a snapshot of now. Snapshots fall on the first batch at or after each multiple of the interval, or as
    /// soon afterwards as the one before is written; `last` asks for one of whatever is not in one yet.
    pub(crate) fn begin(&mut self, last: bool) -> Option<Time> {
        let passed = |time: Time| time.floor_from(self.interval, self.zero);
        let is_due = self.begun.is_none_or(|begun| {
            let wanted = last || self.held || passed(self.completed) > passed(begun);
            wanted && self.completed != begun
        });
        if self.running || !is_due {
            return None;
        }
        self.begun = Some(self.completed);
        self.running = true;
        self.begun
    }

    /// The snapshot that was begun is written; returns its batch.
    pub(crate) fn note_written(&mut self) -> Option<Time> {
        self.running = false;
        self.begun
    }

    /// What the memories hold as of this batch is being read, or will be, and must stay as it is.
    pub(crate) fn pinned(&self) -> Option<Time> {
        let to_come = Some(self.completed).filter(|completed| self.held && self.begun != Some(*completed));
        // What is being read is older than what is to come.
        self.begun.filter(|_| self.running).or(to_come)
    }

    /// Whether everything that is done is in a snapshot that is written.
    pub(crate) fn is_settled(&self) -> bool {
        !self.running && Some(self.completed) == self.begun
    }

    /// A program that goes on has a snapshot already.
    pub(crate) const fn resuming(mut self, through: Time) -> Self {
        self.completed = through;
        self.begun = Some(through);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Time {
        Time::from_millis(seconds * 1_000)
    }

    /// The first snapshot is written.
    fn schedule() -> SnapshotSchedule {
        let mut schedule = SnapshotSchedule::new(Duration::from_secs(3), at(0));
        assert_eq!((schedule.begin(false), schedule.begin(false)), (Some(at(0)), None));
        schedule.note_written();
        schedule
    }

    fn begun(schedule: &mut SnapshotSchedule, batches: std::ops::RangeInclusive<i64>) -> Vec<Time> {
        let mut begun = Vec::new();
        for batch in batches {
            schedule.note_completed(at(batch));
            begun.extend(schedule.begin(false));
        }
        begun
    }

    #[test]
    fn a_snapshot_is_begun_at_every_multiple_of_the_interval_and_once() {
        let mut schedule = schedule();
        assert_eq!(begun(&mut schedule, 1..=4), [at(3)]);
        assert_eq!((schedule.pinned(), schedule.is_settled()), (Some(at(3)), false));
        assert_eq!(schedule.note_written(), Some(at(3)));
        assert_eq!(begun(&mut schedule, 5..=6), [at(6)]);
    }

    #[test]
    fn after_a_slow_write_the_newest_batch_has_its_turn_at_once() {
        let mut schedule = schedule();
        assert_eq!(begun(&mut schedule, 1..=8), [at(3)]);
        schedule.note_written();
        assert_eq!(schedule.begin(false), Some(at(8)));
    }

    #[test]
    fn skipped_batches_do_not_delay_a_snapshot_beyond_the_next_one() {
        let mut schedule = schedule();
        assert_eq!(begun(&mut schedule, 1..=2), []);
        schedule.note_completed(at(7));
        assert_eq!(schedule.begin(false), Some(at(7)));
        schedule.note_written();
        assert_eq!(begun(&mut schedule, 8..=9), [at(9)]);
    }

    #[test]
    fn once_it_is_held_one_last_snapshot_has_what_was_completed_before_and_that_stays_pinned_until_then() {
        let mut schedule = schedule();
        assert_eq!(begun(&mut schedule, 1..=4), [at(3)]);
        schedule.hold();
        schedule.note_completed(at(6));
        assert_eq!((schedule.pinned(), schedule.begin(false)), (Some(at(3)), None));
        assert_eq!(schedule.note_written(), Some(at(3)));
        assert_eq!((schedule.pinned(), schedule.is_settled()), (Some(at(4)), false));
        assert_eq!(schedule.begin(false), Some(at(4)));
        assert_eq!(schedule.pinned(), Some(at(4)));
        schedule.note_written();
        assert_eq!(begun(&mut schedule, 7..=9), []);
        assert!(schedule.begin(true).is_none() && schedule.is_settled() && schedule.pinned().is_none());
    }

    #[test]
    fn the_last_snapshot_takes_what_is_in_none_and_nothing_when_all_is() {
        let mut schedule = schedule();
        assert!(schedule.is_settled() && schedule.begin(true).is_none());
        schedule.note_completed(at(1));
        assert_eq!((schedule.begin(false), schedule.begin(true)), (None, Some(at(1))));
        schedule.note_written();
        assert!(schedule.is_settled() && schedule.begin(true).is_none());
        let mut resumed = SnapshotSchedule::new(Duration::from_secs(3), at(0)).resuming(at(4));
        assert!(resumed.is_settled() && resumed.begin(true).is_none());
        assert_eq!(begun(&mut resumed, 5..=6), [at(6)]);
    }
}
