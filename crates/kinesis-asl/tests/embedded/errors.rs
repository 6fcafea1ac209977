//! What an application does when it cannot go on: it stops soon, with an error that says which call failed, on what, and
//! what to do.

use dstream_core::StopMode;
use std::time::Duration;

use tokio::time::Instant;

use crate::support::consumer::{Consumer, Setup};
use crate::support::stub::closed_port;
use crate::support::wait::measured;
use crate::support::world::{STREAM, World};

/// The longest time until an application says why it does not start.
pub(crate) const SOON: Duration = Duration::from_secs(20);

/// Starts an application that cannot start; the answer is its error with all causes.
pub(crate) async fn refused(case: &str, consumer: Consumer) -> String {
    let begun = Instant::now();
    let error = tokio::time::timeout(SOON, consumer.ctx.start()).await.unwrap().unwrap_err();
    measured(&format!("to the error, {case}"), begun);
    dstream_core::error_chain(&error)
}

/// Fails unless the text has all of these parts.
#[track_caller]
pub(crate) fn says(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "'{part}' is not in: {text}");
    }
}

#[tokio::test]
async fn an_unknown_stream_is_refused_at_the_start() {
    let world = World::start(1).await;
    let setup = Setup { stream: "nowhere".to_owned(), ..Setup::of(&world) };
    let text = refused("unknown stream", setup.build()).await;
    says(&text, &["ListShards", "stream 'nowhere'", "ResourceNotFoundException", "check the name", "create it first"]);
    world.stop().await;
}

#[tokio::test]
async fn an_unreachable_kinesis_endpoint_is_refused_at_the_start() {
    let world = World::start(1).await;
    let setup = Setup { kinesis_url: closed_port(), inputs: 2, ..Setup::of(&world) };
    let text = refused("Kinesis unreachable, 2 input streams", setup.build()).await;
    says(&text, &["ListShards", "stream 'words'", "check the endpoint URL"]);
    world.stop().await;
}

#[tokio::test]
async fn an_unreachable_dynamodb_endpoint_is_refused_at_the_start() {
    let world = World::start(1).await;
    let setup = Setup { dynamodb_url: closed_port(), inputs: 16, ..Setup::of(&world) };
    let text = refused("DynamoDB unreachable, 16 input streams", setup.build()).await;
    says(&text, &["DescribeTable", "lease table 'word-count'", "check the endpoint URL"]);
    world.stop().await;
}

#[tokio::test]
async fn a_context_that_could_not_start_has_ended_and_says_so_again() {
    let world = World::start(1).await;
    let consumer = Setup { stream: "nowhere".to_owned(), ..Setup::of(&world) }.build();
    let ctx = consumer.ctx.clone();
    let first = refused("unknown stream, again", consumer).await;
    let again = dstream_core::error_chain(&ctx.await_termination().await.unwrap_err());
    assert_eq!(again, first);
    says(&ctx.start().await.unwrap_err().to_string(), &["already been stopped"]);
    world.stop().await;
}

#[tokio::test]
async fn a_stream_that_is_deleted_while_it_is_read_stops_the_application() {
    let world = World::start(2).await;
    let app = Setup::of(&world).start().await;
    world.putter().numbers(0..10).await;
    app.notes.reach(10).await;
    let begun = Instant::now();
    world.kinesis.delete_stream().stream_name(STREAM).send().await.unwrap();
    let text = app.fails().await;
    measured("to the error, stream deleted while running", begun);
    says(&text, &["stream 'words'", "ResourceNotFoundException", "check the name"]);
    assert_eq!(app.notes.len(), 10);
    world.stop().await;
}

#[tokio::test]
async fn a_lease_table_that_is_deleted_while_it_is_used_stops_the_application() {
    let world = World::start(2).await;
    let app = Setup::of(&world).start().await;
    let begun = Instant::now();
    world.dynamodb.delete_table().table_name("word-count").send().await.unwrap();
    let text = app.fails().await;
    measured("to the error, lease table deleted while running", begun);
    says(&text, &["lease table 'word-count'", "ResourceNotFoundException"]);
    world.stop().await;
}

#[tokio::test]
async fn endpoints_that_go_away_and_stay_away_stop_the_application_after_the_time_to_give_up() {
    let world = World::start(1).await;
    let app = Setup { give_up_after: Duration::from_secs(2), ..Setup::of(&world) }.start().await;
    let begun = Instant::now();
    world.stop().await;
    let text = app.fails().await;
    measured("to the error, endpoints gone, give_up_after 2 s", begun);
    says(&text, &["failed", "check the endpoint URL"]);
}

#[tokio::test]
async fn a_graceful_stop_that_cannot_write_its_last_positions_says_so_and_names_the_shard() {
    let world = World::start(1).await;
    let app = Setup::of(&world).start().await;
    world.stop().await;
    app.ctx.request_stop(StopMode::Graceful);
    let text = app.fails().await;
    says(&text, &["last positions of shardId-000000000000 could not be written", "delivered again"]);
}
