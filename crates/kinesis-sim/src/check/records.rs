//! What became of each record: produced, stored, processed. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use kinesis_asl::shard::ShardId;
use kinesis_asl::{Holding, Position, SequenceNumber, Timestamp};

use crate::check::violation::Violation;
use crate::event::{Page, WorkerNo};

/// All records of a run.
#[derive(Debug, Default)]
pub(crate) struct RecordBook {
    shards: BTreeMap<ShardId, ShardBook>,
    /// The last record stored under each holding.
    last: BTreeMap<(WorkerNo, ShardId, Holding), Position>,
    /// Workers that gave their leases up with what they could not process.
    gave_up: BTreeSet<WorkerNo>,
    repeats: usize,
}

#[derive(Debug, Default)]
struct ShardBook {
    records: BTreeMap<Position, Fate>,
}

/// What is known of a record.
#[derive(Debug)]
struct Fate {
    arrival: i64,
    processed: bool,
    /// How the record was last stored.
    stored: Option<Storing>,
}

/// Who stored a record, under which holding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Storing {
    worker: WorkerNo,
    holding: Holding,
    /// Whether it was processed as stored then.
    processed: bool,
}

impl RecordBook {
    /// A Kinesis record was put that holds so many user records.
    pub(crate) fn on_produced(&mut self, shard: &ShardId, sequence: SequenceNumber, records: u64, arrival: i64) {
        let book = self.shards.entry(shard.clone()).or_default();
        for sub in 0..records {
            let fate = Fate { arrival, processed: false, stored: None };
            book.records.insert(Position::new(sequence, sub), fate);
        }
    }

    /// A page was stored. `released` says of an earlier holding whether it was given up in good order before this one.
    pub(crate) fn on_stored(&mut self, page: &Page, released: impl Fn(WorkerNo, Holding) -> bool) -> Option<Violation> {
        let mut broken = None;
        for position in &page.positions {
            broken = self.on_stored_one(page, *position, &released).or(broken);
        }
        broken
    }

    /// A worker ends because of a batch that failed.
    pub(crate) fn on_gave_up(&mut self, worker: WorkerNo) {
        self.gave_up.insert(worker);
    }

    pub(crate) fn on_processed(&mut self, page: &Page) {
        let Some(book) = self.shards.get_mut(&page.shard) else { return };
        for position in &page.positions {
            if let Some(fate) = book.records.get_mut(position) {
                fate.processed = true;
                let stored = fate.stored.as_mut();
                if let Some(storing) = stored.filter(|last| (last.worker, last.holding) == (page.worker, page.holding))
                {
                    storing.processed = true;
                }
            }
        }
    }

    /// The first record up to and including `to`, or of the whole shard, that is not processed though it arrived at or
    /// after `start_at`.
    pub(crate) fn first_unprocessed(
        &self,
        shard: &ShardId,
        to: Option<Position>,
        start_at: Option<Timestamp>,
    ) -> Option<Position> {
        let upper = to.map_or(Bound::Unbounded, Bound::Included);
        let mut records = self.shards.get(shard)?.records.range((Bound::Unbounded, upper));
        records.find(|(_, fate)| fate.is_owed(start_at)).map(|(position, _)| *position)
    }

    /// Records that are not processed though they arrived at or after the moment at which their shard's lease begins.
    pub(crate) fn unprocessed<'a>(
        &'a self,
        start_at: impl Fn(&ShardId) -> Option<Timestamp> + 'a,
    ) -> impl Iterator<Item = (&'a ShardId, Position)> + 'a {
        self.shards.iter().flat_map(move |(shard, book)| {
            let start_at = start_at(shard);
            let owed = book.records.iter().filter(move |(_, fate)| fate.is_owed(start_at));
            owed.map(move |(position, _)| (shard, *position))
        })
    }

    /// How many records were produced, and how many storings were repeats.
    pub(crate) fn counts(&self) -> (usize, usize) {
        (self.shards.values().map(|book| book.records.len()).sum(), self.repeats)
    }

    fn on_stored_one(
        &mut self,
        page: &Page,
        position: Position,
        released: impl Fn(WorkerNo, Holding) -> bool,
    ) -> Option<Violation> {
        let (worker, shard, stored) = (page.worker, page.shard.clone(), position);
        let book = self.shards.entry(shard.clone()).or_default();
        let last = self.last.insert((worker, shard.clone(), page.holding), stored);
        let next = |last| book.records.range((Bound::Excluded(last), Bound::Unbounded)).next();
        let expected = last.map(|last| next(last).map(|(position, _)| *position));
        if let Some(expected) = expected.filter(|expected| *expected != Some(stored)) {
            return Some(Violation::OutOfOrder { worker, shard, expected, stored });
        }
        let Some(fate) = book.records.get_mut(&stored) else {
            return Some(Violation::Invented { worker, shard, stored });
        };
        let before = fate.stored.replace(Storing { worker, holding: page.holding, processed: false })?;
        self.repeats += 1;
        // Only who gave up on a batch may release what it has not processed.
        let left_undone = !before.processed && self.gave_up.contains(&before.worker);
        let handed_over = released(before.worker, before.holding) && !left_undone;
        handed_over.then_some(Violation::Repeated { worker, shard, stored })
    }
}

impl Fate {
    fn is_owed(&self, start_at: Option<Timestamp>) -> bool {
        !self.processed && start_at.is_none_or(|start| self.arrival >= start.as_millis())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use kinesis_asl::lease::command::{Command, Unresolved};
    use kinesis_asl::lease::commit::Commit;
    use kinesis_asl::lease::core::{LeaseCore, LeasePolicy};
    use kinesis_asl::lease::lease::Lease;
    use kinesis_asl::lease::plan::TakeLimits;
    use kinesis_asl::lease::store::Listing;
    use kinesis_asl::position::Checkpoint;
    use kinesis_asl::position::Timestamp;

    use super::*;

    fn sequence(number: u64) -> SequenceNumber {
        number.to_string().parse().expect("digits")
    }

    /// The first holding of a worker. Only a worker can make one.
    fn holding() -> Holding {
        let limits = TakeLimits { failover: Duration::from_secs(10), max_leases: 1 };
        let unresolved = Unresolved { latest: Timestamp::from_millis(0) };
        let policy = LeasePolicy { limits, hand_over_within: limits.failover * 3, unresolved };
        let now = tokio::time::Instant::now().into_std();
        let mut core = LeaseCore::new("me".into(), policy, 1, now);
        let leases = vec![Lease::new("s".into(), Checkpoint::TrimHorizon)];
        core.on_listing(Listing { leases, unreadable: Vec::new() }, now);
        for command in core.poll(now) {
            if let Command::Write(ticket) = command {
                core.on_commit(&ticket, &Commit::Committed(None), now);
            }
        }
        let gained = core.poll(now).into_iter().find_map(|command| match command {
            Command::Gained(_, holding) => Some(holding),
            _ => None,
        });
        gained.expect("the free lease was taken")
    }

    fn position(number: u64) -> Position {
        Position::new(sequence(number), 0)
    }

    fn page(worker: u32, numbers: &[u64]) -> Page {
        let positions = numbers.iter().map(|number| Position::new(sequence(*number), 0)).collect();
        Page { worker: WorkerNo(worker), shard: "s".into(), holding: holding(), positions }
    }

    fn book() -> RecordBook {
        let mut book = RecordBook::default();
        (1..=5).for_each(|number| book.on_produced(&"s".into(), sequence(number), 1, 1_000));
        book
    }

    #[test]
    fn a_gap_within_a_holding_is_found_and_a_page_in_order_is_not() {
        let mut book = book();
        assert_eq!(book.on_stored(&page(1, &[1, 2]), |_, _| false), None);
        assert!(matches!(book.on_stored(&page(1, &[4]), |_, _| false), Some(Violation::OutOfOrder { .. })));
    }

    #[test]
    fn a_repeat_is_allowed_unless_the_holding_that_stored_it_first_was_released() {
        let mut book = book();
        assert_eq!(book.on_stored(&page(1, &[1]), |_, _| false), None);
        assert_eq!(book.on_stored(&page(2, &[1]), |_, _| false), None);
        let repeated = book.on_stored(&page(3, &[1]), |worker, _| worker.0 == 2);
        assert!(matches!(repeated, Some(Violation::Repeated { .. })), "worker 2 had handed it over");
        assert_eq!(book.counts(), (5, 2));
    }

    #[test]
    fn who_gave_up_on_a_batch_may_leave_behind_what_it_did_not_process_and_nothing_else() {
        let mut book = book();
        assert_eq!(book.on_stored(&page(1, &[1, 2]), |_, _| false), None);
        book.on_processed(&page(1, &[1]));
        book.on_gave_up(WorkerNo(1));
        assert!(matches!(book.on_stored(&page(2, &[1]), |_, _| true), Some(Violation::Repeated { .. })));
        assert_eq!(book.on_stored(&page(2, &[2]), |_, _| true), None);
    }

    #[test]
    fn a_record_that_nobody_produced_is_found() {
        assert!(matches!(book().on_stored(&page(1, &[9]), |_, _| false), Some(Violation::Invented { .. })));
    }

    #[test]
    fn what_is_not_processed_is_owed_unless_it_came_before_the_start() {
        let mut book = book();
        book.on_processed(&page(1, &[1, 2]));
        assert_eq!(book.first_unprocessed(&"s".into(), Some(position(2)), None), None);
        assert_eq!(book.first_unprocessed(&"s".into(), None, None), Some(position(3)));
        assert_eq!(book.first_unprocessed(&"s".into(), None, Some(Timestamp::from_millis(1_001))), None);
        assert_eq!(book.unprocessed(|_| None).count(), 3);
    }

    #[test]
    fn a_record_of_an_aggregate_that_is_left_out_or_comes_again_after_a_release_is_found() {
        let of = |subs: &[u64]| {
            let positions = subs.iter().map(|sub| Position::new(sequence(7), *sub)).collect();
            Page { worker: WorkerNo(1), shard: "s".into(), holding: holding(), positions }
        };
        let mut book = RecordBook::default();
        book.on_produced(&"s".into(), sequence(7), 3, 1_000);
        assert_eq!(book.on_stored(&of(&[0]), |_, _| false), None);
        assert!(matches!(book.on_stored(&of(&[2]), |_, _| false), Some(Violation::OutOfOrder { .. })));
        assert!(book.on_stored(&of(&[0]), |_, _| true).is_some());
        assert_eq!(book.first_unprocessed(&"s".into(), None, None), Some(Position::new(sequence(7), 0)));
        assert_eq!(book.counts().0, 3);
    }
}
