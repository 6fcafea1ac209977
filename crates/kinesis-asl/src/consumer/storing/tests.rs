//! Pages in slices, in virtual time.

use std::time::Duration;

use bytes::Bytes;
use dstream_core::testing::{StoreProbe, receiver_store};
use dstream_core::{Block, RecordsPerSecond, StreamId};
use kpl_deagg::{Aggregator, RangePolicy};
use proptest::prelude::*;
use tokio::time::Instant;

use super::*;
use crate::checkpoint::progress::CheckpointAfter;
use crate::consumer::expand::Expander;
use crate::consumer::scripted::{number, record};
use crate::origin::Origin;

type Probe = StoreProbe<KinesisRecord, SequenceRange>;

struct Rig {
    sink: RecordSink,
    probe: Probe,
    tracker: Arc<ProgressTracker>,
    board: ReadingBoard,
    shard: ShardId,
}

impl Rig {
    fn new(budget: usize) -> Self {
        let (sink, probe) = receiver_store(StreamId::new(0), budget);
        let (tracker, shard) = (Arc::new(ProgressTracker::new(CheckpointAfter::Outputs)), ShardId::from("s"));
        tracker.with(|progress| progress.begin(shard.clone(), Holding(1)));
        Self { sink, probe, tracker, board: ReadingBoard::default(), shard }
    }

    fn limit(&self, rate: f64) {
        self.probe.limit_rate(RecordsPerSecond::new(rate).unwrap());
    }

    async fn store(&self, page: Expanded) {
        let Self { sink, tracker, board, shard, .. } = self;
        let storing = Storing { sink, tracker, board, shard, holding: Holding(1) };
        storing.store(page, self.sink.deposit(0)).await.unwrap();
    }

    /// The ranges of everything that was stored: from, to, and how many records.
    fn ranges(&self) -> Vec<(String, String, usize)> {
        let block = self.probe.cut();
        let ranges = block.iter().flat_map(Block::ranges);
        ranges.map(|range| (range.from.to_string(), range.to.to_string(), range.records)).collect()
    }
}

fn expander(processed: Option<Position>) -> Expander {
    let origin = Arc::new(Origin { stream: "words".into(), shard: "s".into() });
    Expander { shard: "s".into(), origin, hash_range: None, policy: RangePolicy::KeepAll, processed }
}

fn plain(numbers: &[u64]) -> Expanded {
    expander(None).expand(numbers.iter().map(|number| record(*number, 1)).collect())
}

fn aggregate(users: usize) -> Bytes {
    let mut aggregator = Aggregator::new(1 << 20);
    for _ in 0..users {
        let _ = aggregator.try_add("k", None, b"x");
    }
    aggregator.finish().unwrap().data
}

fn named(ranges: &[(&str, &str, usize)]) -> Vec<(String, String, usize)> {
    ranges.iter().map(|(from, to, records)| ((*from).to_owned(), (*to).to_owned(), *records)).collect()
}

#[tokio::test(start_paused = true)]
async fn without_a_limit_two_records_are_one_slice_t320() {
    let rig = Rig::new(1 << 20);
    rig.store(plain(&[5, 6])).await;
    assert_eq!(rig.ranges(), named(&[("5.0", "6.0", 2)]));
}

#[tokio::test(start_paused = true)]
async fn at_a_limit_of_one_record_a_second_two_records_are_two_slices_a_second_apart_t321() {
    let rig = Rig::new(1 << 20);
    rig.limit(1.0);
    let begun = Instant::now();
    rig.store(plain(&[5, 6])).await;
    assert_eq!(rig.ranges(), named(&[("5.0", "5.0", 1), ("6.0", "6.0", 1)]));
    assert_eq!(begun.elapsed(), Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn the_limit_is_read_for_each_slice() {
    let rig = Rig::new(1 << 20);
    rig.limit(2.0);
    let raised = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        rig.limit(100.0);
    };
    tokio::join!(rig.store(plain(&[1, 2, 3, 4, 5, 6, 7])), raised);
    let records: Vec<usize> = rig.ranges().into_iter().map(|(_, _, records)| records).collect();
    assert_eq!(records, [2, 2, 3], "the second slice was cut before the limit rose, and waited");
}

#[tokio::test(start_paused = true)]
async fn a_cut_inside_an_aggregate_is_between_two_sub_sequence_numbers_r1() {
    let rig = Rig::new(1 << 20);
    rig.limit(2.0);
    let mut raw = record(6, 0);
    raw.data = aggregate(5);
    rig.store(expander(None).expand(vec![raw, record(7, 1)])).await;
    let exact = [("6.0", "6.1", 2), ("6.2", "6.3", 2), ("6.4", "7.0", 2)];
    assert_eq!(rig.ranges(), named(&exact));
}

#[tokio::test(start_paused = true)]
async fn a_slice_that_is_not_stored_is_not_received() {
    let rig = Rig::new(1 << 20);
    rig.limit(1.0);
    let page = rig.store(plain(&[5, 6]));
    assert!(tokio::time::timeout(Duration::from_millis(500), page).await.is_err());
    let five = Position::new(number(5), 0);
    let first = SequenceRange::new(rig.shard.clone(), Holding(1), five, five, 1);
    rig.tracker.with(|progress| progress.on_done(&first));
    let drained = rig.tracker.with(|progress| progress.drained(&rig.shard, Holding(1)));
    assert!(drained.is_some(), "what was stored is all that was received");
}

#[tokio::test(start_paused = true)]
async fn a_page_larger_than_the_budget_goes_through_in_slices_that_fit() {
    let record_cost = crate::record::cost_of(&Bytes::from_static(b"x"), "k");
    let rig = Rig::new(record_cost * 4);
    let numbers: Vec<u64> = (1..=10).collect();
    let (mut seen, mut most) = (Vec::new(), 0);
    let drained = async {
        while seen.len() < 10 {
            tokio::task::yield_now().await;
            if let Some(block) = rig.probe.cut() {
                most = most.max(block.size_bytes());
                seen.extend(block.records().iter().map(|record| record.position.sequence));
            }
        }
    };
    tokio::join!(rig.store(plain(&numbers)), drained);
    assert_eq!(seen, numbers.into_iter().map(number).collect::<Vec<_>>());
    assert!(most <= record_cost * 4, "{most}");
}

#[tokio::test(start_paused = true)]
async fn a_page_of_which_nothing_is_left_is_stored_as_its_span() {
    let rig = Rig::new(1);
    let processed = Some(Position::new(number(9), 0));
    rig.store(expander(processed).expand(vec![record(5, 1), record(6, 1)])).await;
    assert_eq!(rig.ranges(), named(&[("5.0", "6.0", 0)]));
}

proptest! {
    #[test]
    fn slices_cover_a_page_without_gap_or_overlap_whatever_was_left_out(
        users in prop::collection::vec(0_usize..6, 1..8), limit in 1_u32..9, processed in prop::option::of((1_u64..8, 0_u64..6)),
    ) {
        let page: Vec<_> = (1..).zip(&users).map(|(sequence, users)| {
            let mut raw = record(sequence, 1);
            if *users > 0 {
                raw.data = aggregate(*users);
            }
            raw
        }).collect();
        let processed = processed.map(|(sequence, sub)| Position::new(number(sequence), sub));
        let whole = expander(processed).expand(page.clone());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let ranges = runtime.block_on(async {
            let rig = Rig::new(1 << 20);
            rig.limit(f64::from(limit));
            rig.store(expander(processed).expand(page)).await;
            rig.probe.cut().unwrap().ranges().to_vec()
        });
        prop_assert_eq!((ranges[0].from, ranges[ranges.len() - 1].to), whole.span.unwrap());
        let mut records = whole.records.iter();
        for (number, range) in ranges.iter().enumerate() {
            let own: Vec<_> = records.by_ref().take(range.records).collect();
            prop_assert!(own.iter().all(|record| range.from <= record.position && record.position <= range.to));
            prop_assert!(range.from <= range.to && range.records <= usize::try_from(limit).unwrap());
            prop_assert!(ranges.get(number + 1).is_none_or(|next| range.to < next.from));
        }
        prop_assert_eq!(records.count(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_shard_that_stores_slices_at_a_slow_rate_is_not_said_to_be_stuck() {
    let (rig, limit) = (Rig::new(1 << 20), Duration::from_secs(60));
    rig.limit(1.0);
    rig.board.begin(&rig.shard, Instant::now().into_std());
    let page = plain(&(1..=200).collect::<Vec<_>>());
    let watching = async {
        for _ in 0..3 {
            tokio::time::sleep(limit).await;
            assert_eq!(rig.board.watch(Instant::now().into_std(), limit), []);
        }
    };
    tokio::select! {
        biased;
        () = watching => {}
        () = rig.store(page) => panic!("the rate lets a record pass in a second"),
    }
}
