//! Where to begin reading a shard, given its lease and what an earlier run of the program left: pure.

use crate::api::Place;
use crate::lease::lease::Lease;
use crate::position::Checkpoint;
use crate::range::SequenceRange;
use crate::sequence::Position;

/// Where to begin, and what to leave out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Start {
    /// Where the first iterator is.
    pub place: Place,
    /// Records up to and including this position were processed before.
    pub processed: Option<Position>,
}

/// Where to begin. `None` when the shard has ended.
///
/// A checkpoint is read *at* its record and not behind it: the rest of an aggregate of which a part was processed is in
/// that same record. A lease that never was checkpointed begins at the moment that was fixed when it was made, so that
/// what arrived since is not missed, whoever reads first.
#[must_use]
pub fn start_of(lease: &Lease) -> Option<Start> {
    let place = match (lease.checkpoint, lease.start_at) {
        (Checkpoint::ShardEnd, _) => return None,
        (Checkpoint::At(position), _) => {
            return Some(Start { place: Place::At(position.sequence), processed: Some(position) });
        }
        (Checkpoint::Latest | Checkpoint::AtTimestamp, Some(moment)) => Place::AtTimestamp(moment),
        (Checkpoint::Latest, None) => Place::Latest,
        // A Java worker made the lease and keeps its timestamp to itself: reading too much loses nothing.
        (Checkpoint::TrimHorizon, _) | (Checkpoint::AtTimestamp, None) => Place::TrimHorizon,
    };
    Some(Start { place, processed: None })
}

/// What an earlier run left of one shard.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Remains {
    /// The last position whose record is in the snapshot that the program goes on from.
    pub accounted: Option<Position>,
    /// The ranges of batches that are to be run again.
    pub unfinished: Vec<SequenceRange>,
}

/// How a shard goes on after a restart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resumption {
    /// Where live reading begins: behind everything that is in the snapshot, in the checkpoint or in `claimed`. `None` when the shard
    /// has ended.
    pub start: Option<Start>,
    /// Which of the unfinished ranges are to be processed, and cut where a part was processed meanwhile: one answer for each, in their
    /// order; `None` for one that was processed, all of it.
    pub claimed: Vec<Option<SequenceRange>>,
}

/// How a shard goes on whose lease was gained.
///
/// Promises: each record of the shard is in exactly one of four: before the checkpoint or the snapshot, in a claimed range, in live
/// reading, or left out as a part of a range that was processed. If another worker has moved the checkpoint past the snapshot, that
/// worker has processed what lies between. Ranges that overlap, since the lease was lost and gained again while they were read, are
/// cut so that nothing comes twice.
#[must_use]
pub fn resume(lease: &Lease, remains: &Remains) -> Resumption {
    let nothing = || vec![None; remains.unfinished.len()];
    let mut done = match lease.checkpoint {
        Checkpoint::ShardEnd => return Resumption { start: None, claimed: nothing() },
        Checkpoint::At(position) => remains.accounted.max(Some(position)),
        Checkpoint::AtTimestamp | Checkpoint::TrimHorizon | Checkpoint::Latest => remains.accounted,
    };
    let mut in_order: Vec<(usize, &SequenceRange)> = remains.unfinished.iter().enumerate().collect();
    in_order.sort_by_key(|(_, range)| (range.from, range.to));
    let mut claimed = nothing();
    for (place, range) in in_order {
        if done.is_some_and(|done| range.to <= done) {
            continue;
        }
        let mut range = range.clone();
        range.processed = range.processed.max(done.filter(|done| range.from <= *done));
        done = Some(range.to);
        claimed.iter_mut().skip(place).take(1).for_each(|answer| *answer = Some(range.clone()));
    }
    let behind = |position: Position| Start { place: Place::At(position.sequence), processed: Some(position) };
    Resumption { start: done.map(behind).or_else(|| start_of(lease)), claimed }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::position::Timestamp;
    use crate::range::Holding;
    use crate::sequence::SequenceNumber;

    fn lease(checkpoint: Checkpoint, start_at: Option<i64>) -> Lease {
        let mut lease = Lease::new("s".into(), checkpoint);
        lease.start_at = start_at.map(Timestamp::from_millis);
        lease
    }

    #[test]
    fn latest_begins_at_the_moment_the_lease_was_made_whoever_reads_it_first() {
        let start = start_of(&lease(Checkpoint::Latest, Some(7))).expect("a start");
        assert_eq!(start.place, Place::AtTimestamp(Timestamp::from_millis(7)));
    }

    #[test]
    fn a_checkpoint_begins_at_its_record_and_leaves_out_what_was_processed_regression_r2() {
        let position = Position::new(SequenceNumber::ZERO, 37);
        let start = start_of(&lease(Checkpoint::At(position), Some(7)));
        assert_eq!(start, Some(Start { place: Place::At(position.sequence), processed: Some(position) }));
    }

    #[test]
    fn a_lease_without_a_checkpoint_leaves_nothing_out_pt_2() {
        for checkpoint in [Checkpoint::TrimHorizon, Checkpoint::Latest, Checkpoint::AtTimestamp] {
            for moment in [Some(7), None] {
                let start = start_of(&lease(checkpoint, moment)).expect("a start");
                assert_eq!(start.processed, None, "{checkpoint}");
            }
        }
    }

    #[test]
    fn an_ended_shard_is_not_read() {
        assert_eq!(start_of(&lease(Checkpoint::ShardEnd, None)), None);
    }

    fn at(number: u64) -> Position {
        Position::new(number.to_string().parse().expect("digits"), 0)
    }

    fn range(from: u64, to: u64) -> SequenceRange {
        let records = usize::try_from(to - from + 1).expect("a count");
        SequenceRange::new("s".into(), Holding::OF_AN_EARLIER_RUN, at(from), at(to), records)
    }

    fn cut(processed: u64, range: SequenceRange) -> SequenceRange {
        SequenceRange { processed: Some(at(processed)), ..range }
    }

    #[test]
    fn a_shard_goes_on_behind_checkpoint_and_snapshot_and_what_is_unfinished_behind_them_is_claimed() {
        let initial = Checkpoint::TrimHorizon;
        let checkpoint = |number| Checkpoint::At(at(number));
        let two = || vec![range(11, 15), range(16, 20)];
        let cases = [
            ("nothing was left", checkpoint(10), None, vec![], Some(10), vec![]),
            ("the snapshot is ahead of the checkpoint", checkpoint(5), Some(10), vec![], Some(10), vec![]),
            ("another worker is ahead of the snapshot", checkpoint(12), Some(10), vec![], Some(12), vec![]),
            ("no checkpoint yet", initial, Some(10), two(), Some(20), vec![Some(range(11, 15)), Some(range(16, 20))]),
            ("no snapshot yet", initial, None, two(), Some(20), vec![Some(range(11, 15)), Some(range(16, 20))]),
            ("one was processed", checkpoint(15), Some(10), two(), Some(20), vec![None, Some(range(16, 20))]),
            ("one straddles", checkpoint(17), Some(10), two(), Some(20), vec![None, Some(cut(17, range(16, 20)))]),
            ("all were processed", checkpoint(30), Some(10), two(), Some(30), vec![None, None]),
            ("the shard has ended", Checkpoint::ShardEnd, Some(10), two(), None, vec![None, None]),
            (
                "it was lost and gained again while it was read",
                checkpoint(9),
                None,
                vec![range(10, 15), range(13, 18), range(12, 14)],
                Some(18),
                vec![Some(range(10, 15)), Some(cut(15, range(13, 18))), None],
            ),
        ];
        for (case, checkpoint, accounted, unfinished, start, claimed) in cases {
            let remains = Remains { accounted: accounted.map(at), unfinished };
            let resumed = resume(&lease(checkpoint, None), &remains);
            assert_eq!(resumed.claimed, claimed, "{case}");
            assert_eq!(resumed.start.and_then(|start| start.processed), start.map(at), "{case}");
        }
    }

    #[test]
    fn a_shard_of_which_nothing_is_known_begins_where_its_lease_says() {
        let lease = lease(Checkpoint::Latest, Some(7));
        assert_eq!(resume(&lease, &Remains::default()).start, start_of(&lease));
    }

    #[test]
    fn a_range_that_was_cut_at_an_earlier_start_stays_cut() {
        let remains = Remains { accounted: Some(at(10)), unfinished: vec![cut(13, range(11, 15))] };
        let resumed = resume(&lease(Checkpoint::At(at(12)), None), &remains);
        assert_eq!(resumed.claimed, [Some(cut(13, range(11, 15)))]);
    }

    proptest! {
        #[test]
        fn between_snapshot_replay_and_live_reading_no_record_is_lost_or_comes_twice(
            accounted in 0_u64..60,
            checkpoint in 0_u64..60,
            pages in prop::collection::vec((1_u64..6, 0_u64..4), 0..12),
        ) {
            const LAST: u64 = 100;
            // What the last run read after its snapshot: page by page; now and then it lost the lease and read some again.
            let mut unfinished: Vec<SequenceRange> = Vec::new();
            let mut next = accounted + 1;
            for (length, again) in pages {
                let from = next.saturating_sub(again).max(accounted + 1);
                unfinished.push(range(from, from + length));
                next = next.max(from + length + 1);
            }
            let remains = Remains { accounted: Some(at(accounted)), unfinished };
            let resumed = resume(&lease(Checkpoint::At(at(checkpoint)), None), &remains);
            let live = resumed.start.and_then(|start| start.processed).expect("a position");
            prop_assert!(live >= at(accounted.max(checkpoint)));
            for number in 0..=LAST {
                let record = at(number);
                let before = record <= at(accounted.max(checkpoint));
                let replayed = resumed.claimed.iter().flatten().filter(|range| {
                    (range.from..=range.to).contains(&record) && range.processed.is_none_or(|done| record > done)
                });
                let times = usize::from(before) + replayed.count() + usize::from(record > live);
                prop_assert_eq!(times, 1, "record {}", number);
            }
        }
    }
}
