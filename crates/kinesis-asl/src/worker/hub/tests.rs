//! Receivers that leave early, late, or more often than they came.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use dstream_core::{Claim, ManualClock, StreamId, testing::receiver_store};
use kinesis_endpoint::{Credentials, Region, ServiceAccess};
use kpl_deagg::HashKeyRange;

use super::*;
use crate::config::{LeaseKeys, Tuning};
use crate::lease::faulty_store::{Fate, FaultyStore};
use crate::lease::memory_store::MemoryLeaseStore;
use crate::shard::{Shard, ShardState};
use crate::worker::stand_in::StandIn;

const AT_ONCE: Duration = Duration::from_secs(5);

fn config() -> KinesisConfig {
    let nowhere = ServiceAccess { region: Region::default_local(), endpoint: None, credentials: Credentials::Default };
    KinesisConfig {
        application: "word-count".into(),
        stream: "words".into(),
        kinesis: nowhere.clone(),
        dynamodb: nowhere,
        initial_position: InitialPosition::TrimHorizon,
        keys: LeaseKeys::OneStream,
        tuning: Tuning::new(Duration::from_secs(1)),
    }
}

fn one_shard() -> Shard {
    Shard {
        id: "s0".into(),
        parents: [].into(),
        hash_range: Some(HashKeyRange::FULL),
        starting_sequence: None,
        ending_sequence: None,
        state: ShardState::Open,
    }
}

/// A hub on a stream of one shard whose reader never gets an iterator.
fn hub(store: &Arc<MemoryLeaseStore>) -> WorkerHub {
    let api = Arc::new(StandIn::new(|_, _| Ok(vec![one_shard()])));
    let store: Arc<dyn LeaseStore> = Arc::<MemoryLeaseStore>::clone(store);
    WorkerHub::with_backend(
        config(),
        Backend { api, store },
        Arc::new(ManualClock::new(dstream_core::Time::from_millis(0))),
    )
}

async fn leave(hub: &WorkerHub, seat: SeatId) {
    let left = tokio::time::timeout(AT_ONCE, hub.leave(seat)).await;
    left.expect("it does not hang").expect("nothing was held");
}

async fn owners(store: &MemoryLeaseStore) -> Vec<Option<WorkerId>> {
    store.list().await.expect("listed").leases.into_iter().map(|lease| lease.owner).collect()
}

#[tokio::test(start_paused = true)]
async fn who_leaves_before_the_start_or_twice_neither_hangs_nor_fails_gs_4_t326() {
    let store = Arc::new(MemoryLeaseStore::default());
    let hub = hub(&store);
    let seat = hub.register(&config()).expect("registered");
    hub.stop_fetching(seat).await;
    leave(&hub, seat).await;
    leave(&hub, seat).await;
    assert_eq!(owners(&store).await, []);
}

#[tokio::test(start_paused = true)]
async fn who_leaves_after_the_start_has_released_its_leases_and_may_leave_again_gs_1_gs_4() {
    let store = Arc::new(MemoryLeaseStore::default());
    let hub = hub(&store);
    let seat = hub.register(&config()).expect("registered");
    let (sink, _probe) = receiver_store(StreamId::new(0), 1 << 20);
    hub.join(seat, sink).await.expect("joined");
    let held = async {
        while owners(&store).await != [Some(hub.identity.id.clone())] {
            tokio::time::sleep(AT_ONCE / 50).await;
        }
    };
    tokio::time::timeout(AT_ONCE, held).await.expect("it takes the lease");
    hub.stop_fetching(seat).await;
    leave(&hub, seat).await;
    assert_eq!(owners(&store).await, [None]);
    leave(&hub, seat).await;
}

#[tokio::test(start_paused = true)]
async fn one_of_two_that_leaves_while_the_other_never_joined_does_not_wait_for_it_gs_3() {
    let store = Arc::new(MemoryLeaseStore::default());
    let hub = hub(&store);
    let seats = [(); 2].map(|()| hub.register(&config()).expect("registered"));
    let (sink, _probe) = receiver_store(StreamId::new(0), 1 << 20);
    hub.join(seats[0], sink).await.expect("joined");
    leave(&hub, seats[0]).await;
    leave(&hub, seats[1]).await;
    assert_eq!(owners(&store).await, [None], "made, and never taken");
}

/// What a run of this worker left: it had read the shard `s0` from 11 to 20, and its snapshot holds what is before.
fn left_by(worker: &WorkerId) -> Leftover<SequenceRange> {
    let at = |number: u64| crate::sequence::Position::new(number.to_string().parse().expect("digits"), 0);
    let range = |from, to| SequenceRange {
        reader: Some(worker.clone()),
        ..SequenceRange::new("s0".into(), crate::range::Holding::OF_AN_EARLIER_RUN, at(from), at(to), 10)
    };
    Leftover { accounted: vec![range(1, 10)], unfinished: vec![range(11, 20)] }
}

/// A hub whose receiver goes on from what was left; and whether its ranges are its own.
async fn resumed(
    store: &Arc<MemoryLeaseStore>,
    left: &Leftover<SequenceRange>,
) -> (WorkerHub, Vec<Claim<SequenceRange>>) {
    resumed_by(hub(store), left).await
}

/// The same by a given hub.
async fn resumed_by(hub: WorkerHub, left: &Leftover<SequenceRange>) -> (WorkerHub, Vec<Claim<SequenceRange>>) {
    let seat = hub.register(&config()).expect("registered");
    hub.resume(seat, left.clone());
    let (sink, _probe) = receiver_store(StreamId::new(0), 1 << 20);
    hub.join(seat, sink).await.expect("joined");
    let claims = hub.claim(seat, left.unfinished.clone()).await.expect("an answer");
    (hub, claims)
}

fn is_ours(claims: &[Claim<SequenceRange>]) -> bool {
    matches!(claims, [Claim::Ours(range)] if range.holding != crate::range::Holding::OF_AN_EARLIER_RUN)
}

#[tokio::test(start_paused = true)]
async fn a_restart_takes_the_leases_of_the_run_before_at_once_and_claims_what_it_left() {
    let store = Arc::new(MemoryLeaseStore::default());
    let (first, claims) = resumed(&store, &left_by(&"nobody".into())).await;
    assert!(is_ours(&claims), "the first start of a directory finds free leases: {claims:?}");
    first.kill().await;
    assert_eq!(owners(&store).await, [Some(first.identity.id.clone())], "a crash leaves the owner");

    let begun = Instant::now();
    let (second, claims) = resumed(&store, &left_by(&first.identity.id)).await;
    assert!(is_ours(&claims), "{claims:?}");
    assert!(begun.elapsed() < Duration::from_secs(1), "and not after the failover time: {:?}", begun.elapsed());
    assert_eq!(owners(&store).await, [Some(second.identity.id.clone())]);
    second.kill().await;
}

#[tokio::test(start_paused = true)]
async fn a_predecessor_that_is_alive_after_all_loses_its_lease_and_writes_nothing_more() {
    let store = Arc::new(MemoryLeaseStore::default());
    let (first, _) = resumed(&store, &left_by(&"nobody".into())).await;
    let (second, claims) = resumed(&store, &left_by(&first.identity.id)).await;
    assert!(is_ours(&claims), "{claims:?}");
    for _ in 0..60 {
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(owners(&store).await, [Some(second.identity.id.clone())], "whatever the first one tries");
    }
    leave(&first, SeatId(0)).await;
    assert_eq!(owners(&store).await, [Some(second.identity.id.clone())], "it has nothing to release");
    second.kill().await;
}

#[tokio::test(start_paused = true)]
async fn what_another_live_worker_holds_is_elsewhere_as_soon_as_that_worker_has_shown_that_it_lives() {
    let store = Arc::new(MemoryLeaseStore::default());
    let (other, _) = resumed(&store, &left_by(&"nobody".into())).await;
    let begun = Instant::now();
    let (hub, claims) = resumed(&store, &left_by(&"long gone".into())).await;
    assert_eq!(claims, [Claim::Elsewhere]);
    assert!(begun.elapsed() < config().tuning.failover, "its first renewal was enough: {:?}", begun.elapsed());
    other.kill().await;
    hub.kill().await;
}

#[tokio::test(start_paused = true)]
async fn a_crash_between_two_restarts_is_waited_for_and_then_the_ranges_are_ours() {
    let store = Arc::new(MemoryLeaseStore::default());
    // This one wrote nothing into the directory, so nobody knows it for a predecessor.
    let (between, _) = resumed(&store, &left_by(&"first".into())).await;
    between.kill().await;
    let begun = Instant::now();
    let (last, claims) = resumed(&store, &left_by(&"first".into())).await;
    assert!(is_ours(&claims), "{claims:?}");
    assert!(begun.elapsed() >= config().tuning.failover, "{:?}", begun.elapsed());
    last.kill().await;
}

#[tokio::test(start_paused = true)]
async fn a_stop_while_a_claim_waits_is_called_a_stop_and_not_a_panic() {
    let store = Arc::new(MemoryLeaseStore::default());
    // It holds the lease, and whether it lives is to be waited for.
    let (other, _) = resumed(&store, &left_by(&"nobody".into())).await;
    other.kill().await;
    let hub = hub(&store);
    let seat = hub.register(&config()).expect("registered");
    let left = left_by(&"long gone".into());
    hub.resume(seat, left.clone());
    let (sink, probe) = receiver_store(StreamId::new(0), 1 << 20);
    hub.join(seat, sink).await.expect("joined");
    let stop = async {
        tokio::time::sleep(AT_ONCE / 5).await;
        leave(&hub, seat).await;
    };
    let (claimed, ()) = tokio::join!(hub.claim(seat, left.unfinished), stop);
    assert!(matches!(claimed, Err(KinesisError::StoppedWhileStarting { .. })), "{claimed:?}");
    assert!(probe.failure().is_none(), "nothing has panicked");
}

#[tokio::test(start_paused = true)]
async fn a_range_of_which_the_lease_cannot_be_read_is_not_taken_apart_without_its_hash_range() {
    let store = Arc::new(FaultyStore::new(MemoryLeaseStore::default()));
    let api = Arc::new(StandIn::new(|_, _| Ok(vec![one_shard()])));
    let table: Arc<dyn LeaseStore> = Arc::<FaultyStore<MemoryLeaseStore>>::clone(&store);
    let clock = Arc::new(ManualClock::new(dstream_core::Time::from_millis(0)));
    let mut config = config();
    config.tuning.range_policy = kpl_deagg::RangePolicy::DiscardRecord;
    let hub = WorkerHub::with_backend(config, Backend { api, store: table }, clock);
    store.next_reads([Fate::Refused; 100]);
    let [range] = left_by(&"before".into()).unfinished.try_into().expect("one");
    let error = hub.reread(&range).await.expect_err("the table is throttled");
    assert!(dstream_core::error_chain(&error).contains("GetItem"), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn a_claim_without_ranges_is_answered_before_anything_runs() {
    let hub = hub(&Arc::default());
    let seat = hub.register(&config()).expect("registered");
    assert_eq!(hub.claim(seat, vec![]).await.expect("an answer"), []);
}

/// A stream of one shard that answers as long as it exists.
fn stream(name: &str, exists: &Arc<AtomicBool>) -> (String, InitialPosition, Arc<dyn KinesisApi>) {
    let exists = Arc::clone(exists);
    let api = StandIn::new(move |_, _| {
        if exists.load(Ordering::Relaxed) {
            return Ok(vec![one_shard()]);
        }
        let gone = kinesis_endpoint::ServiceError::invalid_response("ListShards", "the stream", "it is gone");
        Err(kinesis_endpoint::ServiceError { kind: kinesis_endpoint::ServiceErrorKind::NotFound, ..gone })
    });
    (name.to_owned(), InitialPosition::TrimHorizon, Arc::new(api.named(name)))
}

#[tokio::test(start_paused = true)]
async fn what_an_earlier_run_left_of_a_stream_that_is_gone_is_counted_as_lost_and_the_other_stream_goes_on() {
    let store = Arc::new(MemoryLeaseStore::default());
    let words = KinesisConfig { keys: LeaseKeys::SeveralStreams, ..config() };
    let sentences = KinesisConfig { stream: "sentences".into(), ..words.clone() };
    let (stays, gone) = (Arc::new(AtomicBool::new(true)), Arc::new(AtomicBool::new(false)));
    let streams = vec![stream("words", &stays), stream("sentences", &gone)];
    let clock = Arc::new(ManualClock::new(dstream_core::Time::from_millis(0)));
    let table: Arc<dyn LeaseStore> = Arc::<MemoryLeaseStore>::clone(&store);
    let hub = WorkerHub::with_streams(words.clone(), streams, table, clock);
    let left = |stream: &str| {
        let of_stream =
            |range: SequenceRange| SequenceRange { shard: format!("1:{stream}:20:s0").as_str().into(), ..range };
        let Leftover { accounted, unfinished } = left_by(&"before".into());
        let own = |ranges: Vec<SequenceRange>| ranges.into_iter().map(of_stream).collect::<Vec<_>>();
        Leftover { accounted: own(accounted), unfinished: own(unfinished) }
    };
    let mut seats = Vec::new();
    for config in [&words, &sentences] {
        let seat = hub.register(config).expect("registered");
        hub.resume(seat, left(&config.stream));
        seats.push((seat, left(&config.stream).unfinished));
    }
    let mut probes = Vec::new();
    for (number, (seat, _)) in (0..).zip(&seats) {
        let (sink, probe) = receiver_store(StreamId::new(number), 1 << 20);
        hub.join(*seat, sink).await.expect("joined");
        probes.push(probe);
    }
    let begun = Instant::now();
    let [words, sentences] = seats.try_into().expect("two seats");
    assert_eq!(hub.claim(sentences.0, sentences.1).await.expect("an answer"), [Claim::Processed]);
    assert!(is_ours(&hub.claim(words.0, words.1).await.expect("an answer")));
    assert!(begun.elapsed() < Duration::from_secs(1), "nobody is waited for: {:?}", begun.elapsed());
    assert_eq!(hub.reading.board.losses(), 1);
    assert!(probes.iter().all(|probe| probe.failure().is_none()), "nothing stops");
    hub.kill().await;
}

/// Waits until the owners of the streams `sentences` and `words` are these.
async fn settles_at(store: &MemoryLeaseStore, wanted: [Option<&WorkerId>; 2]) {
    let settled = async {
        while owners(store).await != wanted.map(Option::<&WorkerId>::cloned) {
            tokio::time::sleep(AT_ONCE / 50).await;
        }
    };
    let settled = tokio::time::timeout(Duration::from_secs(1_000), settled).await;
    assert!(settled.is_ok(), "{wanted:?}, but {:?}", owners(store).await);
}

#[tokio::test(start_paused = true)]
async fn of_two_streams_one_that_a_cleanup_finds_gone_is_given_up_and_read_again_when_it_is_back_hs_10() {
    let store = Arc::new(MemoryLeaseStore::default());
    let (stays, goes) = (Arc::new(AtomicBool::new(true)), Arc::new(AtomicBool::new(true)));
    let words = KinesisConfig { keys: LeaseKeys::SeveralStreams, ..config() };
    let words = KinesisConfig {
        // Readers of these streams have nothing to read, which must not end the test.
        tuning: Tuning { give_up_after: Duration::from_secs(100_000), ..words.tuning.clone() },
        ..words
    };
    let sentences = KinesisConfig { stream: "sentences".into(), ..words.clone() };
    let table: Arc<dyn LeaseStore> = Arc::<MemoryLeaseStore>::clone(&store);
    let streams = vec![stream("words", &stays), stream("sentences", &goes)];
    let clock = Arc::new(ManualClock::new(dstream_core::Time::from_millis(0)));
    let hub = WorkerHub::with_streams(words.clone(), streams, table, clock);
    let mut probes = Vec::new();
    for (number, config) in [(0, &words), (1, &sentences)] {
        let seat = hub.register(config).expect("registered");
        assert_eq!(seat, SeatId(number));
    }
    for (number, seat) in [(0, SeatId(0)), (1, SeatId(1))] {
        let (sink, probe) = receiver_store(StreamId::new(number), 1 << 20);
        hub.join(seat, sink).await.expect("joined");
        probes.push(probe);
    }
    let me = hub.identity.id.clone();
    settles_at(&store, [Some(&me), Some(&me)]).await;
    goes.store(false, Ordering::Relaxed);
    settles_at(&store, [None, Some(&me)]).await;
    assert!(probes.iter().all(|probe| probe.failure().is_none()), "nothing stops");
    goes.store(true, Ordering::Relaxed);
    settles_at(&store, [Some(&me), Some(&me)]).await;
    hub.kill().await;
}

mod two_phases;
