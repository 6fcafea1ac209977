//! A graceful stop hands over: what was processed is checkpointed, nothing is owned, and the next run goes on behind it.

use std::collections::BTreeMap;
use std::time::Duration;

use kinesis_asl::InitialPosition;
use kinesis_asl::position::Checkpoint;
use tokio::time::Instant;

use crate::support::consumer::{Notes, Setup, all_seen};
use crate::support::wait::measured;
use crate::support::world::World;

/// Checks what the table says after a graceful stop against what was processed.
async fn nothing_is_owned_and_checkpoints_are_at(world: &World, notes: &Notes) {
    let leases = world.leases().await;
    assert!(leases.values().all(|lease| lease.owner.is_none()), "{leases:?}");
    let checkpoints: BTreeMap<_, _> = leases.into_iter().map(|(shard, lease)| (shard, lease.checkpoint)).collect();
    let processed = notes.last_positions().into_iter().map(|(shard, at)| (shard, Checkpoint::At(at)));
    assert_eq!(checkpoints, processed.collect());
}

#[tokio::test]
async fn a_graceful_stop_and_a_restart_count_each_record_exactly_once_while_a_producer_goes_on() {
    let world = World::start(4).await;
    let setup = Setup { inputs: 2, ..Setup::of(&world) };
    let first = setup.start().await;
    let producing = world.putter().go_on(10);
    first.notes.reach(400).await;
    let begun = Instant::now();
    let first = first.stop().await;
    measured("graceful stop under load", begun);
    nothing_is_owned_and_checkpoints_are_at(&world, &first).await;

    let begun = Instant::now();
    let second = setup.start().await;
    let took = measured("restart after a graceful stop, start() to ready", begun);
    assert!(took < Duration::from_secs(2), "leases were released, so nobody waits for the failover time: {took:?}");
    second.notes.reach(400).await;
    let put = producing.finish().await;
    all_seen(&[&first, &second.notes], put).await;
    let second = second.stop().await;

    let mut seen = first.numbers();
    seen.extend(second.numbers());
    seen.sort_unstable();
    assert_eq!(seen, (0..put).collect::<Vec<_>>());
    world.stop().await;
}

#[tokio::test]
async fn from_trim_horizon_everything_is_read_once_and_a_restart_reads_nothing_again_t361() {
    let world = World::start(2).await;
    world.putter().numbers(0..300).await;
    let setup = Setup { position: InitialPosition::TrimHorizon, ..Setup::of(&world) };
    let first = setup.start().await;
    first.notes.reach(300).await;
    let first = first.stop().await;
    assert_eq!(first.numbers(), (0..300).collect::<Vec<_>>());
    nothing_is_owned_and_checkpoints_are_at(&world, &first).await;

    let second = setup.start().await;
    world.putter().numbers(300..310).await;
    second.notes.reach(10).await;
    assert_eq!(second.stop().await.numbers(), (300..310).collect::<Vec<_>>());
    world.stop().await;
}
