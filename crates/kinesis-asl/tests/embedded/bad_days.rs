//! Days on which a service is throttled, away, or does not know the caller any more, for shorter and for longer than the failover
//! time. What is lost is always nothing; what comes twice is what had not been checkpointed when a lease was lost.

use std::time::Duration;

use dstream_core::StopMode;
use kinesis_local::faults::{Effect, Fault};
use tokio::time::Instant;

use crate::errors::{refused, says};
use crate::support::consumer::{Consumer, Setup, all_seen};
use crate::support::producer::Producing;
use crate::support::wait::{eventually, measured};
use crate::support::world::World;

/// What Kinesis is asked for a shard's records; a producer does not use it.
const READS: [&str; 3] = ["GetRecords", "GetShardIterator", "ListShards"];

fn expired_token() -> Effect {
    let message = Some("The security token included in the request is expired".to_owned());
    Effect::Fail { error: "ExpiredTokenException".to_owned(), message, status: 400 }
}

/// So many calls were hit since the rules were added, all rules together.
fn hits(world: &World) -> u64 {
    world.faults().list().iter().map(|rule| rule.hits).sum()
}

async fn hit_at_least(world: &World, count: u64) {
    eventually(&format!("{count} calls in trouble"), async || match hits(world) {
        hits if hits >= count => Ok(()),
        hits => Err(hits.to_string()),
    })
    .await;
}

async fn holds(app: &Consumer, shards: usize) {
    eventually(&format!("{shards} shards held"), async || match app.readings().shards().len() {
        held if held == shards => Ok(()),
        held => Err(held.to_string()),
    })
    .await;
}

/// An application that has processed something, and a producer that goes on.
async fn under_way(world: &World, setup: &Setup) -> (Consumer, Producing) {
    let app = setup.start().await;
    let producing = world.putter().go_on(5);
    app.notes.reach(100).await;
    (app, producing)
}

/// The trouble is over: everything that was put is seen, and the stop is in order.
async fn goes_on(world: &World, app: Consumer, producing: Producing) -> (Vec<u64>, u64) {
    world.faults().clear();
    let more = app.notes.len() + 200;
    app.notes.reach(more).await;
    let put = producing.finish().await;
    all_seen(&[&app.notes], put).await;
    (app.stop().await.numbers(), put)
}

/// A table that is in trouble for less than the failover time is not noticed.
async fn the_table_is_back_in_time(trouble: Effect) {
    let world = World::start(2).await;
    let setup = Setup { failover: Duration::from_secs(10), ..Setup::of(&world) };
    let (app, producing) = under_way(&world, &setup).await;
    world.faults().add(Fault::dynamodb(trouble)).unwrap();
    hit_at_least(&world, 6).await;
    assert_eq!(app.readings().shards().len(), 2, "no lease is lost");
    let (numbers, put) = goes_on(&world, app, producing).await;
    assert_eq!(numbers, (0..put).collect::<Vec<_>>(), "nothing is lost, nothing comes twice");
    world.stop().await;
}

/// A table that is in trouble for several failover times: the readers stop in time, and go on when it is back.
async fn the_table_is_back_late(trouble: Effect, name: &str) {
    let world = World::start(2).await;
    let (app, producing) = under_way(&world, &Setup::of(&world)).await;
    let begun = Instant::now();
    world.faults().add(Fault::dynamodb(trouble)).unwrap();
    holds(&app, 0).await;
    measured(&format!("DynamoDB {name}: until the readers have stopped, failover 1 s"), begun);
    // The table is asked again and again, and no reader begins.
    hit_at_least(&world, hits(&world) + 4).await;
    assert_eq!(app.readings().shards().len(), 0);
    let begun = Instant::now();
    world.faults().clear();
    holds(&app, 2).await;
    measured(&format!("DynamoDB {name}: from its return until the shards are read again"), begun);
    let (numbers, put) = goes_on(&world, app, producing).await;
    let mut once = numbers.clone();
    once.dedup();
    assert_eq!(once, (0..put).collect::<Vec<_>>());
    eprintln!("measured: DynamoDB {name}: {} of {put} records came twice", numbers.len() - once.len());
    world.stop().await;
}

/// A stream that is in trouble for longer than the failover time: leases have nothing to do with it.
async fn the_stream_is_back_late(trouble: Effect) {
    let world = World::start(2).await;
    let (app, producing) = under_way(&world, &Setup::of(&world)).await;
    let begun = Instant::now();
    for operation in READS {
        world.faults().add(Fault::kinesis(trouble.clone()).operation(operation)).unwrap();
    }
    hit_at_least(&world, 4).await;
    eventually("more than the failover time", async || match begun.elapsed() {
        long if long > Duration::from_millis(1_200) => Ok(()),
        short => Err(format!("{short:?}")),
    })
    .await;
    assert_eq!(app.readings().shards().len(), 2, "no lease is lost");
    let (numbers, put) = goes_on(&world, app, producing).await;
    assert_eq!(numbers, (0..put).collect::<Vec<_>>());
    world.stop().await;
}

#[tokio::test]
async fn a_table_that_is_throttled_for_less_than_the_failover_time_costs_nothing() {
    the_table_is_back_in_time(Effect::Throttle).await;
}

#[tokio::test]
async fn a_table_that_is_away_for_less_than_the_failover_time_costs_nothing() {
    the_table_is_back_in_time(Effect::CutBefore).await;
}

#[tokio::test]
async fn credentials_that_the_table_takes_again_within_the_failover_time_cost_nothing() {
    the_table_is_back_in_time(expired_token()).await;
}

#[tokio::test]
async fn a_table_that_is_throttled_for_long_stops_the_readers_until_it_has_room_and_nothing_is_lost() {
    the_table_is_back_late(Effect::Throttle, "throttled").await;
}

#[tokio::test]
async fn a_table_that_is_away_for_long_stops_the_readers_until_it_is_back_and_nothing_is_lost() {
    the_table_is_back_late(Effect::CutBefore, "away").await;
}

#[tokio::test]
async fn a_table_that_fails_for_long_stops_the_readers_until_it_works_and_nothing_is_lost() {
    the_table_is_back_late(Effect::ServerError { status: 503 }, "failing").await;
}

#[tokio::test]
async fn credentials_that_the_table_refuses_for_long_stop_the_readers_until_they_are_renewed_and_nothing_is_lost() {
    the_table_is_back_late(expired_token(), "refusing expired credentials").await;
}

#[tokio::test]
async fn a_stream_that_is_throttled_for_long_is_waited_for_and_nothing_is_lost_or_repeated() {
    the_stream_is_back_late(Effect::Throttle).await;
}

#[tokio::test]
async fn a_stream_that_is_away_for_long_is_waited_for_and_nothing_is_lost_or_repeated() {
    the_stream_is_back_late(Effect::CutBefore).await;
}

#[tokio::test]
async fn a_stream_that_refuses_expired_credentials_is_read_on_once_they_are_renewed_and_nothing_is_lost_or_repeated() {
    the_stream_is_back_late(expired_token()).await;
}

#[tokio::test]
async fn both_services_away_at_once_and_back_lose_nothing() {
    let world = World::start(2).await;
    let app = Setup::of(&world).start().await;
    world.putter().numbers(0..100).await;
    app.notes.reach(100).await;
    world.faults().add(Fault::dynamodb(Effect::CutBefore)).unwrap();
    for operation in READS {
        world.faults().add(Fault::kinesis(Effect::CutBefore).operation(operation)).unwrap();
    }
    world.putter().numbers(100..200).await;
    holds(&app, 0).await;
    world.faults().clear();
    all_seen(&[&app.notes], 200).await;
    app.stop().await;
    world.stop().await;
}

#[tokio::test]
async fn a_table_that_is_throttled_for_longer_than_the_time_to_give_up_stops_the_application_with_what_to_do() {
    let world = World::start(1).await;
    let app = Setup { give_up_after: Duration::from_secs(2), ..Setup::of(&world) }.start().await;
    world.faults().add(Fault::dynamodb(Effect::Throttle)).unwrap();
    let text = app.fails().await;
    says(&text, &["lease table 'word-count'", "Exceeded", "add capacity"]);
    world.stop().await;
}

#[tokio::test]
async fn a_graceful_stop_while_the_table_is_away_says_which_positions_were_not_written_and_the_next_run_repeats_them() {
    let world = World::start(1).await;
    let setup = Setup::of(&world);
    let app = Setup { checkpoint_interval: Duration::from_secs(60), ..setup.clone() }.start().await;
    world.putter().numbers(0..50).await;
    app.notes.reach(50).await;
    world.faults().add(Fault::dynamodb(Effect::CutBefore)).unwrap();
    app.ctx.request_stop(StopMode::Graceful);
    says(&app.fails().await, &["last positions of shardId-000000000000 could not be written", "delivered again"]);
    world.faults().clear();
    let next = setup.start().await;
    all_seen(&[&next.notes], 50).await;
    next.stop().await;
    world.stop().await;
}

#[tokio::test]
async fn credentials_that_are_over_at_the_start_refuse_it_at_once_with_what_to_do() {
    for (service, fault) in
        [("ListShards", Fault::kinesis(expired_token())), ("DescribeTable", Fault::dynamodb(expired_token()))]
    {
        let world = World::start(1).await;
        world.faults().add(fault).unwrap();
        let text = refused("expired credentials", Setup::of(&world).build()).await;
        says(&text, &[service, "ExpiredTokenException", "give a role rather than fixed session keys"]);
        world.stop().await;
    }
}

#[tokio::test]
async fn credentials_that_nobody_renews_stop_the_application_after_the_time_to_give_up() {
    let world = World::start(1).await;
    let app = Setup { give_up_after: Duration::from_secs(2), ..Setup::of(&world) }.start().await;
    let begun = Instant::now();
    world.faults().add(Fault::kinesis(expired_token())).unwrap();
    let text = app.fails().await;
    measured("to the error, credentials expired and never renewed, give_up_after 2 s", begun);
    says(&text, &["GetRecords", "ExpiredTokenException", "give a role rather than fixed session keys"]);
    assert!(begun.elapsed() >= Duration::from_secs(2), "it was waited for");
    world.stop().await;
}
