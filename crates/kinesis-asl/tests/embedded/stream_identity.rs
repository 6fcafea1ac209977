//! A lease table belongs to one stream: other streams, and a stream that was deleted and created anew, are refused before
//! anything is read.

use aws_sdk_kinesis::Client;
use kinesis_asl::InitialPosition;

use crate::errors::{refused, says};
use crate::support::consumer::Setup;
use crate::support::process::Process;
use crate::support::wait::eventually;
use crate::support::world::{STREAM, World, shard};

const OWNER: &str = "dstreamStream";

async fn created(kinesis: &Client) -> i64 {
    let answer = kinesis.describe_stream_summary().stream_name(STREAM).send().await.unwrap();
    answer.stream_description_summary.unwrap().stream_creation_timestamp.secs()
}

/// Deletes the stream and creates it anew, until that is in a later second: streams are told apart by it.
async fn create_anew(world: &World, shards: i32) -> (i64, i64) {
    let before = created(&world.kinesis).await;
    let after = eventually("the stream created in a later second", async || {
        world.kinesis.delete_stream().stream_name(STREAM).send().await.map_err(|error| format!("{error:?}"))?;
        world.kinesis.create_stream().stream_name(STREAM).shard_count(shards).send().await.unwrap();
        let after = created(&world.kinesis).await;
        if after > before { Ok(after) } else { Err(format!("both at {after} s")) }
    });
    (before, after.await)
}

/// An application that has processed something and has stopped.
async fn run_and_stop(world: &World) {
    let app = Setup::of(world).start().await;
    world.putter().numbers(0..100).await;
    app.notes.reach(100).await;
    app.stop().await;
}

#[tokio::test]
async fn two_processes_of_one_application_on_two_streams_do_not_mix_and_the_second_is_refused() {
    let world = World::start(2).await;
    world.kinesis.create_stream().stream_name("sentences").shard_count(2).send().await.unwrap();
    let first = Process::start(&Setup::of(&world)).await;
    let setup = Setup { stream: "sentences".to_owned(), ..Setup::of(&world) };
    let text = refused("table of another stream", setup.build()).await;
    says(&text, &["lease table 'word-count' belongs to stream 'words', not to 'sentences'", "checkpoint_app_name"]);

    world.putter().numbers(0..100).await;
    first.notes.reach(100).await;
    assert_eq!(first.stop().await.numbers(), (0..100).collect::<Vec<_>>(), "the first reads on");
    world.stop().await;
}

#[tokio::test]
async fn a_stream_that_was_deleted_and_created_anew_is_refused_and_read_once_the_table_is_deleted() {
    let world = World::start(2).await;
    run_and_stop(&world).await;
    let (before, after) = create_anew(&world, 2).await;
    let text = refused("stream created anew", Setup::of(&world).build()).await;
    let (then, now) = (format!("not at {before} s"), format!("at {after} s"));
    says(&text, &["stream 'words' was deleted and created anew", &then, &now, "delete the table or choose another"]);

    world.dynamodb.delete_table().table_name("word-count").send().await.unwrap();
    world.putter().numbers(0..50).await;
    let app = Setup { position: InitialPosition::TrimHorizon, ..Setup::of(&world) }.start().await;
    app.notes.reach(50).await;
    assert_eq!(app.stop().await.numbers(), (0..50).collect::<Vec<_>>());
    world.stop().await;
}

#[tokio::test]
async fn leases_that_do_not_name_their_stream_are_used_as_long_as_they_can_be_its_own() {
    let world = World::start(2).await;
    run_and_stop(&world).await;
    for number in 0..2 {
        assert!(world.row(&shard(number)).await.unwrap()[OWNER].as_s().unwrap().starts_with("words:"));
        world.unset(&shard(number), OWNER).await;
    }
    let app = Setup::of(&world).start().await;
    world.putter().numbers(100..150).await;
    app.notes.reach(50).await;
    assert_eq!(app.stop().await.numbers(), (100..150).collect::<Vec<_>>());

    create_anew(&world, 2).await;
    let text = refused("Java's table of an earlier stream", Setup::of(&world).build()).await;
    says(&text, &["lease table 'word-count' cannot be of stream 'words' as it is now", "first sequence number"]);
    world.stop().await;
}

#[tokio::test]
async fn unfinished_leases_above_all_shards_of_the_stream_are_of_another_one() {
    let world = World::start(4).await;
    let app = Setup::of(&world).start().await;
    app.stop().await;
    for number in 0..4 {
        world.unset(&shard(number), OWNER).await;
    }
    create_anew(&world, 2).await;
    let text = refused("Java's table of a larger stream", Setup::of(&world).build()).await;
    says(&text, &["a lease for shard 'shardId-000000000002'", "never had a shard above 'shardId-000000000001'"]);
    world.stop().await;
}

#[tokio::test]
async fn leases_of_shards_that_follow_name_the_stream_too() {
    let world = World::start(1).await;
    let app = Setup::of(&world).start().await;
    let split = world.kinesis.split_shard().stream_name(STREAM).shard_to_split(shard(0));
    split.new_starting_hash_key((u128::MAX / 2).to_string()).send().await.unwrap();
    world.settles_at(&[2]).await;
    let owner = &world.row(&shard(0)).await.unwrap()[OWNER];
    for child in [shard(1), shard(2)] {
        assert_eq!(world.row(&child).await.unwrap()[OWNER], *owner);
    }
    app.stop().await;
    world.stop().await;
}
