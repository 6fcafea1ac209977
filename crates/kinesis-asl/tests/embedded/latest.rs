//! LATEST is resolved once, when the lease is made: whoever reads first reads from that moment on.

use std::time::Duration;

use kinesis_asl::position::Checkpoint;
use tokio::time::Instant;

use crate::support::consumer::{Setup, all_seen};
use crate::support::process::Process;
use crate::support::wait::{eventually, measured};
use crate::support::world::World;

#[tokio::test]
async fn records_put_before_the_first_start_are_not_read_and_those_put_after_ready_are() {
    let world = World::start(4).await;
    world.putter().numbers(0..100).await;
    let app = Setup::of(&world).start().await;
    world.putter().numbers(100..200).await;
    app.notes.reach(100).await;
    assert_eq!(app.stop().await.numbers(), (100..200).collect::<Vec<_>>());
    world.stop().await;
}

#[tokio::test]
async fn regression_d3_a_crash_before_the_first_checkpoint_loses_nothing_that_was_put_after_ready() {
    let world = World::start(4).await;
    let setup = Setup { checkpoint_interval: Duration::from_secs(60), ..Setup::of(&world) };
    let first = Process::start(&setup).await;
    world.putter().numbers(0..200).await;
    first.notes.reach(1).await;
    first.crash();
    let crashed = world.settles_at(&[4]).await;
    let leases = world.leases().await;
    assert!(leases.values().all(|lease| lease.checkpoint == Checkpoint::Latest), "{leases:?}");

    world.putter().numbers(200..400).await;
    let begun = Instant::now();
    let second = setup.start().await;
    eventually("all leases taken over", async || {
        let owners = world.settles_at(&[4]).await;
        if owners == crashed { Err(format!("{owners:?}")) } else { Ok(()) }
    })
    .await;
    let took = measured("take-over of 4 shards at a start after a crash, failover 1 s", begun);
    assert!(took < setup.failover + Duration::from_secs(5), "{took:?}");
    all_seen(&[&second.notes], 400).await;
    assert_eq!(second.stop().await.numbers(), (0..400).collect::<Vec<_>>());
    world.stop().await;
}
