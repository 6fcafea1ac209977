//! SubscribeToShard: one documented behaviour per test.

use std::time::Duration;

use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::error::ProvideErrorMetadata;
use aws_sdk_kinesis::primitives::{Blob, DateTime};
use aws_sdk_kinesis::types::{ShardIteratorType, StartingPosition};
use kinesis_local::Stopped;
use kinesis_local::model::Settings;

use crate::subscriber::{after, at, register, subscribe, texts, try_subscribe};
use crate::support::{STREAM, kinesis, shard, start, start_with};

async fn put(client: &Client, text: &str) -> String {
    let request = client.put_record().stream_name(STREAM).partition_key("k").data(Blob::new(text));
    request.send().await.unwrap().sequence_number
}

async fn split(client: &Client) {
    let split = client.split_shard().stream_name(STREAM).shard_to_split(shard(0));
    split.new_starting_hash_key((1_u128 << 127).to_string()).send().await.unwrap();
}

/// Beats at once, may be taken over at once.
fn quick() -> Settings {
    Settings {
        subscription_grace: Duration::ZERO,
        heartbeat_interval: Duration::from_millis(10),
        ..Settings::default()
    }
}

#[tokio::test]
async fn records_arrive_as_they_are_put_with_all_their_members() {
    let local = start(1).await;
    let client = kinesis(&local);
    let consumer = register(&client, "counter").await;
    let mut events = subscribe(&client, &consumer, 0, at(ShardIteratorType::Latest)).await;
    for text in ["one", "two"] {
        // The default beat is 5 s: these come because they were put, not because of a beat.
        let number = put(&client, text).await;
        let event = events.event().await;
        assert_eq!((texts(&event), event.millis_behind_latest), (vec![text], 0));
        assert_eq!(event.continuation_sequence_number, number);
        let record = &event.records[0];
        assert_eq!((&record.sequence_number, record.partition_key.as_deref()), (&number, Some("k")));
        assert!(record.approximate_arrival_timestamp.is_some());
    }
    local.stop().await;
}

#[tokio::test]
async fn each_starting_position_starts_where_it_says() {
    let local = start_with(quick(), 1).await;
    let client = kinesis(&local);
    let consumer = register(&client, "counter").await;
    let first = put(&client, "a").await;
    put(&client, "b").await;
    let of = |kind| StartingPosition::builder().r#type(kind);
    let number = of(ShardIteratorType::AtSequenceNumber).sequence_number(&first).build().unwrap();
    let time = of(ShardIteratorType::AtTimestamp).timestamp(DateTime::from_secs(1)).build().unwrap();
    for (position, expected) in [
        (at(ShardIteratorType::TrimHorizon), vec!["a", "b"]),
        (number, vec!["a", "b"]),
        (time, vec!["a", "b"]),
        (after(&first), vec!["b"]),
    ] {
        let mut events = subscribe(&client, &consumer, 0, position).await;
        assert_eq!(texts(&events.news().await), expected);
    }
    let mut events = subscribe(&client, &consumer, 0, at(ShardIteratorType::Latest)).await;
    assert!(events.event().await.records.is_empty());
    put(&client, "c").await;
    assert_eq!(texts(&events.news().await), ["c"]);
    local.stop().await;
}

#[tokio::test]
async fn a_beat_without_records_says_where_to_go_on() {
    let local = start_with(quick(), 1).await;
    let client = kinesis(&local);
    let consumer = register(&client, "counter").await;
    put(&client, "before").await;
    let mut events = subscribe(&client, &consumer, 0, at(ShardIteratorType::Latest)).await;
    let beat = events.event().await;
    assert_eq!((beat.records.len(), beat.millis_behind_latest, beat.child_shards), (0, 0, None));
    drop(events);
    put(&client, "between").await;
    let mut events = subscribe(&client, &consumer, 0, after(&beat.continuation_sequence_number)).await;
    assert_eq!(texts(&events.news().await), ["between"]);
    local.stop().await;
}

#[tokio::test]
async fn the_end_of_a_shard_is_told_with_its_children_and_the_stream_ends_normally() {
    let local = start(1).await;
    let client = kinesis(&local);
    let consumer = register(&client, "counter").await;
    let mut events = subscribe(&client, &consumer, 0, at(ShardIteratorType::Latest)).await;
    put(&client, "last").await;
    assert_eq!(texts(&events.event().await), ["last"]);
    split(&client).await;
    let end = events.event().await;
    assert!(end.records.is_empty());
    // The SDK shows the absent number as no text.
    assert_eq!(end.continuation_sequence_number, "");
    let children = end.child_shards.unwrap();
    assert_eq!(children.iter().map(|child| child.shard_id.clone()).collect::<Vec<_>>(), [shard(1), shard(2)]);
    assert_eq!(children[0].parent_shards, [shard(0)]);
    assert_eq!(children[1].hash_key_range.as_ref().unwrap().starting_hash_key, (1_u128 << 127).to_string());
    events.end().await.unwrap();
    local.stop().await;
}

#[tokio::test]
async fn a_second_subscription_is_refused_within_five_seconds_even_when_the_first_is_gone() {
    let local = start(2).await;
    let client = kinesis(&local);
    let consumer = register(&client, "counter").await;
    let first = subscribe(&client, &consumer, 0, at(ShardIteratorType::Latest)).await;
    drop(first);
    let refused = try_subscribe(&client, &consumer, 0, at(ShardIteratorType::Latest)).await.err().unwrap();
    assert!(refused.is_resource_in_use_exception(), "{refused:?}");
    let other = register(&client, "other").await;
    subscribe(&client, &other, 0, at(ShardIteratorType::Latest)).await;
    subscribe(&client, &consumer, 1, at(ShardIteratorType::Latest)).await;
    local.stop().await;
}

#[tokio::test]
async fn a_later_subscription_takes_over_and_the_earlier_one_is_told() {
    let local = start_with(Settings { subscription_grace: Duration::ZERO, ..Settings::default() }, 1).await;
    let client = kinesis(&local);
    let consumer = register(&client, "counter").await;
    let mut first = subscribe(&client, &consumer, 0, at(ShardIteratorType::Latest)).await;
    let mut second = subscribe(&client, &consumer, 0, at(ShardIteratorType::Latest)).await;
    let told = first.end().await.unwrap_err();
    assert!(told.is_resource_in_use_exception(), "{told:?}");
    put(&client, "x").await;
    assert_eq!(texts(&second.event().await), ["x"]);
    local.stop().await;
}

#[tokio::test]
async fn deregistering_the_consumer_or_deleting_the_stream_ends_its_subscriptions() {
    let local = start(1).await;
    let client = kinesis(&local);
    let (one, two) = (register(&client, "one").await, register(&client, "two").await);
    let mut first = subscribe(&client, &one, 0, at(ShardIteratorType::Latest)).await;
    let mut second = subscribe(&client, &two, 0, at(ShardIteratorType::Latest)).await;
    client.deregister_stream_consumer().consumer_arn(&one).send().await.unwrap();
    let told = first.end().await.unwrap_err();
    assert!(told.is_resource_not_found_exception(), "{told:?}");
    put(&client, "x").await;
    assert_eq!(texts(&second.event().await), ["x"], "the other consumer goes on");
    client.delete_stream().stream_name(STREAM).enforce_consumer_deletion(true).send().await.unwrap();
    let told = second.end().await.unwrap_err();
    assert!(told.is_resource_not_found_exception(), "{told:?}");
    local.stop().await;
}

#[tokio::test]
async fn a_subscription_whose_time_is_up_ends_normally() {
    let settings = Settings { subscription_life: Duration::from_millis(50), ..quick() };
    let local = start_with(settings, 1).await;
    let client = kinesis(&local);
    let consumer = register(&client, "counter").await;
    let mut events = subscribe(&client, &consumer, 0, at(ShardIteratorType::Latest)).await;
    events.end().await.unwrap();
    local.stop().await;
}

#[tokio::test]
async fn what_cannot_be_subscribed_to_is_an_error_reply_and_no_stream() {
    let local = start(1).await;
    let client = kinesis(&local);
    let consumer = register(&client, "counter").await;
    let latest = || at(ShardIteratorType::Latest);
    let shard = try_subscribe(&client, &consumer, 7, latest()).await.err().unwrap();
    assert!(shard.is_resource_not_found_exception(), "{shard:?}");
    for (name, kind) in [("x", "ResourceNotFoundException"), ("a b", "ValidationException")] {
        let request = client.subscribe_to_shard().consumer_arn(&consumer).shard_id(name).starting_position(latest());
        assert_eq!(request.send().await.err().unwrap().code(), Some(kind), "{name}");
    }
    let nobody = consumer.replace("counter", "nobody");
    let nobody = try_subscribe(&client, &nobody, 0, latest()).await.err().unwrap();
    assert!(nobody.is_resource_not_found_exception(), "{nobody:?}");
    let number = try_subscribe(&client, &consumer, 0, after("17")).await.err().unwrap();
    assert!(number.is_invalid_argument_exception(), "{number:?}");
    local.stop().await;
}

#[tokio::test]
async fn a_record_of_ten_mebibytes_is_one_event() {
    let local = start_with(Settings { max_record_size: 10 << 20, ..quick() }, 1).await;
    let client = kinesis(&local);
    let consumer = register(&client, "counter").await;
    put(&client, &"x".repeat((10 << 20) - 1)).await;
    put(&client, "small").await;
    let mut events = subscribe(&client, &consumer, 0, at(ShardIteratorType::TrimHorizon)).await;
    let large = events.news().await;
    assert_eq!((large.records.len(), large.records[0].data.as_ref().len()), (1, (10 << 20) - 1));
    assert!(large.millis_behind_latest > 0);
    assert_eq!(texts(&events.news().await), ["small"]);
    local.stop().await;
}

#[tokio::test]
async fn stopping_the_endpoints_ends_open_subscriptions_at_once() {
    let local = start(1).await;
    let client = kinesis(&local);
    let consumer = register(&client, "counter").await;
    let mut events = subscribe(&client, &consumer, 0, at(ShardIteratorType::Latest)).await;
    let (stopped, end) = tokio::join!(local.stop(), events.end());
    assert_eq!(stopped, Stopped::Drained);
    end.unwrap();
}
