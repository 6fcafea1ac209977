//! One application that reads several streams: one lease table with the KCL's multi-stream keys, one worker for each process, and
//! streams that do not get in each other's way.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use kinesis_asl::lease::lease::Lease;
use kinesis_asl::position::Checkpoint;
use kinesis_asl::{InitialPosition, KinesisInputDStream, LeaseKeys, Lifecycle, Retrieval};
use tokio::time::Instant;

use crate::errors::{refused, says};
use crate::support::consumer::{Consumer, Notes, Setup, all_seen};
use crate::support::process::Process;
use crate::support::wait::{eventually, measured};
use crate::support::world::{APP, Item, STREAM, World, shard};

const OTHER: &str = "sentences";

/// `words` with so many shards, and `sentences` with so many.
async fn world(words: u32, sentences: i32) -> World {
    let world = World::start(words).await;
    world.kinesis.create_stream().stream_name(OTHER).shard_count(sentences).send().await.unwrap();
    world
}

/// An application of both, each with an input stream of its own.
fn both(world: &World) -> Setup {
    Setup { keys: LeaseKeys::SeveralStreams, others: vec![(OTHER, InitialPosition::Latest)], ..Setup::of(world) }
}

/// What the lease keys of a stream begin with: account, name, and creation in seconds, as the service tells them.
async fn key_of(world: &World, stream: &str) -> String {
    let answer = world.kinesis.describe_stream_summary().stream_name(stream).send().await.unwrap();
    let summary = answer.stream_description_summary.unwrap();
    let account = summary.stream_arn.split(':').nth(4).unwrap();
    format!("{account}:{stream}:{}", summary.stream_creation_timestamp.secs())
}

/// The numbers that came from one stream, in ascending order.
fn numbers_of(notes: &Notes, stream: &str) -> Vec<u64> {
    let noted = notes.all().into_iter().filter(|noted| noted.stream == stream);
    let mut numbers: Vec<u64> = noted.map(|noted| noted.number()).collect();
    numbers.sort_unstable();
    numbers
}

/// Waits until so many records of a stream were seen.
async fn reach(notes: &Notes, stream: &str, count: usize) {
    eventually(&format!("{count} records of {stream} processed"), async || {
        let seen = numbers_of(notes, stream).len();
        if seen >= count { Ok(()) } else { Err(seen.to_string()) }
    })
    .await;
}

/// The leases of a stream, by the plain names of its shards.
async fn leases_of(world: &World, key: &str) -> BTreeMap<String, Lease> {
    let leases = world.leases().await.into_values().filter(|lease| lease.shard.scope() == key);
    leases.map(|lease| (lease.shard.plain().to_owned(), lease)).collect()
}

#[tokio::test]
async fn two_streams_with_shards_of_the_same_names_are_read_by_one_application_and_every_total_is_right_ms_2() {
    let world = world(2, 3).await;
    let app = both(&world).start().await;
    world.putter().numbers(0..300).await;
    world.putter().into(OTHER).numbers(1_000..1_500).await;
    app.notes.reach(800).await;
    let board = app.readings().shards();
    assert_eq!(board.len(), 5, "one board tells the streams apart: {board:?}");
    let notes = app.stop().await;
    assert_eq!(numbers_of(&notes, STREAM), (0..300).collect::<Vec<_>>());
    assert_eq!(numbers_of(&notes, OTHER), (1_000..1_500).collect::<Vec<_>>());
    for noted in notes.all() {
        assert_eq!(noted.input, usize::from(noted.stream == OTHER), "a shard goes to an input stream of its stream");
        assert!(noted.shard.starts_with("shardId-"), "a record knows its shard by its plain name: {}", noted.shard);
    }
    world.stop().await;
}

#[tokio::test]
async fn lease_keys_and_attributes_are_those_of_the_kcls_multi_stream_mode_bit_for_bit_ms_1() {
    let world = world(1, 1).await;
    let app = both(&world).start().await;
    let split = world.kinesis.split_shard().stream_name(OTHER).shard_to_split(shard(0));
    split.new_starting_hash_key((u128::MAX / 2 + 1).to_string()).send().await.unwrap();
    world.settles_at(&[3]).await;
    app.stop().await;
    let (words, sentences) = (key_of(&world, STREAM).await, key_of(&world, OTHER).await);
    let text = |value: &str| AttributeValue::S(value.to_owned());
    let names = |row: &Item, attribute: &str| {
        let mut names = row.get(attribute).map_or_else(Vec::new, |value| value.as_ss().unwrap().clone());
        names.sort();
        names
    };
    let rows = [
        (&words, 0, vec![], vec![]),
        (&sentences, 0, vec![], vec![shard(1), shard(2)]),
        (&sentences, 1, vec![shard(0)], vec![]),
    ];
    for (key, number, parents, children) in rows {
        let row = world.row(&format!("{key}:{}", shard(number))).await.unwrap();
        assert_eq!((&row["streamName"], &row["shardId"]), (&text(key), &text(&shard(number))));
        assert_eq!((names(&row, "parentShardId"), names(&row, "childShardIds")), (parents, children));
        assert!(!row.contains_key("dstreamStream"), "the key says it: {row:?}");
    }
    assert_eq!(world.leases().await.len(), 4, "and there are no other rows");
    world.stop().await;
}

#[tokio::test]
async fn a_reshard_of_one_stream_is_read_to_its_end_and_the_other_stream_is_not_concerned_ms_2() {
    let world = world(1, 1).await;
    let app = both(&world).start().await;
    world.putter().numbers(0..50).await;
    world.putter().into(OTHER).numbers(0..50).await;
    let split = world.kinesis.split_shard().stream_name(STREAM).shard_to_split(shard(0));
    split.new_starting_hash_key((u128::MAX / 2).to_string()).send().await.unwrap();
    world.putter().numbers(50..150).await;
    world.putter().into(OTHER).numbers(50..150).await;
    world.settles_at(&[3]).await;
    app.notes.reach(300).await;
    let notes = app.stop().await;
    assert_eq!(numbers_of(&notes, STREAM), (0..150).collect::<Vec<_>>());
    assert_eq!(numbers_of(&notes, OTHER), (0..150).collect::<Vec<_>>());
    let words = leases_of(&world, &key_of(&world, STREAM).await).await;
    assert_eq!((words.len(), words[&shard(0)].checkpoint), (3, Checkpoint::ShardEnd));
    assert_eq!(leases_of(&world, &key_of(&world, OTHER).await).await.len(), 1);
    world.stop().await;
}

#[tokio::test]
async fn a_child_waits_for_its_parent_of_the_same_stream_whatever_the_other_streams_leases_say_bp_1() {
    let world = world(1, 1).await;
    let setup = both(&world);
    setup.start().await.stop().await;
    for stream in [STREAM, OTHER] {
        let split = world.kinesis.split_shard().stream_name(stream).shard_to_split(shard(0));
        split.new_starting_hash_key((u128::MAX / 2).to_string()).send().await.unwrap();
    }
    // The shard of that name has ended in the other stream: in this one it is still to be read first.
    let sentences = key_of(&world, OTHER).await;
    let ended = [("checkpoint", AttributeValue::S("SHARD_END".to_owned()))];
    world.set(&format!("{sentences}:{}", shard(0)), &ended).await;
    let app = setup.start().await;
    world.settles_at(&[4]).await;
    world.putter().numbers(0..100).await;
    app.notes.reach(100).await;
    assert_eq!(numbers_of(&app.stop().await, STREAM), (0..100).collect::<Vec<_>>());
    let words = leases_of(&world, &key_of(&world, STREAM).await).await;
    let parents = &words[&shard(1)].parents;
    assert!(parents.iter().all(|parent| parent.scope() == words[&shard(1)].shard.scope()), "{parents:?}");
    world.stop().await;
}

#[tokio::test]
async fn a_restart_goes_on_in_each_stream_where_it_was_left_ms_2() {
    let world = world(2, 2).await;
    let first = both(&world).start().await;
    world.putter().numbers(0..100).await;
    world.putter().into(OTHER).numbers(0..100).await;
    first.notes.reach(200).await;
    first.stop().await;
    world.putter().numbers(100..200).await;
    world.putter().into(OTHER).numbers(100..150).await;
    let second = both(&world).start().await;
    second.notes.reach(150).await;
    let notes = second.stop().await;
    assert_eq!(numbers_of(&notes, STREAM), (100..200).collect::<Vec<_>>());
    assert_eq!(numbers_of(&notes, OTHER), (100..150).collect::<Vec<_>>());
    world.stop().await;
}

#[tokio::test]
async fn each_stream_begins_at_an_initial_position_of_its_own_ms_4() {
    let world = world(1, 1).await;
    world.putter().numbers(0..10).await;
    world.putter().into(OTHER).numbers(0..10).await;
    let app = Setup { others: vec![(OTHER, InitialPosition::TrimHorizon)], ..both(&world) }.start().await;
    world.putter().numbers(10..20).await;
    app.notes.reach(20).await;
    let notes = app.stop().await;
    assert_eq!(numbers_of(&notes, STREAM), (10..20).collect::<Vec<_>>(), "from LATEST on");
    assert_eq!(numbers_of(&notes, OTHER), (0..10).collect::<Vec<_>>(), "from the horizon on");
    world.stop().await;
}

#[tokio::test]
async fn two_processes_balance_the_shards_of_all_streams_together_and_one_survives_the_crash_of_the_other_ms_3() {
    let world = world(1, 5).await;
    let setup = both(&world);
    let one = Process::start(&setup).await;
    world.settles_at(&[6]).await;
    let two = Process::start(&setup).await;
    world.settles_at(&[3, 3]).await;
    world.putter().numbers(0..100).await;
    world.putter().into(OTHER).numbers(0..100).await;
    all_seen(&[&one.notes, &two.notes], 100).await;
    let begun = Instant::now();
    let two = two.crash();
    world.settles_at(&[6]).await;
    let took = measured("take-over of 3 of 6 shards of two streams after a crash, failover 1 s", begun);
    assert!(took < setup.failover + Duration::from_secs(5), "{took:?}");
    world.putter().numbers(100..200).await;
    world.putter().into(OTHER).numbers(100..200).await;
    for stream in [STREAM, OTHER] {
        eventually(&format!("every number of {stream} processed"), async || {
            let mut seen = numbers_of(&one.notes, stream);
            seen.extend(numbers_of(&two, stream));
            let missing: Vec<u64> = (0..200).filter(|number| !seen.contains(number)).take(5).collect();
            if missing.is_empty() { Ok(()) } else { Err(format!("{missing:?}.. missing")) }
        })
        .await;
    }
    one.stop().await;
    world.stop().await;
}

#[tokio::test]
async fn a_table_of_one_stream_and_a_table_of_several_are_each_refused_by_the_other_mode_with_the_way_out() {
    let world = world(1, 1).await;
    both(&world).start().await.stop().await;
    let before = world.leases().await;
    let text = refused("a table of several streams", Setup::of(&world).build()).await;
    says(&text, &["lease table 'word-count' belongs to an application of several streams", "call multi_stream()"]);
    assert_eq!(world.leases().await, before, "nothing was written");

    world.dynamodb.delete_table().table_name(APP).send().await.unwrap();
    Setup::of(&world).start().await.stop().await;
    let before = world.leases().await;
    let text = refused("a table of one stream", both(&world).build()).await;
    says(&text, &["lease table 'word-count' belongs to an application of one stream", "leave multi_stream() out"]);
    assert_eq!(world.leases().await, before, "nothing was written");
    world.stop().await;
}

#[tokio::test]
async fn a_missing_stream_does_not_stop_the_others_and_is_read_when_it_appears_hs_10() {
    let world = World::start(1).await;
    let app = both(&world).start().await;
    world.putter().numbers(0..50).await;
    app.notes.reach(50).await;
    let begun = Instant::now();
    world.kinesis.create_stream().stream_name(OTHER).shard_count(2).send().await.unwrap();
    world.putter().into(OTHER).numbers(0..20).await;
    world.settles_at(&[3]).await;
    measured("a stream that appears, to its shards held, looked for every 6 s", begun);
    reach(&app.notes, OTHER, 20).await;
    let notes = app.stop().await;
    assert_eq!(numbers_of(&notes, STREAM), (0..50).collect::<Vec<_>>());
    assert_eq!(numbers_of(&notes, OTHER), (0..20).collect::<Vec<_>>(), "from the start of the application on");
    world.stop().await;
}

#[tokio::test]
async fn an_application_of_which_no_stream_exists_is_refused_ms_5() {
    let world = World::start(1).await;
    let setup = Setup { stream: "nowhere".to_owned(), ..both(&world) };
    let text = refused("no stream of several", setup.build()).await;
    says(&text, &["DescribeStreamSummary", "stream 'nowhere'", "check the name"]);
    world.stop().await;
}

#[tokio::test]
async fn a_stream_that_is_deleted_while_it_is_read_is_given_up_and_the_others_go_on_hs_10() {
    let world = world(2, 2).await;
    let app = both(&world).start().await;
    world.putter().into(OTHER).numbers(0..10).await;
    app.notes.reach(10).await;
    let gone = key_of(&world, OTHER).await;
    world.kinesis.delete_stream().stream_name(OTHER).send().await.unwrap();
    given_up(&world, &app, &gone).await;
    world.putter().numbers(0..100).await;
    reach(&app.notes, STREAM, 100).await;

    let anew = create_in_a_later_second(&world, &gone).await;
    world.putter().into(OTHER).numbers(10..30).await;
    reach(&app.notes, OTHER, 30).await;
    let notes = app.stop().await;
    assert_eq!(numbers_of(&notes, OTHER), (0..30).collect::<Vec<_>>());
    assert_eq!(leases_of(&world, &anew).await.len(), 1, "created anew it is another stream, with leases of its own");
    assert_eq!(leases_of(&world, &gone).await.len(), 2, "whose rows are left alone");
    world.stop().await;
}

/// Creates a stream that was deleted, until that is in a later second; the answer is its key.
async fn create_in_a_later_second(world: &World, gone: &str) -> String {
    eventually("the stream created in a later second", async || {
        world.kinesis.create_stream().stream_name(OTHER).shard_count(1).send().await.unwrap();
        let key = key_of(world, OTHER).await;
        if key != gone {
            return Ok(key);
        }
        world.kinesis.delete_stream().stream_name(OTHER).send().await.unwrap();
        Err(key)
    })
    .await
}

/// Waits until nothing is left in the process of a stream that was deleted, and nobody owns its leases.
async fn given_up(world: &World, app: &Consumer, gone: &str) {
    let begun = Instant::now();
    eventually("the deleted stream given up", async || {
        let board = app.readings().shards();
        let owners = leases_of(world, gone).await.into_values().filter_map(|lease| lease.owner).count();
        let left = board.keys().filter(|shard| shard.scope() == gone).count();
        if left == 0 && owners == 0 { Ok(()) } else { Err(format!("{left} on the board, {owners} owned: {board:?}")) }
    })
    .await;
    measured("to a deleted stream given up", begun);
}

#[tokio::test]
async fn the_last_stream_that_is_deleted_stops_the_application_ms_5() {
    let world = world(1, 1).await;
    let app = both(&world).start().await;
    let gone = key_of(&world, OTHER).await;
    world.kinesis.delete_stream().stream_name(OTHER).send().await.unwrap();
    given_up(&world, &app, &gone).await;
    world.kinesis.delete_stream().stream_name(STREAM).send().await.unwrap();
    says(&app.fails().await, &["stream 'words'", "ResourceNotFoundException"]);
    world.stop().await;
}

#[tokio::test]
async fn each_stream_has_a_registered_consumer_of_its_own_and_a_graceful_stop_deregisters_both_ms_6() {
    let world = world(2, 1).await;
    let retrieval = Retrieval::FanOut { consumer_name: "job".to_owned(), lifecycle: Lifecycle::ManagedByJob };
    let app = Setup { retrieval, ..both(&world) }.start().await;
    world.putter().numbers(0..100).await;
    world.putter().into(OTHER).numbers(0..100).await;
    app.notes.reach(200).await;
    let notes = app.stop().await;
    for stream in [STREAM, OTHER] {
        assert_eq!(numbers_of(&notes, stream), (0..100).collect::<Vec<_>>(), "{stream}");
        let answer = world.kinesis.describe_stream_summary().stream_name(stream).send().await.unwrap();
        assert_eq!(answer.stream_description_summary.unwrap().consumer_count, Some(0), "{stream}");
    }
    world.stop().await;
}

#[tokio::test]
async fn a_process_that_reads_one_of_the_streams_leaves_the_leases_of_the_other_alone_ms_3() {
    let world = world(2, 2).await;
    let all = Process::start(&both(&world)).await;
    world.settles_at(&[4]).await;
    let some = Process::start(&Setup { others: Vec::new(), ..both(&world) }).await;
    let words = key_of(&world, STREAM).await;
    eventually("a shard of words for the one that reads no other stream", async || {
        let leases = world.leases().await;
        let mut owners: Vec<_> = leases.values().filter_map(|lease| lease.owner.clone()).collect();
        owners.sort();
        owners.dedup();
        if owners.len() == 2 { Ok(()) } else { Err(format!("{leases:?}")) }
    })
    .await;
    let notes = all.stop().await;
    eventually("all shards of words", async || {
        let leases = leases_of(&world, &words).await;
        if leases.values().all(|lease| lease.owner.is_some()) { Ok(()) } else { Err(format!("{leases:?}")) }
    })
    .await;
    let others = leases_of(&world, &key_of(&world, OTHER).await).await;
    assert!(others.values().all(|lease| lease.owner.is_none()), "{others:?}");
    assert_eq!((notes.len(), some.stop().await.len()), (0, 0));
    world.stop().await;
}

#[tokio::test]
async fn input_streams_of_one_application_agree_on_the_mode_and_on_where_a_stream_begins() {
    let world = world(1, 1).await;
    let setup = both(&world);
    let ctx = Setup::context();
    setup.lines(&ctx, 0);
    let one = Setup { keys: LeaseKeys::OneStream, ..setup.clone() };
    let text = one.input(&ctx).stream_name(OTHER).build().unwrap_err().to_string();
    says(&text, &["application 'word-count'", "multi_stream differs"]);
    let elsewhere = setup.input(&ctx).initial_position(InitialPosition::TrimHorizon).build().unwrap_err().to_string();
    says(&elsewhere, &["stream 'words'", "the initial position differs"]);
    setup.input(&ctx).stream_name(OTHER).initial_position(InitialPosition::TrimHorizon).build().unwrap();
    assert!(KinesisInputDStream::readings(&ctx, APP).shards().is_empty(), "nothing was started");
    world.stop().await;
}
