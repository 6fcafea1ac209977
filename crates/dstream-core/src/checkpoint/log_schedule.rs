//! Which entries of the batch log are to be written, which batches may run, and which entries may go. Pure.
//!
//! Promises: entries are written one after the other in the order of batch times, so that those in the directory have no hole;
//! a batch may run once its entry and all earlier ones are there; an entry stays until a snapshot has its batch.

use std::collections::{BTreeSet, VecDeque};

use crate::time::Time;

#[derive(Debug)]
pub(super) struct LogSchedule {
    phase: Phase,
    /// Batches whose entry is not there yet; the first one's is being written, if any is.
    queued: VecDeque<Time>,
    writing: bool,
    /// The entries that are there.
    kept: BTreeSet<Time>,
    /// The batch of the entry that was written last, removed meanwhile or not.
    last: Option<Time>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The program has no snapshot yet; entries without one would be of no use.
    NoSnapshot,
    Writing,
    /// This batch failed for good and was passed over: it and what follows comes again after a restart. It is in the log as
    /// far as it goes; to write on would let the log grow for as long as the program runs.
    HeldAt(Time),
}

/// An entry that is to be written now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NextEntry {
    pub(super) batch: Time,
    /// The batch of the entry before it.
    pub(super) previous: Option<Time>,
}

impl LogSchedule {
    /// A log with these entries in it; `snapshot` says whether there is a snapshot as well.
    pub(super) fn new(kept: BTreeSet<Time>, snapshot: bool) -> Self {
        let phase = if snapshot { Phase::Writing } else { Phase::NoSnapshot };
        Self { phase, queued: VecDeque::new(), writing: false, last: kept.last().copied(), kept }
    }

    /// There is a snapshot.
    pub(super) fn note_snapshot(&mut self) {
        if self.phase == Phase::NoSnapshot {
            self.phase = Phase::Writing;
        }
    }

    /// A batch is to be logged. False if it is not, because nothing is any more.
    pub(super) fn submit(&mut self, batch: Time) -> bool {
        let logged = !matches!(self.phase, Phase::HeldAt(_));
        if logged {
            self.queued.push_back(batch);
        }
        logged
    }

    /// Whether a batch may run.
    pub(super) fn allows(&self, batch: Time) -> bool {
        self.queued.front().is_none_or(|first| batch < *first)
    }

    pub(super) fn begin(&mut self) -> Option<NextEntry> {
        if self.writing || self.phase == Phase::NoSnapshot {
            return None;
        }
        let batch = *self.queued.front()?;
        self.writing = true;
        Some(NextEntry { batch, previous: self.last })
    }

    /// The entry that was begun is there.
    pub(super) fn note_written(&mut self) {
        self.writing = false;
        if let Some(batch) = self.queued.pop_front() {
            self.kept.insert(batch);
            self.last = Some(batch);
        }
    }

    /// A batch failed for good and is passed over. Nothing is begun any more.
    pub(super) fn hold_at(&mut self, batch: Time) {
        if !matches!(self.phase, Phase::HeldAt(_)) {
            self.phase = Phase::HeldAt(batch);
            self.queued.truncate(usize::from(self.writing));
        }
    }

    pub(super) const fn is_held(&self) -> bool {
        matches!(self.phase, Phase::HeldAt(_))
    }

    pub(super) fn has(&self, batch: Time) -> bool {
        self.kept.contains(&batch)
    }

    /// The entries that are not needed once there is a snapshot of the batch `through`.
    pub(super) fn removable(&self, through: Time) -> Vec<Time> {
        let held_at = if let Phase::HeldAt(batch) = self.phase { Some(batch) } else { None };
        self.kept.range(..=through).copied().filter(|batch| held_at.is_none_or(|held| *batch < held)).collect()
    }

    pub(super) fn note_removed(&mut self, batches: &[Time]) {
        batches.iter().for_each(|batch| {
            self.kept.remove(batch);
        });
    }

    /// Whether nothing waits to be written.
    pub(super) fn is_settled(&self) -> bool {
        self.queued.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const fn at(millis: i64) -> Time {
        Time::from_millis(millis)
    }

    fn open() -> LogSchedule {
        LogSchedule::new(BTreeSet::new(), true)
    }

    #[test]
    fn a_batch_waits_for_its_entry_and_one_without_for_those_before_it_n4_n5() {
        let mut log = open();
        assert!(log.allows(at(1)) && log.submit(at(2)));
        assert_eq!((log.allows(at(1)), log.allows(at(2)), log.allows(at(3))), (true, false, false));
        assert_eq!(log.begin(), Some(NextEntry { batch: at(2), previous: None }));
        assert!(!log.allows(at(2)) && log.begin().is_none(), "one at a time");
        log.note_written();
        assert!(log.allows(at(2)) && log.allows(at(3)) && log.has(at(2)));
    }

    #[test]
    fn before_the_first_snapshot_no_entry_is_written_and_no_logged_batch_runs() {
        let mut log = LogSchedule::new(BTreeSet::new(), false);
        log.submit(at(1));
        assert_eq!((log.begin(), log.allows(at(1))), (None, false));
        log.note_snapshot();
        assert_eq!(log.begin(), Some(NextEntry { batch: at(1), previous: None }));
    }

    #[test]
    fn entries_stay_until_a_snapshot_has_their_batch_n7_t139() {
        let mut log = LogSchedule::new([at(3), at(4)].into(), true);
        log.submit(at(5));
        assert_eq!(log.begin(), Some(NextEntry { batch: at(5), previous: Some(at(4)) }));
        log.note_written();
        assert_eq!(log.removable(at(2)), []);
        assert_eq!(log.removable(at(4)), [at(3), at(4)]);
        log.note_removed(&[at(3)]);
        assert_eq!(log.removable(at(9)), [at(4), at(5)]);
    }

    #[test]
    fn after_a_batch_that_was_passed_over_nothing_is_logged_and_what_is_from_it_on_stays() {
        let mut log = LogSchedule::new([at(1), at(2), at(3)].into(), true);
        log.submit(at(4));
        log.begin();
        log.submit(at(5));
        log.hold_at(at(2));
        assert!(!log.submit(at(6)) && !log.allows(at(4)));
        log.note_written();
        assert!(log.allows(at(5)) && log.begin().is_none() && log.is_settled());
        assert_eq!(log.removable(at(9)), [at(1)]);
    }

    proptest! {
        #[test]
        fn whatever_happens_when_no_batch_runs_before_its_entry_is_there_and_entries_have_no_hole(
            steps in prop::collection::vec(0_u8..5, 0..80),
        ) {
            let mut log = LogSchedule::new(BTreeSet::new(), false);
            let (mut next, mut written, mut begun) = (0, Vec::new(), None);
            for step in steps {
                match step {
                    0 => { prop_assert!(log.submit(at(next))); next += 1; }
                    1 => if let Some(entry) = log.begin() {
                        prop_assert_eq!(entry.previous, written.last().copied());
                        begun = Some(entry.batch);
                    },
                    2 => if let Some(batch) = begun.take() { log.note_written(); written.push(batch); },
                    3 => log.note_snapshot(),
                    _ => { let gone = log.removable(at(next - 3)); log.note_removed(&gone); }
                }
                for batch in 0..next {
                    prop_assert_eq!(log.allows(at(batch)), written.contains(&at(batch)));
                }
            }
            prop_assert!(written.iter().copied().eq((0..).map(at).take(written.len())));
        }
    }
}
