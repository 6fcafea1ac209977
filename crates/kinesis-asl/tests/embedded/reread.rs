//! Ranges that one run has read, read again by another: the same records, byte by byte, whatever the service does meanwhile.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use dstream_core::testing::{StoreProbe, receiver_store};
use dstream_core::{RangeReplay, Receiver, ReceiverError, StreamId};
use kinesis_asl::worker::hub::WorkerHub;
use kinesis_asl::{
    InitialPosition, KinesisConfig, KinesisReceiver, KinesisRecord, LeaseKeys, OnExpired, RereadError, RereadRetry,
    SequenceRange, Tuning,
};
use kinesis_local::faults::{Effect, Fault};
use kpl_deagg::Aggregator;

use crate::support::wait::eventually;
use crate::support::world::{APP, STREAM, World, access, shard};

type Replay = Arc<dyn RangeReplay<KinesisRecord, SequenceRange>>;

/// One run of an application with one receiver, whose blocks a test looks at.
struct Run {
    receiver: KinesisReceiver,
    replay: Replay,
    probe: StoreProbe<KinesisRecord, SequenceRange>,
}

/// What was read first: each range with its records.
type FirstReads = Vec<(SequenceRange, Vec<KinesisRecord>)>;

fn tuning() -> Tuning {
    Tuning {
        failover: Duration::from_secs(1),
        idle_between_reads: Duration::from_millis(200),
        ..Tuning::new(Duration::from_secs(10))
    }
}

/// A receiver that was not started, and can read ranges again all the same.
fn receiver(world: &World, tuning: Tuning) -> (KinesisReceiver, Replay) {
    let config = KinesisConfig {
        application: APP.to_owned(),
        stream: STREAM.to_owned(),
        kinesis: access(&world.kinesis_url()),
        dynamodb: access(&world.dynamodb_url()),
        initial_position: InitialPosition::TrimHorizon,
        keys: LeaseKeys::OneStream,
        tuning,
    };
    let hub = Arc::new(WorkerHub::new(config.clone()));
    let seat = hub.register(&config).unwrap();
    let receiver = KinesisReceiver::new(hub, seat);
    let replay = receiver.replay().unwrap();
    (receiver, replay)
}

impl Run {
    async fn start(world: &World) -> Self {
        let (mut receiver, replay) = receiver(world, tuning());
        let (store, probe) = receiver_store(StreamId::new(0), 1 << 24);
        receiver.start(store).await.unwrap();
        Self { receiver, replay, probe }
    }

    /// Waits for so many records, and takes them page by page.
    async fn reads(&self, count: usize) -> FirstReads {
        let mut reads: FirstReads = Vec::new();
        eventually(&format!("{count} records read"), async || {
            if let Some(block) = self.probe.cut() {
                let mut records = block.records().iter().cloned();
                reads.extend(
                    block.ranges().iter().map(|range| (range.clone(), records.by_ref().take(range.records).collect())),
                );
            }
            let read: usize = reads.iter().map(|(range, _)| range.records).sum();
            if read >= count { Ok(()) } else { Err(read.to_string()) }
        })
        .await;
        reads
    }

    async fn stop(mut self) {
        self.receiver.stop_fetching().await;
        self.receiver.close().await.unwrap();
    }
}

/// Reads everything that comes up to `count` records, ends that run, and lets another one take its ranges from their bytes.
async fn read_by_another_run(world: &World, count: usize, tuning: Tuning) -> (FirstReads, Replay) {
    let run = Run::start(world).await;
    let reads = run.reads(count).await;
    let (_, next) = receiver(world, tuning);
    let moved =
        reads.into_iter().map(|(range, records)| (next.decode(run.replay.encode(&range)).unwrap(), records)).collect();
    run.stop().await;
    (moved, next)
}

async fn again(replay: &Replay, range: &SequenceRange) -> Vec<KinesisRecord> {
    replay.read(range).await.unwrap_or_else(|error| panic!("{}", dstream_core::error_chain(&error)))
}

async fn failure(replay: &Replay, range: &SequenceRange) -> Failure {
    Failure(replay.read(range).await.unwrap_err())
}

struct Failure(ReceiverError);

impl std::ops::Deref for Failure {
    type Target = RereadError;

    fn deref(&self) -> &RereadError {
        self.0.inner().downcast_ref().unwrap()
    }
}

fn texts(records: &[KinesisRecord]) -> Vec<String> {
    records.iter().map(|record| String::from_utf8(record.data().to_vec()).unwrap()).collect()
}

fn aggregate(numbers: std::ops::Range<u64>) -> kpl_deagg::Aggregate {
    let mut aggregator = Aggregator::new(1 << 20);
    for number in numbers {
        let _ = aggregator.try_add(&format!("user-{number}"), None, number.to_string().as_bytes());
    }
    aggregator.finish().unwrap()
}

/// Numbers 0 to 79 as aggregates of ten each.
async fn put_aggregates(world: &World) {
    for ten in 0..8 {
        let aggregate = aggregate(ten * 10..ten * 10 + 10);
        world.putter().one(&aggregate.partition_key, &aggregate.data).await;
    }
}

async fn all_ranges_are_as_at_first(reads: &FirstReads, replay: &Replay) {
    let mut by_shard: BTreeMap<String, Vec<KinesisRecord>> = BTreeMap::new();
    for (range, first) in reads {
        let records = again(replay, range).await;
        assert_eq!(&records, first, "{range}");
        by_shard.entry(replay.source(range)).or_default().extend(records);
    }
    for (shard, records) in by_shard {
        assert!(records.is_sorted_by_key(KinesisRecord::position), "{shard} in order");
    }
}

#[tokio::test]
async fn each_range_of_plain_records_and_all_together_are_read_again_as_they_were_in_order_by_shard_t350_t351_t353() {
    let world = World::start(2).await;
    world.putter().numbers(0..80).await;
    let (reads, next) = read_by_another_run(&world, 80, tuning()).await;
    assert!(reads.iter().map(|(range, _)| &range.shard).collect::<std::collections::BTreeSet<_>>().len() == 2);
    all_ranges_are_as_at_first(&reads, &next).await;
    // A range is not used up by being read.
    all_ranges_are_as_at_first(&reads, &next).await;
    world.stop().await;
}

#[tokio::test]
async fn each_range_of_aggregates_and_all_together_are_read_again_as_they_were_t350() {
    let world = World::start(2).await;
    put_aggregates(&world).await;
    let (reads, next) = read_by_another_run(&world, 80, tuning()).await;
    all_ranges_are_as_at_first(&reads, &next).await;
    world.stop().await;
}

#[tokio::test]
async fn ranges_that_begin_and_end_inside_of_aggregates_lose_and_double_nothing_regression_r1() {
    let world = World::start(1).await;
    put_aggregates(&world).await;
    let (reads, next) = read_by_another_run(&world, 80, tuning()).await;
    let first: Vec<KinesisRecord> = reads.iter().flat_map(|(_, records)| records.clone()).collect();
    let mut found = Vec::new();
    for part in first.chunks(7) {
        let (from, to) = (part[0].position(), part[part.len() - 1].position());
        let range = SequenceRange { from, to, records: part.len(), ..reads[0].0.clone() };
        found.extend(again(&next, &range).await);
        let processed = Some(part[2.min(part.len() - 1)].position());
        let rest = again(&next, &SequenceRange { processed, ..range }).await;
        assert_eq!(rest, part[3.min(part.len())..], "what was processed before is left out");
    }
    assert_eq!(found, first);
    world.stop().await;
}

#[tokio::test]
async fn a_range_that_the_stream_does_not_have_or_has_otherwise_is_an_error_that_names_it_t352() {
    let world = World::start(1).await;
    world.putter().numbers(0..10).await;
    let (reads, next) = read_by_another_run(&world, 10, tuning()).await;
    let range = &reads[0].0;
    let more = SequenceRange { records: range.records + 1, ..range.clone() };
    let error = failure(&next, &more).await;
    assert!(matches!(*error, RereadError::OtherCount { found, .. } if found == range.records), "{}", *error);
    assert!(error.to_string().contains(&shard(0)), "{}", *error);
    let elsewhere = SequenceRange { shard: shard(7).as_str().into(), ..range.clone() };
    let error = failure(&next, &elsewhere).await;
    assert!(matches!(*error, RereadError::Expired { .. }), "{}", *error);
    assert!(error.to_string().contains(&shard(7)), "{}", *error);
    world.stop().await;
}

#[tokio::test]
async fn a_closed_shard_is_read_again_to_its_end() {
    let world = World::start(1).await;
    put_aggregates(&world).await;
    let run = Run::start(&world).await;
    let reads = run.reads(80).await;
    let middle = "170141183460469231731687303715884105728";
    let split = world.kinesis.split_shard().stream_name(STREAM).shard_to_split(shard(0)).new_starting_hash_key(middle);
    split.send().await.unwrap();
    all_ranges_are_as_at_first(&reads, &run.replay).await;
    run.stop().await;
    world.stop().await;
}

#[tokio::test]
async fn throttled_failed_cut_and_expired_calls_are_made_again_and_change_nothing_i6() {
    let world = World::start(2).await;
    put_aggregates(&world).await;
    let retry = RereadRetry {
        wait_time: Duration::from_millis(1),
        max_attempts: 8,
        ..RereadRetry::new(Duration::from_secs(10))
    };
    let (reads, next) = read_by_another_run(&world, 80, Tuning { reread: retry, ..tuning() }).await;
    for effect in [
        Effect::Throttle,
        Effect::ServerError { status: 500 },
        Effect::CutAfter,
        Effect::fail("ExpiredIteratorException"),
    ] {
        world.faults().add(Fault::kinesis(effect).operation("GetRecords").times(1)).unwrap();
    }
    world.faults().add(Fault::kinesis(Effect::Throttle).operation("GetShardIterator").times(2)).unwrap();
    all_ranges_are_as_at_first(&reads, &next).await;
    assert!(world.faults().list().iter().all(|rule| rule.hits > 0), "{:?}", world.faults().list());
    world.stop().await;
}

#[tokio::test]
async fn a_call_that_fails_as_often_as_it_may_is_given_up_or_timed_out_with_its_range_and_last_failure_t363() {
    let world = World::start(1).await;
    world.putter().numbers(0..10).await;
    let retry = RereadRetry { wait_time: Duration::from_millis(1), ..RereadRetry::new(Duration::from_secs(10)) };
    let (reads, next) = read_by_another_run(&world, 10, Tuning { reread: retry, ..tuning() }).await;
    let range = &reads[0].0;
    let always = world.faults().add(Fault::kinesis(Effect::Throttle).operation("GetRecords")).unwrap();
    let error = failure(&next, range).await;
    let chain = dstream_core::error_chain(&*error);
    assert!(chain.contains("gave up after 3 attempts") && chain.contains(&range.to_string()), "{chain}");
    assert!(chain.contains("ProvisionedThroughputExceeded"), "{chain}");

    let no_time = RereadRetry { timeout: Duration::ZERO, ..retry };
    let (_, hasty) = receiver(&world, Tuning { reread: no_time, ..tuning() });
    let error = failure(&hasty, range).await;
    assert!(matches!(*error, RereadError::TimedOut { .. }), "{}", *error);
    assert!(error.to_string().contains("timed out after"), "{}", *error);

    world.faults().remove(always);
    assert_eq!(texts(&again(&next, range).await), texts(&reads[0].1));
    world.stop().await;
}

#[tokio::test]
async fn a_range_whose_records_have_expired_is_an_error_or_empty_by_choice() {
    let world = World::start(1).await;
    world.putter().numbers(0..10).await;
    let (reads, next) = read_by_another_run(&world, 10, tuning()).await;
    let (_, lenient) = receiver(&world, Tuning { on_expired: OnExpired::Continue, ..tuning() });
    let range = &reads[0].0;
    world.passes(Duration::from_secs(25 * 3_600));
    for later in [0..0, 10..20] {
        world.putter().numbers(later).await;
        let error = failure(&next, range).await;
        assert!(matches!(*error, RereadError::Expired { .. }), "{}", *error);
        assert!(
            error.to_string().contains(&shard(0)) && error.to_string().contains("OnExpired::Continue"),
            "{}",
            *error
        );
        assert_eq!(again(&lenient, range).await, []);
    }
    world.stop().await;
}
