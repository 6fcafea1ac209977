//! Leases of shards that have ended are deleted in time, by whoever has to, and never come back.
#![expect(clippy::expect_used, reason = "a test fails by panicking, its helpers too")]

use std::collections::BTreeSet;
use std::time::Duration;

use kinesis_asl::lease::lease::Lease;
use kinesis_asl::shard::ShardId;
use kinesis_sim::event::Event;
use kinesis_sim::report::Report;
use kinesis_sim::setup::Setup;
use kinesis_sim::stream::Reshard;
use kinesis_sim::world::{World, WorldError};

const SEEDS: std::ops::Range<u64> = 0..4;
/// The pause between two looks of the leader, and some time for what it does.
const ONE_LOOK: Duration = Duration::from_secs(310);

fn tell<T>(story: impl Future<Output = Result<T, WorldError>>) -> T {
    kinesis_sim::run(story).expect("a world")
}

fn assert_clean(report: &Report) {
    assert!(report.violations.is_empty(), "{report}");
}

fn quiet() -> Setup {
    Setup { records_per_second: 4, ..Setup::default() }
}

fn shards(world: &World) -> BTreeSet<ShardId> {
    world.leases().into_iter().map(|lease| lease.shard).collect()
}

/// How many leases were deleted so far.
fn deletions(world: &World) -> usize {
    world.with_log(|log| log.iter().filter(|entry| matches!(entry.event, Event::Deleted(..))).count())
}

/// Splits the first shard, and waits until its end and the first records of its children are processed.
async fn split_and_read_on(world: &mut World) -> ShardId {
    let parent = world.open_shards().remove(0);
    assert_eq!(world.split(&parent), Reshard::Begun);
    let started = |lease: &Lease| lease.is_ended() || !lease.checkpoint.is_initial();
    let done = world.run_until(Duration::from_secs(120), |world| {
        let leases = world.leases();
        let children = leases.iter().filter(|lease| lease.parents.contains(&parent)).filter(|lease| started(lease));
        children.count() == 2 && leases.iter().any(|lease| lease.shard == parent && lease.is_ended())
    });
    done.await.expect("the children are read");
    parent
}

#[test]
fn the_leader_deletes_the_lease_of_a_split_shard_within_five_minutes_and_a_restart_does_not_bring_it_back_cl_1() {
    for seed in SEEDS {
        let report = tell(async {
            let mut world = World::new(seed, quiet()).await?;
            let workers = [world.start_worker()?, world.start_worker()?, world.start_worker()?];
            world.run_for(Duration::from_secs(20)).await;
            let parent = split_and_read_on(&mut world).await;
            world.run_for(ONE_LOOK).await;
            assert!(!shards(&world).contains(&parent), "seed {seed}");
            assert_eq!(deletions(&world), 1, "seed {seed}");
            // Its successors look for missing leases when they start; the report has every lease that is made twice.
            workers.into_iter().for_each(|worker| world.stop_worker(worker));
            world.start_worker()?;
            world.run_for(Duration::from_secs(30)).await;
            assert!(!shards(&world).contains(&parent), "seed {seed}");
            world.finish().await
        });
        assert_clean(&report);
    }
}

#[test]
fn generations_of_shards_are_deleted_from_the_oldest_on_cl_5() {
    for seed in SEEDS {
        let report = tell(async {
            let mut world = World::new(seed, quiet()).await?;
            world.start_worker()?;
            world.run_for(Duration::from_secs(20)).await;
            let mut gone = BTreeSet::new();
            for _ in 0..3 {
                gone.insert(split_and_read_on(&mut world).await);
            }
            world.run_for(ONE_LOOK * 3).await;
            assert!(gone.is_disjoint(&shards(&world)), "seed {seed}: {gone:?}");
            let open: BTreeSet<ShardId> = world.open_shards().into_iter().collect();
            assert_eq!(shards(&world), open, "seed {seed}");
            world.finish().await
        });
        assert_clean(&report);
    }
}
