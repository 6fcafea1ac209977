//! Whose a shard of an earlier run is, story by story.

use std::time::Duration;

use super::*;
use crate::lease::store::Listing;

const SEAT: SeatId = SeatId(0);
const OTHER_SEAT: SeatId = SeatId(1);

fn at(number: u64) -> Position {
    Position::new(number.to_string().parse().unwrap(), 0)
}

fn range(shard: &str, from: u64, to: u64) -> SequenceRange {
    let mut range = SequenceRange::new(shard.into(), Holding::OF_AN_EARLIER_RUN, at(from), at(to), 1);
    range.reader = Some("before".into());
    range
}

fn left(ranges: &[SequenceRange]) -> Leftovers {
    Leftovers::new([(SEAT, Leftover { accounted: vec![range("s", 1, 10)], unfinished: ranges.to_vec() })])
}

fn lease(checkpoint: Checkpoint, owner: Option<&str>, counter: u64) -> Lease {
    let mut lease = Lease::new("s".into(), checkpoint);
    (lease.owner, lease.counter) = (owner.map(WorkerId::from), LeaseCounter(counter));
    lease
}

fn seen(leftovers: &mut Leftovers, leases: Vec<Lease>) {
    let mut snapshot = Snapshot::default();
    snapshot
        .update(Listing { leases, unreadable: Vec::new() }, tokio::time::Instant::now().into_std() + Duration::ZERO);
    leftovers.on_listing(&snapshot, &"me".into());
}

fn ours(holding: u64, range: &SequenceRange) -> Claim<SequenceRange> {
    Claim::Ours(SequenceRange { holding: Holding(holding), ..range.clone() })
}

#[test]
fn what_was_gained_before_the_answer_is_ours_under_that_holding_and_live_reading_begins_behind_it() {
    let unfinished = [range("s", 11, 15), range("s", 16, 20)];
    let mut leftovers = left(&unfinished);
    assert!(!leftovers.are_settled(&unfinished));
    let resumption = leftovers.on_gained(&lease(Checkpoint::At(at(5)), Some("me"), 7), Holding(3));
    assert_eq!(resumption.start.unwrap().processed, Some(at(20)));
    assert!(leftovers.are_settled(&unfinished));
    assert_eq!(leftovers.answer(SEAT, &unfinished), unfinished.each_ref().map(|range| ours(3, range)));
}

#[test]
fn a_lease_that_is_gained_after_the_answer_goes_on_behind_snapshot_and_checkpoint_alone() {
    let unfinished = [range("s", 11, 15)];
    let mut leftovers = left(&unfinished);
    assert_eq!(leftovers.answer(SEAT, &unfinished), [Claim::Elsewhere]);
    let resumption = leftovers.on_gained(&lease(Checkpoint::At(at(5)), Some("me"), 7), Holding(3));
    assert_eq!((resumption.start.unwrap().processed, resumption.claimed), (Some(at(10)), vec![]));
}

#[test]
fn a_lease_that_is_lost_before_the_answer_is_claimed_again_only_with_what_its_new_checkpoint_leaves() {
    let unfinished = [range("s", 11, 15), range("s", 16, 20)];
    let mut leftovers = left(&unfinished);
    leftovers.on_gained(&lease(Checkpoint::At(at(5)), Some("me"), 7), Holding(3));
    leftovers.on_lost(&"s".into(), Holding(2));
    assert!(leftovers.are_settled(&unfinished), "an older holding");
    leftovers.on_lost(&"s".into(), Holding(3));
    assert!(!leftovers.are_settled(&unfinished));
    leftovers.on_gained(&lease(Checkpoint::At(at(15)), Some("me"), 9), Holding(4));
    assert_eq!(leftovers.answer(SEAT, &unfinished), [Claim::Processed, ours(4, &unfinished[1])]);
}

#[test]
fn an_owner_counts_as_alive_when_its_counter_moves_or_when_it_has_taken_the_lease_since_and_not_before() {
    let unfinished = [range("s", 11, 15)];
    let foreign = |owner: &str, counter| vec![lease(Checkpoint::At(at(5)), Some(owner), counter)];
    for next in [foreign("other", 8), foreign("third", 8)] {
        let mut leftovers = left(&unfinished);
        seen(&mut leftovers, foreign("other", 7));
        seen(&mut leftovers, foreign("other", 7));
        assert!(!leftovers.are_settled(&unfinished), "it may be dead");
        seen(&mut leftovers, next);
        assert!(leftovers.are_settled(&unfinished));
        assert_eq!(leftovers.answer(SEAT, &unfinished), [Claim::Elsewhere]);
    }
}

#[test]
fn a_free_lease_is_waited_for_and_an_ended_or_deleted_one_is_processed() {
    let unfinished = [range("s", 11, 15)];
    let mut free = left(&unfinished);
    seen(&mut free, vec![lease(Checkpoint::At(at(5)), None, 7)]);
    assert!(!free.are_settled(&unfinished));
    for table in [vec![], vec![lease(Checkpoint::ShardEnd, None, 7)]] {
        let mut leftovers = left(&unfinished);
        seen(&mut leftovers, table);
        assert!(leftovers.are_settled(&unfinished));
        assert_eq!(leftovers.answer(SEAT, &unfinished), [Claim::Processed]);
    }
}

#[test]
fn two_seats_that_left_ranges_of_one_shard_get_their_own_whoever_reads_it_now() {
    let (first, second) = (range("s", 11, 15), range("s", 16, 20));
    let leftover = |range: &SequenceRange| Leftover { accounted: vec![], unfinished: vec![range.clone()] };
    let mut leftovers = Leftovers::new([(OTHER_SEAT, leftover(&second)), (SEAT, leftover(&first))]);
    let resumption = leftovers.on_gained(&lease(Checkpoint::At(at(10)), Some("me"), 7), Holding(1));
    assert_eq!(resumption.start.unwrap().processed, Some(at(20)));
    assert_eq!(leftovers.answer(SEAT, std::slice::from_ref(&first)), [ours(1, &first)]);
    assert_eq!(leftovers.answer(SEAT, std::slice::from_ref(&first)), [Claim::Elsewhere], "it has its answer");
    assert_eq!(leftovers.seat_of(&"s".into()), Some(OTHER_SEAT));
    assert_eq!(leftovers.answer(OTHER_SEAT, std::slice::from_ref(&second)), [ours(1, &second)]);
    assert_eq!(leftovers.seat_of(&"s".into()), None);
}

#[test]
fn the_workers_of_earlier_runs_are_known_from_what_they_wrote() {
    assert_eq!(left(&[]).workers(), &["before".into()].into());
}

#[test]
fn what_was_left_of_a_stream_that_is_gone_is_lost_as_far_as_no_worker_has_processed_it_and_said_once() {
    let (gone, read) = ("1:words:20:s", "1:sentences:20:s");
    let unfinished = [range(gone, 11, 15), range(gone, 16, 20), range(read, 11, 15)];
    let is_read = |shard: &ShardId| shard.scope() == "1:sentences:20";
    let row = |checkpoint| vec![Lease { shard: gone.into(), ..lease(checkpoint, None, 7) }];
    let lost = |from, to, ranges| Lost { shard: gone.into(), from: at(from), to: at(to), ranges, records: ranges };
    for (case, table, expected) in [
        ("its rows were removed", vec![], vec![lost(11, 20, 2)]),
        ("nobody read it", row(Checkpoint::TrimHorizon), vec![lost(11, 20, 2)]),
        ("another worker processed a part", row(Checkpoint::At(at(15))), vec![lost(16, 20, 1)]),
        ("another worker processed all", row(Checkpoint::At(at(20))), vec![]),
        ("another worker processed its end", row(Checkpoint::ShardEnd), vec![]),
    ] {
        let mut leftovers = left(&unfinished);
        assert_eq!(leftovers.on_streams(&table, is_read), expected, "{case}");
        assert_eq!(leftovers.on_streams(&table, is_read), [], "{case}: once");
        assert!(leftovers.are_settled(&unfinished[..2]) && !leftovers.are_settled(&unfinished), "{case}");
        seen(&mut leftovers, vec![]);
        assert_eq!(leftovers.on_streams(&table, is_read), [], "{case}: nor after a listing");
    }
}

#[test]
fn what_was_left_of_a_stream_that_is_gone_is_not_lost_if_it_was_claimed_or_answered_before() {
    let unfinished = [range("s", 11, 15)];
    let mut claimed = left(&unfinished);
    claimed.on_gained(&lease(Checkpoint::At(at(5)), Some("me"), 7), Holding(3));
    assert_eq!(claimed.on_streams(&[], |_| false), []);
    let mut answered = left(&unfinished);
    answered.answer(SEAT, &unfinished);
    assert_eq!(answered.on_streams(&[], |_| false), []);
}
