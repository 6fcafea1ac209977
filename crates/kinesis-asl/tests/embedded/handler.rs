//! A message handler that fails: nothing is skipped, and nothing behind the failure is checkpointed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use kinesis_asl::position::Checkpoint;

use crate::errors::says;
use crate::support::consumer::{Consumer, Notes, Setup};
use crate::support::wait::eventually;
use crate::support::world::{World, shard};

/// Starts an application whose handler fails on one number, and counts how often it did.
async fn start_with_a_handler_that_fails_on(bad: &'static str, setup: &Setup) -> (Consumer, Arc<AtomicU32>) {
    let (ctx, failures) = (Setup::context(), Arc::new(AtomicU32::new(0)));
    let failed = Arc::clone(&failures);
    let lines = setup.input(&ctx).build_with_try_message_handler(move |record| {
        if record.data() == bad.as_bytes() {
            failed.fetch_add(1, Ordering::Relaxed);
            return Err("that number is unlucky".into());
        }
        Ok(())
    });
    lines.unwrap().foreach_rdd(|rdd, _| Ok(rdd.count().map(|_| ())?));
    ctx.start().await.unwrap();
    ctx.ready().await;
    (Consumer { ctx, notes: Notes::default() }, failures)
}

#[tokio::test]
async fn a_handler_that_fails_stops_the_application_at_the_record_and_a_better_one_goes_on_there() {
    let world = World::start(1).await;
    let setup = Setup::of(&world);
    let (app, failures) = start_with_a_handler_that_fails_on("13", &setup).await;
    world.putter().numbers(0..12).await;
    let safe = world.putter().one("key", b"12").await;
    eventually("the good records are checkpointed", async || match world.leases().await[&shard(0)].checkpoint {
        Checkpoint::At(position) if position.sequence == safe => Ok(()),
        other => Err(other.to_string()),
    })
    .await;

    world.putter().numbers(100..200).await;
    let unlucky = world.putter().one("key", b"13").await;
    world.putter().numbers(200..300).await;
    let text = app.fails().await;
    let place = format!("record {unlucky}.0 of shard '{}'", shard(0));
    says(&text, &["after 3 attempts", &place, "that number is unlucky"]);
    assert_eq!(failures.load(Ordering::Relaxed), 3, "the batch was tried as often as it may be");
    let lease = world.leases().await.remove(&shard(0)).unwrap();
    assert!(lease.checkpoint < Checkpoint::At(kinesis_asl::Position::new(unlucky, 0)), "{lease:?}");
    assert_eq!(lease.owner, None, "the lease is given up, so that another process may try");

    let better = setup.start().await;
    // What came before the bad record may have been in a batch of its own, which succeeded.
    let missing = |notes: &Notes| ([13].into_iter().chain(200..300)).find(|number| !notes.numbers().contains(number));
    eventually("the rest", async || {
        missing(&better.notes).map_or(Ok(()), |number| Err(format!("{number} is missing")))
    })
    .await;
    let numbers = better.stop().await.numbers();
    assert!(numbers[0] == 13 && numbers.is_sorted_by(|a, b| a < b), "nothing comes twice: {numbers:?}");
    world.stop().await;
}
