//! Stories by name: what a worker promises its operator, with the times it takes.
#![expect(clippy::expect_used, reason = "a test fails by panicking, its helpers too")]

use std::collections::BTreeSet;
use std::time::Duration;

use kinesis_asl::lease::lease::LeaseChange;
use kinesis_asl::position::Checkpoint;
use kinesis_asl::shard::ShardId;
use kinesis_sim::event::{Belief, Entry, Event, WorkerNo};
use kinesis_sim::report::Report;
use kinesis_sim::setup::Setup;
use kinesis_sim::stream::Reshard;
use kinesis_sim::world::{World, WorldError};

/// Each story is told with several seeds: with other delays and other random choices of the workers.
const SEEDS: std::ops::Range<u64> = 0..10;

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn tell<T>(story: impl Future<Output = Result<T, WorldError>>) -> T {
    kinesis_sim::run(story).expect("a world")
}

fn assert_clean(report: &Report) {
    assert!(report.violations.is_empty(), "{report}");
}

/// Two processes that have settled on their shares.
async fn settled_pair(seed: u64) -> Result<(World, WorkerNo, WorkerNo), WorldError> {
    let mut world = World::new(seed, Setup::default()).await?;
    let (first, second) = (world.start_worker()?, world.start_worker()?);
    world.run_for(seconds(15)).await;
    Ok((world, first, second))
}

/// When a worker first got a page of a shard after a moment.
fn first_read(log: &[Entry], worker: WorkerNo, shard: &ShardId, after: Duration) -> Option<Duration> {
    let is_it = |event: &Event| matches!(event, Event::Read { worker: w, shard: s, .. } if *w == worker && s == shard);
    log.iter().find(|entry| entry.at >= after && is_it(&entry.event)).map(|entry| entry.at)
}

/// How long after a moment the last of these shards got its first read by a worker.
fn taken_over_in(world: &World, by: WorkerNo, shards: &BTreeSet<ShardId>, after: Duration) -> Duration {
    let read = |shard| world.with_log(|log| first_read(log, by, shard, after)).expect("the shard is read again");
    shards.iter().map(|shard| read(shard) - after).max().expect("there were shards")
}

/// When a lease was released.
fn released_at(log: &[Entry], shard: &ShardId, after: Duration) -> Option<Duration> {
    let is_it = |event: &Event| matches!(event, Event::Wrote(write) if matches!(&write.change, LeaseChange::Release(claim) if claim.shard == *shard));
    log.iter().find(|entry| entry.at >= after && is_it(&entry.event)).map(|entry| entry.at)
}

/// The leases that were handed over to a worker that asked for them.
fn handed_over(log: &[Entry], after: Duration) -> BTreeSet<ShardId> {
    let is_it = |event: &Event| match event {
        Event::Wrote(write) if matches!(write.change, LeaseChange::HandOver { .. }) => Some(write.after.shard.clone()),
        _ => None,
    };
    log.iter().filter(|entry| entry.at >= after).filter_map(|entry| is_it(&entry.event)).collect()
}

#[test]
fn two_workers_share_four_shards_two_and_two() {
    for seed in SEEDS {
        let report = tell(async {
            let (world, first, second) = settled_pair(seed).await?;
            assert_eq!((world.owned_by(first).len(), world.owned_by(second).len()), (2, 2), "seed {seed}");
            world.finish().await
        });
        assert_clean(&report);
    }
}

#[test]
fn a_crashed_workers_shards_are_read_by_the_other_within_the_failover_time_and_five_seconds() {
    let mut slowest = Duration::ZERO;
    for seed in SEEDS {
        let report = tell(async {
            let (mut world, first, second) = settled_pair(seed).await?;
            let shards = world.owned_by(first);
            let crash = world.now();
            world.crash_worker(first).await;
            world.run_for(seconds(20)).await;
            let took = taken_over_in(&world, second, &shards, crash);
            assert!(took < Setup::default().failover + seconds(5), "seed {seed}: {took:?}");
            slowest = slowest.max(took);
            world.finish().await
        });
        assert_clean(&report);
    }
    println!("after a crash every shard was read again within {slowest:?}");
}

#[test]
fn what_a_graceful_stop_releases_is_read_by_the_other_within_two_seconds() {
    let (mut since_release, mut since_stop) = (Duration::ZERO, Duration::ZERO);
    for seed in SEEDS {
        let report = tell(async {
            let (mut world, first, second) = settled_pair(seed).await?;
            let shards = world.owned_by(first);
            let stop = world.now();
            world.stop_worker(first);
            world.run_for(seconds(10)).await;
            since_stop = since_stop.max(taken_over_in(&world, second, &shards, stop));
            for shard in &shards {
                let released = world.with_log(|log| released_at(log, shard, stop)).expect("it is released");
                let took = taken_over_in(&world, second, &[shard.clone()].into(), released);
                assert!(took < seconds(2), "seed {seed}, {shard}: {took:?}");
                since_release = since_release.max(took);
            }
            world.finish().await
        });
        assert_clean(&report);
    }
    println!("read again within {since_release:?} of the release, {since_stop:?} of the call to stop");
}

#[test]
fn a_worker_that_joins_is_handed_its_share_and_no_record_comes_twice() {
    let mut slowest = Duration::ZERO;
    for seed in SEEDS {
        let report = tell(async {
            let mut world = World::new(seed, Setup::default()).await?;
            world.start_worker()?;
            world.run_for(seconds(15)).await;
            let joins = world.now();
            let joined = world.start_worker()?;
            let shared = world.run_until(seconds(30), |world| world.owned_by(joined).len() == 2).await;
            let shards = world.owned_by(joined);
            slowest = slowest.max(shared.expect("it gets its share"));
            world.run_for(seconds(10)).await;
            let handed: BTreeSet<ShardId> = world.with_log(|log| handed_over(log, joins));
            assert_eq!(handed, shards, "seed {seed}: nothing was stolen");
            world.finish().await
        });
        assert_clean(&report);
        assert_eq!(report.repeats, 0, "seed {seed}");
    }
    println!("the joining worker had its share within {slowest:?}");
}

#[test]
fn a_restart_repeats_nothing() {
    for seed in SEEDS {
        let report = tell(async {
            let mut world = World::new(seed, Setup { seats: 2, ..Setup::default() }).await?;
            for _ in 0..3 {
                let worker = world.start_worker()?;
                world.run_for(seconds(7)).await;
                world.stop_worker(worker);
                world.run_for(seconds(4)).await;
            }
            world.finish().await
        });
        assert_clean(&report);
        assert_eq!(report.repeats, 0, "{report}");
        assert!(report.records > 1_000, "{report}");
    }
}

#[test]
fn regression_a_stop_right_after_a_split_repeats_nothing() {
    // The shard has ended and its children have no leases yet: it must be left at its last record.
    for seed in 0..60 {
        let report = tell(async {
            let mut world = World::new(seed, Setup { shards: 1, ..Setup::default() }).await?;
            let worker = world.start_worker()?;
            world.run_for(seconds(5)).await;
            let shards = world.open_shards();
            assert_eq!(world.split(&shards[0]), Reshard::Begun);
            world.run_for(Duration::from_millis(20 * seed)).await;
            world.stop_worker(worker);
            world.run_for(seconds(5)).await;
            world.finish().await
        });
        assert_clean(&report);
        assert_eq!(report.repeats, 0, "{report}");
    }
}

#[test]
fn a_worker_that_is_cut_off_stops_reading_before_another_takes_over() {
    for seed in SEEDS {
        let report = tell(async {
            let (mut world, first, second) = settled_pair(seed).await?;
            let shards = world.owned_by(first);
            let cut = world.now();
            world.pause_worker(first, seconds(25));
            world.run_for(seconds(20)).await;
            let took = taken_over_in(&world, second, &shards, cut);
            assert!(took < Setup::default().failover + seconds(5), "seed {seed}: {took:?}");
            world.run_for(seconds(25)).await;
            assert_eq!((world.owned_by(first).len(), world.owned_by(second).len()), (2, 2), "seed {seed}: back again");
            world.finish().await
        });
        assert_clean(&report);
    }
}

#[test]
fn a_process_that_is_frozen_for_thirty_seconds_loses_its_shards_to_the_other_and_gets_its_share_back() {
    for seed in SEEDS {
        let report = tell(async {
            let (mut world, first, second) = settled_pair(seed).await?;
            let shards = world.owned_by(first);
            let frozen = world.now();
            world.freeze_worker(first, seconds(30));
            world.run_for(seconds(29)).await;
            let took = taken_over_in(&world, second, &shards, frozen);
            assert!(took < Setup::default().failover + seconds(5), "seed {seed}: {took:?}");
            world.run_for(seconds(25)).await;
            let lost = world.with_log(|log| {
                let gives_up =
                    |entry: &&Entry| matches!(&entry.event, Event::Believes(w, _, _, Belief::Lost(_)) if *w == first);
                log.iter().filter(|entry| entry.at > frozen).find(gives_up).map(|entry| entry.at)
            });
            let late = lost.expect("it noticed") - (frozen + seconds(30));
            assert!(late < Duration::from_millis(5), "seed {seed}: it believed for {late:?} after it went on");
            assert_eq!((world.owned_by(first).len(), world.owned_by(second).len()), (2, 2), "seed {seed}: back again");
            world.finish().await
        });
        assert_clean(&report);
    }
}

#[test]
fn a_short_freeze_costs_nothing() {
    for seed in SEEDS {
        let report = tell(async {
            let mut world = World::new(seed, Setup::default()).await?;
            let worker = world.start_worker()?;
            world.run_for(seconds(5)).await;
            world.freeze_worker(worker, seconds(5));
            world.run_for(seconds(10)).await;
            world.finish().await
        });
        assert_clean(&report);
        assert_eq!(report.repeats, 0, "{report}");
    }
}

#[test]
fn children_that_an_older_java_worker_made_early_on_all_levels_are_read_only_after_their_parents() {
    for seed in SEEDS {
        let report = tell(async {
            let mut world = World::new(seed, Setup { shards: 2, ..Setup::default() }).await?;
            world.run_for(seconds(2)).await;
            for level in 0..3 {
                let shards = world.open_shards();
                assert_eq!(world.split(&shards[level]), Reshard::Begun);
                world.run_for(seconds(1)).await;
            }
            let shards = world.open_shards();
            assert_eq!(world.merge(&shards[3], &shards[4]), Reshard::Begun);
            world.run_for(seconds(1)).await;
            assert_eq!(world.older_peer_syncs().await?, 9, "two shards, six children of splits and one of a merge");
            world.start_worker()?;
            world.start_worker()?;
            world.run_for(seconds(20)).await;
            // And once more, while they are being read.
            let shards = world.open_shards();
            assert_eq!(world.split(&shards[0]), Reshard::Begun);
            world.run_for(Duration::from_millis(100)).await;
            world.older_peer_syncs().await?;
            world.finish().await
        });
        assert_clean(&report);
        assert_eq!(child_delays(&report.log).len(), 9, "seed {seed}: every child was read after its last parent's end");
    }
}

#[test]
fn a_tree_of_reshards_while_nobody_runs_is_read_whole_by_the_next_fleet() {
    for seed in SEEDS {
        let report = tell(async {
            let mut world = World::new(seed, Setup::default()).await?;
            let worker = world.start_worker()?;
            world.run_for(seconds(5)).await;
            world.stop_worker(worker);
            world.run_for(seconds(5)).await;
            for _ in 0..2 {
                let shards = world.open_shards();
                assert_eq!(world.split(&shards[1]), Reshard::Begun);
                world.run_for(seconds(2)).await;
                let shards = world.open_shards();
                assert_eq!(world.merge(&shards[0], &shards[1]), Reshard::Begun);
                world.run_for(seconds(2)).await;
            }
            world.start_worker()?;
            world.run_for(seconds(20)).await;
            world.finish().await
        });
        assert_clean(&report);
        assert_eq!(report.repeats, 0, "{report}");
        assert_eq!(child_delays(&report.log).len(), 6, "seed {seed}");
    }
}

#[test]
fn splits_and_merges_under_load_lose_nothing_and_children_are_read_within_five_seconds_of_the_end() {
    let mut slowest = Duration::ZERO;
    for seed in SEEDS {
        let report = tell(async {
            let (mut world, ..) = settled_pair(seed).await?;
            for _ in 0..3 {
                let shards = world.open_shards();
                assert_eq!(world.split(&shards[1]), Reshard::Begun);
                world.run_for(seconds(6)).await;
                let shards = world.open_shards();
                assert_eq!(world.merge(&shards[0], &shards[1]), Reshard::Begun);
                world.run_for(seconds(6)).await;
            }
            world.finish().await
        });
        assert_clean(&report);
        let delays = child_delays(&report.log);
        assert_eq!(delays.len(), 9, "six children of splits and three of merges: seed {seed}");
        slowest = slowest.max(delays.into_iter().max().expect("there are some"));
    }
    assert!(slowest < seconds(5), "{slowest:?}");
    println!("every child was read within {slowest:?} of the end of its last parent");
}

/// For each shard with parents that was read: how long after the last parent's `SHARD_END`.
fn child_delays(log: &[Entry]) -> Vec<Duration> {
    let ended_at = |shard: &ShardId| {
        let is_end = |event: &Event| {
            let Event::Wrote(write) = event else { return false };
            let to_the_end = matches!(write.change, LeaseChange::Checkpoint { to: Checkpoint::ShardEnd, .. });
            to_the_end && write.after.shard == *shard
        };
        log.iter().find(|entry| is_end(&entry.event)).map(|entry| entry.at)
    };
    let mut seen = BTreeSet::new();
    let first_reads = log.iter().filter_map(|entry| match &entry.event {
        Event::Read { shard, parents, .. } if !parents.is_empty() && seen.insert(shard) => Some((entry.at, parents)),
        _ => None,
    });
    first_reads
        .map(|(at, parents)| at - parents.iter().filter_map(ended_at).max().expect("its parents ended"))
        .collect()
}
