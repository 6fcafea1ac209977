//! Two processes of one application: they share the shards, and one takes over from the other.

use std::time::Duration;

use tokio::time::Instant;

use crate::support::consumer::{Setup, all_seen};
use crate::support::process::Process;
use crate::support::wait::measured;
use crate::support::world::World;

#[tokio::test]
async fn two_processes_settle_at_two_shards_each_and_one_survives_the_crash_of_the_other_without_loss() {
    let world = World::start(4).await;
    let setup = Setup::of(&world);
    let one = Process::start(&setup).await;
    let producing = world.putter().go_on(5);
    world.settles_at(&[4]).await;
    let begun = Instant::now();
    let two = Process::start(&setup).await;
    world.settles_at(&[2, 2]).await;
    measured("a second process has 2 of 4 shards, failover 1 s", begun);
    two.notes.reach(50).await;

    let begun = Instant::now();
    let two = two.crash();
    world.settles_at(&[4]).await;
    let took = measured("take-over of 2 shards after a crash, failover 1 s", begun);
    assert!(took < setup.failover + Duration::from_secs(5), "{took:?}");
    let more = one.notes.len() + 100;
    one.notes.reach(more).await;
    let put = producing.finish().await;
    all_seen(&[&one.notes, &two], put).await;
    one.stop().await;
    world.stop().await;
}

#[tokio::test]
async fn a_process_that_joins_and_leaves_under_load_gets_and_gives_its_shards_in_order_and_nothing_comes_twice() {
    let world = World::start(4).await;
    let setup = Setup { failover: Duration::from_secs(3), ..Setup::of(&world) };
    let one = Process::start(&setup).await;
    world.settles_at(&[4]).await;
    let producing = world.putter().go_on(5);
    one.notes.reach(50).await;
    let begun = Instant::now();
    let two = Process::start(&setup).await;
    world.settles_at(&[2, 2]).await;
    measured("a second process has 2 of 4 shards by hand-over, failover 3 s", begun);
    two.notes.reach(50).await;

    let begun = Instant::now();
    let two = two.stop().await;
    let stopped = Instant::now();
    world.settles_at(&[4]).await;
    let took = measured("hand-over of 2 shards after a graceful stop, failover 3 s", stopped);
    measured("the same from the call of stop()", begun);
    assert!(took < Duration::from_secs(2), "{took:?}");
    let put = producing.finish().await;
    all_seen(&[&one.notes, &two], put).await;
    let mut seen = one.stop().await.numbers();
    seen.extend(two.numbers());
    seen.sort_unstable();
    assert_eq!(seen, (0..put).collect::<Vec<_>>());
    world.stop().await;
}
