//! Positions in two phases: prepared before a snapshot is published, made after it. A crash may come between any two steps.

use std::sync::atomic::AtomicUsize;

use dstream_core::{Positions, Time};
use tokio::sync::Notify;

use super::*;
use crate::consumer::board::Doing;
use crate::lease::lease::{Claim as Write, Lease, LeaseChange, LeaseCounter};
use crate::lease::prepared::{Prepared, PreparedOn};
use crate::position::Checkpoint;
use crate::range_bytes;
use crate::sequence::Position;
use crate::worker::one_shard::at;

const SNAPSHOT: &str = "/dir/checkpoint-00000000000000000007-7000";

async fn lease(store: &MemoryLeaseStore) -> Lease {
    store.get(&"s0".into()).await.expect("read").expect("there")
}

/// A hub that finds snapshots as `found` says.
fn looking(store: &Arc<MemoryLeaseStore>, found: Result<bool, &'static str>) -> WorkerHub {
    hub(store).with_snapshots(move |name| {
        Box::pin(async move {
            assert_eq!(name, SNAPSHOT, "the whole name");
            found.map_err(Into::into)
        })
    })
}

/// A run that has claimed the records 11 to 20 and prepared their position.
async fn prepared(store: &Arc<MemoryLeaseStore>) -> (WorkerHub, Vec<SequenceRange>) {
    let (hub, claims) = resumed(store, &left_by(&"nobody".into())).await;
    let ours = |claim| if let Claim::Ours(range) = claim { Some(range) } else { None };
    let ranges: Vec<SequenceRange> = claims.into_iter().filter_map(ours).collect();
    // As the core hands them over: snapshots keep ranges as bytes.
    let me = hub.worker_id();
    let kept = ranges.iter().map(|range| range_bytes::decode(range_bytes::encode(range, me)).expect("decoded"));
    hub.prepare(SNAPSHOT, &kept.collect::<Vec<_>>()).await;
    (hub, ranges)
}

/// The next run of the same application claims the same ranges, after a crash.
async fn after_a_crash(
    store: &Arc<MemoryLeaseStore>,
    crashed: WorkerHub,
    found: Result<bool, &'static str>,
) -> Vec<Claim<SequenceRange>> {
    crashed.kill().await;
    let (next, claims) = resumed_by(looking(store, found), &left_by(&crashed.identity.id)).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    next.kill().await;
    claims
}

#[tokio::test(start_paused = true)]
async fn a_prepared_position_stands_beside_the_checkpoint_and_the_next_checkpoint_clears_it_cp_5_cp_9() {
    let store = Arc::new(MemoryLeaseStore::default());
    let (hub, ranges) = prepared(&store).await;
    let on = PreparedOn::Snapshot(SNAPSHOT.to_owned());
    assert_eq!(lease(&store).await.prepared, Some(Prepared { to: at(20), on }), "when the call returns");
    assert_eq!(lease(&store).await.checkpoint, Checkpoint::TrimHorizon);
    hub.tracker().on_processed(Time::from_millis(0), &ranges);
    tokio::time::sleep(Duration::from_secs(2)).await;
    let lease = lease(&store).await;
    assert_eq!((lease.checkpoint, lease.prepared), (at(20), None));
    hub.kill().await;
}

#[tokio::test(start_paused = true)]
async fn what_one_snapshot_covers_is_checkpointed_before_the_position_of_the_next_is_prepared_cp_6() {
    let store = Arc::new(MemoryLeaseStore::default());
    let (hub, ranges) = prepared(&store).await;
    hub.tracker().on_processed(Time::from_millis(0), &ranges);
    let next = SequenceRange { to: Position::new("30".parse().expect("digits"), 0), ..ranges[0].clone() };
    hub.prepare("/dir/checkpoint-8", &[next]).await;
    let lease = lease(&store).await;
    assert_eq!((lease.checkpoint, lease.prepared.map(|prepared| prepared.to)), (at(20), Some(at(30))));
    hub.kill().await;
}

#[tokio::test(start_paused = true)]
async fn preparing_where_the_checkpoint_is_writes_nothing_cp_7() {
    let store = Arc::new(MemoryLeaseStore::default());
    let (hub, ranges) = prepared(&store).await;
    hub.tracker().on_processed(Time::from_millis(0), &ranges);
    tokio::time::sleep(Duration::from_secs(2)).await;
    let before = lease(&store).await;
    hub.prepare("/dir/checkpoint-8", &ranges).await;
    assert_eq!(lease(&store).await, before);
    hub.kill().await;
}

#[tokio::test(start_paused = true)]
async fn a_crash_before_the_snapshot_is_published_leaves_the_records_to_be_processed_again() {
    for found in [Ok(false), Err("the directory cannot be read")] {
        let store = Arc::new(MemoryLeaseStore::default());
        let (hub, _) = prepared(&store).await;
        assert!(is_ours(&after_a_crash(&store, hub, found).await), "{found:?}");
        assert_eq!(lease(&store).await.checkpoint, Checkpoint::TrimHorizon, "{found:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_crash_between_snapshot_and_checkpoint_leaves_nothing_to_be_processed_again() {
    let store = Arc::new(MemoryLeaseStore::default());
    let (hub, _) = prepared(&store).await;
    assert_eq!(after_a_crash(&store, hub, Ok(true)).await, [Claim::Processed]);
    let lease = lease(&store).await;
    assert_eq!((lease.checkpoint, lease.prepared), (at(20), None), "and the second phase is made up for");
}

#[tokio::test(start_paused = true)]
async fn another_process_that_takes_the_lease_over_goes_by_the_snapshot_too() {
    for (found, checkpoint) in [(Ok(true), at(20)), (Ok(false), Checkpoint::TrimHorizon)] {
        let store = Arc::new(MemoryLeaseStore::default());
        let (hub, _) = prepared(&store).await;
        hub.kill().await;
        // It has no checkpoint directory of its own, and waits until the lease is abandoned.
        let other = looking(&store, found);
        let seat = other.register(&config()).expect("registered");
        let (sink, _probe) = receiver_store(StreamId::new(0), 1 << 20);
        other.join(seat, sink).await.expect("joined");
        tokio::time::sleep(config().tuning.failover * 2).await;
        assert_eq!(owners(&store).await, [Some(other.identity.id.clone())]);
        assert_eq!(lease(&store).await.checkpoint, checkpoint, "{found:?}");
        other.kill().await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_java_application_has_prepared_is_left_alone_and_does_not_count() {
    let store = Arc::new(MemoryLeaseStore::default());
    let mut java = Lease::new("s0".into(), at(5));
    java.prepared = Some(Prepared { to: at(20), on: PreparedOn::Other });
    store.create(&java).await.expect("created");
    let (hub, claims) = resumed_by(looking(&store, Err("it is not asked")), &left_by(&"nobody".into())).await;
    assert!(is_ours(&claims), "{claims:?}");
    let lease = lease(&store).await;
    assert_eq!((lease.checkpoint, lease.prepared), (at(5), java.prepared));
    hub.kill().await;
}

#[tokio::test(start_paused = true)]
async fn preparing_for_a_lease_that_is_lost_meanwhile_does_not_hold_the_snapshot_up() {
    let store = Arc::new(MemoryLeaseStore::default());
    let (hub, ranges) = prepared(&store).await;
    let before = lease(&store).await;
    let claim = Write { shard: "s0".into(), counter: before.counter, worker: "thief".into() };
    store.force(&LeaseChange::Take { claim, from: before.owner, start_at: None });
    let next = SequenceRange { to: Position::new("30".parse().expect("digits"), 0), ..ranges[0].clone() };
    let begun = Instant::now();
    hub.prepare("/dir/checkpoint-8", &[next]).await;
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    let after = lease(&store).await;
    assert_eq!(after.prepared.map(|prepared| prepared.to), Some(at(20)), "the thief's lease is not written to");
    assert_eq!(after.counter, LeaseCounter(before.counter.0 + 1));
    hub.kill().await;
}

/// A hub that reads two shards, whose looks for snapshots are counted, and end when the test says so.
fn looking_at_two(store: &Arc<MemoryLeaseStore>, looks: &Arc<AtomicUsize>, published: &Arc<Notify>) -> WorkerHub {
    let shards = ["s0", "s1"].map(|id| Shard { id: id.into(), ..one_shard() });
    let api = Arc::new(StandIn::new(move |_, _| Ok(shards.to_vec())));
    let table: Arc<dyn LeaseStore> = Arc::<MemoryLeaseStore>::clone(store);
    let clock = Arc::new(ManualClock::new(Time::from_millis(0)));
    let (looks, published) = (Arc::clone(looks), Arc::clone(published));
    WorkerHub::with_backend(config(), Backend { api, store: table }, clock).with_snapshots(move |_| {
        let (looks, published) = (Arc::clone(&looks), Arc::clone(&published));
        Box::pin(async move {
            looks.fetch_add(1, Ordering::Relaxed);
            published.notified().await;
            Ok(true)
        })
    })
}

#[tokio::test(start_paused = true)]
async fn leases_that_name_one_snapshot_make_one_look_and_say_meanwhile_what_they_wait_for() {
    let store = Arc::new(MemoryLeaseStore::default());
    for shard in ["s0", "s1"] {
        let mut lease = Lease::new(shard.into(), at(5));
        lease.prepared = Some(Prepared { to: at(20), on: PreparedOn::Snapshot(SNAPSHOT.to_owned()) });
        store.create(&lease).await.expect("created");
    }
    let (looks, published) = (Arc::default(), Arc::default());
    let hub = looking_at_two(&store, &looks, &published);
    let seat = hub.register(&config()).expect("registered");
    let (sink, _probe) = receiver_store(StreamId::new(0), 1 << 20);
    hub.join(seat, sink).await.expect("joined");
    tokio::time::sleep(config().tuning.failover).await;
    let doing = || hub.reading.board.shards().into_values().map(|shard| shard.doing).collect::<Vec<_>>();
    assert_eq!(doing(), [Doing::LookingForSnapshot; 2]);
    published.notify_one();
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(looks.load(Ordering::Relaxed), 1);
    assert!(!doing().contains(&Doing::LookingForSnapshot), "{:?}", doing());
    let checkpoints: Vec<_> = store.list().await.expect("listed").leases.into_iter().map(|it| it.checkpoint).collect();
    assert_eq!(checkpoints, [at(20); 2], "the one answer is for both");
    hub.kill().await;
}
