//! More input streams than shards, and fewer.

use crate::support::consumer::Setup;
use crate::support::world::World;

#[tokio::test]
async fn input_streams_without_a_shard_get_ready_and_stay_quiet() {
    let world = World::start(2).await;
    let app = Setup { inputs: 5, ..Setup::of(&world) }.start().await;
    world.putter().numbers(0..100).await;
    app.notes.reach(100).await;
    let notes = app.stop().await;
    assert_eq!(notes.numbers(), (0..100).collect::<Vec<_>>());
    let mut inputs: Vec<usize> = notes.all().iter().map(|noted| noted.input).collect();
    inputs.sort_unstable();
    inputs.dedup();
    assert_eq!(inputs, [0, 1], "a shard goes to the first input stream that has none");
    world.stop().await;
}

#[tokio::test]
async fn an_application_that_never_saw_a_record_starts_and_stops() {
    let world = World::start(3).await;
    assert_eq!(Setup { inputs: 2, ..Setup::of(&world) }.start().await.stop().await.len(), 0);
    assert!(world.leases().await.values().all(|lease| lease.owner.is_none()));
    world.stop().await;
}
