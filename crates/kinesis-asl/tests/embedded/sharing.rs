//! Two processes of one application: they share the shards, and one takes over from the other.

use std::time::Duration;

use tokio::time::Instant;

use crate::support::consumer::{Setup, all_seen};
use crate::support::process::Process;
use crate::support::wait::{eventually, measured};
use crate::support::world::World;

/// Waits until a worker has renewed each of its leases three times, which takes more than half of the failover time: what
/// was stolen from it before, it has noticed then. Records that are put meanwhile would come twice, as after any theft.
async fn three_renewals(world: &World, owner: &str) {
    let counters = async || -> Vec<u64> {
        let held = world.leases().await.into_values().filter(|lease| lease.owner == Some(owner.into()));
        held.map(|lease| lease.counter.0).collect()
    };
    let before = counters().await;
    eventually("three renewals", async || {
        let now = counters().await;
        let renewed = before.iter().zip(&now).all(|(before, now)| *now >= before + 3);
        if renewed && now.len() == before.len() { Ok(()) } else { Err(format!("{before:?} became {now:?}")) }
    })
    .await;
}

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
async fn a_process_that_stops_gracefully_hands_its_shards_over_within_two_seconds_and_nothing_comes_twice() {
    let world = World::start(4).await;
    let setup = Setup { failover: Duration::from_secs(3), ..Setup::of(&world) };
    let one = Process::start(&setup).await;
    let first_owner = world.settles_at(&[4]).await.into_keys().next().unwrap();
    let two = Process::start(&setup).await;
    world.settles_at(&[2, 2]).await;
    three_renewals(&world, &first_owner).await;
    let producing = world.putter().go_on(5);
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
